/**
 * What one server has asked to be written, and what of it would survive a crash: an ordered queue of atomic writes in
 * front of a state that holds the finished ones. A write is there whole or not at all, and never without the ones
 * before it, as the storage port promises.
 */

import {
  type Entry,
  type EntryId,
  type HardState,
  type Index,
  NOBODY,
  type RestoredState,
  type Write,
} from "../../src/index.js";
import { snapshotOf, termRunsOf } from "./entries.js";

export interface DiskContent {
  readonly hardState?: HardState;
  readonly compacted?: EntryId;
  readonly entries?: readonly Entry[];
}

export class Disk {
  readonly compacted: EntryId;
  #durable: { hardState: HardState; entries: Entry[] };
  /** The log as asked for, whether durable or not: what a server that runs can read. */
  #entries: Entry[];
  #pending: Write[] = [];

  constructor({ hardState, compacted = { index: 0, term: 0 }, entries = [] }: DiskContent) {
    this.compacted = compacted;
    const lastTerm = entries[entries.length - 1]?.term ?? compacted.term;
    this.#durable = { hardState: hardState ?? { currentTerm: lastTerm, votedFor: NOBODY }, entries: [...entries] };
    this.#entries = [...entries];
  }

  /** Every entry that was asked for and not truncated, by rising index. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  get durableEntries(): readonly Entry[] {
    return this.#durable.entries;
  }

  get durableHardState(): HardState {
    return this.#durable.hardState;
  }

  get pending(): readonly Write[] {
    return this.#pending;
  }

  entryAt(index: Index): Entry | undefined {
    return this.#entries[index - this.compacted.index - 1];
  }

  durableEntryAt(index: Index): Entry | undefined {
    return this.#durable.entries[index - this.compacted.index - 1];
  }

  submit(write: Write): void {
    this.#entries = this.#applied(this.#entries, write);
    this.#pending.push(write);
  }

  /** Finishes the oldest `count` writes; returns the number of the last one, or null if there was none. */
  complete(count: number): number | null {
    let seq: number | null = null;
    for (const write of this.#pending.splice(0, count)) {
      const hardState = write.hardState ?? this.#durable.hardState;
      this.#durable = { hardState, entries: this.#applied(this.#durable.entries, write) };
      seq = write.seq;
    }
    return seq;
  }

  /** The machine stops: of the outstanding writes the oldest `completing` made it to the disk, the others are lost. */
  crash(completing: number): void {
    this.complete(completing);
    this.#pending = [];
    this.#entries = [...this.#durable.entries];
  }

  restore(): RestoredState {
    const { hardState, entries } = this.#durable;
    return {
      hardState,
      snapshot: snapshotOf(this.compacted),
      compacted: this.compacted,
      lastIndex: this.compacted.index + entries.length,
      termRuns: termRunsOf(entries),
      memberships: entries.filter(({ kind }) => kind === "membership"),
    };
  }

  #applied(entries: readonly Entry[], { truncateFrom, append }: Write): Entry[] {
    const kept = truncateFrom === null ? [...entries] : entries.slice(0, truncateFrom - this.compacted.index - 1);
    if (truncateFrom !== null && kept.length === entries.length)
      throw new Error(`nothing to truncate from ${truncateFrom}`);
    for (const entry of append) {
      const next = this.compacted.index + kept.length + 1;
      if (entry.index !== next) throw new Error(`entry ${entry.index} written where ${next} belongs`);
      kept.push(entry);
    }
    return kept;
  }
}
