/** What is made of the calls of a load: how many, how long they took, and the longest time without a success. */

import { percentile, spread } from "../frame/spread.js";

export interface CallFigures {
  readonly successes: number;
  readonly errors: number;
  /** Of the first error; null if there was none. */
  readonly firstError: string | null;
  /** Of the successes. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Takes down calls as they end. */
export class CallLog {
  readonly #latenciesMs: number[] = [];
  #errors = 0;
  #firstError: string | null = null;

  onSuccess(latencyMs: number): void {
    this.#latenciesMs.push(latencyMs);
  }

  onError(error: unknown): void {
    this.#errors += 1;
    this.#firstError ??= error instanceof Error ? error.message : String(error);
  }

  figures(): CallFigures {
    const sorted = Float64Array.from(this.#latenciesMs).sort();
    return {
      successes: sorted.length,
      errors: this.#errors,
      firstError: this.#firstError,
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      maxMs: percentile(sorted, 1),
    };
  }
}

/** How long the gaps of many kills were: the one that half, or nine of ten, are not above, and the longest. */
export function gapFigures(gapsMs: readonly number[]): { medianMs: number; p90Ms: number; worstMs: number } {
  const sorted = gapsMs.toSorted((left, right) => left - right);
  const p90Ms = sorted[Math.ceil(0.9 * sorted.length) - 1] ?? Number.NaN;
  return { medianMs: spread(sorted).median, p90Ms, worstMs: sorted.at(-1) ?? Number.NaN };
}

/** The longest time between two successes of which the later came after `sinceMs`; 0 if there is none. */
export function longestGapMs(successesMs: readonly number[], sinceMs: number): number {
  const sorted = Float64Array.from(successesMs).sort();
  let longestMs = 0;
  for (let place = 1; place < sorted.length; place += 1) {
    const at = sorted[place] as number;
    if (at > sinceMs) longestMs = Math.max(longestMs, at - (sorted[place - 1] as number));
  }
  return longestMs;
}
