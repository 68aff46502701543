/** Votes and pre-votes (§5.2, §5.4.1, dissertation 9.6; PITFALLS E1–E17, E30, M10, M11). */

import { describe, expect, it } from "vitest";
import { becomeCandidate, becomeLeader, sent } from "./support/elect.js";
import {
  appendEntries,
  heartbeat,
  requestPreVote,
  requestPreVoteResult,
  requestVote,
  requestVoteResult,
} from "./support/messages.js";
import { ELECTION_TIMEOUT_MS, type Server, serverWith } from "./support/server.js";

describe("the vote", () => {
  it("E1: an append that does not fit makes a candidate a follower, and keeps its vote", () => {
    const server = serverWith([1]);
    becomeCandidate(server);
    server.persist();
    server.receive(appendEntries({ from: 2, term: 2, prev: [9, 1] }));
    expect(server.status).toMatchObject({ role: "follower", currentTerm: 2, votedFor: 1 });
    const { messages } = server.receive(requestVote({ from: 3, term: 2, last: [9, 2] }));
    expect(messages).toMatchObject([{ kind: "requestVoteResult", voteGranted: false }]);
  });

  it("E2: term and vote are one value, written at once", () => {
    const server = serverWith([1]);
    const { write } = server.receive(requestVote({ from: 2, term: 5, last: [1, 1] }));
    expect(write?.hardState).toEqual({ currentTerm: 5, votedFor: 2 });
    server.restart(1);
    expect(server.status).toMatchObject({ currentTerm: 5, votedFor: 2 });
  });

  it("E3: a granted vote leaves when it is durable, and a refusal at once", () => {
    const server = serverWith([1, 1]);
    expect(server.receive(requestVote({ from: 2, term: 2, last: [2, 1] })).messages).toEqual([]);
    expect(server.receive(requestVote({ from: 3, term: 2, last: [2, 1] })).messages).toMatchObject([
      { to: 3, voteGranted: false },
    ]);
    expect(server.persist().messages).toMatchObject([{ to: 2, voteGranted: true, term: 2 }]);
  });

  it("E3: a vote also waits for the log that it was judged by", () => {
    const server = serverWith([1]);
    server.receive(appendEntries({ from: 2, term: 1, prev: [1, 1], terms: [1] }));
    server.after(ELECTION_TIMEOUT_MS);
    server.receive(requestVote({ from: 3, term: 2, last: [2, 1] }));
    expect(server.disk.pending).toHaveLength(2);
    expect(sent(server.persist(1), "requestVoteResult")).toEqual([]);
    expect(sent(server.persist(1), "requestVoteResult")).toHaveLength(1);
  });

  it("E3: a candidate asks for votes when its own, and its log, are durable", () => {
    const server = serverWith([1]);
    server.receive(appendEntries({ from: 2, term: 1, prev: [1, 1], terms: [1, 1] }));
    becomeCandidate(server, [3]);
    expect(server.persist(1).messages.map(({ kind }) => kind)).not.toContain("requestVote");
    expect(sent(server.persist(1), "requestVote")).toMatchObject([
      { to: 2, term: 2, lastLogIndex: 3, lastLogTerm: 1 },
      { to: 3, term: 2, lastLogIndex: 3, lastLogTerm: 1 },
    ]);
  });

  it("E3: after a crash, grants for the longer log of before do not elect the shorter one of now", () => {
    const server = serverWith([1]);
    server.receive(appendEntries({ from: 2, term: 1, prev: [1, 1], terms: [1, 1] }));
    becomeCandidate(server, [3]);
    server.restart();
    expect(server.status).toMatchObject({ currentTerm: 1, lastIndex: 1 });
    becomeCandidate(server, [3]);
    server.persist();
    expect(server.status).toMatchObject({ role: "candidate", currentTerm: 2 });
    // Nobody can have granted anything in term 2: no request had left. Had one, its grant would name the old round.
    server.receive(requestVoteResult({ from: 2, term: 2, round: 1 }));
    expect(server.raft.role).toBe("candidate");
  });

  it("E7: to learn of a higher term is not to vote for whoever told it", () => {
    const server = serverWith([1, 1, 1]);
    becomeLeader(server);
    server.receive(requestVoteResult({ from: 2, term: 5, voteGranted: false }));
    expect(server.status).toMatchObject({ role: "follower", currentTerm: 5, votedFor: 0 });
    expect(server.receive(requestVote({ from: 2, term: 5, last: [1, 1] })).messages).toMatchObject([
      { voteGranted: false },
    ]);
  });

  it.each([
    { last: [1, 2], voteGranted: true, why: "a later term, though shorter" },
    { last: [9, 1], voteGranted: false, why: "an earlier term, though longer" },
    { last: [3, 1], voteGranted: true, why: "equal" },
    { last: [2, 1], voteGranted: false, why: "the same term, but shorter" },
  ] as const)("E8: a log that ends in $last is up-to-date: $voteGranted ($why)", ({ last, voteGranted, why }) => {
    const terms = why.startsWith("an earlier") ? [1, 1, 2] : [1, 1, 1];
    const server = serverWith(terms);
    server.receive(requestVote({ from: 2, term: 3, last }));
    server.persist();
    expect(server.effects.messages).toMatchObject(voteGranted ? [{ voteGranted }] : []);
    expect(server.status.votedFor).toBe(voteGranted ? 2 : 0);
  });

  it("E8: an empty log is compared by its last compacted entry", () => {
    const server = serverWith([], { compacted: { index: 5, term: 2 } });
    server.receive(requestVote({ from: 2, term: 3, last: [9, 1] }));
    expect(server.status.votedFor).toBe(0);
    server.receive(requestVote({ from: 3, term: 3, last: [5, 2] }));
    expect(server.status.votedFor).toBe(3);
  });

  it("E30: the same candidate may ask again, and is granted again", () => {
    const server = serverWith([1]);
    const request = requestVote({ from: 2, term: 2, last: [1, 1] });
    server.receive(request);
    server.persist();
    expect(server.receive(request).messages).toMatchObject([{ to: 2, voteGranted: true }]);
  });

  it("M10, M11: whoever asks is judged by term and log, be it a member or not, and be the voter a member or not", () => {
    const stranger = serverWith([1, 1], { voters: [2, 3, 4] });
    stranger.receive(requestVote({ from: 9, term: 2, last: [2, 1] }));
    expect(stranger.persist().messages).toMatchObject([{ to: 9, voteGranted: true }]);
  });
});

describe("the tally", () => {
  it("E4, E12: a vote of another round or term does not count", () => {
    const server = serverWith([1]);
    becomeCandidate(server);
    const [request] = sent(server.persist(), "requestVote");
    server.receive(requestVoteResult({ from: 2, term: 2, round: (request?.round ?? 0) - 1 }));
    server.receive(requestVoteResult({ from: 2, term: 1, round: request?.round ?? 0 }));
    server.receive(requestPreVoteResult({ from: 2, term: 2, round: request?.round ?? 0 }));
    expect(server.raft.role).toBe("candidate");
    server.receive(requestVoteResult({ from: 2, term: 2, round: request?.round ?? 0 }));
    expect(server.raft.role).toBe("leader");
  });

  it("E5: a vote counts once, however often it arrives", () => {
    const server = serverWith([1], { voters: 5 });
    becomeCandidate(server, [2, 3]);
    const round = sent(server.persist(), "requestVote")[0]?.round ?? 0;
    const vote = requestVoteResult({ from: 2, term: 2, round });
    server.receive(vote, vote, vote);
    expect(server.raft.role).toBe("candidate");
    server.receive(requestVoteResult({ from: 3, term: 2, round }));
    expect(server.raft.role).toBe("leader");
  });

  it("E6: votes from outside the configuration do not count, and do no harm", () => {
    const server = serverWith([1]);
    becomeCandidate(server);
    const round = sent(server.persist(), "requestVote")[0]?.round ?? 0;
    server.receive(requestVoteResult({ from: 7, term: 2, round }), requestVoteResult({ from: 8, term: 2, round }));
    expect(server.raft.role).toBe("candidate");
  });

  it("E12: pre-votes that arrive after the election was won change nothing", () => {
    const server = serverWith([1]);
    const round = sent(server.wake(), "requestPreVote")[0]?.round ?? 0;
    const late = requestPreVoteResult({ from: 3, term: 1, round });
    server.receive(requestPreVoteResult({ from: 2, term: 1, round }));
    const { round: voteRound } = sent(server.persist(), "requestVote")[0] ?? { round: 0 };
    server.receive(requestVoteResult({ from: 2, term: 2, round: voteRound }));
    server.receive(late);
    expect(server.status).toMatchObject({ role: "leader", currentTerm: 2 });
  });

  it("E12: pre-votes of an earlier round do not count", () => {
    const server = serverWith([1]);
    const round = sent(server.wake(), "requestPreVote")[0]?.round ?? 0;
    server.wake();
    server.receive(requestPreVoteResult({ from: 2, term: 1, round }));
    expect(server.raft.role).toBe("preCandidate");
    server.receive(requestPreVoteResult({ from: 2, term: 1, round: round + 1 }));
    expect(server.raft.role).toBe("candidate");
  });

  it("E4, E12: pre-votes for a former life of this server do not count", () => {
    const server = serverWith([1]);
    const round = sent(server.wake(), "requestPreVote")[0]?.round ?? 0;
    server.restart();
    server.wake();
    server.receive(requestPreVoteResult({ from: 2, term: 1, round }));
    expect(server.raft.role).toBe("preCandidate");
  });

  it("E15: silence is no grant", () => {
    const server = serverWith([1]);
    for (let attempt = 0; attempt < 5; attempt += 1) server.wake();
    expect(server.status).toMatchObject({ role: "preCandidate", currentTerm: 1 });
    expect(server.disk.pending).toEqual([]);
  });
});

describe("a vote asked of a pre-candidate", () => {
  it("§5.2: is granted in a term in which it has not voted, and ends its own campaign", () => {
    const server = serverWith([1], { hardState: { currentTerm: 2, votedFor: 0 } });
    const round = sent(server.wake(), "requestPreVote")[0]?.round ?? 0;
    server.receive(requestVote({ from: 3, term: 2, last: [1, 1] }));
    expect(server.status).toMatchObject({ role: "follower", votedFor: 3, currentTerm: 2 });
    server.receive(requestPreVoteResult({ from: 2, term: 2, round }));
    expect(server.status).toMatchObject({ role: "follower", currentTerm: 2 });
  });

  it("E1: is refused where its vote of the term is given away", () => {
    const server = serverWith([1], { hardState: { currentTerm: 2, votedFor: 2 } });
    server.wake();
    expect(server.receive(requestVote({ from: 3, term: 2, last: [1, 1] })).messages).toMatchObject([
      { voteGranted: false },
    ]);
    expect(server.status).toMatchObject({ role: "preCandidate", votedFor: 2 });
  });
});

describe("the pre-vote", () => {
  function observe({ status, effects }: Server): object {
    return { ...status, deadline: effects.deadline };
  }

  it("E13: granting one changes nothing", () => {
    const server = serverWith([1, 1]);
    const before = observe(server);
    server.now += 50;
    const { messages, write } = server.receive(requestPreVote({ from: 2, term: 1, last: [2, 1] }));
    expect(messages).toMatchObject([{ kind: "requestPreVoteResult", voteGranted: true, term: 1 }]);
    expect(write).toBeNull();
    expect(observe(server)).toEqual(before);
  });

  it("E13: refusing one to keep a leader changes nothing either", () => {
    const server = serverWith([1]);
    server.receive(heartbeat({ from: 2, term: 1 }));
    const before = observe(server);
    server.now += 50;
    const { messages } = server.receive(requestPreVote({ from: 3, term: 7, last: [9, 7] }));
    expect(messages).toMatchObject([{ voteGranted: false, term: 1 }]);
    expect(observe(server)).toEqual(before);
  });

  it("E14: the leader that asks is evidence that it leads no more", () => {
    const server = serverWith([1]);
    server.receive(heartbeat({ from: 2, term: 1 }));
    expect(server.receive(requestPreVote({ from: 3, term: 1, last: [1, 1] })).messages).toMatchObject([
      { voteGranted: false },
    ]);
    expect(server.receive(requestPreVote({ from: 2, term: 1, last: [1, 1] })).messages).toMatchObject([
      { voteGranted: true },
    ]);
  });

  it("E16, E17: a voter that hears a leader refuses, and ignores requests for a higher term", () => {
    const server = serverWith([1]);
    server.receive(heartbeat({ from: 2, term: 1 }));
    server.now += ELECTION_TIMEOUT_MS - 1;
    expect(server.receive(requestVote({ from: 3, term: 2, last: [9, 1] })).messages).toEqual([]);
    expect(server.status.currentTerm).toBe(1);
    server.now += 1;
    server.receive(requestVote({ from: 3, term: 2, last: [9, 1] }));
    expect(server.status).toMatchObject({ currentTerm: 2, votedFor: 3 });
  });

  it("E17: a leader hears itself: while it has a quorum, no request deposes it", () => {
    const server = serverWith([1]);
    becomeLeader(server);
    const { messages } = server.receive(
      requestVote({ from: 3, term: 7, last: [9, 6] }),
      requestPreVote({ from: 3, term: 7, last: [9, 6] }),
    );
    expect(messages).toMatchObject([{ kind: "requestPreVoteResult", term: 2, voteGranted: false }]);
    expect(server.status).toMatchObject({ role: "leader", currentTerm: 2 });
  });

  it("E9: who asks from an older term is refused and told the newer one", () => {
    const server = serverWith([1], { hardState: { currentTerm: 7, votedFor: 0 } });
    const { messages } = server.receive(requestPreVote({ from: 2, term: 6, last: [9, 6] }));
    expect(messages).toMatchObject([{ kind: "requestPreVoteResult", term: 7, voteGranted: false }]);
  });
});
