/** What a follower does with appends and requests for votes, as etcd's raft has it. */

import { expect } from "vitest";
import { InvariantError, type NodeId, type Term, TermLog } from "../../src/index.js";
import { becomeLeader } from "../support/elect.js";
import { commands, logOf, termRunsOf } from "../support/entries.js";
import { appendEntries, requestVote } from "../support/messages.js";
import { Server } from "../support/server.js";
import { describeVectors } from "./load.js";

interface LogVector {
  readonly firstIndex: number;
  readonly terms: readonly Term[];
}

interface AppendVector {
  readonly name: string;
  readonly log: LogVector;
  readonly commit: number;
  readonly append: {
    readonly prevTerm: Term;
    readonly prevIndex: number;
    readonly leaderCommit: number;
    readonly terms: readonly Term[];
  };
  readonly expect: {
    readonly refused?: string;
    readonly accepted?: boolean;
    readonly lastNewIndex?: number;
    readonly lastIndex?: number;
    readonly logTerms?: readonly Term[];
    readonly commit?: number;
  };
}

describeVectors<AppendVector>("table-append-entries.json", ({ log, commit, append, expect: expected }) => {
  const term = Math.max(...log.terms, ...append.terms, append.prevTerm);
  const server = new Server({ entries: commands(0, log.terms), hardState: { currentTerm: term, votedFor: 0 } });
  server.receive(appendEntries({ from: 2, term, prev: [commit, log.terms[commit - 1] ?? 0], commit }));
  expect(server.status.commitIndex).toBe(commit);
  const message = appendEntries({
    from: 2,
    term,
    prev: [append.prevIndex, append.prevTerm],
    terms: append.terms,
    commit: append.leaderCommit,
  });
  if (expected.refused !== undefined) {
    expect(() => server.receive(message)).toThrow(InvariantError);
    return;
  }
  const answers = [...server.receive(message).messages, ...server.persist().messages];
  expect(answers).toMatchObject([{ kind: "appendEntriesResult", success: expected.accepted }]);
  if (expected.lastNewIndex !== undefined) expect(answers).toMatchObject([{ matchIndex: expected.lastNewIndex }]);
  expect(server.status.commitIndex).toBe(expected.commit ?? commit);
  if (expected.logTerms !== undefined) expect(server.terms).toEqual(expected.logTerms);
  if (expected.lastIndex !== undefined) expect(server.status.lastIndex).toBe(expected.lastIndex);
});

interface FindConflictVector {
  readonly name: string;
  readonly log: LogVector;
  readonly entries: LogVector;
  /** 0 if the log has them all. */
  readonly firstConflictOrNew: number;
}

describeVectors<FindConflictVector>("table-find-conflict.json", ({ log, entries, firstConflictOrNew }) => {
  const server = new Server({ entries: commands(0, log.terms) });
  const prevLogIndex = entries.firstIndex - 1;
  const term = Math.max(...log.terms, ...entries.terms);
  const { write } = server.receive(
    appendEntries({ from: 2, term, prev: [prevLogIndex, log.terms[prevLogIndex - 1] ?? 0], terms: entries.terms }),
  );
  expect(write?.append[0]?.index ?? 0).toBe(firstConflictOrNew);
});

interface FindConflictByTermVector {
  readonly name: string;
  readonly snapshot: { readonly index: number; readonly term: Term };
  readonly log: LogVector;
  readonly index: number;
  readonly term: Term;
  readonly expectIndex: number;
}

const STOPS = "our search stops at the last compacted entry, whose term is the last one that is known";

describeVectors<FindConflictByTermVector>(
  "table-find-conflict-by-term.json",
  ({ snapshot, log, index, term, expectIndex }) => {
    const entries = commands(log.firstIndex - 1, log.terms);
    const termLog = new TermLog(snapshot, termRunsOf(entries), log.firstIndex - 1 + entries.length);
    expect(termLog.findConflictByTerm(index, term).index).toBe(expectIndex);
  },
  { "TestFindConflictByTerm:17": STOPS, "TestFindConflictByTerm:19": STOPS, "TestFindConflictByTerm:20": STOPS },
);

interface VoteVector {
  readonly name: string;
  readonly log: LogVector;
  readonly role: "follower" | "pre-candidate" | "leader";
  readonly votedFor: NodeId | null;
  readonly candidate: { readonly id?: NodeId; readonly lastIndex: number; readonly lastTerm: Term };
  readonly grant: boolean;
}

describeVectors<VoteVector>("table-vote.json", ({ log, role, votedFor, candidate, grant }) => {
  const term = Math.max(1, ...log.terms, candidate.lastTerm);
  const server = new Server({
    entries: logOf(log.terms, 3),
    hardState:
      role === "leader" ? { currentTerm: term - 1, votedFor: 0 } : { currentTerm: term, votedFor: votedFor ?? 0 },
  });
  if (role === "leader") becomeLeader(server);
  if (role === "pre-candidate") server.wake();
  expect(server.status).toMatchObject({
    role: role === "pre-candidate" ? "preCandidate" : role,
    currentTerm: term,
    votedFor: votedFor ?? 0,
  });
  server.persist();
  const last = [candidate.lastIndex, candidate.lastTerm] as const;
  const answers = [
    ...server.receive(requestVote({ from: candidate.id ?? 2, term, last })).messages,
    ...server.persist().messages,
  ];
  expect(answers).toMatchObject([{ kind: "requestVoteResult", voteGranted: grant }]);
});
