/** Changes of members: what a leader takes and refuses, and the way of a change (§6, dissertation 4; PITFALLS M). */

import { describe, expect, it } from "vitest";
import { becomeLeader, sent } from "./support/elect.js";
import { logOf } from "./support/entries.js";
import { change, changeTo, ledCluster, membershipOf, partsOf, refusalOf, voters, wanted } from "./support/members.js";
import { accepted, heartbeat, heartbeatResult, rejected } from "./support/messages.js";
import { ELECTION_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS, Server, serverWith } from "./support/server.js";

/** Leads term 2 of servers 1 to 3 with everything committed, by the word of server 2. Its last entry is 2. */
function leader(): Server {
  const server = serverWith([1]);
  becomeLeader(server);
  server.persist();
  server.receive(accepted({ from: 2, term: 2, matchIndex: 2 }), accepted({ from: 3, term: 2, matchIndex: 2 }));
  expect(server.status).toMatchObject({ role: "leader", commitIndex: 2 });
  return server;
}

/** Everything that is in the log becomes durable at the leader and at these. */
function acknowledge(server: Server, ...ids: readonly number[]): void {
  server.persist();
  const { lastIndex, currentTerm: term } = server.raft;
  // The first success moves a follower of a new stream from probing on.
  for (const from of ids) {
    const stream = streamOf(server, from);
    server.receive(accepted({ from, term, stream, matchIndex: lastIndex }));
  }
}

/** The number of the stream by which the server feeds `to`, as its last order told. */
const streams = new WeakMap<Server, Map<number, number>>();

function streamOf(server: Server, to: number): number {
  return streams.get(server)?.get(to) ?? 1;
}

function watchStreams(server: Server): void {
  const known = new Map<number, number>();
  streams.set(server, known);
  const { drain } = server;
  server.drain = () => {
    const effects = drain.call(server);
    for (const { to, stream } of [...sent(effects, "appendRange"), ...sent(effects, "snapshotOrder")])
      known.set(to, stream);
    return effects;
  };
}

describe("a leader takes a change only", () => {
  it("M1: after it committed an entry of its own term", () => {
    const server = serverWith([1]);
    becomeLeader(server);
    expect(refusalOf(change(server, voters("n1", "n2")))).toBe("notReady");
    expect(server.raft.configurationIndex).toBe(1);
    acknowledge(server, 2);
    expect(refusalOf(change(server, voters("n1", "n2")))).toBe("accepted");
  });

  it("M2: one at a time, whatever it is about: an address, a priority, a learner", () => {
    const server = leader();
    change(server, [...voters("n1", "n2"), wanted("n3", { address: "elsewhere:1" })]);
    expect(partsOf(server)).toEqual({ voters: [1, 2, 3] });
    for (const more of [{ address: "again:1" }, { priority: 3 }, { role: "learner" }] as const)
      expect(refusalOf(change(server, [...voters("n1", "n2"), wanted("n3", more)]))).toBe("changePending");
    server.propose("no configuration");
    const kinds = server.disk.entries.map(({ kind }) => kind);
    expect(kinds).toEqual(["membership", "noop", "membership", "command"]);
  });

  it("M3: after the one it inherited, which is in force meanwhile", () => {
    const server = new Server({ entries: [...logOf([1], 3), membershipOf(2, 1, { voters: [1, 2], learners: [3] })] });
    becomeLeader(server);
    expect(partsOf(server)).toEqual({ voters: [1, 2], learners: [3] });
    expect(refusalOf(change(server, voters("n1", "n2", "n3")))).toBe("notReady");
    acknowledge(server, 2);
    expect(server.raft.commitIndex).toBe(3);
    expect(refusalOf(change(server, voters("n1", "n2", "n3")))).toBe("accepted");
  });

  it("M23: based on what is in force", () => {
    const server = leader();
    expect(refusalOf(server.turn(changeTo(voters("n1"), 0)))).toBe("versionMismatch");
    expect(refusalOf(server.turn(changeTo(voters("n1"), 2)))).toBe("versionMismatch");
    expect(server.raft.lastIndex).toBe(2);
    expect(refusalOf(server.turn(changeTo(voters("n1", "n2"), 1)))).toBe("accepted");
  });

  it("M24: of members that can be, and otherwise says what is wrong", () => {
    const server = leader();
    const hostile = [
      [],
      [wanted("n1", { role: "learner" })],
      [...voters("n1", "n2"), wanted("n1")],
      [...voters("n1"), wanted("n4", { address: "n1:1" })],
      [wanted("n1", { role: "witness" }), ...voters("n2", "n3")],
      [...voters("n1"), wanted("n4", { role: "witness" })],
      [...voters("n1", "n2"), wanted("n3", { priority: -1 })],
      [...voters("n1", "n2"), wanted("n3", { priority: 0.5 })],
      [...voters("n1", "n2"), wanted("n3", { priority: Number.POSITIVE_INFINITY })],
    ];
    for (const members of hostile) {
      const { changes, write } = change(server, members);
      expect(changes).toMatchObject([{ accepted: false, refusal: "invalid", leaderId: 1 }]);
      expect(write).toBeNull();
    }
  });

  it("M24: while it does not hand over", () => {
    const server = leader();
    server.turn({ kind: "transferLeadership", transferId: 1, to: 2 });
    expect(refusalOf(change(server, voters("n1", "n2")))).toBe("transferring");
  });

  it("M24: for voters of whom a majority is in touch", () => {
    const server = leader();
    server.now += ELECTION_TIMEOUT_MS - 1;
    server.receive(heartbeatResult({ from: 2, term: 2 }));
    server.now += 1;
    expect(refusalOf(change(server, voters("n1", "n3")))).toBe("wouldLoseQuorum");
    expect(refusalOf(change(server, voters("n3")))).toBe("wouldLoseQuorum");
    expect(refusalOf(change(server, voters("n1", "n2")))).toBe("accepted");
  });

  it("M24, M25: if it is one; others say who leads, also those that know no cluster", () => {
    expect(refusalOf(change(serverWith([]), voters("n1")))).toBe("notLeader");
    const follower = serverWith([1]);
    expect(refusalOf(change(follower, voters("n1")))).toBe("notLeader");
    for (const lonely of [follower, serverWith([])]) {
      const effects = lonely.turn(
        { kind: "transferLeadership", transferId: 1, to: 2 },
        { kind: "snapshotFailed", to: 2, term: 1, stream: 1 },
        { kind: "compact", snapshotIndex: 0, compactTo: 0 },
      );
      expect(effects.transfers).toMatchObject([{ result: "notLeader" }]);
      expect(effects.write).toBeNull();
    }
  });

  it("and has nothing to do where all is as it is wanted: the version stays", () => {
    const server = leader();
    const effects = change(server, [wanted("n3"), wanted("n1"), wanted("n2")]);
    expect(effects.changes).toMatchObject([{ accepted: true, index: 1, term: 1 }]);
    expect(effects.write).toBeNull();
  });
});

describe("the way of a change", () => {
  it("M22: new voters are learners until they have caught up, then both majorities count, then the new one", () => {
    const server = leader();
    watchStreams(server);
    change(server, voters("n1", "n2", "n4"));
    expect(partsOf(server)).toEqual({ voters: [1, 2, 3], learners: [4], target: [1, 2, 4] });
    acknowledge(server, 2, 3);
    expect(server.raft.commitIndex).toBe(3);
    server.after(ELECTION_TIMEOUT_MS / 2);
    expect(partsOf(server)).toMatchObject({ target: [1, 2, 4] });
    server.receive(heartbeatResult({ from: 2, term: 2 }));
    acknowledge(server, 4);
    expect(partsOf(server)).toEqual({ voters: [1, 2, 4], outgoing: [1, 2, 3] });
    acknowledge(server, 3);
    expect(server.raft.commitIndex).toBe(3);
    acknowledge(server, 4);
    expect(server.raft.commitIndex).toBe(4);
    expect(partsOf(server)).toEqual({ voters: [1, 2, 4] });
    acknowledge(server, 3);
    expect(server.raft.commitIndex).toBe(4);
    acknowledge(server, 2);
    expect(server.raft.commitIndex).toBe(5);
  });

  it("M22: whoever needs longer than an election timeout for a round gets another round", () => {
    const server = leader();
    watchStreams(server);
    change(server, voters("n1", "n2", "n3", "n4"));
    acknowledge(server, 2, 3);
    const behind = server.raft.lastIndex;
    for (let beats = 0; beats <= ELECTION_TIMEOUT_MS / HEARTBEAT_INTERVAL_MS; beats += 1) {
      server.propose(`load ${beats}`);
      server.after(HEARTBEAT_INTERVAL_MS);
      acknowledge(server, 2, 3);
    }
    const round = server.raft.lastIndex;
    server.receive(accepted({ from: 4, term: 2, stream: streamOf(server, 4), matchIndex: behind }));
    expect(partsOf(server)).toMatchObject({ learners: [4] });
    server.propose("more load");
    server.after(HEARTBEAT_INTERVAL_MS);
    server.receive(accepted({ from: 4, term: 2, stream: streamOf(server, 4), matchIndex: round }));
    expect(partsOf(server)).toEqual({ voters: [1, 2, 3, 4], outgoing: [1, 2, 3] });
  });

  it("M22: a new voter that caught up, and went away, holds the change back while its majority is not in touch", () => {
    const server = serverWith([1], { voters: 1 });
    server.wake();
    server.persist();
    server.persist();
    watchStreams(server);
    change(server, voters("n1", "n2", "n3"));
    server.persist();
    acknowledge(server, 2);
    expect(partsOf(server)).toMatchObject({ target: [1, 2, 3] });
    server.after(ELECTION_TIMEOUT_MS);
    acknowledge(server, 3);
    server.after(ELECTION_TIMEOUT_MS);
    server.receive(heartbeatResult({ from: 1, term: 2 }));
    expect(partsOf(server)).toMatchObject({ voters: [1], target: [1, 2, 3] });
    server.receive(heartbeatResult({ from: 3, term: 2 }));
    server.after(1);
    expect(partsOf(server)).toEqual({ voters: [1, 2, 3], outgoing: [1] });
  });

  it("M22: a leader on its way out that is to vote again need not catch up with itself", () => {
    const server = leader();
    watchStreams(server);
    change(server, [...voters("n2", "n3"), wanted("n1", { role: "learner" })]);
    acknowledge(server, 2, 3);
    acknowledge(server, 2, 3);
    expect(partsOf(server)).toEqual({ voters: [2, 3], learners: [1] });
    expect(refusalOf(change(server, voters("n1", "n2", "n3")))).toBe("accepted");
    acknowledge(server, 2, 3);
    expect(partsOf(server)).toEqual({ voters: [1, 2, 3], outgoing: [2, 3] });
  });

  it("M22: a change that waits for a new voter can be replaced, and called off", () => {
    const server = leader();
    change(server, voters("n1", "n2", "n3", "n4"));
    acknowledge(server, 2);
    expect(refusalOf(change(server, voters("n1", "n2", "n3", "n5")))).toBe("accepted");
    expect(partsOf(server)).toEqual({ voters: [1, 2, 3], learners: [5], target: [1, 2, 3, 5] });
    acknowledge(server, 2);
    expect(refusalOf(change(server, voters("n1", "n2", "n3")))).toBe("accepted");
    expect(partsOf(server)).toEqual({ voters: [1, 2, 3] });
    acknowledge(server, 2);
    expect(server.raft.commitIndex).toBe(server.raft.lastIndex);
    expect(server.raft.configurationIndex).toBe(5);
  });

  it("what does not wait for new voters does not wait: addresses and priorities of those who vote already", () => {
    const server = leader();
    watchStreams(server);
    change(server, [wanted("n1"), wanted("n2", { address: "new:1" }), wanted("n4")]);
    expect(server.raft.configuration.voters.map(({ address }) => address)).toEqual(["n1:1", "new:1", "n3:1"]);
    acknowledge(server, 2, 3);
    acknowledge(server, 4);
    expect(partsOf(server)).toEqual({ voters: [1, 2, 4], outgoing: [1, 2, 3] });
    expect(server.raft.configuration.voters.map(({ address }) => address)).toEqual(["n1:1", "new:1", "n4:1"]);
  });

  it("a change that adds no voter begins with both majorities; one of learners or addresses alone is one entry", () => {
    const server = leader();
    change(server, [...voters("n1", "n2"), wanted("n3", { role: "learner" })]);
    expect(partsOf(server)).toEqual({ voters: [1, 2], outgoing: [1, 2, 3], learners: [3] });
    acknowledge(server, 2);
    acknowledge(server, 2);
    expect(partsOf(server)).toEqual({ voters: [1, 2], learners: [3] });
    change(server, [wanted("n1"), wanted("n2", { address: "new:1" }), wanted("n5", { role: "learner" })]);
    expect(partsOf(server)).toEqual({ voters: [1, 2], learners: [4] });
    expect(server.raft.configuration.voters[1]?.address).toBe("new:1");
  });

  it("M6: a joint configuration that was inherited is left after the new leader's first entry, not before", () => {
    const joint = membershipOf(2, 1, { voters: [1, 4, 5], outgoing: [1, 2, 3] });
    const server = new Server({ entries: [...logOf([1], 3), joint] });
    becomeLeader(server, [2, 4]);
    acknowledge(server, 4, 5);
    expect(server.raft.commitIndex).toBe(0);
    expect(partsOf(server)).toMatchObject({ outgoing: [1, 2, 3] });
    // The joint entry alone, from the other set: still nothing of this term is committed.
    server.receive(accepted({ from: 2, term: 2, matchIndex: 2 }));
    expect(partsOf(server)).toMatchObject({ outgoing: [1, 2, 3] });
    acknowledge(server, 2);
    expect(partsOf(server)).toEqual({ voters: [1, 4, 5] });
  });

  it("M6: also where it is known to be committed", () => {
    const joint = membershipOf(2, 1, { voters: [1, 4, 5], outgoing: [1, 2, 3] });
    const server = new Server({ entries: [...logOf([1], 3), joint] });
    server.receive(heartbeat({ from: 2, term: 1, leaderCommit: 2 }));
    server.after(2 * ELECTION_TIMEOUT_MS);
    becomeLeader(server, [2, 4]);
    expect(server.status).toMatchObject({ role: "leader", commitIndex: 2 });
    expect(partsOf(server)).toMatchObject({ outgoing: [1, 2, 3] });
  });

  it("M7: and it is left by itself, whoever leads", () => {
    const cluster = ledCluster(3);
    cluster.network.hold({ from: 1, to: 3 });
    cluster.changeMembers(1, voters("n2", "n3"));
    cluster.deliver(cluster.network.select({ from: 1, to: 2, kind: "appendEntries" })[0] as never);
    cluster.crash(1);
    cluster.campaign(2);
    cluster.network.release(cluster.now);
    cluster.run(10 * ELECTION_TIMEOUT_MS);
    for (const id of [2, 3]) expect(partsOf(cluster.server(id))).toEqual({ voters: [2, 3] });
  });

  it("M17: an id is given once, also when whoever had it is gone", () => {
    const cluster = ledCluster(1);
    for (const names of [["n1", "a"], ["n1"], ["n1", "a"], ["n1", "b"]]) {
      cluster.changeMembers(1, voters(...names));
      cluster.run(10 * ELECTION_TIMEOUT_MS);
    }
    expect(partsOf(cluster.server(1))).toEqual({ voters: [1, 4] });
    expect(cluster.server(1).raft.configuration.nextId).toBe(5);
  });
});

describe("the followers of a leader", () => {
  it("M26: keep their progress through a change", () => {
    const server = leader();
    change(server, [...voters("n1", "n2", "n3"), wanted("n4", { role: "learner" })]);
    const progress = server.status.followers.map(({ id, state, matchIndex }) => [id, state, matchIndex]);
    expect(progress).toEqual([
      [2, "replicate", 2],
      [3, "replicate", 2],
      [4, "probe", 0],
    ]);
  });

  it("M27: are asked for what they have at once, and have an election timeout before they count as silent", () => {
    const server = serverWith([1], { voters: 1 });
    server.wake();
    server.persist();
    server.persist();
    server.now += 10 * ELECTION_TIMEOUT_MS;
    const effects = change(server, voters("n1", "n2"));
    expect(sent(effects, "appendRange")).toMatchObject([{ to: 2, prevLogIndex: 2 }]);
    expect(server.status.followers).toMatchObject([{ id: 2, lastContactAt: server.now }]);
    expect(effects.deadline).toBeLessThanOrEqual(server.now + HEARTBEAT_INTERVAL_MS);
  });

  it("M28: are fed until they know that they left", () => {
    const server = leader();
    change(server, voters("n1", "n2"));
    acknowledge(server, 2);
    expect(partsOf(server)).toEqual({ voters: [1, 2] });
    acknowledge(server, 2);
    expect(server.raft.commitIndex).toBe(4);
    expect(server.raft.peers).toEqual([1, 2, 3]);
    // It has the entry; then it is told that it is committed; then it is left alone.
    acknowledge(server, 3);
    expect(sent(server.effects, "commit")).toMatchObject([{ to: 3, leaderCommit: 4 }]);
    server.after(1);
    expect(server.raft.peers).toEqual([1, 2]);
    expect(server.status.followers.map(({ id }) => id)).toEqual([2]);
  });

  it("M28: or, if they are out of reach, for four election timeouts", () => {
    const server = leader();
    change(server, voters("n1", "n2"));
    acknowledge(server, 2);
    acknowledge(server, 2);
    const until = server.now + 4 * ELECTION_TIMEOUT_MS;
    while (server.effects.deadline < until) {
      server.wake();
      server.receive(heartbeatResult({ from: 2, term: 2 }));
      expect(server.raft.peers).toEqual([1, 2, 3]);
    }
    server.now = until;
    server.after(0);
    expect(server.raft.peers).toEqual([1, 2]);
  });

  it("M18: one whose log is shorter than what it acknowledged is not repaired as if nothing were", () => {
    const server = leader();
    server.propose("a");
    server.receive(rejected({ from: 3, term: 2, rejectedIndex: 2, hint: [0, 0] }));
    server.after(ELECTION_TIMEOUT_MS - 1);
    server.receive(heartbeatResult({ from: 2, term: 2 }));
    server.after(1);
    expect(server.raft.role).toBe("leader");
    server.receive(rejected({ from: 3, term: 2, stream: 2, rejectedIndex: 2, hint: [0, 0] }));
    expect(server.status.followers).toMatchObject([{ id: 2 }, { id: 3, matchIndex: 2, nextIndex: 3 }]);
  });
});
