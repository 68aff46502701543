/**
 * One follower, as its leader sees it (the paper's `nextIndex` and `matchIndex`, and what flow control needs).
 *
 * - `probe`: where the logs agree is not known. One empty append at a time asks (§5.3).
 * - `replicate`: they agree up to `matchIndex`; entries are sent ahead of the answers (dissertation 10.2.1).
 *
 * Every return to probing opens a new stream. Its number comes back with each answer: refusals count only if they
 * answer the stream of today (PITFALLS R12, R13), and a success only if it is of this life of the follower.
 */

import type { Index, NodeId } from "./types.js";

export type ProgressState = "probe" | "replicate";

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
  /** The newest commit index that it was told and could use. */
  sentCommit: Index = 0;

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

  onSent(lastIndex: Index, now: number): void {
    if (!this.hasEntriesUnderWay) this.lastProgressAt = now;
    this.nextIndex = lastIndex + 1;
  }
}
