/** The Raft core: facts go in by `step`, consequences come out by `drain`. */

export type { Effects, ProposalOutcome, ReadOutcome, Write } from "./effects.js";
export type { Input } from "./input.js";
export type {
  AppendEntries,
  AppendEntriesResult,
  AppendRange,
  Commit,
  Heartbeat,
  HeartbeatResult,
  Message,
  OutgoingMessage,
  ReadIndex,
  ReadIndexResult,
  RequestPreVote,
  RequestPreVoteResult,
  RequestVote,
  RequestVoteResult,
} from "./messages.js";
export {
  type Configuration,
  type Entry,
  type EntryId,
  type EntryKind,
  type HardState,
  type Index,
  type Member,
  NOBODY,
  type NodeId,
  type ProposedEntry,
  type Term,
  type TermRun,
} from "./types.js";
