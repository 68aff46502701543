/**
 * History: the latest writes, kept for those who watch.
 *
 * It is part of the replicated state: what is kept and what is forgotten follows from the commands alone, so a watcher
 * that loses its server finds the same past on every other one. All events of one revision are one record, which is
 * kept and forgotten as a whole.
 */

import type { HistoryLimits } from "./limits.js";

export type KvEvent =
  | {
      readonly type: "put";
      readonly key: string;
      readonly value: Uint8Array;
      readonly createRevision: number;
      readonly version: number;
    }
  | { readonly type: "delete"; readonly key: string }
  /** Its time was over. */
  | { readonly type: "expire"; readonly key: string };

/** Everything that one entry of the log changed, in its order. */
export interface RevisionRecord {
  readonly revision: number;
  readonly events: readonly KvEvent[];
  /** How many events, and bytes, were ever recorded up to and including this record. */
  readonly totalEvents: number;
  readonly totalBytes: number;
}

/** All that a history holds. */
export interface HistoryState {
  /** The last record that was forgotten, and what was recorded up to it. */
  readonly forgotten: { readonly revision: number; readonly totalEvents: number; readonly totalBytes: number };
  readonly records: readonly RevisionRecord[];
}

/** What an event weighs besides its key and value. A constant of the replicated state, not a measurement. */
const EVENT_OVERHEAD_BYTES = 64;

export class History {
  readonly limits: HistoryLimits;
  /** Rising revisions from `#start` on; what lies before is forgotten and cut off now and then. */
  #records: RevisionRecord[];
  #start = 0;
  #forgotten: HistoryState["forgotten"];

  /** Begins as `state`: with nothing, by default. */
  constructor(limits: HistoryLimits, state?: HistoryState) {
    this.limits = limits;
    this.#records = [...(state?.records ?? [])];
    this.#forgotten = state?.forgotten ?? { revision: 0, totalEvents: 0, totalBytes: 0 };
  }

  /** What it holds now; later changes do not show in it. */
  get state(): HistoryState {
    return { forgotten: this.#forgotten, records: this.#records.slice(this.#start) };
  }

  /** The last revision that was forgotten, 0 if none was: watching is possible from any later one on. */
  get forgottenRevision(): number {
    return this.#forgotten.revision;
  }

  /** The oldest revision that is held, 0 when nothing was ever written. */
  get oldestRevision(): number {
    return this.#records[this.#start]?.revision ?? 0;
  }

  /** How many events, and bytes, were ever recorded. */
  get totals(): { readonly totalEvents: number; readonly totalBytes: number } {
    return this.#records.at(-1) ?? this.#forgotten;
  }

  append(revision: number, events: readonly KvEvent[]): void {
    const before = this.totals;
    const sizeBytes = events.reduce((sum, event) => sum + eventBytes(event), 0);
    this.#records.push({
      revision,
      events,
      totalEvents: before.totalEvents + events.length,
      totalBytes: before.totalBytes + sizeBytes,
    });
    this.#forget();
  }

  /** The first record after `revision`, if there is one. */
  next(revision: number): RevisionRecord | undefined {
    let low = this.#start;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#records[middle] as RevisionRecord).revision > revision) high = middle;
      else low = middle + 1;
    }
    return this.#records[low];
  }

  /** Forgets the oldest records until the limits hold; the latest one is kept whatever its size. */
  #forget(): void {
    const { totalEvents, totalBytes } = this.totals;
    const isOver = () =>
      totalEvents - this.#forgotten.totalEvents > this.limits.maxEvents ||
      totalBytes - this.#forgotten.totalBytes > this.limits.maxBytes;
    while (this.#start < this.#records.length - 1 && isOver()) {
      const { revision, totalEvents, totalBytes } = this.#records[this.#start] as RevisionRecord;
      this.#forgotten = { revision, totalEvents, totalBytes };
      // The array is cut seldom, but what a record holds must be free at once.
      this.#records[this.#start] = { revision, events: [], totalEvents, totalBytes };
      this.#start++;
    }
    if (this.#start > 1024 && this.#start * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#start);
      this.#start = 0;
    }
  }
}

function eventBytes(event: KvEvent): number {
  return EVENT_OVERHEAD_BYTES + Buffer.byteLength(event.key) + (event.type === "put" ? event.value.byteLength : 0);
}
