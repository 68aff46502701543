/** Messages for tests: each with the fields that matter given, and the others as an honest server would fill them. */

import type {
  AppendEntries,
  AppendEntriesResult,
  Commit,
  Entry,
  Heartbeat,
  HeartbeatResult,
  Index,
  Message,
  NodeId,
  PullEntries,
  PulledEntries,
  ReadIndex,
  ReadIndexResult,
  RequestPreVote,
  RequestPreVoteResult,
  RequestVote,
  RequestVoteResult,
  Term,
} from "../../src/index.js";
import { commands } from "./entries.js";

type Given<M extends Message> = Partial<Omit<M, "kind" | "from" | "term">> & {
  readonly from: NodeId;
  readonly term: Term;
};

/** An index and a term, as in "the last entry is (4, 2)". */
type Place = readonly [index: Index, term: Term];

export function requestPreVote({
  from,
  term,
  last,
  ...rest
}: Given<RequestPreVote> & { readonly last: Place }): RequestPreVote {
  return { kind: "requestPreVote", to: 1, round: 1, lastLogIndex: last[0], lastLogTerm: last[1], from, term, ...rest };
}

export function requestPreVoteResult({
  last = [0, 0],
  ...given
}: Given<RequestPreVoteResult> & { readonly last?: Place }): RequestPreVoteResult {
  const end = { lastLogIndex: last[0], lastLogTerm: last[1] };
  return { kind: "requestPreVoteResult", to: 1, round: 1, voteGranted: true, ...end, ...given };
}

export function pullEntries({ prev, ...given }: Given<PullEntries> & { readonly prev: Place }): PullEntries {
  return { kind: "pullEntries", to: 1, round: 1, prevLogIndex: prev[0], prevLogTerm: prev[1], ...given };
}

/** `terms` are those of the entries after `prev`; `last` is the end of the log that they are a part of. */
export function pulledEntries({
  prev,
  terms = [],
  last,
  ...given
}: Given<PulledEntries> & {
  readonly prev: Place;
  readonly terms?: readonly Term[];
  readonly last: Place;
}): PulledEntries {
  return {
    kind: "pulledEntries",
    to: 1,
    round: 1,
    prevLogIndex: prev[0],
    prevLogTerm: prev[1],
    lastLogIndex: last[0],
    lastLogTerm: last[1],
    entries: commands(prev[0], terms),
    ...given,
  };
}

export function requestVote({ from, term, last, ...rest }: Given<RequestVote> & { readonly last: Place }): RequestVote {
  return {
    kind: "requestVote",
    to: 1,
    round: 2,
    lastLogIndex: last[0],
    lastLogTerm: last[1],
    isTransfer: false,
    from,
    term,
    ...rest,
  };
}

export function requestVoteResult(given: Given<RequestVoteResult>): RequestVoteResult {
  return { kind: "requestVoteResult", to: 1, round: 2, voteGranted: true, ...given };
}

interface Appending {
  /** The entry before the first one. */
  readonly prev: Place;
  /** The terms of the entries; or give `entries` themselves. */
  readonly terms?: readonly Term[];
  readonly commit?: Index;
}

export function appendEntries({
  from,
  term,
  prev,
  terms = [],
  commit = 0,
  ...rest
}: Given<AppendEntries> & Appending): AppendEntries {
  const [prevLogIndex, prevLogTerm] = prev;
  const entries: readonly Entry[] = commands(prevLogIndex, terms);
  return {
    kind: "appendEntries",
    to: 1,
    stream: 1,
    prevLogIndex,
    prevLogTerm,
    leaderCommit: commit,
    entries,
    from,
    term,
    ...rest,
  };
}

/** Acknowledges everything up to `matchIndex`. */
export function accepted(given: Given<AppendEntriesResult> & { readonly matchIndex: Index }): AppendEntriesResult {
  return {
    kind: "appendEntriesResult",
    to: 1,
    stream: 1,
    success: true,
    rejectedIndex: 0,
    hintIndex: 0,
    hintTerm: 0,
    ...given,
  };
}

/** Refuses the append after `rejectedIndex`, and names the last place where the logs may agree. */
export function rejected({
  rejectedIndex,
  hint,
  ...given
}: Given<AppendEntriesResult> & { readonly rejectedIndex: Index; readonly hint: Place }): AppendEntriesResult {
  const [hintIndex, hintTerm] = hint;
  return {
    kind: "appendEntriesResult",
    to: 1,
    stream: 1,
    success: false,
    matchIndex: 0,
    rejectedIndex,
    hintIndex,
    hintTerm,
    ...given,
  };
}

export function heartbeat(given: Given<Heartbeat>): Heartbeat {
  return { kind: "heartbeat", to: 1, round: 1, leaderCommit: 0, isQuiet: false, ...given };
}

export function heartbeatResult(given: Given<HeartbeatResult>): HeartbeatResult {
  return {
    kind: "heartbeatResult",
    to: 1,
    round: 1,
    supportedLevels: { library: 1, application: 1 },
    allowsQuiet: false,
    ...given,
  };
}

export function commit(given: Given<Commit> & { readonly leaderCommit: Index }): Commit {
  return { kind: "commit", to: 1, ...given };
}

export function readIndex(given: Given<ReadIndex>): ReadIndex {
  return { kind: "readIndex", to: 1, readId: 1, isLease: false, ...given };
}

export function readIndexResult(given: Given<ReadIndexResult>): ReadIndexResult {
  return { kind: "readIndexResult", to: 1, readId: 1, success: true, index: 0, ...given };
}
