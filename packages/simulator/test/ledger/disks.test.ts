/** Lies of disks, and about them, each of which the ledger must catch. */

import { decodeConfiguration, type Entry, type RestoredState } from "@quorate/core";
import { expect, it } from "vitest";
import { command, founding, restored, Stage } from "./stage.js";

/** n1 leads term 2; its log is [1@1, 2@2, 3@2], on its disk. */
function withLeader(): Stage {
  const stage = new Stage();
  stage.elect(1, 2, [2]);
  stage.append(1);
  stage.expectNothing();
  return stage;
}

/** Then it asks for two writes more, and crashes. */
function afterCrash(): Stage {
  const stage = withLeader();
  stage.turn(1, { write: { append: [command(4, 2)] } });
  const hardState = { currentTerm: 5, votedFor: 0 };
  stage.turn(1, { write: { hardState, truncateFrom: 3 } }, { role: "follower" });
  stage.crash(1);
  stage.expectNothing();
  return stage;
}

it.each<[string, RestoredState]>([
  ["what was durable", restored(3, [1, 2, 2], 2, 1)],
  ["the first write more", restored(3, [1, 2, 2, 2], 2, 1)],
  ["all of it", restored(3, [1, 2], 5, 0)],
])("a server starts with %s", (_, state) => {
  const stage = afterCrash();
  stage.start(1, state);
  stage.turn(1);
  stage.expectNothing();
});

it.each<[string, RestoredState]>([
  ["P1: without what was durable", restored(3, [1, 2], 2, 1)],
  ["P11: with half of a write", restored(3, [1, 2, 2, 2], 5, 0)],
  ["E2: with its term but not its vote", restored(3, [1, 2, 2], 2, 0)],
  ["P2: with an older term", restored(3, [1, 2, 2], 1, 0)],
  ["with more than it asked for", restored(3, [1, 2, 2, 2, 2], 2, 1)],
  ["with other terms", restored(3, [1, 1, 2], 2, 1)],
  ["M5: without its configuration", { ...restored(3, [1, 2, 2], 2, 1), memberships: [] }],
  ["with another configuration", { ...restored(3, [1, 2, 2], 2, 1), memberships: [founding(2)] }],
  ["P16: with a gap", { ...restored(3, [1, 2, 2], 2, 1), termRuns: [{ firstIndex: 2, term: 2 }] }],
])("a server starts %s", (_, state) => {
  const stage = afterCrash();
  stage.ledger.onStart(1, state);
  stage.expect(
    "restored-state",
    /The disk of n1 held term 2 with a vote for n1 and a log that ended with entry 3 of term 2, .* 2 writes more/,
    /n1 starts with term \d .* and a log that ends with entry \d of term \d, at \d+ ms/,
  );
});

it("what the disk had after the crash must be there", () => {
  const stage = afterCrash();
  stage.ledger.onStored(1, 5);
  stage.start(1, restored(3, [1, 2, 2], 2, 1));
  stage.expect(
    "restored-state",
    /The disk of n1 held term 5 without a vote and a log that ended with entry 2/,
    /n1 starts/,
  );
});

it("P14: a disk that was lost may bring anything, and is told", () => {
  const stage = afterCrash();
  stage.ledger.onDiskLost(1);
  stage.start(1, restored(3, [1], 1, 0));
  stage.turn(1);
  stage.expectNothing();
});

it("P18: a core is told of a write that is not on the disk", () => {
  const stage = withLeader();
  stage.turn(1, { write: { append: [command(4, 2)] } });
  stage.ledger.onStep(1, { kind: "persisted", seq: stage.actor(1).seq });
  stage.expect("stored-report", /The disk of n1 holds .* up to write 3/, /n1 is told that everything up to write 4/);
});

it("P3: a core takes for durable what another log had there", () => {
  const stage = withLeader();
  stage.elect(3, 3, [2]);
  const hardState = { currentTerm: 3, votedFor: 0 };
  stage.turn(
    1,
    { write: { hardState, truncateFrom: 2, append: stage.actor(3).log.slice(1) } },
    { role: "follower", durableIndex: 2 },
  );
  stage.expect(
    "durable-belief",
    /The disk of n1 holds a log that ends with entry 3 of term 2/,
    /n1 takes everything up to entry 2 of term 3 for durable/,
  );
});

it("a disk cannot have what nobody asked for", () => {
  const stage = withLeader();
  expect(() => stage.ledger.onStored(1, 99)).toThrow("n1 stored write 99");
});

it("servers that do not run do nothing, and those that do cannot start or lose their disk", () => {
  const stage = withLeader();
  expect(() => stage.ledger.onDiskLost(1)).toThrow("n1 is running");
  expect(() => stage.start(1)).toThrow("n1 is running already");
  stage.crash(1);
  expect(() => stage.turn(1)).toThrow("n1 is not running");
});

it("a log that begins after what was compacted: its start counts as held, and as committed", () => {
  const stage = new Stage();
  for (const id of [1, 2, 3]) {
    stage.crash(id);
    stage.ledger.onDiskLost(id);
    const { memberships } = restored(3, [1], 1, 0);
    const compacted = { index: 9, term: 4 };
    const termRuns = [{ firstIndex: 10, term: 4 }];
    const state = { hardState: { currentTerm: 4, votedFor: 0 }, compacted, lastIndex: 10, termRuns };
    stage.actor(id).log = [command(10, 4)];
    const membership = { index: 1, configuration: decodeConfiguration((memberships[0] as Entry).data) };
    stage.start(id, {
      ...state,
      snapshot: { ...compacted, membership },
      memberships: memberships.map((entry) => ({ ...entry, index: 10, term: 4 })),
    });
  }
  expect(stage.ledger.committedIndex).toBe(9);
  stage.elect(1, 5, [2]);
  stage.expectNothing();
});
