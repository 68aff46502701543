/** Snapshots and compaction: what a core says of them, and does when it is told of one (§7; PITFALLS S). */

import { describe, expect, it } from "vitest";
import { type Input, InvariantError, Raft, type SnapshotPoint, type Term } from "../src/index.js";
import { becomeCandidate, becomeLeader, sent } from "./support/elect.js";
import { command, commands, configurationOf, logOf, membership } from "./support/entries.js";
import { change, ledCluster, partsOf, voters, wanted } from "./support/members.js";
import { accepted, appendEntries, heartbeat, heartbeatResult, rejected } from "./support/messages.js";
import { ELECTION_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS, Server, serverWith } from "./support/server.js";

/** A snapshot of entry `index`, with servers 1 to 3 as members since entry 1. */
function snapshotAt(index: number, term: Term): SnapshotPoint {
  return { index, term, membership: { index: 1, configuration: configurationOf(3) } };
}

/** It is durable here, sent by server 2 as stream 7 in `term`; what is returned tells the core. */
function installing(server: Server, snapshot: SnapshotPoint, term = server.raft.currentTerm): Input {
  server.disk.saveSnapshot(snapshot);
  return { kind: "snapshotInstalled", leaderId: 2, term, stream: 7, snapshot };
}

function install(server: Server, snapshot: SnapshotPoint, term?: Term): void {
  server.turn(installing(server, snapshot, term));
}

/** Leads term 2 of servers 1 to 3: entries 1 to 5 are committed and in a snapshot, 1 to `compactTo` are gone. */
function compactedLeader(keep = 0): Server {
  const server = serverWith([1, 1, 1, 1]);
  becomeLeader(server);
  server.persist();
  server.receive(accepted({ from: 2, term: 2, matchIndex: 5 }));
  server.compact(keep);
  expect(server.raft.snapshotIndex).toBe(5);
  return server;
}

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

  it("S3: follows the sender into a later term, as with every message", () => {
    const server = serverWith([1, 1]);
    install(server, snapshotAt(4, 2), 3);
    expect(server.status).toMatchObject({ currentTerm: 3, votedFor: 0, lastIndex: 4 });
    expect(server.effects.write).toMatchObject({ hardState: { currentTerm: 3 }, reset: { index: 4, term: 2 } });
    expect(sent(server.persist(), "appendEntriesResult")).toMatchObject([{ term: 3, success: true }]);
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

describe("compaction", () => {
  it("S4, S21: goes no further than a snapshot, and a snapshot no further than what may be applied", () => {
    const server = serverWith([1, 1, 1]);
    server.receive(heartbeat({ from: 2, term: 1, leaderCommit: 2 }));
    for (const [snapshotIndex, compactTo] of [
      [3, 1],
      [1, 2],
    ] as const)
      expect(() => server.step({ kind: "compact", snapshotIndex, compactTo })).toThrow(RangeError);
    server.receive(appendEntries({ from: 2, term: 1, prev: [3, 1], terms: [1], commit: 4 }));
    expect(() => server.step({ kind: "compact", snapshotIndex: 4, compactTo: 1 })).toThrow(RangeError);
    expect(server.status).toMatchObject({ snapshotIndex: 0 });
    server.step({ kind: "compact", snapshotIndex: 3, compactTo: 2 });
    expect(server.raft.compacted).toEqual({ index: 2, term: 1 });
    server.step({ kind: "compact", snapshotIndex: 2, compactTo: 1 });
    expect(server.raft).toMatchObject({ snapshotIndex: 3, compacted: { index: 2 } });
  });

  it("S16: nothing is forgotten for a snapshot that is not reported", () => {
    const server = compactedLeader(5);
    expect(server.raft.compacted).toEqual({ index: 0, term: 0 });
  });

  it("S17, O9: a snapshot is possible while a change is under way, with the members at its index", () => {
    const server = compactedLeader();
    change(server, [...voters("n1", "n2", "n3"), wanted("n4", { role: "learner" })]);
    expect(server.raft.configurationIndex).toBe(6);
    expect(server.raft.configurationAt(server.raft.commitIndex)).toEqual({
      index: 1,
      configuration: configurationOf(3),
    });
    expect(server.raft.configurationAt(6).configuration.learners).toHaveLength(1);
    server.propose("a");
    server.persist();
    server.receive(accepted({ from: 2, term: 2, matchIndex: 7 }));
    server.compact();
    expect(server.disk.snapshot).toMatchObject({ index: 7, membership: { index: 6 } });
    expect(server.raft.configurationAt(7).index).toBe(6);
  });

  it("S18: the term of the last entry that is gone is known", () => {
    const server = compactedLeader();
    expect(server.raft.termAt(5)).toBe(2);
    expect(server.raft.termAt(4)).toBe("compacted");
    expect(sent(server.effects, "appendRange")).toMatchObject([{ to: 3, prevLogIndex: 5, prevLogTerm: 2, stream: 2 }]);
    const follower = serverWith([1, 1, 1]);
    install(follower, snapshotAt(5, 2), 2);
    follower.receive(appendEntries({ from: 2, term: 2, prev: [5, 2], terms: [2] }));
    expect(follower.raft.lastIndex).toBe(6);
  });

  it("S22: a follower that lacks only what was kept gets no snapshot", () => {
    const server = compactedLeader(3);
    const effects = server.receive(rejected({ from: 3, term: 2, rejectedIndex: 4, hint: [2, 1] }));
    expect(sent(effects, "snapshotOrder")).toEqual([]);
    expect(sent(effects, "appendRange")).toMatchObject([{ to: 3, prevLogIndex: 2, prevLogTerm: 1 }]);
    // One less, and there is nothing to prove the append with.
    const further = server.receive(rejected({ from: 3, term: 2, stream: 2, rejectedIndex: 2, hint: [1, 1] }));
    expect(sent(further, "snapshotOrder")).toHaveLength(1);
  });
});

describe("a leader that sends a snapshot", () => {
  /** Server 3 lacks what is gone; its order has the stream that is returned. */
  function ordered(server: Server): number {
    const [probe] = sent(server.after(HEARTBEAT_INTERVAL_MS), "appendRange");
    const { stream = 0, prevLogIndex: rejectedIndex = 0 } = probe ?? {};
    const effects = server.receive(rejected({ from: 3, term: 2, stream, rejectedIndex, hint: [1, 1] }));
    const [order] = sent(effects, "snapshotOrder");
    expect(order).toMatchObject({ from: 1, to: 3, term: 2 });
    return order?.stream ?? 0;
  }

  function follower3({ status }: Server) {
    return status.followers.find(({ id }) => id === 3);
  }

  const failed = (stream: number, term = 2): Input => ({ kind: "snapshotFailed", to: 3, term, stream });

  it("S7, S23: sends one at a time, and heartbeats, but no entries", () => {
    const server = compactedLeader();
    ordered(server);
    server.propose("a");
    server.persist();
    const effects = server.after(HEARTBEAT_INTERVAL_MS);
    expect(effects.messages.filter(({ to }) => to === 3).map(({ kind }) => kind)).toEqual(["heartbeat"]);
    expect(follower3(server)).toMatchObject({ state: "snapshot", matchIndex: 0 });
  });

  it("S5: asks what the follower has when it failed, and sends another if it must", () => {
    const server = compactedLeader();
    const stream = ordered(server);
    const probe = sent(server.turn(failed(stream)), "appendRange");
    expect(probe).toMatchObject([{ to: 3, prevLogIndex: 5, prevLogTerm: 2, lastIndex: 5 }]);
    const asked = probe[0]?.stream ?? 0;
    expect(asked).toBeGreaterThan(stream);
    const again = server.receive(rejected({ from: 3, term: 2, stream: asked, rejectedIndex: 5, hint: [1, 1] }));
    expect(sent(again, "snapshotOrder")[0]?.stream).toBeGreaterThan(asked);
  });

  it("S5: goes on with entries if it arrived after all", () => {
    const server = compactedLeader();
    const stream = ordered(server);
    server.propose("a");
    const asked = sent(server.turn(failed(stream)), "appendRange")[0];
    expect(asked).toMatchObject({ prevLogIndex: 6 });
    const effects = server.receive(
      rejected({ from: 3, term: 2, stream: asked?.stream ?? 0, rejectedIndex: 6, hint: [5, 2] }),
    );
    expect(sent(effects, "appendRange")).toMatchObject([{ to: 3, prevLogIndex: 5 }]);
  });

  it("M21, S5: a failure of another order, of another term, or of one that is gone, changes nothing", () => {
    const server = compactedLeader();
    const stream = ordered(server);
    for (const stale of [
      failed(stream - 1),
      failed(stream, 1),
      failed(stream, 3),
      { ...failed(stream), to: 9 } as Input,
    ])
      server.turn(stale);
    expect(follower3(server)).toMatchObject({ state: "snapshot" });
    server.receive(accepted({ from: 3, term: 2, stream, matchIndex: 5 }));
    server.turn(failed(stream));
    expect(follower3(server)).toMatchObject({ state: "replicate", matchIndex: 5, nextIndex: 6 });
  });

  it("M21: nor does one to a server that was removed meanwhile, or of a leadership that is over", () => {
    const server = compactedLeader();
    const stream = ordered(server);
    change(server, voters("n1", "n2"));
    for (let rounds = 0; rounds < 2; rounds += 1) {
      server.persist();
      server.receive(accepted({ from: 2, term: 2, matchIndex: server.raft.lastIndex }));
    }
    for (let wakes = 0; server.raft.peers.includes(3) && wakes < 100; wakes += 1) {
      server.wake();
      server.receive(heartbeatResult({ from: 2, term: 2 }));
    }
    expect(server.raft.peers).toEqual([1, 2]);
    expect(server.turn(failed(stream)).messages).toEqual([]);
    server.receive(heartbeat({ from: 2, term: 3 }));
    expect(server.turn(failed(stream), failed(stream, 3)).messages).toEqual([]);
  });

  it("S6: takes any acknowledgement that reaches its log, and no refusal from before", () => {
    const server = compactedLeader(2);
    const stream = ordered(server);
    expect(server.raft.compacted.index).toBe(3);
    // Entries that were on their way reach it first.
    const effects = server.receive(accepted({ from: 3, term: 2, stream: 1, matchIndex: 3 }));
    expect(follower3(server)).toMatchObject({ state: "probe", matchIndex: 3 });
    expect(sent(effects, "appendRange")).toMatchObject([{ to: 3, prevLogIndex: 3 }]);
    for (const old of [1, stream]) {
      server.receive(rejected({ from: 3, term: 2, stream: old, rejectedIndex: 4, hint: [0, 0] }));
      expect(follower3(server)).toMatchObject({ state: "probe", matchIndex: 3, nextIndex: 4 });
    }
  });

  it("S6: one that does not reach its log leaves the snapshot on its way", () => {
    const server = compactedLeader(2);
    ordered(server);
    server.receive(accepted({ from: 3, term: 2, stream: 1, matchIndex: 2 }));
    expect(follower3(server)).toMatchObject({ state: "snapshot", matchIndex: 2 });
  });

  it("S14: goes on from the log if it has kept what follows, however far its own snapshot is by then", () => {
    const server = compactedLeader();
    const stream = ordered(server);
    for (const text of ["a", "b", "c"]) {
      server.propose(text);
      server.persist();
      server.receive(accepted({ from: 2, term: 2, matchIndex: server.raft.lastIndex }));
    }
    server.compact(3);
    expect(server.raft).toMatchObject({ snapshotIndex: 8, compacted: { index: 5 } });
    const effects = server.receive(accepted({ from: 3, term: 2, stream, matchIndex: 5 }));
    expect(sent(effects, "snapshotOrder")).toEqual([]);
    expect(sent(effects, "appendRange")).toMatchObject([{ to: 3, prevLogIndex: 5, lastIndex: 8 }]);
  });

  it("S14: and orders the newer one if it has not", () => {
    const server = compactedLeader();
    const stream = ordered(server);
    server.propose("a");
    server.persist();
    server.receive(accepted({ from: 2, term: 2, matchIndex: 6 }));
    server.compact();
    const [probe] = sent(server.receive(accepted({ from: 3, term: 2, stream, matchIndex: 5 })), "appendRange");
    expect(probe).toMatchObject({ to: 3, prevLogIndex: 6 });
    const asked = probe?.stream ?? 0;
    const effects = server.receive(rejected({ from: 3, term: 2, stream: asked, rejectedIndex: 6, hint: [5, 2] }));
    expect(sent(effects, "snapshotOrder")[0]?.stream).toBeGreaterThan(asked);
    expect(follower3(server)).toMatchObject({ state: "snapshot", matchIndex: 5 });
  });

  it("S22: sends none to a server that does not answer, or that may have what is gone", () => {
    const server = compactedLeader();
    for (let wakes = 0; wakes < 10; wakes += 1) {
      expect(sent(server.wake(), "snapshotOrder")).toEqual([]);
      server.receive(heartbeatResult({ from: 2, term: 2 }));
    }
    const { stream = 0 } = sent(server.after(HEARTBEAT_INTERVAL_MS), "appendRange")[0] ?? {};
    server.receive(accepted({ from: 3, term: 2, stream, matchIndex: 5 }));
    expect(follower3(server)).toMatchObject({ state: "replicate", matchIndex: 5 });
  });

  it("S5: a follower that is down when the log goes is sent one when it is back", () => {
    const cluster = ledCluster(3);
    cluster.crash(3);
    for (const text of ["a", "b", "c"]) cluster.propose(1, text);
    cluster.run(10);
    cluster.compact(1);
    cluster.run(10 * ELECTION_TIMEOUT_MS);
    cluster.restart(3);
    cluster.run(4 * ELECTION_TIMEOUT_MS);
    expect(cluster.server(3).raft).toMatchObject({ commitIndex: 5, compacted: { index: 5 } });
    expect(cluster.server(3).effects.applyTo).toBe(5);
  });

  it("is no leader for long if a snapshot tells it of a later term", () => {
    const server = compactedLeader();
    server.step({ kind: "snapshotInstalled", leaderId: 2, term: 4, stream: 7, snapshot: snapshotAt(5, 2) });
    expect(server.status).toMatchObject({ role: "follower", currentTerm: 4 });
  });

  it("and never begins its log anew: what a snapshot holds, a leader has", () => {
    const server = serverWith([1, 1, 1]);
    becomeLeader(server);
    expect(() => server.step(installing(server, snapshotAt(9, 1)))).toThrow(InvariantError);
    const sound = new Server({ entries: [...logOf([1], 3), ...commands(1, [1, 1]), command(4, 1)] });
    becomeLeader(sound);
    sound.turn(installing(sound, snapshotAt(3, 1)));
    expect(sound.status).toMatchObject({ role: "leader", commitIndex: 3, lastIndex: 5 });
  });
});
