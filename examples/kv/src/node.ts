/**
 * What the HTTP server needs of the Raft library: `RaftNode` of `quorate`, and what tests put in its place.
 */

import type { FeatureLevels, JoinGrant, MemberChange, MemberEdit, Membership, Newcomer, SnapshotResult } from "quorate";
import type { KvCommand, KvResult } from "./commands.js";

export type Consistency = "linearizable" | "lease" | "stale";

/** How fresh a read must be. */
export interface Freshness {
  readonly consistency: Consistency;
  /** How old a `stale` read may be; any age unless given. */
  readonly maxStalenessMs?: number | undefined;
}

/** What a write in a session says of itself. */
export interface Numbering {
  /** Its number, from 1 on: the same whenever it is sent again. */
  readonly sequence: number;
  /** All below it are answered, or nobody waits for them. */
  readonly acknowledgedBelow: number;
  /** Whether it may have been executed before. */
  readonly isRetry: boolean;
}

/** A session, wherever it was opened. Every call rejects with a `RaftError`. */
export interface KvSession {
  /** As `KvNode.propose`; executes under one number one command, once. */
  propose(command: KvCommand, options: Numbering & { readonly timeoutMs: number }): Promise<KvResult>;
  keepAlive(options: { readonly timeoutMs: number }): Promise<void>;
  close(options: { readonly timeoutMs: number }): Promise<void>;
}

export interface KvNodeStatus {
  readonly id: number;
  readonly name: string;
  readonly clusterId: string;
  readonly role: string;
  readonly currentTerm: number;
  /** 0 and `null` while no leader is known. */
  readonly leaderId: number;
  readonly leaderName: string | null;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly lastIndex: number;
  /** How many are open, those of servers included. */
  readonly sessions: number;
  /** Whom this server must meet before it takes part; mostly nobody. */
  readonly awaitedFounders: readonly string[];
}

export interface LeaderChange {
  readonly leaderId: number;
  readonly leaderName: string | null;
  readonly term: number;
}

export interface KvNode {
  /** Resolves with the store's answer, or rejects with a `RaftError` that says whether the command took effect. */
  propose(command: KvCommand, options: { readonly timeoutMs: number }): Promise<KvResult>;
  openSession(options: {
    readonly expiresAfterMs: number;
    readonly timeoutMs: number;
  }): Promise<{ readonly id: number }>;
  session(id: number): KvSession;
  /** Runs `query` on the local store, as soon as what it sees is fresh enough. */
  read<Answer>(query: () => Answer, options: Freshness & { readonly timeoutMs: number }): Promise<Answer>;
  status(): KvNodeStatus;
  /** Calls `listener` at once with the leader of now, and on every change. */
  subscribe(event: "leader", listener: (change: LeaderChange) => void): () => void;
  /** Calls `listener` at once with `null`, and with the error when one has stopped this server for good. */
  subscribe(event: "fatal", listener: (fatal: { readonly error: Error } | null) => void): () => void;
  /** Who belongs to the cluster, and how a change of that stands. */
  members(): Membership;
  /** These six reject with a `RaftError` that says why, and whether the change goes on by itself. */
  changeMembers(change: {
    readonly members: readonly MemberChange[];
    readonly version?: number | undefined;
    readonly timeoutMs: number;
  }): Promise<Membership>;
  editMembers(edit: MemberEdit, options: { readonly timeoutMs: number }): Promise<Membership>;
  admit(member: Newcomer, options: { readonly timeoutMs: number }): Promise<JoinGrant>;
  transferLeadership(options: { readonly to?: string | undefined; readonly timeoutMs: number }): Promise<string>;
  raiseFeatureLevels(options: { readonly timeoutMs: number }): Promise<FeatureLevels>;
  snapshot(options: { readonly timeoutMs: number }): Promise<SnapshotResult>;
  /** A leader hands over first, if `handOver` says so. */
  close(options?: { readonly handOver?: boolean }): Promise<void>;
}
