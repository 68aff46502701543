/**
 * One follower, as its leader sees it (the paper's `nextIndex` and `matchIndex`, and what flow control needs).
 *
 * - `probe`: where the logs agree is not known. One empty append at a time asks (§5.3).
 * - `replicate`: they agree up to `matchIndex`; entries are sent ahead of the answers (dissertation 10.2.1).
 * - `snapshot`: what it lacks is no longer in the log; a snapshot is on its way, and entries wait (§7).
 *
 * Every return to probing opens a new stream. Its number comes back with each answer: refusals count only if they
 * answer the stream of today (PITFALLS R12, R13), and a success only if it is of this life of the follower.
 */

import type { FeatureLevels, Index, NodeId } from "./types.js";

export type ProgressState = "probe" | "replicate" | "snapshot";

/** How long a server that is no longer a member is still fed, so that it learns of that, in election timeouts (M28). */
const FAREWELL_TIMEOUTS = 4;

/** A round of catching up: everything that was in the log when it began (dissertation 4.2.1). */
interface CatchUpRound {
  readonly targetIndex: Index;
  readonly startedAt: number;
}

export class Progress {
  readonly id: NodeId;
  /** The last index known to be equal and durable there. Never falls (PITFALLS R11). */
  matchIndex: Index = 0;
  /** The next index to send. Always above `matchIndex`. */
  nextIndex: Index;
  state: ProgressState = "probe";
  stream: number;
  /** The stream with which this life of the follower began. */
  readonly firstStream: number;
  /** When the probe under way was sent; null if none is. */
  probeSentAt: number | null = null;
  /** When entries under way last got an answer, or were sent to a follower with none under way. */
  lastProgressAt: number;
  /** When this leader last heard from the follower, in this term. */
  lastContactAt: number;
  /** The newest heartbeat round that it answered. */
  ackedRound = 0;
  /** When that round was sent, if that is not long ago (PITFALLS L1). */
  ackedRoundSentAt = Number.NEGATIVE_INFINITY;
  /** The newest commit index that it was told and could use. */
  sentCommit: Index = 0;
  /** What it said that it supports; null until it has. */
  supportedLevels: FeatureLevels | null = null;
  /** Until when a server that is no member any more is fed; null for a member. */
  farewellUntil: number | null = null;
  #round: CatchUpRound | null = null;

  constructor(id: NodeId, nextIndex: Index, stream: number, now: number) {
    this.id = id;
    this.nextIndex = nextIndex;
    this.stream = stream;
    this.firstStream = stream;
    this.lastProgressAt = now;
    // A new leader gives everyone one election timeout to answer (PITFALLS M27).
    this.lastContactAt = now;
  }

  get hasEntriesUnderWay(): boolean {
    return this.matchIndex + 1 < this.nextIndex;
  }

  onRoundAnswered(round: number, sentAt: number): void {
    if (round <= this.ackedRound) return;
    this.ackedRound = round;
    this.ackedRoundSentAt = sentAt;
  }

  onMatch(index: Index, now: number): void {
    if (index > this.matchIndex) {
      this.matchIndex = index;
      this.lastProgressAt = now;
    }
    this.nextIndex = Math.max(this.nextIndex, this.matchIndex + 1);
  }

  becomeReplicate(): void {
    this.state = "replicate";
    this.nextIndex = this.matchIndex + 1;
    this.probeSentAt = null;
  }

  becomeProbe(nextIndex: Index, stream: number): void {
    this.state = "probe";
    this.nextIndex = Math.max(nextIndex, this.matchIndex + 1);
    this.stream = stream;
    this.probeSentAt = null;
  }

  becomeSnapshot(stream: number): void {
    this.state = "snapshot";
    this.stream = stream;
    this.probeSentAt = null;
  }

  /** It has left the configuration, for good: ids do not come back. It is fed a little longer. */
  seeOff(now: number, electionTimeoutMs: number): void {
    this.farewellUntil ??= now + FAREWELL_TIMEOUTS * electionTimeoutMs;
  }

  /**
   * Whether it keeps up well enough to vote: it took in a round, all that was in the log when the round began, within an
   * election timeout (dissertation 4.2.1; PITFALLS M22). To be asked again and again; each round begins after the last.
   */
  hasCaughtUp(lastIndex: Index, now: number, electionTimeoutMs: number): boolean {
    this.#round ??= { targetIndex: lastIndex, startedAt: now };
    if (this.matchIndex < this.#round.targetIndex) return false;
    const wasQuick = now - this.#round.startedAt < electionTimeoutMs;
    if (!wasQuick) this.#round = { targetIndex: lastIndex, startedAt: now };
    return wasQuick;
  }

  onSent(lastIndex: Index, now: number): void {
    if (!this.hasEntriesUnderWay) this.lastProgressAt = now;
    this.nextIndex = lastIndex + 1;
  }
}
