/** The clock of this machine, as Node has it. */

import type { Clock } from "@quorate/contracts";

/** Node's timers fire at once when they are set for longer than this (PITFALLS F3). */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Monotonic time from `performance.now`, whatever happens to the time of day (PITFALLS L4). `soon` comes after the
 * input that has arrived was read, in `setImmediate` (F2).
 */
export const systemClock: Clock = {
  now: () => performance.now(),

  wakeAt(atMs, callback) {
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      const remainingMs = atMs - performance.now();
      timer =
        remainingMs > MAX_TIMER_MS
          ? setTimeout(wait, MAX_TIMER_MS)
          : setTimeout(callback, Math.max(0, Math.ceil(remainingMs)));
    };
    wait();
    return () => clearTimeout(timer);
  },

  soon(callback) {
    const immediate = setImmediate(callback);
    return () => clearImmediate(immediate);
  },
};
