/**
 * The time of the cluster, as this server would go on with it if it led: what the log said last, and what its own clock
 * has measured since. No time of day is involved: zero means nothing, and no server's clock matters but while it leads.
 *
 * A server that restarts knows no more than the log. A follower of long standing knows how long ago it learned of the
 * last entry, so that a change of leaders costs no time.
 */

import type { Clock } from "@quorate/contracts";

export class ClusterTime {
  readonly #clock: Clock;
  /** What to add to the own clock. */
  #offsetMs: number;
  /** The highest that was written or seen: it never goes back. */
  #highestMs = 0;
  #writtenAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offsetMs = -clock.now();
  }

  /** The highest that was written or seen. */
  get highestMs(): number {
    return this.#highestMs;
  }

  /** When this server last wrote the time, on its own clock. */
  get writtenAt(): number {
    return this.#writtenAt;
  }

  /** The time, as this server would write it. */
  now(): number {
    return Math.max(this.#highestMs, Math.floor(this.#clock.now() + this.#offsetMs));
  }

  /** The time that is written into an entry, in whole milliseconds. */
  write(): number {
    this.#writtenAt = this.#clock.now();
    this.#highestMs = this.now();
    return this.#highestMs;
  }

  /** The log, as far as it is applied here, says `timeMs`. A leader is led by its own clock, unless it lags. */
  observe(timeMs: number, isLeader: boolean): void {
    const offsetMs = timeMs - this.#clock.now();
    if (!isLeader || offsetMs > this.#offsetMs) this.#offsetMs = offsetMs;
    this.#highestMs = Math.max(this.#highestMs, timeMs);
  }

  /** When it will be `timeMs`, on this server's clock. */
  whenIs(timeMs: number): number {
    return timeMs - this.#offsetMs;
  }
}
