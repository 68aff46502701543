/** Reads without a log entry (§8, dissertation 6.4; PITFALLS chapter 6). More of it is told in `scenarios`. */

import { describe, expect, it } from "vitest";
import { becomeCandidate, becomeLeader, leaderWithCommit, sent } from "./support/elect.js";
import { accepted, heartbeat, heartbeatResult, readIndex, readIndexResult } from "./support/messages.js";
import { ELECTION_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS, type Server, serverWith } from "./support/server.js";

/** The round of the heartbeats that just went out. */
function roundOf(server: Server): number {
  return sent(server.effects, "heartbeat")[0]?.round ?? 0;
}

describe("a read on the leader", () => {
  it("Q4: is ready, at the commit index of its begin, when a majority has answered a later round", () => {
    const server = leaderWithCommit();
    expect(server.read(7).reads).toEqual([]);
    const round = roundOf(server);
    server.propose("a");
    server.persist();
    server.receive(accepted({ from: 3, term: 2, matchIndex: 3 }));
    expect(server.status.commitIndex).toBe(3);
    expect(server.receive(heartbeatResult({ from: 2, term: 2, round })).reads).toEqual([
      { readId: 7, ready: true, index: 2 },
    ]);
  });

  it("Q2: an answer to an earlier round confirms nothing that began later", () => {
    const server = leaderWithCommit();
    server.after(HEARTBEAT_INTERVAL_MS);
    const earlier = roundOf(server);
    server.read(1);
    const round = roundOf(server);
    expect(round).toBeGreaterThan(earlier);
    server.receive(heartbeatResult({ from: 2, term: 2, round: earlier }));
    server.receive(heartbeatResult({ from: 2, term: 1, round }), heartbeatResult({ from: 9, term: 2, round }));
    expect(server.effects.reads).toEqual([]);
    expect(server.receive(heartbeatResult({ from: 2, term: 2, round })).reads).toHaveLength(1);
  });

  it("Q2: an answer to a round that was never sent confirms nothing", () => {
    const server = leaderWithCommit();
    server.read(1);
    expect(server.receive(heartbeatResult({ from: 2, term: 2, round: roundOf(server) + 1 })).reads).toEqual([]);
  });

  it("one round serves all reads that waited when it began, and the next those that came meanwhile", () => {
    const server = leaderWithCommit();
    server.turn({ kind: "read", readId: 1 }, { kind: "read", readId: 2 });
    const first = roundOf(server);
    expect(sent(server.effects, "heartbeat")).toHaveLength(2);
    expect(sent(server.read(3), "heartbeat")).toEqual([]);
    const { reads } = server.receive(heartbeatResult({ from: 2, term: 2, round: first }));
    expect(reads.map(({ readId }) => readId)).toEqual([1, 2]);
    expect(server.receive(heartbeatResult({ from: 2, term: 2, round: roundOf(server) })).reads).toMatchObject([
      { readId: 3 },
    ]);
  });

  it("Q1: waits for the first commit of the term", () => {
    const server = serverWith([1]);
    becomeLeader(server);
    server.persist();
    server.read(1);
    server.after(HEARTBEAT_INTERVAL_MS);
    expect(server.receive(heartbeatResult({ from: 2, term: 2, round: roundOf(server) })).reads).toEqual([]);
    server.receive(accepted({ from: 2, term: 2, matchIndex: 2 }));
    expect(server.receive(heartbeatResult({ from: 2, term: 2, round: roundOf(server) })).reads).toEqual([
      { readId: 1, ready: true, index: 2 },
    ]);
  });

  it("M16: needs a majority of the voters", () => {
    const server = leaderWithCommit(5);
    server.read(1);
    const round = roundOf(server);
    expect(server.receive(heartbeatResult({ from: 2, term: 2, round })).reads).toEqual([]);
    expect(server.receive(heartbeatResult({ from: 2, term: 2, round })).reads).toEqual([]);
    expect(server.receive(heartbeatResult({ from: 3, term: 2, round })).reads).toHaveLength(1);
  });

  it("Q10: a single server is its own majority", () => {
    const server = serverWith([1], { voters: 1 });
    becomeLeader(server, []);
    expect(server.read(1).reads).toEqual([]);
    expect(server.persist().reads).toEqual([{ readId: 1, ready: true, index: 2 }]);
    expect(server.read(2).reads).toEqual([{ readId: 2, ready: true, index: 2 }]);
  });

  it("Q3: is refused when leadership ends, be it waiting or under way", () => {
    const server = leaderWithCommit();
    server.read(1);
    server.read(2);
    expect(server.receive(heartbeatResult({ from: 3, term: 9 })).reads).toEqual([
      { readId: 1, ready: false, refusal: "noLeader" },
      { readId: 2, ready: false, refusal: "noLeader" },
    ]);
    const other = leaderWithCommit();
    other.read(1);
    expect(other.after(ELECTION_TIMEOUT_MS).reads).toEqual([{ readId: 1, ready: false, refusal: "noLeader" }]);
  });
});

describe("a question from a follower", () => {
  it("is answered like a read of the leader's own", () => {
    const server = leaderWithCommit();
    server.receive(readIndex({ from: 3, term: 2, readId: 44 }));
    const { messages } = server.receive(heartbeatResult({ from: 2, term: 2, round: roundOf(server) }));
    expect(messages).toMatchObject([{ kind: "readIndexResult", to: 3, readId: 44, success: true, index: 2 }]);
  });

  it("Q2: asked twice, is answered twice, the second time after a round of its own", () => {
    const server = leaderWithCommit();
    const question = readIndex({ from: 3, term: 2, readId: 44 });
    server.receive(question);
    const round = roundOf(server);
    server.receive(heartbeatResult({ from: 2, term: 2, round }));
    server.receive(question);
    expect(server.receive(heartbeatResult({ from: 3, term: 2, round })).messages).toEqual([]);
  });

  it("Q5: a copy of it adds nothing to what waits", () => {
    const server = leaderWithCommit();
    server.read(1);
    const firstRound = roundOf(server);
    for (let copies = 0; copies < 5; copies += 1) server.receive(readIndex({ from: 3, term: 2, readId: 44 }));
    const { messages } = server.receive(heartbeatResult({ from: 3, term: 2, round: firstRound }));
    const answers = server.receive(heartbeatResult({ from: 3, term: 2, round: roundOf(server) })).messages;
    expect([...messages, ...answers].filter(({ kind }) => kind === "readIndexResult")).toHaveLength(1);
  });

  it("Q3: is refused by whoever does not lead, and when leadership ends", () => {
    expect(serverWith([1]).receive(readIndex({ from: 3, term: 1 })).messages).toMatchObject([
      { to: 3, success: false },
    ]);
    const server = leaderWithCommit();
    server.receive(readIndex({ from: 3, term: 2, readId: 44 }));
    expect(server.after(ELECTION_TIMEOUT_MS).messages).toMatchObject([
      { kind: "readIndexResult", to: 3, readId: 44, success: false },
    ]);
  });
});

describe("a read on a follower", () => {
  function followerOf(leader: number): Server {
    const server = serverWith([1]);
    server.receive(heartbeat({ from: leader, term: 1 }));
    return server;
  }

  function question(server: Server): number {
    return sent(server.effects, "readIndex")[0]?.readId ?? 0;
  }

  it("asks the leader once for all reads of a turn, and passes the answer on to them", () => {
    const server = followerOf(2);
    server.turn({ kind: "read", readId: 1 }, { kind: "read", readId: 2 });
    expect(sent(server.effects, "readIndex")).toMatchObject([{ to: 2, term: 1 }]);
    expect(server.receive(readIndexResult({ from: 2, term: 1, readId: question(server), index: 1 })).reads).toEqual([
      { readId: 1, ready: true, index: 1 },
      { readId: 2, ready: true, index: 1 },
    ]);
  });

  it("Q2: reads that come while a question is under way are part of the next one", () => {
    const server = followerOf(2);
    server.read(1);
    const first = question(server);
    expect(sent(server.read(2), "readIndex")).toEqual([]);
    server.receive(readIndexResult({ from: 2, term: 1, readId: first, index: 1 }));
    expect(server.effects.reads.map(({ readId }) => readId)).toEqual([1]);
    expect(question(server)).toBeGreaterThan(first);
  });

  it("Q2: asked again after a timeout, the question has a new number, and the answer to the old one is void", () => {
    const server = followerOf(2);
    server.read(1);
    const first = question(server);
    server.now += ELECTION_TIMEOUT_MS - 1;
    server.receive(heartbeat({ from: 2, term: 1 }));
    server.read(2);
    server.after(1);
    const second = question(server);
    expect(second).toBeGreaterThan(first);
    expect(server.receive(readIndexResult({ from: 2, term: 1, readId: first, index: 1 })).reads).toEqual([]);
    expect(server.receive(readIndexResult({ from: 2, term: 1, readId: second, index: 1 })).reads).toHaveLength(2);
  });

  it("Q2: an answer to a former life of the server fits none of its questions", () => {
    const server = followerOf(2);
    server.read(1);
    const before = question(server);
    server.restart();
    server.receive(heartbeat({ from: 2, term: 1 }));
    server.read(1);
    expect(server.receive(readIndexResult({ from: 2, term: 1, readId: before, index: 1 })).reads).toEqual([]);
  });

  it("Q3: is refused when no leader is known, when the leader refuses, when the term ends, and when patience does", () => {
    expect(serverWith([1]).read(1).reads).toEqual([{ readId: 1, ready: false, refusal: "noLeader" }]);
    const refused = followerOf(2);
    refused.read(1);
    const answer = readIndexResult({ from: 2, term: 1, readId: question(refused), success: false });
    expect(refused.receive(answer).reads).toEqual([{ readId: 1, ready: false, refusal: "noLeader" }]);
    const newTerm = followerOf(2);
    newTerm.turn({ kind: "read", readId: 1 });
    newTerm.turn({ kind: "read", readId: 2 });
    expect(newTerm.receive(heartbeat({ from: 3, term: 2 })).reads.map(({ ready }) => ready)).toEqual([false, false]);
    const impatient = followerOf(2);
    impatient.read(1);
    impatient.now = impatient.effects.deadline;
    impatient.after(ELECTION_TIMEOUT_MS);
    expect(impatient.effects.reads).toEqual([{ readId: 1, ready: false, refusal: "noLeader" }]);
    expect(impatient.raft.role).toBe("preCandidate");
  });

  it("Q3, E27: is refused by a server that is no voter once its leader has been silent, and that keeps its leader", () => {
    const outsider = serverWith([1], { voters: [2, 3] });
    outsider.receive(heartbeat({ from: 2, term: 1 }));
    expect(outsider.read(1).reads).toEqual([]);
    expect(outsider.after(2 * ELECTION_TIMEOUT_MS).reads).toEqual([{ readId: 1, ready: false, refusal: "noLeader" }]);
    expect(outsider.read(2).reads).toEqual([]);
    expect(outsider.after(2 * ELECTION_TIMEOUT_MS).reads).toEqual([{ readId: 2, ready: false, refusal: "noLeader" }]);
    expect(outsider.status).toMatchObject({ role: "follower", leaderId: 2 });
  });

  it("Q3: a candidate refuses at once", () => {
    const server = serverWith([1]);
    becomeCandidate(server);
    expect(server.read(1).reads).toEqual([{ readId: 1, ready: false, refusal: "noLeader" }]);
  });
});
