/**
 * The outline of a group's log: everything but the payloads. It is held in memory, and stored beside the entries in
 * small records, so that opening a log of any length reads none of it.
 *
 * A change is staged: it goes into a batch, and yields the outline that holds once the batch is durable. The outline
 * it started from stays as it is (PITFALLS P12).
 */

import type { Entry, EntryId, HardState, Index, Term, TermRun, Write } from "@quorate/core";
import { NOBODY } from "@quorate/core";
import type { Batch } from "./database.js";
import type { GroupKeys } from "./keys.js";
import { encodeEntry, encodeHead, encodeMembership, encodeTermRun, type Head, type StoredRecord } from "./record.js";

export interface Outline {
  readonly hardState: HardState;
  readonly compacted: EntryId;
  /** Entries up to here are not only compacted, but deleted. */
  readonly erasedIndex: Index;
  readonly lastIndex: Index;
  readonly termRuns: readonly TermRun[];
  /** Where the memberships are. */
  readonly memberships: readonly Index[];
  /** The checksums of the records of all term runs and memberships, combined by XOR. */
  readonly checksum: number;
}

export const BLANK: Outline = {
  hardState: { currentTerm: 0, votedFor: NOBODY },
  compacted: { index: 0, term: 0 },
  erasedIndex: 0,
  lastIndex: 0,
  termRuns: [],
  memberships: [],
  checksum: 0,
};

/** How many entries one batch deletes: the time that a write may have to wait for a compaction. */
const ERASED_PER_BATCH = 1024;

/** The term of the entry at `index`, which lies in the log. */
export function termAt({ termRuns }: Outline, index: Index): Term {
  let low = 0;
  let high = termRuns.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((termRuns[middle]?.firstIndex ?? 0) <= index) low = middle + 1;
    else high = middle;
  }
  return termRuns[low - 1]?.term ?? 0;
}

export function headOf(outline: Outline): Head {
  const { hardState, compacted, erasedIndex, lastIndex, termRuns, memberships, checksum } = outline;
  const lastTerm = termRuns.at(-1)?.term ?? compacted.term;
  const counts = { termRunCount: termRuns.length, membershipCount: memberships.length, outlineChecksum: checksum };
  return { hardState, compacted, erasedIndex, lastIndex, lastTerm, ...counts };
}

/** Puts `writes` into `batch`. Throws a `RangeError` if they do not fit the log; the batch is of no use then. */
export function stageWrites(batch: Batch, keys: GroupKeys, before: Outline, writes: readonly Write[]): Outline {
  const change = new Change(batch, keys, before);
  for (const { hardState, reset, truncateFrom, append } of writes) {
    if (hardState !== null) change.hardState = { currentTerm: hardState.currentTerm, votedFor: hardState.votedFor };
    if (reset !== null) change.reset(reset);
    if (truncateFrom !== null) change.truncate(truncateFrom);
    for (const entry of append) change.append(entry);
  }
  return change.finish();
}

/**
 * Moves the start of the log behind `upTo`, and with it the outline. The entries stay: they are erased afterwards, so
 * that a crash in between leaves entries that nobody asks for, and never a log without its start (PITFALLS S4).
 */
export function stageCompaction(batch: Batch, keys: GroupKeys, before: Outline, upTo: Index): Outline {
  const change = new Change(batch, keys, before);
  // A reset that was under way when the compaction was asked for may have gone further.
  if (upTo > before.compacted.index) change.compact(upTo);
  return change.finish();
}

/**
 * Deletes some of the entries that were compacted, of which `firstStored` is the first that is there, or the first entry
 * of the log: a reset may leave a gap of any width before its place.
 */
export function stageErasure(batch: Batch, keys: GroupKeys, before: Outline, firstStored: Index): Outline {
  const erasedIndex = Math.min(before.compacted.index, firstStored - 1 + ERASED_PER_BATCH);
  for (let index = firstStored; index <= erasedIndex; index += 1) batch.del(keys.at("entry", index));
  const change = new Change(batch, keys, { ...before, erasedIndex });
  return change.finish();
}

/** The lists of the outline are replaced, not written to: readers may still hold them. */
class Change {
  readonly #batch: Batch;
  readonly #keys: GroupKeys;
  readonly #before: Outline;
  #compacted: EntryId;
  #lastIndex: Index;
  #termRuns: TermRun[] | null = null;
  #memberships: Index[] | null = null;
  #checksum: number;
  hardState: HardState;

  constructor(batch: Batch, keys: GroupKeys, before: Outline) {
    this.#batch = batch;
    this.#keys = keys;
    this.#before = before;
    this.#compacted = before.compacted;
    this.#lastIndex = before.lastIndex;
    this.#checksum = before.checksum;
    this.hardState = before.hardState;
  }

  truncate(from: Index): void {
    if (from <= this.#compacted.index) {
      throw new RangeError(`A write truncates from entry ${from}, but ${this.#compacted.index} is compacted`);
    }
    for (let index = from; index <= this.#lastIndex; index += 1) this.#batch.del(this.#keys.at("entry", index));
    this.#lastIndex = Math.min(this.#lastIndex, from - 1);
    while ((this.#lastRun()?.firstIndex ?? 0) >= from) {
      const run = this.#ownTermRuns().pop();
      if (run !== undefined) this.#drop(encodeTermRun(this.#keys, run));
    }
    while ((this.#lastMembership() ?? 0) >= from) {
      const index = this.#ownMemberships().pop();
      if (index !== undefined) this.#drop(encodeMembership(this.#keys, index));
    }
  }

  append(entry: Entry): void {
    const { index, term, kind } = entry;
    if (index !== this.#lastIndex + 1) {
      throw new RangeError(`A write appends entry ${index} after entry ${this.#lastIndex}`);
    }
    const { key, value } = encodeEntry(this.#keys, entry);
    this.#batch.put(key, value);
    this.#lastIndex = index;
    if (this.#lastRun()?.term !== term) this.#addTermRun({ firstIndex: index, term });
    if (kind === "membership") {
      this.#ownMemberships().push(index);
      this.#add(encodeMembership(this.#keys, index));
    }
  }

  /**
   * Entries after `place` go at once, for others will take their keys; they are of the tail that never was committed, and
   * few. Those up to `place`, of which there may be millions, are compacted: they are erased afterwards.
   */
  reset({ index, term }: EntryId): void {
    const { index: start, term: startTerm } = this.#compacted;
    if (index < start || (index === start && term !== startTerm)) {
      throw new RangeError(`A write resets the log to ${index} of term ${term}, but ${start} is compacted`);
    }
    for (let dead = index + 1; dead <= this.#lastIndex; dead += 1) this.#batch.del(this.#keys.at("entry", dead));
    for (const run of this.#termRuns ?? this.#before.termRuns) this.#drop(encodeTermRun(this.#keys, run));
    for (const at of this.#memberships ?? this.#before.memberships) this.#drop(encodeMembership(this.#keys, at));
    this.#termRuns = [];
    this.#memberships = [];
    this.#compacted = { index, term };
    this.#lastIndex = index;
  }

  compact(upTo: Index): void {
    const term = termAt(this.#before, upTo);
    const gone = this.#before.termRuns.filter(({ firstIndex }) => firstIndex <= upTo);
    for (const run of gone) this.#drop(encodeTermRun(this.#keys, run));
    this.#termRuns = this.#before.termRuns.slice(gone.length);
    if (upTo < this.#lastIndex && this.#termRuns[0]?.firstIndex !== upTo + 1) {
      const rest = { firstIndex: upTo + 1, term };
      this.#termRuns.unshift(rest);
      this.#add(encodeTermRun(this.#keys, rest));
    }
    this.#memberships = [];
    for (const index of this.#before.memberships) {
      if (index > upTo) this.#memberships.push(index);
      else this.#drop(encodeMembership(this.#keys, index));
    }
    this.#compacted = { index: upTo, term };
  }

  /** The head goes with every batch: what it says is never older than what the batch did. */
  finish(): Outline {
    const outline: Outline = {
      hardState: this.hardState,
      compacted: this.#compacted,
      erasedIndex: this.#before.erasedIndex,
      lastIndex: this.#lastIndex,
      termRuns: this.#termRuns ?? this.#before.termRuns,
      memberships: this.#memberships ?? this.#before.memberships,
      checksum: this.#checksum,
    };
    const { key, value } = encodeHead(this.#keys, headOf(outline));
    this.#batch.put(key, value);
    return outline;
  }

  #lastRun(): TermRun | undefined {
    return (this.#termRuns ?? this.#before.termRuns).at(-1);
  }

  #lastMembership(): Index | undefined {
    return (this.#memberships ?? this.#before.memberships).at(-1);
  }

  #ownTermRuns(): TermRun[] {
    this.#termRuns ??= [...this.#before.termRuns];
    return this.#termRuns;
  }

  #ownMemberships(): Index[] {
    this.#memberships ??= [...this.#before.memberships];
    return this.#memberships;
  }

  #addTermRun(run: TermRun): void {
    this.#ownTermRuns().push(run);
    this.#add(encodeTermRun(this.#keys, run));
  }

  #add({ key, value, checksum }: StoredRecord): void {
    this.#batch.put(key, value);
    this.#checksum = (this.#checksum ^ checksum) >>> 0;
  }

  #drop({ key, checksum }: StoredRecord): void {
    this.#batch.del(key);
    this.#checksum = (this.#checksum ^ checksum) >>> 0;
  }
}
