/** A log as a plain list that may begin after a snapshot: what a disk has, and what its core believes it to have. */

import type { Entry, EntryId, Index, Term, TermRun, Write } from "@quorate/core";

export class CoreLog {
  /** The last entry that is gone from the beginning. */
  #compacted: EntryId;
  readonly #entries: Entry[];

  constructor(compacted: EntryId, entries: readonly Entry[]) {
    this.#compacted = compacted;
    this.#entries = entries.slice();
  }

  get compacted(): EntryId {
    return this.#compacted;
  }

  get lastIndex(): Index {
    return this.#compacted.index + this.#entries.length;
  }

  copy(): CoreLog {
    return new CoreLog(this.#compacted, this.#entries);
  }

  holds({ index, term }: EntryId): boolean {
    return this.#termAt(index) === term;
  }

  #termAt(index: Index): Term | undefined {
    const { index: before, term } = this.#compacted;
    return index === before ? term : this.#entries[index - before - 1]?.term;
  }

  /** The entries after `from`, up to `to`. Throws if one of them is gone: whoever asks for it has no right to. */
  between(from: Index, to: Index): readonly Entry[] {
    const { index } = this.#compacted;
    if (from < index) throw new Error(`entry ${from + 1} is asked for, but everything up to ${index} is gone`);
    return this.#entries.slice(from - index, to - index);
  }

  carryOut({ reset, truncateFrom, append }: Write): void {
    if (reset !== null) this.beginAnew(reset);
    if (truncateFrom !== null)
      this.#entries.length = Math.min(this.#entries.length, truncateFrom - 1 - this.#compacted.index);
    for (const entry of append) this.#entries.push(entry);
  }

  beginAnew({ index, term }: EntryId): void {
    this.#compacted = { index, term };
    this.#entries.length = 0;
  }

  compactTo(index: Index): void {
    const term = this.#termAt(index);
    if (index <= this.#compacted.index || term === undefined) return;
    this.#entries.splice(0, index - this.#compacted.index);
    this.#compacted = { index, term };
  }

  /** What a core is to know of it. */
  describe(): { lastIndex: Index; compacted: EntryId; termRuns: readonly TermRun[]; memberships: readonly Entry[] } {
    const termRuns: TermRun[] = [];
    const memberships: Entry[] = [];
    let term = -1;
    for (const entry of this.#entries) {
      if (entry.term !== term) termRuns.push({ firstIndex: entry.index, term: entry.term });
      if (entry.kind === "membership") memberships.push(entry);
      term = entry.term;
    }
    return { lastIndex: this.lastIndex, compacted: this.#compacted, termRuns, memberships };
  }
}
