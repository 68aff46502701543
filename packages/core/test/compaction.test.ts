/** Servers that forget what a snapshot covers, and leaders whose followers need that (§7; PITFALLS S). */

import { describe, expect, it } from "vitest";
import { type Input, InvariantError } from "../src/index.js";
import { becomeLeader, sent } from "./support/elect.js";
import { command, commands, configurationOf, logOf } from "./support/entries.js";
import { change, ledCluster, voters, wanted } from "./support/members.js";
import { accepted, appendEntries, heartbeat, heartbeatResult, rejected } from "./support/messages.js";
import { ELECTION_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS, Server, serverWith } from "./support/server.js";
import { compactedLeader, install, installing, snapshotAt } from "./support/snapshots.js";

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
    // What was before is forgotten with the log.
    expect(server.raft.configurationAt(5).index).toBe(6);
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
    server.step({ kind: "snapshotInstalled", from: 2, term: 4, stream: 7, snapshot: snapshotAt(5, 2) });
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
