/** Leases (dissertation 6.4.1; PITFALLS chapter 7): what the leader may conclude, and what the followers promise. */

import { describe, expect, it } from "vitest";
import type { ReadLease, ReadOutcome } from "../src/index.js";
import { becomeCandidate, becomeLeader, leaderWithCommit, sent } from "./support/elect.js";
import {
  accepted,
  appendEntries,
  heartbeat,
  heartbeatResult,
  readIndex,
  readIndexResult,
  requestPreVote,
  requestPreVoteResult,
  requestVote,
} from "./support/messages.js";
import { ELECTION_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS, type Server, serverWith } from "./support/server.js";

const LEASE_MS = ELECTION_TIMEOUT_MS / 1.05;

/** Sends a round of heartbeats, and says when and which. */
function beat(server: Server): { readonly round: number; readonly sentAt: number } {
  server.now = Math.max(server.now, server.effects.deadline);
  const sentAt = server.now;
  return { round: sent(server.after(0), "heartbeat")[0]?.round ?? 0, sentAt };
}

/** Sends a round that `from` answers after `delayMs`; the moment at which it was sent. */
function heardBy(server: Server, from: readonly number[] = [2], delayMs = 0): number {
  const { round, sentAt } = beat(server);
  server.now += delayMs;
  server.receive(...from.map((id) => heartbeatResult({ from: id, term: 2, round })));
  return sentAt;
}

function leaseRead(server: Server, readId = 9): readonly ReadOutcome[] {
  return server.turn({ kind: "read", readId, isLease: true }).reads;
}

function leaseOf(server: Server): ReadLease {
  const [outcome] = leaseRead(server);
  if (outcome?.ready !== true || outcome.lease === undefined) throw new Error("no lease");
  return outcome.lease;
}

describe("a lease read on the leader", () => {
  it("is ready at once, without a message, at the commit index of now", () => {
    const server = leaderWithCommit();
    const sentAt = heardBy(server);
    expect(leaseRead(server)).toEqual([
      { readId: 9, ready: true, index: 2, lease: { leaderId: 1, term: 2, until: sentAt + LEASE_MS } },
    ]);
    expect(server.effects.messages).toEqual([]);
  });

  it("L1: the lease counts from when the round was sent, however late the answer", () => {
    const server = leaderWithCommit();
    const sentAt = heardBy(server, [2], 60);
    expect(leaseOf(server).until).toBe(sentAt + LEASE_MS);
    server.now = sentAt + LEASE_MS;
    expect(leaseRead(server)).toEqual([]);
  });

  it("L1: an answer that comes when the lease would be over gives none", () => {
    const server = leaderWithCommit();
    const { round, sentAt } = beat(server);
    server.receive(accepted({ from: 2, term: 2, matchIndex: 2 }));
    server.now = sentAt + LEASE_MS + 1;
    server.receive(accepted({ from: 2, term: 2, matchIndex: 2 }), heartbeatResult({ from: 2, term: 2, round }));
    expect(server.status.role).toBe("leader");
    expect(leaseRead(server)).toEqual([]);
  });

  it("L1: a later round that is answered counts, even if the ones before it were lost", () => {
    const server = leaderWithCommit();
    const lost = beat(server);
    beat(server);
    const sentAt = heardBy(server);
    server.receive(heartbeatResult({ from: 2, term: 2, round: lost.round }));
    expect(leaseOf(server).until).toBe(sentAt + LEASE_MS);
  });

  it("L1, M16: as many must have heard as make a quorum", () => {
    const server = leaderWithCommit(5);
    heardBy(server, [2]);
    expect(leaseRead(server)).toEqual([]);
    const sentAt = heardBy(server, [2, 3]);
    expect(leaseOf(server).until).toBe(sentAt + LEASE_MS);
  });

  it("Q10: counts the voters of the configuration in force, from when it is appended", () => {
    const server = serverWith([1], { voters: [1] });
    becomeLeader(server, []);
    server.persist();
    expect(leaseOf(server).until).toBe(Number.POSITIVE_INFINITY);
    const members = [1, 2].map((id) => ({ name: `n${id}`, address: `n${id}`, role: "voter" as const }));
    server.turn({ kind: "changeMembers", changeId: 1, basedOn: server.raft.configurationIndex, members });
    server.persist();
    expect(server.raft.configuration.voters).toHaveLength(1);
    // Caught up: from here on both must agree.
    server.receive(accepted({ from: 2, term: 2, matchIndex: 3, stream: 2 }));
    expect(server.raft.configuration.voters).toHaveLength(2);
    server.persist();
    expect(leaseRead(server)).toEqual([]);
  });

  it("L10: is confirmed by a round, like any other read, when there is no lease", () => {
    const server = leaderWithCommit();
    expect(leaseRead(server)).toEqual([]);
    const [asked] = sent(server.effects, "heartbeat");
    const { reads } = server.receive(heartbeatResult({ from: 2, term: 2, round: asked?.round ?? 0 }));
    expect(reads).toEqual([{ readId: 9, ready: true, index: 2 }]);
  });

  it("Q1: there is no lease before the first commit of the term", () => {
    const server = serverWith([1]);
    becomeLeader(server);
    heardBy(server);
    expect(leaseRead(server)).toEqual([]);
    server.persist();
    expect(server.receive(accepted({ from: 2, term: 2, matchIndex: 2 })).reads).toMatchObject([
      { readId: 9, index: 2, lease: {} },
    ]);
  });

  it("L3: telling a successor to campaign ends the lease for the rest of the term", () => {
    const server = leaderWithCommit();
    heardBy(server);
    const lease = leaseOf(server);
    server.turn({ kind: "transferLeadership", transferId: 1, to: 3 });
    expect(sent(server.effects, "timeoutNow")).toHaveLength(1);
    expect(server.raft.lasts(lease, server.now)).toBe(false);
    for (let beats = 0; beats < 8; beats += 1) heardBy(server, [2, 3]);
    expect(server.raft.transferTo).toBe(0);
    expect(server.status.role).toBe("leader");
    expect(leaseRead(server)).toEqual([]);
  });

  it("Q6: a leader that hands over takes reads as little as proposals", () => {
    const server = leaderWithCommit();
    heardBy(server);
    server.turn({ kind: "transferLeadership", transferId: 1, to: 3 });
    expect(leaseRead(server)).toEqual([{ readId: 9, ready: false, refusal: "transferring" }]);
    expect(server.read(4).reads).toEqual([{ readId: 4, ready: false, refusal: "transferring" }]);
    expect(server.receive(readIndex({ from: 3, term: 2 })).messages).toMatchObject([
      { kind: "readIndexResult", success: false },
    ]);
  });

  it("L4, L12: a clock that goes back ends the lease for the rest of the term", () => {
    const server = leaderWithCommit();
    heardBy(server);
    const lease = leaseOf(server);
    server.now -= 1;
    server.after(0);
    server.now += 1;
    expect(server.raft.lasts(lease, server.now)).toBe(false);
    heardBy(server);
    expect(leaseRead(server)).toEqual([]);
    expect(sent(server.effects, "heartbeat")).toHaveLength(2);
  });

  it("L12: after a gap longer than the lease it confirms first, whatever answers were waiting to be read", () => {
    const server = leaderWithCommit();
    const { round } = beat(server);
    server.now += 2 * ELECTION_TIMEOUT_MS;
    const answer = { kind: "receive", message: heartbeatResult({ from: 2, term: 2, round }) } as const;
    expect(server.turn(answer, { kind: "read", readId: 9, isLease: true }).reads).toEqual([]);
  });

  it("L5: what was read under the lease counts while it lasts, is renewed, and is the leader's own", () => {
    const server = leaderWithCommit();
    heardBy(server);
    const lease = leaseOf(server);
    expect(server.raft.lasts(lease, lease.until - 1)).toBe(true);
    expect(server.raft.lasts(lease, lease.until)).toBe(false);
    heardBy(server);
    expect(server.raft.lasts(lease, lease.until)).toBe(true);
    server.now = lease.until - 1;
    server.receive(heartbeatResult({ from: 3, term: 5 }));
    expect(server.raft.lasts(lease, server.now)).toBe(false);
  });

  it("L11: acknowledged appends and answers of a former term do not renew it", () => {
    const server = leaderWithCommit();
    const { round } = beat(server);
    server.receive(
      accepted({ from: 2, term: 2, matchIndex: 2 }),
      accepted({ from: 3, term: 2, matchIndex: 2 }),
      heartbeatResult({ from: 2, term: 1, round }),
      heartbeatResult({ from: 9, term: 2, round }),
      heartbeatResult({ from: 3, term: 2, round: round + 1 }),
    );
    expect(leaseRead(server)).toEqual([]);
  });

  it("F15: the drift is a ratio, and shortens the lease", () => {
    for (const maxClockDrift of [-0.1, 1.1, Number.NaN]) {
      expect(() => serverWith([1], { maxClockDrift })).toThrow(RangeError);
    }
    const server = serverWith([1], { maxClockDrift: 0.25 });
    becomeLeader(server);
    server.persist();
    server.receive(accepted({ from: 2, term: 2, matchIndex: 2 }));
    const sentAt = heardBy(server);
    expect(leaseOf(server).until).toBe(sentAt + 80);
  });
});

describe("a lease read on a follower", () => {
  function follower(): Server {
    const server = serverWith([1]);
    server.receive(heartbeat({ from: 2, term: 1 }));
    return server;
  }

  it("asks the leader with a question of its own, beside one that wants a quorum's word", () => {
    const server = follower();
    server.turn({ kind: "read", readId: 1 }, { kind: "read", readId: 2, isLease: true });
    const [slow, fast] = sent(server.effects, "readIndex");
    expect([slow?.isLease, fast?.isLease]).toEqual([false, true]);
    const { reads } = server.receive(readIndexResult({ from: 2, term: 1, readId: fast?.readId ?? 0, index: 1 }));
    expect(reads).toEqual([
      { readId: 2, ready: true, index: 1, lease: { leaderId: 2, term: 1, until: server.now + LEASE_MS } },
    ]);
    expect(
      server.receive(readIndexResult({ from: 2, term: 1, readId: slow?.readId ?? 0, index: 1 })).reads,
    ).toHaveLength(1);
  });

  it("L5: counts for as long as a lease after the question, within the term", () => {
    const server = follower();
    leaseRead(server, 2);
    const [asked] = sent(server.effects, "readIndex");
    const askedAt = server.now;
    server.now += 30;
    server.receive(readIndexResult({ from: 2, term: 1, readId: asked?.readId ?? 0, index: 1 }));
    const [outcome] = server.effects.reads;
    const lease = outcome?.ready === true ? outcome.lease : undefined;
    expect(lease?.until).toBe(askedAt + LEASE_MS);
    expect(server.raft.lasts(lease as ReadLease, server.now)).toBe(true);
    server.receive(heartbeat({ from: 3, term: 2 }));
    expect(server.raft.lasts(lease as ReadLease, server.now)).toBe(false);
  });

  it("the leader answers it at once, from its lease", () => {
    const server = leaderWithCommit();
    heardBy(server);
    const { messages } = server.receive(readIndex({ from: 3, term: 2, readId: 44, isLease: true }));
    expect(messages).toMatchObject([{ kind: "readIndexResult", to: 3, readId: 44, success: true, index: 2 }]);
    expect(sent(server.receive(readIndex({ from: 3, term: 2, readId: 45 })), "readIndexResult")).toEqual([]);
  });

  it("Q5: more than a server can hold are refused, and say so", () => {
    const server = follower();
    server.read(0);
    const inputs = Array.from({ length: 4097 }, (_, place) => ({ kind: "read", readId: place + 1 }) as const);
    expect(server.turn(...inputs).reads).toEqual([{ readId: 4097, ready: false, refusal: "overloaded" }]);
    const leader = serverWith([1]);
    becomeLeader(leader);
    expect(leader.turn(...inputs).reads).toEqual([{ readId: 4097, ready: false, refusal: "overloaded" }]);
  });
});

describe("the followers' promise", () => {
  const last = [1, 1] as const;

  function hasHeard(leader: number): Server {
    const server = serverWith([1]);
    server.receive(heartbeat({ from: leader, term: 1 }));
    return server;
  }

  function grants(server: Server): boolean[] {
    return [
      ...sent(server.effects, "requestPreVoteResult").map(({ voteGranted }) => voteGranted),
      ...sent(server.persist(), "requestVoteResult").map(({ voteGranted }) => voteGranted),
    ];
  }

  it("L2: no vote and no pre-vote for another, for one election timeout after a heartbeat or an append", () => {
    for (const message of [heartbeat({ from: 2, term: 1 }), appendEntries({ from: 2, term: 1, prev: last })]) {
      const server = serverWith([1]);
      server.receive(message);
      server.now += ELECTION_TIMEOUT_MS - 1;
      server.receive(requestPreVote({ from: 3, term: 1, last }), requestVote({ from: 3, term: 2, last }));
      expect(grants(server)).toEqual([false]);
      server.now += 1;
      server.receive(requestPreVote({ from: 3, term: 1, last }), requestVote({ from: 3, term: 2, last }));
      expect(grants(server)).toEqual([true, true]);
    }
  });

  it("L2: a higher term, learned from whom ever, does not end it", () => {
    const server = hasHeard(2);
    server.receive(requestPreVoteResult({ from: 3, term: 5, voteGranted: false }));
    expect(server.status).toMatchObject({ currentTerm: 5, leaderId: 0 });
    server.receive(requestPreVote({ from: 3, term: 5, last }), requestVote({ from: 3, term: 6, last }));
    expect(grants(server)).toEqual([false]);
    server.now += ELECTION_TIMEOUT_MS;
    server.receive(requestVote({ from: 3, term: 6, last }));
    expect(grants(server)).toEqual([true]);
  });

  it("E14: it does not bind against the leader that it was given to", () => {
    const server = hasHeard(2);
    server.receive(requestVote({ from: 2, term: 2, last }));
    expect(grants(server)).toEqual([true]);
  });

  it("L3, T6: whoever campaigns on the leader's word is voted for", () => {
    const server = hasHeard(2);
    server.receive(requestVote({ from: 3, term: 2, last, isTransfer: true }));
    expect(grants(server)).toEqual([true]);
  });

  it("L7: a server that has started again waits as if it had just heard a leader", () => {
    const server = serverWith([1]);
    server.now += 10 * ELECTION_TIMEOUT_MS;
    server.restart();
    server.now += ELECTION_TIMEOUT_MS - 1;
    server.receive(requestPreVote({ from: 3, term: 1, last }), requestVote({ from: 3, term: 2, last }));
    expect(grants(server)).toEqual([false]);
    server.receive(requestVote({ from: 3, term: 2, last, isTransfer: true }));
    expect(grants(server)).toEqual([true]);
    server.restart();
    server.now += ELECTION_TIMEOUT_MS;
    server.receive(requestVote({ from: 3, term: 3, last }));
    expect(grants(server)).toEqual([true]);
  });

  it("L7: one that has never run has promised nothing", () => {
    const server = serverWith([1]);
    server.receive(requestPreVote({ from: 3, term: 1, last }));
    expect(grants(server)).toEqual([true]);
  });

  it("L7: a restart delays nobody's own campaign", () => {
    const server = serverWith([1], { voters: 1 });
    server.restart();
    becomeCandidate(server, []);
    expect(server.status.role).toBe("candidate");
    expect(server.now).toBeLessThan(2 * ELECTION_TIMEOUT_MS);
  });

  it("L6, L8: the promise and the lease run by the time that steps bring, not by how often they come", () => {
    const server = leaderWithCommit();
    const sentAt = heardBy(server);
    for (let ticks = 0; ticks < 100; ticks += 1) server.after(0);
    expect(leaseOf(server).until).toBe(sentAt + LEASE_MS);
    // A disk that hangs keeps rounds from being sent, and so from being answered.
    for (let at = 0; at < LEASE_MS; at += HEARTBEAT_INTERVAL_MS) {
      server.after(HEARTBEAT_INTERVAL_MS);
      server.receive(accepted({ from: 2, term: 2, matchIndex: 2 }));
    }
    expect(server.status.role).toBe("leader");
    expect(leaseRead(server)).toEqual([]);
  });
});
