/** What this process costs: memory, and how late its event loop is, since the interface was opened. */

import { monitorEventLoopDelay } from "node:perf_hooks";

export interface ProcessInfo {
  readonly rssBytes: number;
  /** The most that it ever was. */
  readonly peakRssBytes: number;
  readonly eventLoopDelay: { readonly p99Ms: number; readonly maxMs: number };
}

/** A timer of this period shows it. */
const RESOLUTION_MS = 20;

export class ProcessMeter {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.#delay.enable();
  }

  read(): ProcessInfo {
    const eventLoopDelay = { p99Ms: lateBy(this.#delay.percentile(99)), maxMs: lateBy(this.#delay.max) };
    const peakRssBytes = process.resourceUsage().maxRSS * 1024;
    return { rssBytes: process.memoryUsage.rss(), peakRssBytes, eventLoopDelay };
  }

  close(): void {
    this.#delay.disable();
  }
}

/** From the time between two ticks, in nanoseconds; to a tenth of a millisecond. */
function lateBy(nanoseconds: number): number {
  return Math.max(0, Math.round(nanoseconds / 1e5 - 10 * RESOLUTION_MS) / 10);
}
