/** What a log storage should hold: the plain list that it is to its users. Immutable; each change gives another one. */

import type { StoredState } from "@quorate/contracts";
import type { Entry, EntryId, HardState, Index, TermRun, Write } from "@quorate/core";

export class LogModel {
  readonly hardState: HardState;
  readonly compacted: EntryId;
  /** Those after `compacted`. */
  readonly entries: readonly Entry[];

  constructor(hardState: HardState, compacted: EntryId, entries: readonly Entry[]) {
    this.hardState = hardState;
    this.compacted = compacted;
    this.entries = entries;
  }

  get lastIndex(): Index {
    return this.compacted.index + this.entries.length;
  }

  get lastTerm(): number {
    return this.entries[this.entries.length - 1]?.term ?? this.compacted.term;
  }

  at(index: Index): Entry | undefined {
    return this.entries[index - this.compacted.index - 1];
  }

  after(writes: readonly Write[]): LogModel {
    let { hardState, compacted } = this;
    const entries = [...this.entries];
    for (const write of writes) {
      hardState = write.hardState ?? hardState;
      if (write.reset !== null) {
        compacted = write.reset;
        entries.length = 0;
      }
      if (write.truncateFrom !== null) entries.length = Math.max(0, write.truncateFrom - 1 - compacted.index);
      entries.push(...write.append);
    }
    return new LogModel(hardState, compacted, entries);
  }

  compactedUpTo(upTo: Index): LogModel {
    const entry = this.at(upTo);
    if (entry === undefined) return this;
    const compacted = { index: entry.index, term: entry.term };
    return new LogModel(this.hardState, compacted, this.entries.slice(upTo - this.compacted.index));
  }

  get termRuns(): TermRun[] {
    const runs: TermRun[] = [];
    for (const { index, term } of this.entries) {
      if (runs[runs.length - 1]?.term !== term) runs.push({ firstIndex: index, term });
    }
    return runs;
  }

  /** As many entries as fit into `maxBytes`, but at least one; none if the log does not go so far. */
  page(first: Index, last: Index, maxBytes: number): Entry[] {
    const page: Entry[] = [];
    let sizeBytes = 0;
    if (last > this.lastIndex) return page;
    for (let index = first; index <= last; index += 1) {
      const entry = this.at(index);
      if (entry === undefined) return page;
      sizeBytes += entry.data.length;
      if (page.length > 0 && sizeBytes > maxBytes) return page;
      page.push(entry);
    }
    return page;
  }

  /** In words, to compare with what {@link describeStored} says, and to show. */
  describe(): string {
    const { hardState, compacted, lastIndex, termRuns } = this;
    const memberships = this.entries.filter(({ kind }) => kind === "membership");
    return describeStored({ hardState, compacted, lastIndex, termRuns, memberships });
  }
}

export function describeStored(state: Omit<StoredState, "identity">): string {
  const { hardState, compacted, lastIndex, termRuns, memberships } = state;
  const runs = termRuns.map(({ firstIndex, term }) => `term ${term} from ${firstIndex} on`).join(", ");
  const at = memberships.map(({ index }) => index).join(", ");
  return [
    `term ${hardState.currentTerm}, vote ${hardState.votedFor}`,
    `compacted up to ${compacted.index}@${compacted.term}`,
    `last index ${lastIndex}`,
    runs || "no entries",
    `memberships at ${at || "none"}`,
  ].join(", ");
}

/** "5@3 command of 17 bytes #9f03": what makes an entry this one. */
export function describeEntry({ index, term, kind, data }: Entry): string {
  let checksum = 0;
  for (const byte of data) checksum = (Math.imul(checksum, 31) + byte) & 0xffff;
  return `${index}@${term} ${kind} of ${data.length} bytes #${checksum.toString(16)}`;
}

export function describeChange({ hardState, reset, truncateFrom, append }: Write): string {
  const parts: string[] = [];
  if (hardState !== null) parts.push(`term ${hardState.currentTerm}, vote ${hardState.votedFor}`);
  if (reset !== null) parts.push(`begin anew after ${reset.index}@${reset.term}`);
  if (truncateFrom !== null) parts.push(`drop from ${truncateFrom} on`);
  if (append.length > 0) parts.push(append.map(describeEntry).join("; "));
  return parts.join(", ") || "nothing";
}
