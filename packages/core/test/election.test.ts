/** When a server campaigns, leads and follows (§5.1, §5.2; PITFALLS E16–E29). More of it is told in `scenarios`. */

import { describe, expect, it } from "vitest";
import { InvariantError } from "../src/index.js";
import { becomeCandidate, becomeLeader, sent } from "./support/elect.js";
import {
  appendEntries,
  commit,
  heartbeat,
  heartbeatResult,
  readIndex,
  rejected,
  requestPreVote,
  requestVote,
  requestVoteResult,
} from "./support/messages.js";
import { ELECTION_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS, serverWith } from "./support/server.js";

describe("time", () => {
  it("E18: contact with the leader renews patience, also a refused append; a refused vote does not", () => {
    const server = serverWith([1, 1]);
    const wait = server.effects.deadline;
    server.now = wait - 1;
    server.receive(requestVote({ from: 2, term: 2, last: [1, 1] }));
    expect(server.effects.deadline).toBe(wait);
    server.receive(appendEntries({ from: 2, term: 2, prev: [9, 2] }));
    expect(server.effects.messages).toMatchObject([{ success: false }]);
    expect(server.effects.deadline).toBeGreaterThanOrEqual(server.now + ELECTION_TIMEOUT_MS);
  });

  it("E18: a granted vote renews patience", () => {
    const server = serverWith([1]);
    server.now = server.effects.deadline - 1;
    expect(server.receive(requestVote({ from: 2, term: 2, last: [1, 1] })).deadline).toBeGreaterThanOrEqual(
      server.now + ELECTION_TIMEOUT_MS,
    );
  });

  it("E21: each wait is drawn anew, between one and two election timeouts, and differs between servers", () => {
    const waits = [1, 2, 3].map((id) => serverWith([1], { id, voters: 4 }).effects.deadline);
    expect(new Set(waits).size).toBe(3);
    const server = serverWith([1]);
    const drawn = Array.from({ length: 50 }, () => server.wake().deadline - server.now);
    expect(new Set(drawn).size).toBe(50);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(ELECTION_TIMEOUT_MS);
    expect(Math.max(...drawn)).toBeLessThan(2 * ELECTION_TIMEOUT_MS);
  });

  it("E21: heartbeats keep to a grid; a late one does not shift the next, and none is made up for", () => {
    const server = serverWith([1]);
    becomeLeader(server);
    const start = server.now;
    server.after(HEARTBEAT_INTERVAL_MS + 7);
    expect(server.effects.deadline).toBe(start + 2 * HEARTBEAT_INTERVAL_MS);
    const { messages } = server.after(3 * HEARTBEAT_INTERVAL_MS);
    expect(messages.filter(({ kind, to }) => kind === "heartbeat" && to === 2)).toHaveLength(1);
    expect(server.effects.deadline).toBe(start + 5 * HEARTBEAT_INTERVAL_MS);
  });

  it("E22: a server that starts waits for a full timeout, whatever it was before", () => {
    const server = serverWith([1]);
    becomeLeader(server);
    server.persist();
    server.restart();
    expect(server.raft.role).toBe("follower");
    expect(server.effects.deadline).toBeGreaterThanOrEqual(server.now + ELECTION_TIMEOUT_MS);
    expect(server.after(ELECTION_TIMEOUT_MS - 1).messages).toEqual([]);
  });
});

describe("the roles", () => {
  it("E16: a leader without a quorum for an election timeout stops leading", () => {
    const server = serverWith([1], { voters: 5 });
    becomeLeader(server, [2, 3]);
    server.now += ELECTION_TIMEOUT_MS - 1;
    server.receive(heartbeatResult({ from: 2, term: 2 }), heartbeatResult({ from: 3, term: 2 }));
    server.after(ELECTION_TIMEOUT_MS - 1);
    expect(server.raft.role).toBe("leader");
    server.receive(heartbeatResult({ from: 2, term: 2 }));
    server.after(1);
    expect(server.status).toMatchObject({ role: "follower", currentTerm: 2, leaderId: 0 });
  });

  it("E16, L11: every answer of a follower is contact with it, to an append as to a heartbeat", () => {
    const server = serverWith([1]);
    becomeLeader(server);
    for (let times = 0; times < 4; times += 1) {
      server.now += ELECTION_TIMEOUT_MS - 1;
      server.receive(rejected({ from: 2, term: 2, rejectedIndex: 1, hint: [0, 0] }));
      server.wake();
    }
    expect(server.raft.role).toBe("leader");
  });

  it.each(["preCandidate", "candidate"])("§5.2: a %s that hears a leader of its term follows it", (role) => {
    for (const message of [heartbeat({ from: 3, term: 2 }), appendEntries({ from: 3, term: 2, prev: [1, 1] })]) {
      const server = serverWith([1], { hardState: { currentTerm: role === "candidate" ? 1 : 2, votedFor: 0 } });
      if (role === "candidate") becomeCandidate(server);
      else server.wake();
      expect(server.status).toMatchObject({ role, currentTerm: 2 });
      server.receive(message);
      expect(server.status).toMatchObject({ role: "follower", currentTerm: 2, leaderId: 3 });
    }
  });

  it("E19, E29: every request from an older term is answered with the newer one, every result from one is ignored", () => {
    const server = serverWith([1], { hardState: { currentTerm: 6, votedFor: 0 } });
    const { messages } = server.receive(
      appendEntries({ from: 2, term: 5, prev: [1, 1], terms: [5] }),
      heartbeat({ from: 2, term: 5 }),
      readIndex({ from: 2, term: 5 }),
      requestVote({ from: 2, term: 5, last: [1, 1] }),
      requestPreVote({ from: 2, term: 5, last: [1, 1] }),
    );
    expect(messages.map(({ kind, term }) => ({ kind, term }))).toEqual([
      { kind: "appendEntriesResult", term: 6 },
      { kind: "heartbeatResult", term: 6 },
      { kind: "readIndexResult", term: 6 },
      { kind: "requestVoteResult", term: 6 },
      { kind: "requestPreVoteResult", term: 6 },
    ]);
    expect(messages).toMatchObject([
      { success: false },
      {},
      { success: false },
      { voteGranted: false },
      { voteGranted: false },
    ]);
    expect(server.status).toMatchObject({ lastIndex: 1, leaderId: 0, currentTerm: 6 });
  });

  it("E19: a follower one term ahead deposes the leader with any answer", () => {
    const server = serverWith([1]);
    becomeLeader(server);
    server.receive(heartbeatResult({ from: 3, term: 3 }));
    expect(server.status).toMatchObject({ role: "follower", currentTerm: 3 });
  });

  it("E20, E27, O3: a server outside its own configuration never campaigns, and keeps its leader", () => {
    const blank = serverWith([]);
    for (let waits = 0; waits < 5; waits += 1) blank.wake();
    expect(blank.status).toMatchObject({ role: "follower", currentTerm: 0 });
    const outsider = serverWith([1], { voters: [2, 3] });
    outsider.receive(heartbeat({ from: 2, term: 1 }));
    for (let waits = 0; waits < 5; waits += 1) expect(outsider.wake().messages).toEqual([]);
    expect(outsider.status).toMatchObject({ role: "follower", currentTerm: 1, leaderId: 2 });
  });

  it("E23: a leader does not campaign, and a candidate not again before its own vote is durable", () => {
    const server = serverWith([1]);
    becomeCandidate(server);
    for (let waits = 0; waits < 5; waits += 1) server.wake();
    expect(server.status).toMatchObject({ role: "candidate", currentTerm: 2 });
    const round = sent(server.persist(), "requestVote")[0]?.round ?? 0;
    server.receive(requestVoteResult({ from: 2, term: 2, round }));
    server.wake();
    expect(server.status).toMatchObject({ role: "leader", currentTerm: 2 });
  });

  it("E24: two leaders in one term are proof that safety is lost", () => {
    const leader = serverWith([1]);
    becomeLeader(leader);
    expect(() => leader.receive(heartbeat({ from: 2, term: 2 }))).toThrow(InvariantError);
    const follower = serverWith([1]);
    follower.receive(heartbeat({ from: 2, term: 2 }));
    expect(() => follower.receive(appendEntries({ from: 3, term: 2, prev: [1, 1] }))).toThrow(InvariantError);
  });

  it("E26: a commit notice is no sign of a leader", () => {
    const server = serverWith([1, 1]);
    const wait = server.effects.deadline;
    server.now = wait - 1;
    server.receive(commit({ from: 2, term: 1, leaderCommit: 1 }));
    expect(server.status).toMatchObject({ leaderId: 0, commitIndex: 0 });
    expect(server.effects.deadline).toBe(wait);
  });

  it("E28: a single server starts as follower and campaigns, though it voted for itself before", () => {
    const server = serverWith([1, 2], { voters: 1, hardState: { currentTerm: 2, votedFor: 1 } });
    expect(server.raft.role).toBe("follower");
    server.wake();
    expect(server.status).toMatchObject({ role: "candidate", currentTerm: 3 });
    server.persist();
    expect(server.status).toMatchObject({ role: "leader", commitIndex: 0 });
    server.persist();
    expect(server.status.commitIndex).toBe(3);
  });

  it("O12: a message to somebody else, or from oneself, is ignored", () => {
    const server = serverWith([1]);
    server.receive(
      requestVote({ from: 2, to: 3, term: 9, last: [9, 9] }),
      requestVote({ from: 1, term: 9, last: [9, 9] }),
    );
    expect(server.status.currentTerm).toBe(1);
  });
});
