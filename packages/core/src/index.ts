/** The Raft core: facts go in by `step`, consequences come out by `drain`. */

export { decodeJson, encodeJson } from "./ascii-json.js";
export {
  decodeConfiguration,
  encodeConfiguration,
  foundingConfiguration,
  memberOf,
  membersOf,
} from "./configuration.js";
export type {
  ChangeOutcome,
  ChangeRefusal,
  Effects,
  ProposalOutcome,
  ReadLease,
  ReadOutcome,
  ReadRefusal,
  TransferOutcome,
  TransferResult,
  Write,
} from "./effects.js";
export type { Input } from "./input.js";
export { InvariantError } from "./invariant-error.js";
export type {
  AppendEntries,
  AppendEntriesResult,
  AppendRange,
  Commit,
  Heartbeat,
  HeartbeatResult,
  Message,
  OutgoingMessage,
  PullEntries,
  PulledEntries,
  PulledRange,
  ReadIndex,
  ReadIndexResult,
  RequestPreVote,
  RequestPreVoteResult,
  RequestVote,
  RequestVoteResult,
  SnapshotOrder,
  TimeoutNow,
} from "./messages.js";
export { quorumValue, type VoteResult, type VoterSets, voteResult } from "./quorum.js";
export { type FollowerStatus, Raft, type RaftStatus, type RoleName } from "./raft.js";
export { Random } from "./random.js";
export type { RaftOptions, RestoredState } from "./start.js";
export { TermLog, type TermLookup } from "./term-log.js";
export {
  type Configuration,
  type ConfigurationEntry,
  type Entry,
  type EntryId,
  type EntryKind,
  type FeatureLevels,
  type HardState,
  type Index,
  type Member,
  type MemberChange,
  type MemberRole,
  NOBODY,
  type NodeId,
  type SnapshotPoint,
  type TargetConfiguration,
  type Term,
  type TermRun,
  UNCLAIMED,
} from "./types.js";
export { UnsupportedFeatureLevelError } from "./unsupported-feature-level-error.js";
