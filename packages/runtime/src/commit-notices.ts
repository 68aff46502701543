/**
 * How far the log is committed, said to followers that lack nothing else. Such a notice waits a moment: a client that was
 * answered mostly has more to say, and its entries carry the commit index. So do heartbeats. Any message may be late or
 * lost, and so the core need not know.
 */

import type { Commit, NodeId } from "@quorate/core";

/** How long a notice waits, in heartbeat intervals: 2 ms of 50. */
const DELAY = 0.04;

export class CommitNotices {
  readonly #delayMs: number;
  readonly #send: (notice: Commit) => void;
  readonly #held = new Map<NodeId, Commit>();
  #dueAt = Number.POSITIVE_INFINITY;

  constructor(heartbeatIntervalMs: number, send: (notice: Commit) => void) {
    this.#delayMs = DELAY * heartbeatIntervalMs;
    this.#send = send;
  }

  /** When {@link flush} is to be called; `Infinity` if nothing is held. */
  get dueAt(): number {
    return this.#dueAt;
  }

  /** A newer one takes the place of an older one, and does not wait longer than that would have. */
  hold(notice: Commit, now: number): void {
    if (this.#held.size === 0) this.#dueAt = now + this.#delayMs;
    this.#held.set(notice.to, notice);
  }

  /** Something else says it to this server now. */
  drop(to: NodeId): void {
    if (this.#held.delete(to) && this.#held.size === 0) this.#dueAt = Number.POSITIVE_INFINITY;
  }

  /** To be called when something is said to this server that it can use only when it knows. */
  hasten(to: NodeId): void {
    const notice = this.#held.get(to);
    if (notice === undefined) return;
    this.drop(to);
    this.#send(notice);
  }

  /** Sends what has waited long enough. */
  flush(now: number): void {
    if (now >= this.#dueAt) for (const to of [...this.#held.keys()]) this.hasten(to);
  }
}
