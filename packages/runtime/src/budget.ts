/**
 * A bound on memory, in bytes (PITFALLS F4). Whoever takes remembers how much, and gives exactly that back (F5). Whoever
 * gets nothing is told when there is likely to be room, from how fast the others gave back of late.
 */

import { RaftError } from "@quorate/contracts";

/** How far back the rate looks at least, in milliseconds. */
const WINDOW_MS = 500;
const MIN_RETRY_MS = 5;
/** What is said when nothing was given back of late, and at most. */
const MAX_RETRY_MS = 1000;

export class Budget {
  readonly #limit: number;
  #used = 0;
  /** What was given back in the window that began at `#windowStart`, and in the one before it. */
  #givenBack = 0;
  #windowStart = 0;
  #bytesPerMs = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /**
   * Takes `bytes` if they fit, or if nothing else is taken: one that is too large must not wait for ever. Otherwise
   * throws `OVERLOADED`, which says when to try again.
   */
  take(bytes: number, now: number): void {
    if (this.#used > 0 && this.#used + bytes > this.#limit) {
      const message = `What is under way takes ${this.#used} of ${this.#limit} bytes already.`;
      throw new RaftError("OVERLOADED", message, { retryAfterMs: this.#retryAfterMs(bytes, now) });
    }
    this.#used += bytes;
  }

  /** Takes `bytes`, whether they fit or not: for what others need that fitted. */
  force(bytes: number): void {
    this.#used += bytes;
  }

  giveBack(bytes: number): void {
    this.#used -= bytes;
    this.#givenBack += bytes;
  }

  #retryAfterMs(bytes: number, now: number): number {
    const elapsedMs = now - this.#windowStart;
    if (elapsedMs >= WINDOW_MS) {
      this.#bytesPerMs = this.#givenBack / elapsedMs;
      this.#givenBack = 0;
      this.#windowStart = now;
    }
    if (this.#bytesPerMs === 0) return MAX_RETRY_MS;
    const waitMs = (this.#used + bytes - this.#limit) / this.#bytesPerMs;
    return Math.ceil(Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, waitMs)));
  }
}
