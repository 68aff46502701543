/**
 * What a {@link MemoryDisk} holds: one server's identity, hard state and log, the log as an array that starts right
 * after the last compacted entry. A batch is checked as a whole before the first of it is carried out.
 */

import { StorageError, type StorageIdentity, type StoredState } from "@quorate/contracts";
import { type Entry, type EntryId, type HardState, type Index, NOBODY, type TermRun, type Write } from "@quorate/core";

const NOTHING_COMPACTED: EntryId = { index: 0, term: 0 };

export class Contents {
  readonly #identity: StorageIdentity;
  #hardState: HardState = { currentTerm: 0, votedFor: NOBODY };
  #compacted: EntryId = NOTHING_COMPACTED;
  readonly #entries: Entry[] = [];
  readonly #damaged = new Set<Index>();

  constructor(identity: StorageIdentity) {
    this.#identity = { ...identity };
  }

  get lastIndex(): Index {
    return this.#compacted.index + this.#entries.length;
  }

  /** Carries out all of `writes`, or throws `STORAGE_FAILED` and has done nothing. */
  apply(writes: readonly Write[]): void {
    this.#check(writes);
    for (const { hardState, reset, truncateFrom, append } of writes) {
      if (hardState !== null) this.#hardState = { ...hardState };
      if (reset !== null) this.#reset(reset);
      if (truncateFrom !== null) this.#truncate(truncateFrom);
      for (const entry of append) this.#entries.push(entry);
    }
  }

  read(firstIndex: Index, lastIndex: Index, maxBytes: number): Entry[] {
    if (firstIndex > lastIndex) throw new RangeError(`read(${firstIndex}, ${lastIndex}): a reversed range`);
    if (firstIndex <= this.#compacted.index) {
      const message = `Entry ${firstIndex} is compacted: the log starts after ${this.#compacted.index}.`;
      throw new StorageError("STORAGE_COMPACTED", message);
    }
    const entries: Entry[] = [];
    let sizeBytes = 0;
    for (let index = firstIndex; index <= lastIndex; index += 1) {
      const entry = this.#entries[index - this.#compacted.index - 1];
      if (entry === undefined) throw new StorageError("STORAGE_CORRUPT", `Entry ${index} is missing.`);
      sizeBytes += entry.data.length;
      if (entries.length > 0 && sizeBytes > maxBytes) break;
      if (this.#damaged.has(index)) throw new StorageError("STORAGE_CORRUPT", `Entry ${index} is damaged.`);
      entries.push(entry);
    }
    return entries;
  }

  compact(upTo: Index): void {
    if (upTo > this.lastIndex) throw new RangeError(`compact(${upTo}): the log ends at ${this.lastIndex}`);
    const last = this.#entries[upTo - this.#compacted.index - 1];
    if (last === undefined) return;
    this.#entries.splice(0, upTo - this.#compacted.index);
    this.#compacted = { index: last.index, term: last.term };
    for (const index of this.#damaged) if (index <= upTo) this.#damaged.delete(index);
  }

  damage(index: Index): void {
    if (index <= this.#compacted.index || index > this.lastIndex) throw new RangeError(`There is no entry ${index}`);
    this.#damaged.add(index);
  }

  state(): StoredState {
    const termRuns: TermRun[] = [];
    let runTerm: number | null = null;
    for (const { index, term } of this.#entries) {
      if (term !== runTerm) termRuns.push({ firstIndex: index, term });
      runTerm = term;
    }
    const memberships = this.#entries.filter(({ kind }) => kind === "membership");
    for (const { index } of memberships) {
      if (this.#damaged.has(index)) throw new StorageError("STORAGE_CORRUPT", `Entry ${index} is damaged.`);
    }
    return {
      identity: { ...this.#identity },
      hardState: { ...this.#hardState },
      compacted: { ...this.#compacted },
      lastIndex: this.lastIndex,
      termRuns,
      memberships,
    };
  }

  #reset({ index, term }: EntryId): void {
    this.#entries.length = 0;
    this.#compacted = { index, term };
    this.#damaged.clear();
  }

  #truncate(from: Index): void {
    this.#entries.length = Math.min(this.#entries.length, from - this.#compacted.index - 1);
    for (const index of this.#damaged) if (index >= from) this.#damaged.delete(index);
  }

  #check(writes: readonly Write[]): void {
    let { lastIndex } = this;
    let compacted = this.#compacted;
    for (const { reset, truncateFrom, append } of writes) {
      if (reset !== null) {
        const { index, term } = reset;
        if (index < compacted.index || (index === compacted.index && term !== compacted.term)) {
          throw new StorageError("STORAGE_FAILED", `A write resets the log to ${index}, which is compacted.`);
        }
        compacted = reset;
        lastIndex = index;
      }
      if (truncateFrom !== null) {
        if (truncateFrom <= compacted.index) {
          throw new StorageError("STORAGE_FAILED", `A write truncates from ${truncateFrom}, which is compacted.`);
        }
        lastIndex = Math.min(lastIndex, truncateFrom - 1);
      }
      for (const { index } of append) {
        if (index !== lastIndex + 1) {
          throw new StorageError("STORAGE_FAILED", `A write appends entry ${index} after entry ${lastIndex}.`);
        }
        lastIndex = index;
      }
    }
  }
}
