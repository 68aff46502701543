/**
 * What one server has asked to be written, and what of it would survive a crash: an ordered queue of atomic writes in
 * front of a state that holds the finished ones. A write is there whole or not at all, and never without the ones
 * before it, as the storage port promises. A snapshot beside it is durable from the moment at which it is saved.
 */

import {
  type ConfigurationEntry,
  decodeConfiguration,
  type Entry,
  type EntryId,
  foundingConfiguration,
  type HardState,
  type Index,
  NOBODY,
  type RestoredState,
  type SnapshotPoint,
  type Write,
} from "../../src/index.js";
import { snapshotOf, termRunsOf } from "./entries.js";

export interface DiskContent {
  readonly hardState?: HardState;
  readonly compacted?: EntryId;
  readonly entries?: readonly Entry[];
  /** If not given, one of `compacted`, or none. */
  readonly snapshot?: SnapshotPoint;
}

/** The entries after `compacted`. */
interface Log {
  readonly compacted: EntryId;
  readonly entries: readonly Entry[];
}

export class Disk {
  #hardState: HardState;
  #durable: Log;
  /** The log as asked for, whether durable or not: what a server that runs can read. */
  #log: Log;
  #pending: Write[] = [];
  /** Where entries up to here are to go; it waits until the durable log holds this entry. */
  #compactTo: EntryId;
  #snapshot: SnapshotPoint | null;
  /** What was in force where the log begins. */
  #base: ConfigurationEntry;

  constructor({ hardState, compacted = { index: 0, term: 0 }, entries = [], snapshot }: DiskContent) {
    const lastTerm = entries[entries.length - 1]?.term ?? compacted.term;
    this.#hardState = hardState ?? { currentTerm: lastTerm, votedFor: NOBODY };
    this.#durable = { compacted, entries: [...entries] };
    this.#log = this.#durable;
    this.#compactTo = compacted;
    this.#snapshot = snapshot ?? snapshotOf(compacted);
    this.#base = this.#snapshot?.membership ?? { index: 0, configuration: foundingConfiguration([]) };
  }

  get compacted(): EntryId {
    return this.#log.compacted;
  }

  /** Every entry that was asked for and not truncated, by rising index. */
  get entries(): readonly Entry[] {
    return this.#log.entries;
  }

  get durableEntries(): readonly Entry[] {
    return this.#durable.entries;
  }

  get durableHardState(): HardState {
    return this.#hardState;
  }

  /** The newest. */
  get snapshot(): SnapshotPoint | null {
    return this.#snapshot;
  }

  get pending(): readonly Write[] {
    return this.#pending;
  }

  entryAt(index: Index): Entry | undefined {
    return entryIn(this.#log, index);
  }

  durableEntryAt(index: Index): Entry | undefined {
    return entryIn(this.#durable, index);
  }

  /** Whether a crash would leave this entry, or its effect in a snapshot. */
  holdsDurably({ index, term }: EntryId): boolean {
    const isIn = (place: EntryId | null): boolean => place !== null && index <= place.index;
    return isIn(this.#snapshot) || this.durableEntryAt(index)?.term === term;
  }

  /** What the log puts in force at `index`. */
  configurationAt(index: Index): ConfigurationEntry {
    const isMembership = ({ kind, index: place }: Entry): boolean => kind === "membership" && place <= index;
    const last = this.#log.entries.filter(isMembership).pop();
    return last === undefined ? this.#base : { index: last.index, configuration: decodeConfiguration(last.data) };
  }

  submit(write: Write): void {
    if (write.reset !== null) this.#onReset(write.reset);
    this.#log = applied(this.#log, write);
    this.#pending.push(write);
  }

  #onReset({ index, term }: EntryId): void {
    if (this.#snapshot?.index !== index || this.#snapshot.term !== term)
      throw new Error(`the log begins anew after ${index}, of which there is no snapshot`);
    this.#base = this.#snapshot.membership;
    this.#compactTo = { index, term };
  }

  /** Finishes the oldest `count` writes; returns the number of the last one, or null if there was none. */
  complete(count: number): number | null {
    let seq: number | null = null;
    for (const write of this.#pending.splice(0, count)) {
      this.#hardState = write.hardState ?? this.#hardState;
      this.#durable = applied(this.#durable, write);
      seq = write.seq;
    }
    this.#compactDurable();
    return seq;
  }

  /** Keeps the newer of two snapshots. */
  saveSnapshot(snapshot: SnapshotPoint): void {
    if (snapshot.index > (this.#snapshot?.index ?? 0)) this.#snapshot = snapshot;
  }

  /** Removes entries, which a snapshot must cover; of what is durable only when the writes before it are. */
  compactTo(index: Index): void {
    if (index <= this.compacted.index) return;
    const last = this.entryAt(index);
    if (last === undefined || index > (this.#snapshot?.index ?? 0)) throw new Error(`cannot compact to ${index}`);
    this.#base = this.configurationAt(index);
    this.#compactTo = { index, term: last.term };
    this.#log = cut(this.#log, this.#compactTo);
    this.#compactDurable();
  }

  #compactDurable(): void {
    if (this.durableEntryAt(this.#compactTo.index)?.term === this.#compactTo.term)
      this.#durable = cut(this.#durable, this.#compactTo);
  }

  /** The machine stops: of the outstanding writes the oldest `completing` made it to the disk, the others are lost. */
  crash(completing: number): void {
    this.complete(completing);
    this.#pending = [];
    this.#log = this.#durable;
    this.#compactTo = this.#durable.compacted;
    if (this.#snapshot !== null) this.#base = this.#snapshot.membership;
  }

  restore(): RestoredState {
    const { compacted, entries } = this.#durable;
    return {
      hardState: this.#hardState,
      snapshot: this.#snapshot,
      compacted,
      lastIndex: compacted.index + entries.length,
      termRuns: termRunsOf(entries),
      memberships: entries.filter(({ kind }) => kind === "membership"),
    };
  }
}

function entryIn({ compacted, entries }: Log, index: Index): Entry | undefined {
  return entries[index - compacted.index - 1];
}

function cut({ compacted, entries }: Log, place: EntryId): Log {
  return { compacted: place, entries: entries.slice(place.index - compacted.index) };
}

function applied(log: Log, { reset, truncateFrom, append }: Write): Log {
  const { compacted, entries } = reset === null ? log : { compacted: reset, entries: [] };
  const kept = truncateFrom === null ? [...entries] : entries.slice(0, truncateFrom - compacted.index - 1);
  if (truncateFrom !== null && kept.length === entries.length)
    throw new Error(`nothing to truncate from ${truncateFrom}`);
  for (const entry of append) {
    const next = compacted.index + kept.length + 1;
    if (entry.index !== next) throw new Error(`entry ${entry.index} written where ${next} belongs`);
    kept.push(entry);
  }
  return { compacted, entries: kept };
}
