/** The roles of §5.1, each with the fields that mean something in it and no others. */

import type { Progress } from "./progress.js";
import { RoundTimes } from "./round-times.js";
import { type Index, NOBODY, type NodeId } from "./types.js";

/** The stream with which every leadership begins to feed its followers; see `progress.ts`. */
export const FIRST_STREAM = 1;

/** Whose read it is: a local one (`from` is this server), or one that a follower asks for. */
export interface ReadOrigin {
  readonly from: NodeId;
  readonly readId: number;
}

/** A read that waits for its index. */
export interface PendingRead extends ReadOrigin {
  /** Whether the leader's lease will do. */
  readonly isLease: boolean;
}

/** What a follower asks its leader on behalf of its reads: one question at a time, so that reads gather meanwhile. */
export class LeaderQuestion {
  /** Whether the leader's lease will do. */
  readonly isLease: boolean;
  /** Reads that no question covers yet. */
  waiting: number[] = [];
  /** The question that covers earlier ones. */
  asked: { readonly readId: number; readonly askedAt: number; readonly reads: readonly number[] } | null = null;

  constructor(isLease: boolean) {
    this.isLease = isLease;
  }

  takeAll(): number[] {
    const reads = [...(this.asked?.reads ?? []), ...this.waiting];
    this.asked = null;
    this.waiting = [];
    return reads;
  }
}

export class Follower {
  readonly kind = "follower";
  leaderId: NodeId = NOBODY;
  electionDeadline: number;
  /** The newest heartbeat round of the leader that it has heard. */
  heardRound = 0;
  /** Whether that round said that the next one may take longer; see `quiet.ts`. */
  isQuiet = false;
  /** Until when it does not let itself be lulled, for it had a reason to wake up. */
  doubtsUntil = Number.NEGATIVE_INFINITY;
  /** Those that want a quorum's word do not hold up those that a lease will do for. */
  readonly questions = [new LeaderQuestion(false), new LeaderQuestion(true)] as const;

  constructor(electionDeadline: number) {
    this.electionDeadline = electionDeadline;
  }
}

/** Asks whether it could win before it disturbs anyone (dissertation 9.6). */
export class PreCandidate {
  readonly kind = "preCandidate";
  readonly round: number;
  /** Who said what: a set of servers, not a count (PITFALLS E5). */
  readonly votes = new Map<NodeId, boolean>();
  electionDeadline: number;

  constructor(round: number, electionDeadline: number) {
    this.round = round;
    this.electionDeadline = electionDeadline;
  }
}

export class Candidate {
  readonly kind = "candidate";
  readonly round: number;
  readonly votes = new Map<NodeId, boolean>();
  electionDeadline: number;
  /** The write that makes this campaign and the vote for itself durable; it does not count before (PITFALLS E3). */
  readonly ownVoteSeq: number;

  constructor(round: number, electionDeadline: number, ownVoteSeq: number) {
    this.round = round;
    this.electionDeadline = electionDeadline;
    this.ownVoteSeq = ownVoteSeq;
  }
}

/** A leader on its way out (dissertation 3.10). Ends with its leadership, or at `deadline` (PITFALLS T2). */
export interface Transfer {
  /** Who wants to know; null if the leader itself found someone of a higher priority. */
  readonly transferId: number | null;
  readonly to: NodeId;
  readonly deadline: number;
  /** When the target was last told to campaign; null until it has the whole log (PITFALLS T7). */
  sentAt: number | null;
}

/** How far a leader has got that is no member any more. */
interface Farewell {
  /** The heartbeat round that tells those who stay. */
  readonly round: number;
  /** Whether it has begun to hand over: it does so once. */
  handsOver: boolean;
}

export class Leader {
  readonly kind = "leader";
  /** By rising id, so that the same inputs give the same effects (PITFALLS F13). Follows the configuration. */
  followers: readonly Progress[];
  /** The entry that opened the term. Once it is committed, so is everything before it (§8). */
  readonly noopIndex: Index;
  heartbeatDueAt: number;
  /** The newest heartbeat round. An answer confirms leadership for what was asked before the round began (Q2). */
  round = 0;
  readonly roundTimes = new RoundTimes();
  lastStream: number;
  /** Reads that the next round will confirm. */
  waitingReads: PendingRead[] = [];
  /** Reads that `round` will confirm, at the commit index of its start. */
  confirmingReads: { readonly round: number; readonly index: Index; readonly reads: readonly PendingRead[] } | null =
    null;
  /** It asked for another leader, or its clock went back: no lease for the rest of the term (PITFALLS L3, L12). */
  hasLostLease = false;
  /** While it lasts, neither proposals nor reads are taken (PITFALLS T1, Q6). */
  transfer: Transfer | null = null;
  /** Since when nothing has been under way; null while something is. See `quiet.ts`. */
  restsSince: number | null = null;
  /** The first heartbeat round of the quiet that there is; null if there is none. */
  quietFrom: number | null = null;
  /** When the last quiet ended. */
  wokeAt = Number.NEGATIVE_INFINITY;
  /** Its removal is committed, and it is on its way out (PITFALLS M14); null for a leader that stays. */
  farewell: Farewell | null = null;

  constructor(followers: readonly Progress[], noopIndex: Index, now: number) {
    this.followers = followers;
    this.noopIndex = noopIndex;
    this.heartbeatDueAt = now;
    this.lastStream = FIRST_STREAM;
  }

  /** Has the next round of heartbeats begin at once; its number. */
  hastenRound(now: number): number {
    this.heartbeatDueAt = now;
    return this.round + 1;
  }

  progressOf(id: NodeId): Progress | undefined {
    for (const progress of this.followers) if (progress.id === id) return progress;
    return undefined;
  }
}

export type Role = Follower | PreCandidate | Candidate | Leader;
