/** A log in memory that a test can hold up, break, and look into. Its contents outlive it, as a disk does. */

import { type LogStorage, StorageError, type StorageIdentity, type StoredState } from "@quorate/contracts";
import type { Entry, HardState, TermRun, Write } from "@quorate/core";
import type { World } from "./world.js";

export interface Disk {
  identity: StorageIdentity | null;
  hardState: HardState;
  entries: Entry[];
}

export function blankDisk(): Disk {
  return { identity: null, hardState: { currentTerm: 0, votedFor: 0 }, entries: [] };
}

export class FakeStorage implements LogStorage {
  readonly durability = "volatile";
  readonly disk: Disk;
  readonly #world: World;
  /** How many writes went into each durable step. */
  readonly batches: number[] = [];
  readonly reads: { readonly firstIndex: number; readonly lastIndex: number }[] = [];
  writeMs = 1;
  readMs = 1;
  /** Writes hang until it is false again and {@link resume} was called. */
  isHanging = false;
  failNextWrite: unknown = null;
  failNextRead: unknown = null;
  /** Changes what a read hands out. */
  distort: (entries: readonly Entry[]) => readonly Entry[] = (entries) => entries;
  isClosed = false;
  #held: (() => void)[] = [];

  constructor(world: World, disk: Disk = blankDisk()) {
    this.#world = world;
    this.disk = disk;
  }

  async open(): Promise<StoredState | null> {
    return this.disk.identity === null ? null : stateOf(this.disk, this.disk.identity);
  }

  async initialize(identity: StorageIdentity, write: Write): Promise<StoredState> {
    this.disk.identity = identity;
    this.#carryOut(write);
    return stateOf(this.disk, identity);
  }

  write(writes: readonly Write[]): Promise<void> {
    this.batches.push(writes.length);
    return new Promise((resolve, reject) => {
      const complete = (): void => {
        if (this.isHanging) {
          this.#held.push(complete);
          return;
        }
        const failure = this.failNextWrite;
        this.failNextWrite = null;
        if (failure !== null) {
          reject(failure);
          return;
        }
        for (const write of writes) this.#carryOut(write);
        resolve();
      };
      this.#world.schedule(this.#world.now + this.writeMs, complete);
    });
  }

  /** Completes what hung. */
  resume(): void {
    this.isHanging = false;
    const held = this.#held;
    this.#held = [];
    for (const complete of held) complete();
  }

  read(firstIndex: number, lastIndex: number, maxBytes: number): Promise<readonly Entry[]> {
    this.reads.push({ firstIndex, lastIndex });
    return new Promise((resolve, reject) => {
      this.#world.schedule(this.#world.now + this.readMs, () => {
        const failure = this.failNextRead;
        this.failNextRead = null;
        const entries = this.disk.entries.filter(({ index }) => index >= firstIndex && index <= lastIndex);
        if (failure !== null) reject(failure);
        else if (entries.length < lastIndex - firstIndex + 1) {
          reject(new StorageError("STORAGE_CORRUPT", `No entries ${firstIndex} to ${lastIndex}.`));
        } else resolve(this.distort(pageOf(entries, maxBytes)));
      });
    });
  }

  async compact(): Promise<void> {
    throw new Error("not in these tests");
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  #carryOut({ hardState, truncateFrom, append }: Write): void {
    if (hardState !== null) this.disk.hardState = hardState;
    if (truncateFrom !== null) this.disk.entries = this.disk.entries.filter(({ index }) => index < truncateFrom);
    this.disk.entries.push(...append);
  }
}

function pageOf(entries: readonly Entry[], maxBytes: number): Entry[] {
  const page: Entry[] = [];
  let sizeBytes = 0;
  for (const entry of entries) {
    sizeBytes += entry.data.length;
    if (page.length > 0 && sizeBytes > maxBytes) break;
    page.push(entry);
  }
  return page;
}

function stateOf({ hardState, entries }: Disk, identity: StorageIdentity): StoredState {
  const termRuns: TermRun[] = [];
  for (const { index, term } of entries) {
    if (termRuns[termRuns.length - 1]?.term !== term) termRuns.push({ firstIndex: index, term });
  }
  return {
    identity,
    hardState,
    compacted: { index: 0, term: 0 },
    lastIndex: entries.length,
    termRuns,
    memberships: entries.filter(({ kind }) => kind === "membership"),
  };
}
