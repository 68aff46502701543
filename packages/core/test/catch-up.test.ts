/** Catching up without a leader: a pre-candidate pulls the log for whose sake it was refused (PITFALLS E16). */

import { describe, expect, it } from "vitest";
import {
  type Effects,
  encodeConfiguration,
  foundingConfiguration,
  type NodeId,
  type RequestPreVote,
  type Term,
} from "../src/index.js";
import { sent } from "./support/elect.js";
import { commands, membership } from "./support/entries.js";
import {
  appendEntries,
  heartbeat,
  pullEntries,
  pulledEntries,
  requestPreVote,
  requestPreVoteResult,
} from "./support/messages.js";
import { ELECTION_TIMEOUT_MS, type Server, serverWith } from "./support/server.js";
import { installing, snapshotAt } from "./support/snapshots.js";

/** The server campaigns, and `from` refuses it for a log that ends in `last`. */
function refused(server: Server, last: readonly [number, Term], from: NodeId = 2): Effects {
  const { messages } = server.wake();
  const { round } = messages.find(({ kind }) => kind === "requestPreVote") as RequestPreVote;
  const term = server.raft.currentTerm;
  return server.receive(requestPreVoteResult({ from, term, round, voteGranted: false, last }));
}

/** The round of the request for entries that just left. */
function roundOf(effects: Effects): number {
  const [request] = sent(effects, "pullEntries") as { readonly round: number }[];
  if (request === undefined) throw new Error("nothing was pulled");
  return request.round;
}

describe("whoever lacks entries", () => {
  it("E16: a pre-candidate that is refused for its log asks for what it lacks", () => {
    const server = serverWith([1, 2]);
    const effects = refused(server, [4, 2]);
    expect(sent(effects, "pullEntries")).toMatchObject([{ to: 2, term: 2, prevLogIndex: 2, prevLogTerm: 2 }]);
  });

  it("E16: appends what it pulled, in its own term, and campaigns with it once it is durable", () => {
    const server = serverWith([1, 2]);
    const round = roundOf(refused(server, [4, 2]));
    const effects = server.receive(
      pulledEntries({ from: 2, term: 2, round, prev: [2, 2], terms: [2, 2], last: [4, 2] }),
    );
    expect(effects.write).toMatchObject({ hardState: null, truncateFrom: null, append: commands(2, [2, 2]) });
    const [request] = sent(effects, "requestPreVote") as RequestPreVote[];
    expect(request).toMatchObject({ term: 2, lastLogIndex: 4, lastLogTerm: 2 });
    const asked = request as RequestPreVote;
    server.receive(requestPreVoteResult({ from: 3, term: 2, round: asked.round }));
    expect(server.raft.role).toBe("candidate");
    expect(server.persist(1).messages).toEqual([]);
    expect(sent(server.persist(1), "requestVote")).toMatchObject([{ lastLogIndex: 4 }, { lastLogIndex: 4 }]);
  });

  it("E16: takes a long log page by page, the next one when the last is durable", () => {
    const server = serverWith([1, 2]);
    let round = roundOf(refused(server, [6, 2]));
    const first = server.receive(pulledEntries({ from: 2, term: 2, round, prev: [2, 2], terms: [2, 2], last: [6, 2] }));
    expect(first.messages).toEqual([]);
    const next = server.persist();
    expect(sent(next, "pullEntries")).toMatchObject([{ to: 2, prevLogIndex: 4, prevLogTerm: 2 }]);
    round = roundOf(next);
    const second = server.receive(
      pulledEntries({ from: 2, term: 2, round, prev: [4, 2], terms: [2, 2], last: [6, 2] }),
    );
    expect(sent(second, "requestPreVote")).toMatchObject([{ lastLogIndex: 6 }, { lastLogIndex: 6 }]);
  });

  it("R3, R11: before it drops entries for others it leaves the term in which it may have acknowledged them", () => {
    // Server 3 led term 5 and got the acknowledgement of entry 3, without an entry of its own term.
    const server = serverWith([1, 2, 2], { hardState: { currentTerm: 5, votedFor: 3 } });
    server.receive(appendEntries({ from: 3, term: 5, prev: [3, 2] }));
    server.after(2 * ELECTION_TIMEOUT_MS);
    let round = roundOf(refused(server, [4, 3]));
    // Where the logs agree is found first.
    const found = server.receive(pulledEntries({ from: 2, term: 5, round, prev: [1, 1], last: [4, 3] }));
    expect(sent(found, "pullEntries")).toMatchObject([{ prevLogIndex: 1, prevLogTerm: 1 }]);
    round = roundOf(found);
    const { write } = server.receive(
      pulledEntries({ from: 2, term: 5, round, prev: [1, 1], terms: [3, 3, 3], last: [4, 3] }),
    );
    expect(write).toMatchObject({ hardState: { currentTerm: 6, votedFor: 0 }, truncateFrom: 2 });
    expect(server.terms).toEqual([1, 3, 3, 3]);
    // Server 3 may have committed entry 3 as it was: its word of that no longer counts here.
    server.persist();
    server.receive(heartbeat({ from: 3, term: 5, leaderCommit: 3 }));
    expect(server.raft.commitIndex).toBe(0);
  });

  it("R9: keeps what the pulled log does not contradict", () => {
    const server = serverWith([1, 2, 2, 2], { hardState: { currentTerm: 4, votedFor: 0 } });
    const round = roundOf(refused(server, [5, 3]));
    const { write } = server.receive(
      pulledEntries({ from: 2, term: 4, round, prev: [2, 2], terms: [2], last: [5, 3] }),
    );
    expect(write).toBeNull();
    expect(server.terms).toEqual([1, 2, 2, 2]);
  });

  it("C8: leaves where it is what contradicts the committed, and asks whoever has more", () => {
    // Server 2 led term 3 and was not heard; server 4 led term 5, and committed entries 2 and 3 by one that came after.
    const server = serverWith([1, 2, 2], { hardState: { currentTerm: 5, votedFor: 0 } });
    server.receive(appendEntries({ from: 4, term: 5, prev: [3, 2], commit: 4 }));
    expect(server.raft.commitIndex).toBe(3);
    server.after(2 * ELECTION_TIMEOUT_MS);
    for (const [prev, terms] of [
      [
        [1, 1],
        [3, 3],
      ],
      [[2, 3], [3]],
    ] as const) {
      const round = roundOf(refused(server, [3, 3]));
      const effects = server.receive(pulledEntries({ from: 2, term: 5, round, prev, terms, last: [3, 3] }));
      expect(effects).toMatchObject({ write: null, messages: [] });
      expect(server.terms).toEqual([1, 2, 2]);
    }
    const round = roundOf(refused(server, [4, 5], 4));
    server.receive(pulledEntries({ from: 4, term: 5, round, prev: [3, 2], terms: [5], last: [4, 5] }));
    expect(server.terms).toEqual([1, 2, 2, 5]);
  });

  it.each([
    ["of another request", { round: -1 }],
    ["of a term gone by", { term: 1 }],
    ["from a log that is not more up-to-date", { prev: [1, 1] as const, terms: [1, 1, 1], last: [4, 1] as const }],
    ["that reach beyond the end of their log", { last: [3, 2] as const }],
    ["of a term yet to come", { terms: [3, 3], last: [4, 3] as const }],
    ["that end in another term than their log", { last: [4, 1] as const }],
  ])("E4, R12: takes no entries %s", (_, given) => {
    const server = serverWith([1, 2]);
    const round = roundOf(refused(server, [4, 2]));
    const page = { from: 2, term: 2, round, prev: [2, 2] as const, terms: [2, 2], last: [4, 2] as const };
    const shifted = "round" in given ? { round: round - 1 } : given;
    const effects = server.receive(pulledEntries({ ...page, ...shifted }));
    expect(effects.write).toBeNull();
    expect(server.terms).toEqual([1, 2]);
  });

  it("E4: takes no entries once it has found a leader, or a page twice", () => {
    const server = serverWith([1, 2]);
    const round = roundOf(refused(server, [4, 2]));
    const page = pulledEntries({ from: 2, term: 2, round, prev: [2, 2], terms: [2], last: [4, 2] });
    server.receive(page);
    expect(server.receive(page).messages).toEqual([]);
    const again = roundOf(server.persist());
    server.receive(heartbeat({ from: 3, term: 2 }));
    server.receive(pulledEntries({ from: 2, term: 2, round: again, prev: [3, 2], terms: [2], last: [4, 2] }));
    expect(server.terms).toEqual([1, 2, 2]);
  });

  it("S5: asks for what follows a snapshot that came for what is gone, and keeps its term", () => {
    const server = serverWith([1, 2]);
    refused(server, [9, 2]);
    expect(server.raft.pulledFrom).toBe(2);
    const installed = server.turn(installing(server, snapshotAt(7, 2)));
    expect(installed.write).toMatchObject({ hardState: null, reset: { index: 7, term: 2 } });
    const next = server.persist();
    expect(sent(next, "pullEntries")).toMatchObject([{ to: 2, prevLogIndex: 7, prevLogTerm: 2 }]);
    const page = pulledEntries({ from: 2, term: 2, round: roundOf(next), prev: [7, 2], terms: [2, 2], last: [9, 2] });
    expect(sent(server.receive(page), "requestPreVote")).toMatchObject([{ lastLogIndex: 9 }, { lastLogIndex: 9 }]);
  });

  it("S5: asks nobody for more when a leader has appeared before the snapshot", () => {
    const server = serverWith([1, 2]);
    refused(server, [9, 2]);
    server.receive(heartbeat({ from: 3, term: 2 }));
    expect(server.raft.pulledFrom).toBe(0);
    server.turn(installing(server, snapshotAt(7, 2)));
    expect(sent(server.persist(), "pullEntries")).toEqual([]);
  });

  it("pulls from whoever has most, and in one campaign from nobody who has less", () => {
    const server = serverWith([1, 2], { voters: 5 });
    const { round } = sent(server.wake(), "requestPreVote")[0] as RequestPreVote;
    const pulledFrom = (from: NodeId, last: readonly [number, Term]): NodeId[] => {
      const refusal = requestPreVoteResult({ from, term: 2, round, voteGranted: false, last });
      return sent(server.receive(refusal), "pullEntries").map(({ to }) => to);
    };
    expect(pulledFrom(2, [4, 2])).toEqual([2]);
    expect(pulledFrom(3, [4, 2])).toEqual([]);
    expect(pulledFrom(4, [5, 2])).toEqual([4]);
  });

  it("M4: a configuration that was pulled is in force", () => {
    const server = serverWith([1, 2]);
    const round = roundOf(refused(server, [3, 2]));
    const entries = [membership(3, 2, 5)];
    server.receive(pulledEntries({ from: 2, term: 2, round, prev: [2, 2], last: [3, 2], entries }));
    expect(server.raft.configuration.voters).toHaveLength(5);
    expect(server.raft.configurationIndex).toBe(3);
  });

  it("M13: whoever learns by it of its own removal campaigns, for that may not be committed", () => {
    const server = serverWith([1, 2]);
    const round = roundOf(refused(server, [3, 2]));
    const entries = [membership(3, 2, [2, 3])];
    const effects = server.receive(pulledEntries({ from: 2, term: 2, round, prev: [2, 2], last: [3, 2], entries }));
    expect(sent(effects, "requestPreVote").map(({ to }) => to)).toEqual([2, 3]);
  });
});

describe("whoever has them", () => {
  it("E16: a witness, which has no payloads, neither names its end nor hands anything out", () => {
    const voters = [1, 2, 3].map((id) => ({ id, name: `n${id}`, address: `n${id}:1`, isWitness: id === 1 }));
    const data = encodeConfiguration(foundingConfiguration(voters));
    const server = serverWith([], {
      entries: [{ index: 1, term: 1, kind: "membership", data }, ...commands(1, [2, 2])],
    });
    const [answer] = server.receive(requestPreVote({ from: 2, term: 2, last: [2, 2] })).messages;
    expect(answer).toMatchObject({ voteGranted: false, lastLogIndex: 0, lastLogTerm: 0 });
    expect(server.receive(pullEntries({ from: 2, term: 2, prev: [2, 2] })).messages).toEqual([]);
  });

  it("E16: hands out what follows the entry that was asked about, and says where its log ends", () => {
    const server = serverWith([1, 2, 2, 2]);
    const { messages } = server.receive(pullEntries({ from: 2, term: 2, round: 7, prev: [2, 2] }));
    expect(messages).toEqual([
      {
        kind: "pulledRange",
        from: 1,
        to: 2,
        term: 2,
        round: 7,
        prevLogIndex: 2,
        prevLogTerm: 2,
        lastIndex: 4,
        lastLogIndex: 4,
        lastLogTerm: 2,
      },
    ]);
  });

  it("R24: says where the logs may agree if it does not have that entry", () => {
    const server = serverWith([1, 2, 2, 4, 4]);
    const { messages } = server.receive(pullEntries({ from: 2, term: 4, prev: [6, 3] }));
    expect(messages).toMatchObject([{ prevLogIndex: 3, prevLogTerm: 2, lastIndex: 3, lastLogIndex: 5 }]);
  });

  it.each([
    ["lies before its log", [2, 2]],
    ["contradicts the last one that is gone", [3, 1]],
  ] as const)("S5: has its snapshot sent if the entry %s", (_, prev) => {
    const server = serverWith([2], { compacted: { index: 3, term: 2 } });
    const { messages } = server.receive(pullEntries({ from: 2, term: 2, round: 7, prev }));
    expect(messages).toEqual([{ kind: "snapshotOrder", from: 1, to: 2, term: 2, stream: 7 }]);
  });

  it("S5: has none sent to who has the last entry that is gone, or more", () => {
    const server = serverWith([2], { compacted: { index: 3, term: 2 } });
    const answer = (prev: readonly [number, Term]) => server.receive(pullEntries({ from: 2, term: 2, prev })).messages;
    expect(answer([3, 2])).toMatchObject([{ kind: "pulledRange", prevLogIndex: 3, lastIndex: 4 }]);
    expect(answer([4, 1])).toMatchObject([{ kind: "pulledRange", prevLogIndex: 3, lastIndex: 3 }]);
  });

  it("E16, E17: while it hears a leader, neither the request nor its term means anything", () => {
    const server = serverWith([1, 2, 2, 2]);
    server.receive(heartbeat({ from: 3, term: 2 }));
    expect(server.receive(pullEntries({ from: 2, term: 9, prev: [2, 2] })).messages).toEqual([]);
    expect(server.raft.currentTerm).toBe(2);
    server.now += ELECTION_TIMEOUT_MS;
    expect(server.receive(pullEntries({ from: 2, term: 9, prev: [2, 2] })).messages).toMatchObject([{ term: 9 }]);
  });

  it("E16: names the end of its log only to those whom nothing but the log keeps from winning", () => {
    const server = serverWith([1, 2, 2]);
    const end = (term: Term): unknown =>
      sent(server.receive(requestPreVote({ from: 2, term, last: [2, 2] })), "requestPreVoteResult")[0];
    expect(end(1)).toMatchObject({ voteGranted: false, lastLogIndex: 0, lastLogTerm: 0 });
    expect(end(2)).toMatchObject({ voteGranted: false, lastLogIndex: 3, lastLogTerm: 2 });
    server.receive(heartbeat({ from: 3, term: 2 }));
    expect(end(2)).toMatchObject({ voteGranted: false, lastLogIndex: 0, lastLogTerm: 0 });
  });
});
