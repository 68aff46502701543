/** A server that gets a snapshot, also while its disk is busy, and starts with one (§7; PITFALLS S). */

import { describe, expect, it } from "vitest";
import { InvariantError, Raft } from "../src/index.js";
import { becomeCandidate, sent } from "./support/elect.js";
import { configurationOf, logOf, membership } from "./support/entries.js";
import { partsOf } from "./support/members.js";
import { appendEntries, heartbeat } from "./support/messages.js";
import { ELECTION_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS, Server, serverWith } from "./support/server.js";
import { install, installing, snapshotAt } from "./support/snapshots.js";

describe("a follower that gets a snapshot", () => {
  it("S1: drops its log if that does not contain the snapshot's last entry, also when it is longer", () => {
    const server = serverWith([1, 1, 2, 2, 2, 2]);
    server.receive(heartbeat({ from: 2, term: 3 }));
    install(server, snapshotAt(4, 3));
    expect(server.effects.write).toMatchObject({ reset: { index: 4, term: 3 }, truncateFrom: null, append: [] });
    expect(server.status).toMatchObject({ lastIndex: 4, commitIndex: 4, durableIndex: 4, snapshotIndex: 4 });
    expect(server.effects.applyTo).toBe(4);
    server.receive(appendEntries({ from: 2, term: 3, prev: [4, 3], terms: [3] }));
    expect(sent(server.persist(), "appendEntriesResult")).toMatchObject([
      { success: true, stream: 7, matchIndex: 4 },
      { success: true, stream: 1, matchIndex: 5 },
    ]);
    expect(server.terms).toEqual([3]);
  });

  it("S1: keeps what goes on from it", () => {
    const server = serverWith([1, 1, 1, 1, 1]);
    server.receive(heartbeat({ from: 2, term: 1 }));
    install(server, snapshotAt(3, 1));
    expect(server.effects.write).toBeNull();
    expect(server.status).toMatchObject({ lastIndex: 5, commitIndex: 3, snapshotIndex: 3 });
    expect(sent(server.effects, "appendEntriesResult")).toMatchObject([
      { to: 2, success: true, stream: 7, matchIndex: 3 },
    ]);
  });

  it("S2: keeps what it has committed, and says that it has it", () => {
    const server = serverWith([1, 1, 1, 1]);
    server.receive(heartbeat({ from: 2, term: 1, leaderCommit: 4 }));
    install(server, snapshotAt(3, 1));
    expect(server.effects.write).toBeNull();
    expect(server.effects.applyTo).toBe(4);
    expect(server.status).toMatchObject({ lastIndex: 4, commitIndex: 4 });
    expect(sent(server.effects, "appendEntriesResult")).toMatchObject([{ success: true, matchIndex: 3 }]);
    // Also where that is compacted away.
    server.compact();
    install(server, snapshotAt(2, 1));
    expect(sent(server.effects, "appendEntriesResult")).toMatchObject([{ success: true, matchIndex: 2 }]);
  });

  it("S2: stops if a snapshot contradicts what is committed", () => {
    const server = serverWith([1, 1, 2]);
    server.receive(heartbeat({ from: 2, term: 3, leaderCommit: 3 }));
    expect(() => server.step(installing(server, snapshotAt(3, 3)))).toThrow(InvariantError);
  });

  it("S3: stays in its term, whatever the snapshot's", () => {
    const server = serverWith([1, 1], { hardState: { currentTerm: 5, votedFor: 3 } });
    install(server, snapshotAt(4, 2), 5);
    expect(server.status).toMatchObject({ currentTerm: 5, votedFor: 3, commitIndex: 4 });
    expect(server.effects.write).toMatchObject({ hardState: null });
  });

  it("S3: follows the sender into a later term, as with every message, and acknowledges nothing before that leads", () => {
    const server = serverWith([1, 1]);
    install(server, snapshotAt(4, 2), 3);
    expect(server.status).toMatchObject({ currentTerm: 3, votedFor: 0, lastIndex: 4 });
    expect(server.effects.write).toMatchObject({ hardState: { currentTerm: 3 }, reset: { index: 4, term: 2 } });
    expect(sent(server.persist(), "appendEntriesResult")).toEqual([]);
    server.receive(heartbeat({ from: 2, term: 3 }));
    install(server, snapshotAt(4, 2), 3);
    expect(sent(server.effects, "appendEntriesResult")).toMatchObject([{ term: 3, success: true, matchIndex: 4 }]);
  });

  it("tells nobody who leads no more, and takes it nevertheless", () => {
    const server = serverWith([1, 1], { hardState: { currentTerm: 5, votedFor: 0 } });
    install(server, snapshotAt(4, 2), 3);
    expect(server.status).toMatchObject({ currentTerm: 5, commitIndex: 4 });
    expect(server.persist().messages).toEqual([]);
  });

  it("S4: acknowledges it only when its log begins anew durably", () => {
    const server = serverWith([1, 1, 2, 2]);
    server.receive(heartbeat({ from: 2, term: 3 }));
    server.persist();
    install(server, snapshotAt(4, 3));
    expect(server.effects.messages).toEqual([]);
    expect(sent(server.persist(), "appendEntriesResult")).toMatchObject([{ matchIndex: 4 }]);
  });

  it("E25: lets a campaign go on meanwhile, and campaigns with it", () => {
    const server = serverWith([1]);
    becomeCandidate(server);
    install(server, snapshotAt(4, 1), 1);
    expect(server.status).toMatchObject({ role: "candidate", commitIndex: 4 });
    server.persist();
    server.receive(heartbeat({ from: 2, term: 2 }));
    expect(server.status).toMatchObject({ role: "follower", leaderId: 2 });
    const [asked] = sent(server.wake(), "requestPreVote");
    expect(asked).toMatchObject({ lastLogIndex: 4, lastLogTerm: 1 });
  });

  it("S7: answers heartbeats and appends as ever while one is on its way", () => {
    const server = serverWith([1, 1]);
    server.receive(heartbeat({ from: 2, term: 1 }), appendEntries({ from: 2, term: 1, prev: [2, 1], terms: [1] }));
    server.persist();
    install(server, snapshotAt(6, 1));
    expect(server.status).toMatchObject({ leaderId: 2, lastIndex: 6, commitIndex: 6 });
    expect(sent(server.receive(heartbeat({ from: 2, term: 1, leaderCommit: 6 })), "heartbeatResult")).toHaveLength(1);
  });

  it("S15: goes on right after it, and nowhere else", () => {
    const server = serverWith([1, 1]);
    install(server, snapshotAt(9, 1));
    expect(server.raft.compacted).toEqual({ index: 9, term: 1 });
    const gap = server.receive(appendEntries({ from: 2, term: 1, prev: [10, 1], terms: [1] }));
    expect(sent(gap, "appendEntriesResult")).toMatchObject([{ success: false, hintIndex: 9, hintTerm: 1 }]);
    server.receive(appendEntries({ from: 2, term: 1, prev: [9, 1], terms: [1] }));
    expect(server.raft.lastIndex).toBe(10);
  });

  it("M19: takes the members that were in force there, from the index from which on they were", () => {
    const server = serverWith([1, 1]);
    install(server, { index: 6, term: 1, membership: { index: 5, configuration: configurationOf([2, 3, 4]) } });
    expect(server.raft.configurationIndex).toBe(5);
    expect(partsOf(server)).toEqual({ voters: [2, 3, 4] });
  });

  it("M19: refuses one whose members are of a later entry", () => {
    const later = { index: 4, term: 1, membership: { index: 5, configuration: configurationOf(3) } };
    const server = serverWith([1, 1]);
    expect(() => server.step(installing(server, later))).toThrow(RangeError);
    expect(server.raft.commitIndex).toBe(0);
  });

  it("M20: forgets the members that a discarded log knew", () => {
    const server = new Server({
      entries: [...logOf([1, 1], 3), membership(3, 2, [1, 9]), membership(4, 2, [1, 8, 9])],
      hardState: { currentTerm: 3, votedFor: 0 },
    });
    install(server, snapshotAt(3, 3));
    expect(partsOf(server)).toEqual({ voters: [1, 2, 3] });
    server.receive(appendEntries({ from: 2, term: 3, prev: [3, 3], entries: [membership(4, 3, [2, 3])] }));
    expect(partsOf(server)).toEqual({ voters: [2, 3] });
    server.receive(appendEntries({ from: 2, term: 4, prev: [3, 3], terms: [4] }));
    expect(partsOf(server)).toEqual({ voters: [1, 2, 3] });
  });
});

describe("with writes under way", () => {
  it("S4: what the snapshot covers is durable, what follows it not before its write is", () => {
    const server = serverWith([1, 1]);
    server.receive(appendEntries({ from: 2, term: 1, prev: [2, 1], terms: [1, 1, 1] }));
    install(server, snapshotAt(4, 1));
    expect(server.status).toMatchObject({ lastIndex: 5, durableIndex: 4, commitIndex: 4 });
    expect(server.effects).toMatchObject({ applyTo: 4, messages: [], write: null });
    server.receive(heartbeat({ from: 2, term: 1, leaderCommit: 5 }));
    expect(server.effects.applyTo).toBe(4);
    server.persist();
    expect(server.effects.applyTo).toBe(5);
    expect(sent(server.effects, "appendEntriesResult").map(({ matchIndex }) => matchIndex)).toEqual([5, 4]);
  });

  it("S4: a log that begins anew does not grow by what was written before", () => {
    const server = serverWith([1, 1], { hardState: { currentTerm: 3, votedFor: 0 } });
    server.receive(appendEntries({ from: 3, term: 3, prev: [2, 1], terms: [2, 2, 2, 2, 2] }));
    install(server, snapshotAt(4, 3));
    server.receive(appendEntries({ from: 3, term: 3, prev: [4, 3], terms: [3] }));
    server.persist(1);
    expect(server.status).toMatchObject({ lastIndex: 5, durableIndex: 4 });
    server.persist(1);
    expect(server.status.durableIndex).toBe(4);
    server.persist(1);
    expect(server.status.durableIndex).toBe(5);
  });

  it("S4: what is appended and dropped again in the same drain leaves nothing to drop", () => {
    const server = serverWith([1, 2, 2]);
    server.step({ kind: "receive", message: heartbeat({ from: 2, term: 3 }) });
    server.step(installing(server, snapshotAt(3, 3)));
    server.step({ kind: "receive", message: appendEntries({ from: 2, term: 3, prev: [3, 3], terms: [3, 3] }) });
    server.turn({ kind: "receive", message: appendEntries({ from: 3, term: 4, prev: [4, 3], terms: [4] }) });
    expect(server.effects.write).toMatchObject({
      hardState: { currentTerm: 4 },
      reset: { index: 3, term: 3 },
      truncateFrom: null,
      append: [{ index: 4 }, { index: 5, term: 4 }],
    });
    server.receive(appendEntries({ from: 3, term: 4, prev: [3, 3], terms: [4] }));
    expect(server.effects.write).toMatchObject({ reset: null, truncateFrom: 4 });
    server.persist();
    expect(server.status).toMatchObject({ lastIndex: 4, durableIndex: 4 });
  });

  it("S4: what was dropped and appended in the same drain before goes with the log", () => {
    const server = serverWith([1, 2, 2], { hardState: { currentTerm: 3, votedFor: 0 } });
    server.step({ kind: "receive", message: appendEntries({ from: 3, term: 3, prev: [1, 1], terms: [2, 3, 3] }) });
    server.step({ kind: "receive", message: appendEntries({ from: 3, term: 3, prev: [2, 2], terms: [2] }) });
    server.turn(installing(server, snapshotAt(6, 3)));
    expect(server.effects.write).toMatchObject({ reset: { index: 6, term: 3 }, truncateFrom: null, append: [] });
    server.persist();
    expect(server.status).toMatchObject({ lastIndex: 6, durableIndex: 6 });
  });

  it("S4: a snapshot in the place of one whose log has not begun anew yet", () => {
    const server = serverWith([1, 2, 2], { hardState: { currentTerm: 3, votedFor: 0 } });
    server.step(installing(server, snapshotAt(3, 3)));
    install(server, snapshotAt(6, 3));
    expect(server.effects.write).toMatchObject({ reset: { index: 6, term: 3 } });
    expect(server.status).toMatchObject({ lastIndex: 6, durableIndex: 6, commitIndex: 6 });
  });

  const suffix = appendEntries({ from: 3, term: 3, prev: [1, 1], terms: [3, 3, 3, 3] });

  it.each([0, 1, 2])("S4, S20: a crash with %d of its writes done leaves what was acknowledged", (done) => {
    // On the disk a log of term 2; the server has replaced it, and got a snapshot of what it has since.
    const server = serverWith([1, 2, 2, 2, 2, 2], { hardState: { currentTerm: 3, votedFor: 0 } });
    server.receive(suffix);
    install(server, snapshotAt(4, 3));
    const restarted = server.restart(done);
    expect(server.status).toMatchObject({ commitIndex: 4, snapshotIndex: 4, durableIndex: done === 0 ? 4 : 5 });
    expect(server.raft.termAt(4)).toBe(3);
    expect(restarted.applyTo).toBe(4);
    expect(restarted.write).toMatchObject(done === 0 ? { reset: { index: 4, term: 3 } } : {});
    expect(partsOf(server)).toEqual({ voters: [1, 2, 3] });
    server.receive(appendEntries({ from: 3, term: 3, prev: [4, 3], terms: [3, 3] }));
    expect(sent(server.persist(), "appendEntriesResult")).toMatchObject([{ success: true, matchIndex: 6 }]);
  });
});

describe("a restart", () => {
  const options = {
    id: 1,
    heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
    electionTimeoutMs: ELECTION_TIMEOUT_MS,
    seed: 1,
  };
  const restored = {
    hardState: { currentTerm: 3, votedFor: 0 },
    compacted: { index: 4, term: 1 },
    lastIndex: 7,
    termRuns: [{ firstIndex: 5, term: 2 }],
    memberships: [membership(6, 2, [1, 2])],
    snapshot: snapshotAt(5, 2),
  };

  it("begins with what the snapshot holds, and the log behind it", () => {
    const raft = new Raft(options, restored, 0);
    expect(raft.status()).toMatchObject({ commitIndex: 5, snapshotIndex: 5, lastIndex: 7, configurationIndex: 6 });
    expect(raft.configurationAt(5).index).toBe(1);
    expect(raft.drain()).toMatchObject({ applyTo: 5, write: null });
  });

  it.each([
    ["there is no snapshot", { snapshot: null }],
    ["S4: the snapshot ends before the log begins", { snapshot: snapshotAt(3, 1) }],
    ["the snapshot contradicts what was compacted", { snapshot: snapshotAt(4, 2) }],
    [
      "M19: the snapshot's members are of a later entry",
      {
        snapshot: { ...snapshotAt(5, 2), membership: { index: 6, configuration: configurationOf(2) } },
      },
    ],
    ["M19: the snapshot lacks a change that is in the log before it", { snapshot: snapshotAt(7, 2) }],
  ])("is refused where %s", (_, wrong) => {
    expect(() => new Raft(options, { ...restored, ...wrong }, 0)).toThrow(RangeError);
  });

  it("takes over the term of a snapshot that was durable before the term was", () => {
    const raft = new Raft(options, { ...restored, snapshot: { ...snapshotAt(9, 5) } }, 0);
    expect(raft.status()).toMatchObject({ currentTerm: 5, votedFor: 0, lastIndex: 9, configurationIndex: 1 });
    expect(raft.drain().write).toMatchObject({
      hardState: { currentTerm: 5, votedFor: 0 },
      reset: { index: 9, term: 5 },
    });
  });

  it("does not ask twice for members that the snapshot has as well", () => {
    const memberships = [membership(5, 2, [1, 2]), membership(6, 2, [1, 4])];
    const snapshot = { ...snapshotAt(5, 2), membership: { index: 5, configuration: configurationOf([1, 2]) } };
    const raft = new Raft(options, { ...restored, memberships, snapshot }, 0);
    expect(raft.configurationAt(5).index).toBe(5);
    expect(raft.configurationIndex).toBe(6);
  });
});
