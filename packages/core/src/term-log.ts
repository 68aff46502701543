/**
 * The log as the core knows it: which term wrote which run of indexes, and nothing of what the entries say. Memory
 * grows with the number of leaders there were, not with the number of entries (PITFALLS F7, R23).
 */

import type { EntryId, Index, Term, TermRun } from "./types.js";

/** The term of an entry, or why it cannot be told. Never a number that stands for "none" (PITFALLS R23). */
export type TermLookup = Term | "compacted" | "beyond";

export class TermLog {
  /** The last entry that is no longer in the log but whose term is still known (PITFALLS S18). */
  #compacted: EntryId;
  /** By rising index and term; the last one ends at `lastIndex`. */
  readonly #runs: { firstIndex: Index; term: Term }[];
  #lastIndex: Index;

  /** Throws a `RangeError` if the parts contradict each other (PITFALLS P16). */
  constructor(compacted: EntryId, runs: readonly TermRun[], lastIndex: Index) {
    this.#compacted = compacted;
    this.#runs = runs.map(({ firstIndex, term }) => ({ firstIndex, term }));
    this.#lastIndex = lastIndex;
    let { index, term } = compacted;
    if (lastIndex < index) throw new RangeError(`the log ends at ${lastIndex}, before its start at ${index + 1}`);
    for (const [place, run] of this.#runs.entries()) {
      const misplaced = place === 0 ? run.firstIndex !== index + 1 : run.firstIndex <= index;
      if (misplaced || run.firstIndex > lastIndex)
        throw new RangeError(`a run of term ${run.term} starts at ${run.firstIndex}`);
      if (run.term < term || (place > 0 && run.term === term))
        throw new RangeError(`term ${run.term} follows term ${term}`);
      index = run.firstIndex;
      term = run.term;
    }
    if (lastIndex > compacted.index && this.#runs.length === 0) throw new RangeError("entries without a term");
  }

  /** The first index that can be read; one after the last when the log is empty. */
  get firstIndex(): Index {
    return this.#compacted.index + 1;
  }

  get lastIndex(): Index {
    return this.#lastIndex;
  }

  get lastTerm(): Term {
    return this.#runs[this.#runs.length - 1]?.term ?? this.#compacted.term;
  }

  get runs(): readonly TermRun[] {
    return this.#runs;
  }

  termAt(index: Index): TermLookup {
    if (index > this.#lastIndex) return "beyond";
    if (index === this.#compacted.index) return this.#compacted.term;
    if (index < this.#compacted.index) return "compacted";
    return (this.#runs[this.#runAt(index)] as TermRun).term;
  }

  /** Whether the log holds exactly this entry. */
  matches(index: Index, term: Term): boolean {
    return this.termAt(index) === term;
  }

  /** §5.4.1: whether a log that ends in `other` is at least as up-to-date as this one. Term first, then length (E8). */
  isUpToDate(other: EntryId): boolean {
    return other.term > this.lastTerm || (other.term === this.lastTerm && other.index >= this.#lastIndex);
  }

  /** Adds one entry at `lastIndex + 1`. Terms never fall along the log. */
  append(term: Term): void {
    if (term < this.lastTerm) throw new RangeError(`term ${term} after term ${this.lastTerm}`);
    this.#lastIndex += 1;
    if (this.#runs.length === 0 || term > this.lastTerm) this.#runs.push({ firstIndex: this.#lastIndex, term });
  }

  /** Removes everything from `index` on. */
  truncateFrom(index: Index): void {
    if (index <= this.#compacted.index) throw new RangeError(`cannot truncate from ${index}: compacted`);
    if (index > this.#lastIndex) return;
    this.#lastIndex = index - 1;
    while (this.#runs.length > 0 && (this.#runs[this.#runs.length - 1] as TermRun).firstIndex >= index)
      this.#runs.pop();
  }

  /** The last entry that is no longer in the log, whose term is still known. */
  get compacted(): EntryId {
    return this.#compacted;
  }

  /** Forgets everything up to and including `index`, but for the term there (PITFALLS S18). */
  compactTo(index: Index): void {
    const term = this.termAt(index);
    if (term === "compacted") return;
    if (term === "beyond") throw new RangeError(`cannot compact to ${index}: the log ends at ${this.#lastIndex}`);
    const place = this.#runAt(index);
    const run = this.#runs[place] as { firstIndex: Index; term: Term } | undefined;
    this.#compacted = { index, term };
    if (run === undefined) return;
    const next = this.#runs[place + 1]?.firstIndex ?? this.#lastIndex + 1;
    this.#runs.splice(0, next === index + 1 ? place + 1 : place);
    if (next > index + 1) (this.#runs[0] as { firstIndex: Index; term: Term }).firstIndex = index + 1;
  }

  /** Begins anew, empty, right after `place`. */
  resetTo(place: EntryId): void {
    this.#compacted = { index: place.index, term: place.term };
    this.#runs.length = 0;
    this.#lastIndex = place.index;
  }

  /**
   * The last entry up to `index` whose term is not above `term`: as far as a log that ends in (`index`, `term`) may
   * agree with this one (§5.3, fast back-off; PITFALLS R24). Stops at the start of what is known.
   */
  findConflictByTerm(index: Index, term: Term): EntryId {
    if (index <= this.#compacted.index) return this.#compacted;
    let last = Math.min(index, this.#lastIndex);
    for (let place = this.#runAt(last); place >= 0; place -= 1) {
      const run = this.#runs[place] as TermRun;
      if (run.term <= term) return { index: last, term: run.term };
      last = run.firstIndex - 1;
    }
    return this.#compacted;
  }

  /** The place in `#runs` of the run that holds `index`; −1 before the first. Mostly asked about the end. */
  #runAt(index: Index): number {
    let low = 0;
    let high = this.#runs.length - 1;
    if (high >= 0 && index >= (this.#runs[high] as TermRun).firstIndex) return high;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if ((this.#runs[middle] as TermRun).firstIndex <= index) low = middle + 1;
      else high = middle - 1;
    }
    return high;
  }
}
