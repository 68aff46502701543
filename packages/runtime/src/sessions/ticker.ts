/**
 * When a leader writes the time though it has nothing else to write: soon after something expires by it, and once a
 * second as long as something of the state machine's is going to, so that what happens to the whole cluster costs no more
 * than that. When nothing is going to expire nothing is written.
 */

import type { ClusterTime } from "./cluster-time.js";

/** The longest that a leader leaves the time unwritten while something of the state machine's is to expire. */
const TICK_INTERVAL_MS = 1000;

/** When something will expire, as far as it is applied here, in the time of the cluster; `Infinity` if nothing is to. */
export interface Expiries {
  nextSessionExpiryMs(nowMs: number): number;
  nextStateExpiryMs(): number;
}

export class Ticker {
  readonly #time: ClusterTime;
  readonly #expiries: Expiries;

  constructor(time: ClusterTime, expiries: Expiries) {
    this.#time = time;
    this.#expiries = expiries;
  }

  /** When a tick is due, on this server's clock, if it leads; may lie in the past. */
  get dueAt(): number {
    const { highestMs, writtenAt } = this.#time;
    const sessionMs = this.#expiries.nextSessionExpiryMs(this.#time.now());
    const stateMs = Math.ceil(this.#expiries.nextStateExpiryMs());
    const latest = writtenAt + TICK_INTERVAL_MS;
    const expiryMs = Math.min(sessionMs, stateMs);
    // What is written already, and not yet applied, is not written again at once.
    if (expiryMs <= highestMs) return latest;
    const dueAt = this.#time.whenIs(expiryMs);
    return stateMs === Number.POSITIVE_INFINITY ? dueAt : Math.min(dueAt, latest);
  }
}
