/** What several writes that become durable together come to: a place from which on entries go, and those that follow. */

import type { Entry, EntryId, HardState, Index, Write } from "@quorate/core";
import type { Outline } from "./outline.js";

export interface Plan {
  readonly hardState: HardState;
  /** Where the log begins anew; null if it does not. */
  readonly reset: EntryId | null;
  /** What is stored up to here stays, and nothing after it. */
  readonly keptIndex: Index;
  /** Where the log ends, with `entries`, which are its last. */
  readonly lastIndex: Index;
  readonly entries: readonly Entry[];
}

/** Throws a `RangeError` if `writes` do not fit the log. */
export function planWrites(before: Outline, writes: readonly Write[]): Plan {
  const only = writes[0];
  if (writes.length === 1 && only !== undefined && only.reset === null && only.truncateFrom === null) {
    return planAppend(before, only);
  }
  const planner = new Planner(before);
  for (const write of writes) planner.add(write);
  return planner;
}

/** What nearly every write is. */
function planAppend({ hardState, lastIndex }: Outline, write: Write): Plan {
  const { append } = write;
  assertConsecutive(lastIndex, append);
  return {
    hardState: write.hardState ?? hardState,
    reset: null,
    keptIndex: lastIndex,
    lastIndex: lastIndex + append.length,
    entries: append,
  };
}

function assertConsecutive(lastIndex: Index, append: readonly Entry[]): void {
  let index = lastIndex;
  for (const entry of append) {
    if (entry.index !== index + 1) throw new RangeError(`A write appends entry ${entry.index} after entry ${index}`);
    index = entry.index;
  }
}

class Planner implements Plan {
  hardState: HardState;
  reset: EntryId | null = null;
  keptIndex: Index;
  lastIndex: Index;
  readonly entries: Entry[] = [];
  #compacted: EntryId;

  constructor({ hardState, compacted, lastIndex }: Outline) {
    this.hardState = hardState;
    this.keptIndex = lastIndex;
    this.lastIndex = lastIndex;
    this.#compacted = compacted;
  }

  add({ hardState, reset, truncateFrom, append }: Write): void {
    if (hardState !== null) this.hardState = hardState;
    if (reset !== null) this.#reset(reset);
    if (truncateFrom !== null) this.#truncate(truncateFrom);
    assertConsecutive(this.lastIndex, append);
    for (const entry of append) this.entries.push(entry);
    this.lastIndex += append.length;
  }

  #reset({ index, term }: EntryId): void {
    const { index: start, term: startTerm } = this.#compacted;
    if (index < start || (index === start && term !== startTerm)) {
      throw new RangeError(`A write resets the log to ${index} of term ${term}, but ${start} is compacted`);
    }
    this.reset = { index, term };
    this.#compacted = this.reset;
    this.entries.length = 0;
    this.keptIndex = Math.min(this.keptIndex, index);
    this.lastIndex = index;
  }

  #truncate(from: Index): void {
    const { index } = this.#compacted;
    if (from <= index) throw new RangeError(`A write truncates from entry ${from}, but ${index} is compacted`);
    if (from > this.lastIndex) return;
    this.entries.length = Math.max(0, this.entries.length - (this.lastIndex - from + 1));
    this.keptIndex = Math.min(this.keptIndex, from - 1);
    this.lastIndex = from - 1;
  }
}
