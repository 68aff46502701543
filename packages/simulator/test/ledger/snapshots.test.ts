/** Lies about snapshots, and about what of a log is gone: each must be caught. */

import { type Configuration, decodeConfiguration, type SnapshotPoint } from "@quorate/core";
import { describe, it } from "vitest";
import { founding, Stage } from "./stage.js";

const FIRST = decodeConfiguration(founding(3).data);

/** n1 leads term 2 with the log [1@1, 2@2, 3@2], all of it committed and applied; n2 has it too. n3 has nothing. */
function committed(): Stage {
  const stage = new Stage();
  stage.elect(1, 2, [2]);
  stage.append(1, "a");
  stage.commitAll(1, 2);
  for (const id of [1, 2]) stage.turn(id, { applyTo: 3 });
  stage.expectNothing();
  return stage;
}

/** n3 gets the snapshot of n1, which is durable now. */
function received(stage: Stage, snapshot: SnapshotPoint = stage.snapshotOf(1, 3)): SnapshotPoint {
  stage.hear(3, 2);
  stage.ledger.onSnapshotStored(3, snapshot, "received");
  stage.ledger.onStep(3, { kind: "snapshotInstalled", from: 1, term: 2, stream: 1, snapshot });
  return snapshot;
}

const reset = { index: 3, term: 2 };

it("§7: has nothing to say of a snapshot that is taken, sent and installed", () => {
  const stage = committed();
  stage.ledger.onSnapshotStored(1, stage.snapshotOf(1, 3), "taken");
  stage.ledger.onStep(1, { kind: "compact", snapshotIndex: 3, compactTo: 2 });
  stage.turn(1, {}, { snapshotIndex: 3, compacted: { index: 2, term: 2 } });
  const { membership } = received(stage);
  const view = { snapshotIndex: 3, compacted: reset, commitIndex: 3, durableIndex: 3, role: "follower" } as const;
  stage.turn(3, { write: { hardState: { currentTerm: 2, votedFor: 0 }, reset }, applyTo: 3 }, view);
  stage.store(3);
  stage.acknowledge(3, 1, 2, 3);
  stage.commit(1, 3);
  stage.crash(3);
  stage.start(3, {
    hardState: { currentTerm: 2, votedFor: 0 },
    compacted: reset,
    lastIndex: 3,
    termRuns: [],
    memberships: [],
    snapshot: { ...reset, membership },
  });
  stage.expectNothing();
});

it("a leader may learn from a snapshot, late, that what it has of earlier terms is committed", () => {
  const stage = new Stage();
  stage.elect(1, 2, [2]);
  stage.append(1);
  for (const id of [2, 3]) stage.replicate(1, id);
  stage.commit(1, 3);
  stage.elect(3, 3, [2]);
  stage.ledger.onSnapshotStored(3, stage.snapshotOf(1, 3), "received");
  stage.turn(3, {}, { snapshotIndex: 3, commitIndex: 3 });
  stage.expectNothing();
});

describe("what a snapshot says", () => {
  it("S13: a server takes one of what it has not applied", () => {
    const stage = committed();
    stage.append(1, "b");
    stage.replicate(1, 2);
    stage.commit(1, 4);
    stage.ledger.onSnapshotStored(1, stage.snapshotOf(1, 4), "taken");
    stage.expect("snapshot-content", /n1 may apply no more than entry 3 so far/, /n1 stores a snapshot up to entry 4/);
  });

  it("of what is not committed", () => {
    const stage = committed();
    stage.append(1, "b");
    stage.ledger.onSnapshotStored(2, stage.snapshotOf(1, 4), "received");
    stage.expect("snapshot-content", /What is committed .* ends with entry 3 of term 2/, /n2 stores a snapshot/);
  });

  it("S2: of another term than the entry that was committed", () => {
    const stage = committed();
    stage.ledger.onSnapshotStored(3, { ...stage.snapshotOf(1, 3), term: 1 }, "received");
    stage.expect("snapshot-content", /has entry 3 of term 2 there/, /n3 stores a snapshot up to entry 3 of term 1/);
  });

  it.each<[string, number, Configuration]>([
    ["a configuration that came later", 1, { ...FIRST, nextId: 9 }],
    ["its configuration under another index", 3, FIRST],
  ])("M19: with %s", (_, index, configuration) => {
    const stage = committed();
    stage.ledger.onSnapshotStored(1, { ...reset, membership: { index, configuration } }, "taken");
    stage.expect("snapshot-content", /The configuration in force there is that of entry 1/, /n1 stores a snapshot/);
  });
});

describe("a log that begins anew", () => {
  const write = { hardState: { currentTerm: 2, votedFor: 0 }, reset };

  it("S4: without a durable snapshot", () => {
    const stage = committed();
    stage.turn(3, { write }, { compacted: { index: 0, term: 0 } });
    stage.expect(
      ["log-reset", "write-order"],
      /What n3 asked to store ends with/,
      /n3 takes entry 3 for the end of its log/,
    );
  });

  it("S2: though all that the snapshot holds is known to be committed", () => {
    const stage = committed();
    stage.ledger.onSnapshotStored(2, stage.snapshotOf(2, 3), "taken");
    stage.turn(2, { write: { reset } });
    stage.expect(
      "log-reset",
      /n2 knew .* everything up to entry 3 is committed/,
      /n2 begins its log anew after entry 3/,
    );
  });

  it("S1: though it contains the end of the snapshot, and goes on from there", () => {
    const stage = committed();
    stage.replicate(1, 3);
    stage.write(3, { append: [] });
    received(stage);
    stage.turn(3, { write: { reset } });
    stage.expect("log-reset", /The log of n3 contains that entry/, /n3 begins its log anew after entry 3 of term 2/);
  });

  it("S1: does not, though it contradicts the snapshot", () => {
    const stage = committed();
    stage.write(3, { hardState: { currentTerm: 2, votedFor: 0 } });
    received(stage);
    stage.turn(3, {}, { commitIndex: 3, snapshotIndex: 3, lastIndex: 3 });
    stage.expect(
      ["write-order", "commit-bounds"],
      /The log of n3 ends with entry 1/,
      /n3, in term 2, has commit index 3/,
    );
  });

  it("while its server leads", () => {
    const stage = new Stage(5);
    stage.elect(1, 2, [2, 3]);
    stage.append(1, "a");
    stage.replicate(1, 2);
    stage.elect(4, 3, [3, 5]);
    for (const id of [3, 5]) stage.replicate(4, id);
    stage.commit(4, 2);
    stage.ledger.onSnapshotStored(1, stage.snapshotOf(4, 2), "received");
    stage.turn(1, { write: { reset: { index: 2, term: 3 } } }, { durableIndex: 2 });
    stage.expect("leader-append-only", /n1 has led term 2/, /n1 begins its log anew after entry 2 of term 3/);
  });

  it("S3: takes its term from the snapshot", () => {
    const stage = committed();
    stage.isSilent = true;
    stage.ledger.onSnapshotStored(3, stage.snapshotOf(1, 3), "received");
    stage.turn(3, { write: { hardState: { currentTerm: 2, votedFor: 0 } } });
    stage.expect(
      "term-origin",
      /n3 was in term 1, and heard of no term above 1/,
      /n3 asks to store term 2 without a vote/,
    );
  });
});

describe("what is forgotten", () => {
  it("S21: without a durable snapshot", () => {
    const stage = committed();
    stage.turn(1, {}, { compacted: { index: 2, term: 2 } });
    stage.expect("compaction", /The newest durable snapshot of n1 is none/, /n1 forgot everything up to entry 2/);
  });

  it("S16: a snapshot is believed in that is not durable", () => {
    const stage = committed();
    stage.ledger.onSnapshotStored(1, stage.snapshotOf(1, 2), "taken");
    stage.turn(1, {}, { snapshotIndex: 3 });
    stage.expect("compaction", /reaches to entry 2 of term 2/, /n1 believes in a snapshot up to entry 3/);
  });

  it("S21: a core is told to forget what no snapshot holds", () => {
    const stage = committed();
    stage.ledger.onStep(1, { kind: "compact", snapshotIndex: 3, compactTo: 3 });
    stage.expect(
      "compaction",
      /durable snapshot of n1 is none/,
      /n1 is told that it may forget everything up to entry 3/,
    );
  });

  it("S4: is sent all the same", () => {
    const stage = committed();
    stage.ledger.onSnapshotStored(1, stage.snapshotOf(1, 3), "taken");
    stage.turn(1, {}, { snapshotIndex: 3, compacted: reset });
    stage.sendAppend(1, 3, 1);
    stage.expect("compaction", /n1 forgot everything up to entry 3/, /n1 sends n3 what comes after entry 1/);
  });

  it("S4: the snapshot is gone at the next start", () => {
    const stage = committed();
    stage.ledger.onSnapshotStored(2, stage.snapshotOf(2, 3), "taken");
    stage.crash(2);
    const memberships = [founding(3)];
    const termRuns = [
      { firstIndex: 1, term: 1 },
      { firstIndex: 2, term: 2 },
    ];
    const hardState = { currentTerm: 2, votedFor: 1 };
    stage.start(2, {
      hardState,
      compacted: { index: 0, term: 0 },
      lastIndex: 3,
      termRuns,
      memberships,
      snapshot: null,
    });
    stage.expect("restored-state", /and a snapshot up to entry 3 of term 2/, /n2 starts with term 2/);
  });
});
