/** Leadership transfer (dissertation 3.10; PITFALLS T), and leaders by priority. */

import { describe, expect, it } from "vitest";
import {
  type Effects,
  encodeConfiguration,
  foundingConfiguration,
  type NodeId,
  type TimeoutNow,
} from "../src/index.js";
import type { Cluster } from "./support/cluster.js";
import { becomeLeader, sent } from "./support/elect.js";
import { logOf } from "./support/entries.js";
import { change, leaderOf, ledCluster, member, membershipOf, voters, wanted } from "./support/members.js";
import { accepted, appendEntries, heartbeat, heartbeatResult, requestVote } from "./support/messages.js";
import { ELECTION_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS, Server, serverWith } from "./support/server.js";

/** Leads term 2 of servers 1 to 3; 2 has everything, 3 nothing yet. */
function leader(): Server {
  const server = serverWith([1]);
  becomeLeader(server);
  server.persist();
  server.receive(accepted({ from: 2, term: 2, matchIndex: 2 }), heartbeatResult({ from: 3, term: 2, round: 0 }));
  expect(server.status).toMatchObject({ role: "leader", commitIndex: 2 });
  return server;
}

function transfer(server: Server, to: NodeId, transferId = 1): Effects {
  return server.turn({ kind: "transferLeadership", transferId, to });
}

function timeoutNow(given: Partial<TimeoutNow>): TimeoutNow {
  return { kind: "timeoutNow", from: 2, to: 1, term: 1, lastLogIndex: 2, lastLogTerm: 1, ...given };
}

/** Follows server 2 in term 1 with entries 1 and 2. */
function follower(): Server {
  const server = serverWith([1, 1]);
  server.receive(heartbeat({ from: 2, term: 1 }));
  return server;
}

describe("a leader that hands over", () => {
  it("T1, Q6: takes no proposals from then on, nor reads, and says so", () => {
    const server = leader();
    transfer(server, 3);
    expect(server.propose("late").proposals).toEqual([{ proposalId: 1, accepted: false, leaderId: 1 }]);
    expect(server.raft.lastIndex).toBe(2);
    expect(server.read().reads).toMatchObject([{ ready: false, refusal: "transferring" }]);
    expect(server.status).toMatchObject({ role: "leader", transferTo: 3 });
  });

  it("T2: gives up after an election timeout, says so, and takes proposals again", () => {
    const server = leader();
    transfer(server, 3);
    const until = server.now + ELECTION_TIMEOUT_MS;
    server.now = until - 1;
    server.receive(...[2, 3].map((from) => heartbeatResult({ from, term: 2 })));
    expect(server.effects.transfers).toEqual([]);
    expect(server.effects.deadline).toBeLessThanOrEqual(until);
    expect(server.after(1).transfers).toEqual([{ transferId: 1, to: 3, result: "timedOut" }]);
    expect(server.raft.transferTo).toBe(0);
    expect(server.propose("again").proposals).toMatchObject([{ accepted: true }]);
  });

  it("T2: names the moment at which it gives up, also if nothing else is due", () => {
    const server = leader();
    server.receive(heartbeatResult({ from: 3, term: 2 }));
    transfer(server, 3);
    const { now } = server;
    for (let wakes = 0; server.raft.transferTo !== 0; wakes += 1) {
      expect(wakes).toBeLessThan(20);
      server.wake();
      server.receive(heartbeatResult({ from: 2, term: 2 }));
    }
    expect(server.now).toBe(now + ELECTION_TIMEOUT_MS);
  });

  it("T7: waits until the target has the whole log, not only what is committed", () => {
    const server = leader();
    server.propose("under way");
    expect(sent(transfer(server, 2), "timeoutNow")).toEqual([]);
    server.persist();
    expect(sent(server.receive(accepted({ from: 3, term: 2, matchIndex: 3 })), "timeoutNow")).toEqual([]);
    expect(server.raft.commitIndex).toBe(3);
    const effects = server.receive(accepted({ from: 2, term: 2, matchIndex: 3 }));
    expect(sent(effects, "timeoutNow")).toMatchObject([{ to: 2, term: 2, lastLogIndex: 3, lastLogTerm: 2 }]);
  });

  it("says it again after a heartbeat interval, not before, for it may have been lost", () => {
    const server = leader();
    expect(sent(transfer(server, 2), "timeoutNow")).toHaveLength(1);
    expect(sent(server.after(HEARTBEAT_INTERVAL_MS - 1), "timeoutNow")).toEqual([]);
    expect(sent(server.after(1), "timeoutNow")).toHaveLength(1);
  });

  it("T3: to a voter that can lead, and nobody else", () => {
    const entries = [...logOf([1], 3), membershipOf(2, 1, { voters: [1, 2, 3], learners: [4] })];
    const server = new Server({ entries });
    becomeLeader(server);
    server.persist();
    server.receive(...[2, 4].map((from) => accepted({ from, term: 2, matchIndex: 3 })));
    for (const nobody of [1, 4, 9]) {
      expect(transfer(server, nobody).transfers).toEqual([{ transferId: 1, to: nobody, result: "noTarget" }]);
      expect(server.raft.transferTo).toBe(0);
    }
    expect(transfer(server, 3).transfers).toEqual([]);
  });

  it("to one at a time", () => {
    const server = leader();
    transfer(server, 3);
    expect(transfer(server, 2, 2).transfers).toEqual([{ transferId: 2, to: 3, result: "transferring" }]);
    expect(server.raft.transferTo).toBe(3);
  });

  it("to whoever lacks least, if nobody is named, and is in touch", () => {
    const server = leader();
    transfer(server, 0);
    expect(server.raft.transferTo).toBe(2);
    const uneven = leader();
    uneven.propose("not durable here yet");
    uneven.receive(accepted({ from: 3, term: 2, matchIndex: 3 }));
    expect(uneven.raft.commitIndex).toBe(2);
    transfer(uneven, 0);
    expect(uneven.raft.transferTo).toBe(3);
    const lonely = leader();
    lonely.now += ELECTION_TIMEOUT_MS;
    lonely.receive(accepted({ from: 3, term: 2, matchIndex: 2 }));
    transfer(lonely, 0);
    expect(lonely.raft.transferTo).toBe(3);
    const short = leader();
    short.now += ELECTION_TIMEOUT_MS;
    short.receive(heartbeatResult({ from: 3, term: 2 }));
    expect(transfer(short, 0).transfers).toMatchObject([{ result: "noTarget" }]);
  });

  it("is told when it is over, whoever leads then", () => {
    const server = leader();
    transfer(server, 2);
    const { transfers } = server.receive(requestVote({ from: 2, term: 3, last: [2, 2], isTransfer: true }));
    expect(transfers).toEqual([{ transferId: 1, to: 2, result: "leadershipEnded" }]);
    expect(server.status).toMatchObject({ role: "follower", votedFor: 2, currentTerm: 3, transferTo: 0 });
  });

  it("gives up if a change that was under way leaves the target without a vote", () => {
    const server = leader();
    change(server, voters("n1", "n2", "n4"));
    server.persist();
    server.receive(accepted({ from: 2, term: 2, matchIndex: 3 }));
    transfer(server, 3);
    const { transfers } = server.receive(accepted({ from: 4, term: 2, stream: 2, matchIndex: 3 }));
    expect(server.raft.configuration.outgoingVoters).toHaveLength(3);
    expect(transfers).toEqual([{ transferId: 1, to: 3, result: "timedOut" }]);
    expect(server.raft.transferTo).toBe(0);
  });

  it("T2: one that does not lead says who does", () => {
    expect(transfer(follower(), 3).transfers).toEqual([{ transferId: 1, to: 2, result: "notLeader" }]);
    expect(transfer(serverWith([1]), 3).transfers).toEqual([{ transferId: 1, to: 0, result: "notLeader" }]);
  });
});

describe("whoever is told to campaign", () => {
  it("T3, T4: obeys its leader, once, with the whole log, and says on whose behalf", () => {
    const server = follower();
    server.receive(timeoutNow({}));
    expect(server.status).toMatchObject({ role: "candidate", currentTerm: 2, votedFor: 1 });
    expect(sent(server.effects, "requestVote")).toEqual([]);
    const asked = sent(server.persist(), "requestVote");
    expect(asked).toMatchObject([
      { to: 2, term: 2, isTransfer: true },
      { to: 3, term: 2, isTransfer: true },
    ]);
    server.receive(timeoutNow({}));
    expect(server.raft.currentTerm).toBe(2);
  });

  it.each([
    ["whose log is longer by now", { lastLogIndex: 3 }],
    ["whose log is shorter", { lastLogIndex: 1 }],
    ["of another log", { lastLogTerm: 0 }],
    ["that does not lead", { from: 3 }],
    ["of a term gone by", { term: 0 }],
    ["of a term yet to come, whose leader it has not heard", { term: 2 }],
  ])("T3, T4: does not obey one %s", (_, given) => {
    const server = follower();
    server.receive(timeoutNow(given));
    expect(server.raft.role).toBe("follower");
    expect(sent(server.persist(), "requestVote")).toEqual([]);
  });

  it("T3: does not obey before its log is durable", () => {
    const server = follower();
    server.receive(appendEntries({ from: 2, term: 1, prev: [2, 1], terms: [1] }));
    server.receive(timeoutNow({ lastLogIndex: 3 }), timeoutNow({ lastLogIndex: 2 }));
    expect(server.raft.role).toBe("follower");
    server.persist();
    server.receive(timeoutNow({ lastLogIndex: 3 }));
    expect(server.raft.role).toBe("candidate");
  });

  it("T3: does not obey if it is no voter", () => {
    const entries = [...logOf([1], 2), membershipOf(2, 1, { voters: [1, 2], learners: [3] })];
    const server = new Server({ id: 3, entries });
    server.receive(heartbeat({ from: 2, to: 3, term: 1 }), timeoutNow({ to: 3 }));
    expect(server.raft.role).toBe("follower");
  });

  it("T4: does not obey while it campaigns by itself, or leads", () => {
    const server = follower();
    server.wake();
    expect(server.raft.role).toBe("preCandidate");
    server.receive(timeoutNow({}));
    expect(server.raft.role).toBe("preCandidate");
    const other = leader();
    other.receive(timeoutNow({ term: 2, lastLogTerm: 2 }));
    expect(other.raft.role).toBe("leader");
  });

  it("Q3: lets no read wait for ever", () => {
    const server = follower();
    server.read(1);
    server.read(2);
    const { reads } = server.receive(timeoutNow({}));
    expect(reads).toEqual([
      { readId: 1, ready: false, refusal: "noLeader" },
      { readId: 2, ready: false, refusal: "noLeader" },
    ]);
  });

  it("T6: is voted for although the voters hear a leader; its next campaign is like any other", () => {
    const voter = serverWith([1, 1], { id: 3 });
    voter.receive(heartbeat({ from: 2, to: 3, term: 1 }));
    const request = { from: 1, to: 3, term: 2, last: [2, 1] } as const;
    expect(voter.receive(requestVote(request)).messages).toEqual([]);
    expect(voter.raft.currentTerm).toBe(1);
    voter.receive(requestVote({ ...request, isTransfer: true }));
    expect(sent(voter.persist(), "requestVoteResult")).toMatchObject([{ voteGranted: true }]);
    const server = follower();
    server.receive(timeoutNow({}));
    server.persist();
    expect(sent(server.wake(), "requestPreVote")).toHaveLength(2);
    const round = sent(server.effects, "requestPreVote")[0]?.round ?? 0;
    server.receive({
      kind: "requestPreVoteResult",
      from: 3,
      to: 1,
      term: 2,
      round,
      voteGranted: true,
      lastLogIndex: 0,
      lastLogTerm: 0,
    });
    expect(sent(server.persist(), "requestVote")).toMatchObject([{ isTransfer: false }, { isTransfer: false }]);
  });
});

describe("a cluster", () => {
  it("T5: finds a leader again when the target's votes are lost", () => {
    const cluster = ledCluster(3);
    cluster.network.cut(2, 1);
    cluster.network.cut(2, 3);
    cluster.transfer(1, 2);
    cluster.run(ELECTION_TIMEOUT_MS / 2);
    cluster.network.heal();
    cluster.run(6 * ELECTION_TIMEOUT_MS);
    const led = leaderOf(cluster);
    expect(led?.raft.currentTerm).toBeGreaterThanOrEqual(2);
    expect(cluster.running.every(({ raft }) => raft.leaderId === led?.id)).toBe(true);
    expect(cluster.transfers).toMatchObject([{ outcome: { to: 2 } }]);
  });

  it("hands over within a few messages, and the old leader does not disturb the new one", () => {
    const cluster = ledCluster(3);
    cluster.transfer(1, 3);
    cluster.run(10);
    expect(leaderOf(cluster)?.id).toBe(3);
    expect(cluster.transfers).toMatchObject([{ outcome: { result: "leadershipEnded", to: 3 } }]);
    cluster.run(10 * ELECTION_TIMEOUT_MS);
    expect(leaderOf(cluster)).toMatchObject({ id: 3 });
    expect(cluster.server(3).raft.currentTerm).toBe(3);
  });
});

describe("priorities", () => {
  const prefer = (cluster: Cluster, ...priorities: readonly number[]): void => {
    const members = priorities.map((priority, place) => wanted(`n${place + 1}`, { priority }));
    const led = leaderOf(cluster);
    expect(cluster.changeMembers(led?.id ?? 0, members).outcome).toMatchObject({ accepted: true });
  };

  it("a leader hands over to a voter of a higher one that has caught up", () => {
    const cluster = ledCluster(3);
    prefer(cluster, 0, 1, 2);
    cluster.run(3 * ELECTION_TIMEOUT_MS);
    expect(leaderOf(cluster)?.id).toBe(3);
    cluster.run(10 * ELECTION_TIMEOUT_MS);
    expect(cluster.server(3).raft.currentTerm).toBe(3);
  });

  it("never to one of the same or a lower one, and leads for an election timeout before", () => {
    const cluster = ledCluster(3);
    prefer(cluster, 1, 1, 0);
    cluster.run(30 * ELECTION_TIMEOUT_MS);
    expect(leaderOf(cluster)?.id).toBe(1);
    const server = new Server({ entries: logOf([1], 3) });
    becomeLeader(server);
    server.persist();
    server.receive(accepted({ from: 2, term: 2, matchIndex: 2 }));
    change(server, [wanted("n1"), wanted("n2", { priority: 1 }), wanted("n3")]);
    server.persist();
    server.receive(accepted({ from: 2, term: 2, matchIndex: 3 }));
    expect(server.raft.transferTo).toBe(0);
    server.after(ELECTION_TIMEOUT_MS - 1);
    expect(server.raft.transferTo).toBe(0);
    server.receive(heartbeatResult({ from: 2, term: 2 }));
    server.after(1);
    expect(server.raft.transferTo).toBe(2);
  });

  it("and not before the leader has committed an entry", () => {
    const members = [member(1), member(2, { priority: 1 }), member(3)];
    const data = encodeConfiguration(foundingConfiguration(members));
    const server = new Server({ entries: [{ index: 1, term: 1, kind: "membership", data }] });
    becomeLeader(server);
    server.persist();
    server.after(ELECTION_TIMEOUT_MS - 1);
    server.receive(...[2, 3].map((from) => heartbeatResult({ from, term: 2 })));
    server.after(ELECTION_TIMEOUT_MS / 2);
    expect(server.status).toMatchObject({ role: "leader", commitIndex: 0, transferTo: 0 });
    server.receive(accepted({ from: 2, term: 2, matchIndex: 2 }));
    expect(server.raft.transferTo).toBe(2);
  });

  it("one that cannot win is not tried over and over, whoever leads meanwhile", () => {
    const cluster = ledCluster(5);
    // Server 1 hears nobody but server 2, and nobody else hears server 1.
    prefer(cluster, 0, 0, 0, 0, 9);
    for (const other of [2, 3, 4]) {
      cluster.network.cut(5, other);
      cluster.network.cut(other, 5);
    }
    const before = cluster.server(1).raft.currentTerm;
    cluster.run(20 * ELECTION_TIMEOUT_MS);
    const led = leaderOf(cluster);
    expect(led?.id).not.toBe(5);
    expect(cluster.server(led?.id ?? 0).raft.currentTerm - before).toBeLessThan(5);
  });
});
