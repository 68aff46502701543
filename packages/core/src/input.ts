/** The facts that a core can be told, one at a time, by `Raft.step`. */

import type { Message } from "./messages.js";
import type { Index, MemberChange, NodeId, SnapshotPoint, Term } from "./types.js";

/** Time has passed: the moment that `Effects.deadline` named is here, or an earlier one. */
export interface Tick {
  readonly kind: "tick";
}

/** A message came in. Duplicates, late ones and ones out of order do no harm. */
export interface Receive {
  readonly kind: "receive";
  readonly message: Message;
}

/**
 * Commands to append, in order and all or none. Answered by one `ProposalOutcome` with the same `proposalId` in the
 * next drain. Commands alone: what changes the configuration must pass the rules for that (PITFALLS M2).
 */
export interface Propose {
  readonly kind: "propose";
  readonly proposalId: number;
  /** The payloads, one at least. */
  readonly commands: readonly Uint8Array[];
}

/** A linearizable read wants to begin. Answered by one `ReadOutcome` with the same `readId` in some later drain. */
export interface Read {
  readonly kind: "read";
  readonly readId: number;
  /** Whether the leader's lease will do, if it has one: see `lease.ts`. Default false. */
  readonly isLease?: boolean;
}

/** Every write up to and including `seq` is durable. Reports may come late, twice or out of order (PITFALLS P4). */
export interface Persisted {
  readonly kind: "persisted";
  readonly seq: number;
}

/**
 * The state up to `snapshotIndex`, which is applied, is in a durable snapshot of this server, and so entries up to
 * `compactTo` may go, which is not beyond it. From the next drain on the core orders none of those (PITFALLS S4, S21).
 */
export interface Compact {
  readonly kind: "compact";
  readonly snapshotIndex: Index;
  readonly compactTo: Index;
}

/**
 * A snapshot that `from` sent in `term`, in answer to its order `stream`, is whole and durable here. If it reaches
 * beyond what is committed, the log begins anew after it, or keeps what goes on from it (§7).
 */
export interface SnapshotInstalled {
  readonly kind: "snapshotInstalled";
  readonly from: NodeId;
  readonly term: Term;
  readonly stream: number;
  readonly snapshot: SnapshotPoint;
}

/**
 * The sending of a snapshot to `to`, ordered as `stream` in `term`, came to nothing: it broke off, or was whole, and yet
 * the follower's acknowledgement stays away. Every order ends (PITFALLS S5).
 */
export interface SnapshotFailed {
  readonly kind: "snapshotFailed";
  readonly to: NodeId;
  readonly term: Term;
  readonly stream: number;
}

/**
 * A change of the cluster's members. Answered by one `ChangeOutcome` with the same `changeId` in the next drain; what
 * follows from it then follows by itself.
 */
export interface ChangeMembers {
  readonly kind: "changeMembers";
  readonly changeId: number;
  /** The index of the configuration that the change is based on: refused if another one is in force (PITFALLS M23). */
  readonly basedOn: Index;
  /** All members that there shall be. */
  readonly members: readonly MemberChange[];
}

/**
 * The feature levels are to rise to what every member supports. Answered by one `ChangeOutcome` with the same `changeId`
 * in the next drain.
 */
export interface RaiseFeatureLevels {
  readonly kind: "raiseFeatureLevels";
  readonly changeId: number;
}

/** The leader is to hand over to `to`, or to whoever fits best. Answered by one `TransferOutcome`. */
export interface TransferLeadership {
  readonly kind: "transferLeadership";
  readonly transferId: number;
  /** NOBODY: the caught-up voter of the highest priority. */
  readonly to: NodeId;
}

/**
 * Whether server `peer` is still there is in doubt: a connection to it ended, or somebody has begun to wait for its
 * answer. A hint, which may be wrong or come late: in a quiet it makes this server look whether `peer` is there, and
 * otherwise it changes nothing (see `quiet.ts`).
 */
export interface Suspect {
  readonly kind: "suspect";
  readonly peer: NodeId;
}

export type Input =
  | Tick
  | Receive
  | Propose
  | Read
  | Persisted
  | Compact
  | SnapshotInstalled
  | SnapshotFailed
  | ChangeMembers
  | RaiseFeatureLevels
  | TransferLeadership
  | Suspect;
