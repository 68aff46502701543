/** What there is to see of a node, as one plain object that survives `JSON.stringify`. */

import type { Durability, RaftError, RaftErrorCode, StorageIdentity, TransportStatus } from "@quorate/contracts";
import { type FollowerStatus, type Index, NOBODY, type NodeId, type RaftStatus, type Term } from "@quorate/core";
import type { MemberStatus, Membership } from "./members.js";
import type { NodeRole } from "./node-events.js";
import type { SnapshotsStatus } from "./snapshots.js";

export interface NodeStatus {
  readonly id: NodeId;
  readonly name: string;
  readonly clusterId: string;
  readonly role: NodeRole;
  readonly currentTerm: Term;
  /** 0 if no leader is known. */
  readonly leaderId: NodeId;
  readonly leaderName: string | null;
  /** Whether nobody wants anything, and servers speak less often for it, as far as this server knows (`allowsQuiet`). */
  readonly isQuiet: boolean;
  /** Up to here the log will never change, as far as this server knows. */
  readonly commitIndex: Index;
  /** Up to here the state machine has applied the log. */
  readonly appliedIndex: Index;
  /** The end of the log. */
  readonly lastIndex: Index;
  /** The end of what this server has stored. */
  readonly durableIndex: Index;
  /** Those of the configuration in force, by rising id. */
  readonly members: readonly MemberStatus[];
  /** Which configuration is in force, which is committed, and how far the change between them is (PITFALLS O9). */
  readonly membership: Omit<Membership, "members">;
  /**
   * The founders that this server has yet to meet before it takes part, for its disk was blank when it started; empty soon
   * after that, unless the cluster has lived and too few of them are there.
   */
  readonly awaitedFounders: readonly string[];
  /** How each follower stands; empty unless this server leads. Times are on the node's clock. */
  readonly followers: readonly FollowerStatus[];
  readonly pendingProposals: number;
  readonly pendingReads: number;
  /** The sessions that are open, as far as this server has applied the log. */
  readonly sessions: number;
  /** The time of the cluster, as far as this server has applied the log, in milliseconds. */
  readonly timeMs: number;
  /** What proposals and reads under way take, and the log's uncommitted tail with them. */
  readonly pendingBytes: number;
  /** What the cache of recent entries takes. */
  readonly logCacheBytes: number;
  readonly storage: {
    readonly durability: Durability;
    /** The write under way takes longer than `storageStallMs`: this server does not lead meanwhile (PITFALLS P8). */
    readonly isStalled: boolean;
  };
  /** Null if this server was given no storage for snapshots. */
  readonly snapshots: SnapshotsStatus | null;
  readonly transport: TransportStatus;
  /** Messages that were not for this server, or from none of its cluster. */
  readonly refusedMessages: number;
  /** How often `onWarning` was called, or would have been. */
  readonly warnings: number;
  /** Why this node has stopped for good, or null. */
  readonly fatal: { readonly code: RaftErrorCode; readonly message: string } | null;
}

/** What a status is made of. */
interface Parts
  extends Pick<
    NodeStatus,
    | "awaitedFounders"
    | "appliedIndex"
    | "pendingProposals"
    | "pendingReads"
    | "sessions"
    | "timeMs"
    | "pendingBytes"
    | "logCacheBytes"
    | "storage"
    | "snapshots"
    | "transport"
    | "refusedMessages"
    | "warnings"
  > {
  readonly identity: StorageIdentity;
  readonly raft: RaftStatus;
  readonly membership: Membership;
  readonly isRunning: boolean;
  readonly fatal: RaftError | null;
}

export function statusOf({ identity, raft, membership, isRunning, fatal, ...rest }: Parts): NodeStatus {
  const { members, ...version } = membership;
  const leaderId = isRunning ? raft.leaderId : NOBODY;
  return {
    id: identity.nodeId,
    name: identity.name,
    clusterId: identity.clusterId,
    role: isRunning ? raft.role : "stopped",
    currentTerm: raft.currentTerm,
    leaderId,
    leaderName: members.find(({ id }) => id === leaderId)?.name ?? null,
    isQuiet: isRunning && raft.isQuiet,
    commitIndex: raft.commitIndex,
    lastIndex: raft.lastIndex,
    durableIndex: raft.durableIndex,
    members,
    membership: version,
    followers: isRunning ? raft.followers : [],
    fatal: fatal === null ? null : { code: fatal.code, message: fatal.message },
    ...rest,
  };
}
