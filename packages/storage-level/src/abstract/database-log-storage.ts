/**
 * DatabaseLogStorage: a server's log in an ordered key-value database.
 *
 * Every call of `write` is one synced batch, which is atomic: packs of entries, the outline of the log and the head with
 * the hard state are there together or not at all (PITFALLS P2, P11). A compaction, or a reset, first moves the start of
 * the log, and then erases what lies behind it in small batches between which writes get their turn (S4).
 */

import { type LogStorage, StorageError, type StorageIdentity, type StoredState } from "@quorate/contracts";
import type { Entry, Index, Write } from "@quorate/core";
import { stageCompaction, stageErasure, stageWrites } from "./change.js";
import type { Batch, Database, DatabaseBatch, DatabaseSource } from "./database.js";
import { hasMoreToErase, nextStep } from "./erasure.js";
import { explainOpening, explainReading, messageOf } from "./explain.js";
import { GroupKeys, MAX_GROUP_ID } from "./keys.js";
import { type LoadedGroup, loadGroup } from "./load.js";
import { BLANK, type Outline } from "./outline.js";
import { readPage } from "./page.js";
import { planWrites } from "./plan.js";
import { encodeFormat, encodeIdentity } from "./record.js";
import { NO_TAIL, readTail } from "./tail.js";

export interface DatabaseLogStorageOptions {
  readonly source: DatabaseSource;
  /** Which Raft group's log this is, from 0 to 2³² − 1. Default: 0. */
  readonly groupId?: number;
}

type Stage = (batch: Batch, before: Outline) => Outline | Promise<Outline>;

export class DatabaseLogStorage implements LogStorage {
  readonly durability = "durable";
  readonly #source: DatabaseSource;
  readonly #keys: GroupKeys;
  #phase: "new" | "open" | "closed" = "new";
  #database: Database | null = null;
  /** What is durable; null while nothing is stored. */
  #outline: Outline | null = null;
  /** The first failed write, after which nothing is written any more (PITFALLS P5). */
  #failure: unknown = null;
  /** What changes the database happens one after the other; this settles with the last of it, and never rejects. */
  #lastChange: Promise<unknown> = Promise.resolve();
  #lastCompaction: Promise<unknown> = Promise.resolve();
  #opening: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;
  /** Settles when the truncation under way has; readers wait for it, to see the log before it or after it. */
  #truncation: Promise<unknown> | null = null;
  readonly #reads = new Set<Promise<unknown>>();

  /** Throws `INVALID_OPTIONS`. */
  constructor({ source, groupId = 0 }: DatabaseLogStorageOptions) {
    if (!Number.isInteger(groupId) || groupId < 0 || groupId > MAX_GROUP_ID) {
      throw new StorageError("INVALID_OPTIONS", `groupId must be an integer from 0 to ${MAX_GROUP_ID}.`);
    }
    this.#source = source;
    this.#keys = new GroupKeys(groupId);
  }

  /**
   * Rejects with `STORAGE_LOCKED`, `STORAGE_CORRUPT`, `STORAGE_FORMAT`, `FOREIGN_STORAGE` or `STORAGE_UNAVAILABLE`. The
   * message names the place, what is wrong in it, and what to do.
   */
  async open(): Promise<StoredState | null> {
    if (this.#phase !== "new") throw new StorageError("CLOSED", `${this.#name} was opened before.`);
    this.#phase = "open";
    const opening = this.#open();
    this.#opening = opening.catch(() => {
      this.#phase = "closed";
    });
    return opening;
  }

  async initialize(identity: StorageIdentity, write: Write): Promise<StoredState> {
    this.#assertMayWrite();
    return this.#exclusively(async () => {
      if (this.#outline !== null) throw this.#notEmpty();
      const database = this.#database ?? (await this.#create());
      const batch = database.batch();
      await this.#commit(batch, () => {
        const format = encodeFormat();
        batch.put(format.key, format.value);
        const record = encodeIdentity(this.#keys, identity);
        batch.put(record.key, record.value);
        return stageWrites(batch, this.#keys, BLANK, planWrites(BLANK, [write]), NO_TAIL);
      });
      const memberships = write.append.filter(({ kind }) => kind === "membership");
      return stateOf({ identity: { ...identity }, outline: this.#outline ?? BLANK, memberships });
    });
  }

  async write(writes: readonly Write[]): Promise<void> {
    this.#assertMayWrite();
    this.#assertFounded();
    const isReset = writes.some(({ reset }) => reset !== null);
    const isTruncation = isReset || writes.some(({ truncateFrom }) => truncateFrom !== null);
    const written = this.#change((batch, before) => this.#stageWrites(batch, before, writes));
    if (isTruncation) this.#holdReadersUntil(written);
    if (isReset) this.#eraseAfter(written);
    return written;
  }

  async read(firstIndex: Index, lastIndex: Index, maxBytes: number): Promise<readonly Entry[]> {
    if (this.#phase !== "open") throw this.#notOpen();
    this.#assertFounded();
    if (firstIndex > lastIndex) throw new RangeError(`read(${firstIndex}, ${lastIndex}): a reversed range`);
    const read = this.#read(firstIndex, lastIndex, maxBytes);
    this.#reads.add(read);
    try {
      return await read;
    } finally {
      this.#reads.delete(read);
    }
  }

  /** Resolves when the entries are deleted; they are out of reach much earlier. Ends early at `close`. */
  async compact(upTo: Index): Promise<void> {
    this.#assertMayWrite();
    this.#assertFounded();
    return this.#asCompaction(() => this.#compact(upTo));
  }

  close(): Promise<void> {
    this.#phase = "closed";
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #open(): Promise<StoredState | null> {
    const database = await this.#explained(this.#source.open());
    const loaded = database === null ? null : await this.#load(database);
    return loaded === null ? null : stateOf(loaded);
  }

  async #create(): Promise<Database> {
    const database = await this.#explained(this.#source.create());
    // Another process may have been faster.
    if ((await this.#load(database)) !== null) throw this.#notEmpty();
    return database;
  }

  async #explained<Result>(opening: Promise<Result>): Promise<Result> {
    try {
      return await opening;
    } catch (cause) {
      throw explainOpening(this.#name, cause);
    }
  }

  async #load(database: Database): Promise<LoadedGroup | null> {
    try {
      const loaded = await loadGroup(database, this.#keys);
      this.#database = database;
      this.#outline = loaded?.outline ?? null;
      return loaded;
    } catch (cause) {
      await database.close();
      throw explainReading(this.#name, cause);
    }
  }

  async #close(): Promise<void> {
    await this.#opening;
    await this.#lastChange;
    await this.#lastCompaction;
    await Promise.allSettled(this.#reads);
    await this.#database?.close();
  }

  async #read(firstIndex: Index, lastIndex: Index, maxBytes: number): Promise<readonly Entry[]> {
    while (this.#truncation !== null) await this.#truncation;
    // From here to the start of the iterator nothing else happens: the outline is what the iterator sees.
    const outline = this.#outline ?? BLANK;
    if (firstIndex <= outline.compacted.index) {
      const message = `Entry ${firstIndex} is compacted: the log starts after entry ${outline.compacted.index}.`;
      throw new StorageError("STORAGE_COMPACTED", message);
    }
    if (lastIndex > outline.lastIndex) {
      const message = `${this.#name}: entry ${lastIndex} is missing: the log ends at ${outline.lastIndex}.`;
      throw new StorageError("STORAGE_CORRUPT", message);
    }
    return this.#whileReading(readPage(this.#openDatabase(), this.#keys, outline, firstIndex, lastIndex, maxBytes));
  }

  async #whileReading<Result>(read: Promise<Result>): Promise<Result> {
    try {
      return await read;
    } catch (cause) {
      throw explainReading(this.#name, cause);
    }
  }

  async #compact(upTo: Index): Promise<void> {
    const { lastIndex, compacted } = this.#outline ?? BLANK;
    if (upTo > lastIndex) throw new RangeError(`compact(${upTo}): the log ends at ${lastIndex}`);
    if (upTo > compacted.index) {
      await this.#change((batch, before) => stageCompaction(batch, this.#keys, before, upTo));
    }
    await this.#erase();
  }

  /** If the process ends meanwhile, the next compaction goes on with it. */
  async #erase(): Promise<void> {
    while (this.#phase === "open" && hasMoreToErase(this.#outline ?? BLANK)) {
      const step = await this.#whileReading(nextStep(this.#openDatabase(), this.#keys, this.#outline ?? BLANK));
      await this.#change((batch, before) => stageErasure(batch, this.#keys, before, step));
    }
  }

  /**
   * A reset is done when it is durable, whatever becomes of the entries that it put out of reach. If they cannot be
   * erased, the next compaction tries again, and says so.
   */
  #eraseAfter(reset: Promise<void>): void {
    this.#asCompaction(() => reset.then(() => this.#erase())).catch(() => undefined);
  }

  #asCompaction(work: () => Promise<void>): Promise<void> {
    const done = this.#lastCompaction.then(work);
    this.#lastCompaction = done.catch(() => undefined);
    return done;
  }

  // --- changes ---

  /** Makes the change that `stage` stages, after all that were asked for before. */
  #change(stage: Stage): Promise<void> {
    return this.#exclusively(async () => {
      const batch = this.#openDatabase().batch();
      await this.#commit(batch, () => stage(batch, this.#outline ?? BLANK));
    });
  }

  async #stageWrites(batch: Batch, before: Outline, writes: readonly Write[]): Promise<Outline> {
    const plan = planWrites(before, writes);
    const isCut = plan.keptIndex < before.lastIndex;
    const tail = isCut ? await this.#whileReading(readTail(this.#openDatabase(), this.#keys, before, plan)) : NO_TAIL;
    return stageWrites(batch, this.#keys, before, plan, tail);
  }

  /** Nothing is true before it is durable (PITFALLS P12), and after the first failure nothing is written (P5). */
  async #commit(batch: DatabaseBatch, stage: () => Outline | Promise<Outline>): Promise<void> {
    try {
      this.#assertNotFailed();
      const after = await stage();
      await batch.write({ sync: true });
      this.#outline = after;
    } catch (cause) {
      await batch.close();
      if (this.#failure !== null) throw cause;
      this.#failure = cause;
      if (cause instanceof StorageError && cause.code === "STORAGE_CORRUPT") throw cause;
      throw new StorageError("STORAGE_FAILED", `${this.#name}: ${messageOf(cause)}.`, { cause });
    }
  }

  #exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#lastChange.then(work);
    this.#lastChange = done.catch(() => undefined);
    return done;
  }

  #holdReadersUntil(written: Promise<void>): void {
    const release = (): void => {
      if (this.#truncation === held) this.#truncation = null;
    };
    const held: Promise<void> = written.then(release, release);
    this.#truncation = held;
  }

  // --- conditions ---

  get #name(): string {
    return this.#source.name;
  }

  #openDatabase(): Database {
    if (this.#database === null) throw this.#notOpen();
    return this.#database;
  }

  #assertMayWrite(): void {
    if (this.#phase !== "open") throw this.#notOpen();
    this.#assertNotFailed();
  }

  #assertNotFailed(): void {
    if (this.#failure === null) return;
    throw new StorageError("STORAGE_FAILED", `${this.#name}: an earlier write failed.`, { cause: this.#failure });
  }

  #assertFounded(): void {
    if (this.#outline !== null) return;
    throw new StorageError("NOT_BOOTSTRAPPED", `${this.#name} holds no log of group ${this.#keys.groupId}.`);
  }

  #notOpen(): StorageError {
    return new StorageError("CLOSED", `${this.#name} is not open.`);
  }

  #notEmpty(): StorageError {
    return new StorageError("STORAGE_NOT_EMPTY", `${this.#name} holds a log of group ${this.#keys.groupId}.`);
  }
}

function stateOf({ identity, outline, memberships }: LoadedGroup): StoredState {
  const { hardState, compacted, lastIndex, termRuns } = outline;
  return {
    identity,
    hardState: { ...hardState },
    compacted: { ...compacted },
    lastIndex,
    termRuns: termRuns.map(({ firstIndex, term }) => ({ firstIndex, term })),
    memberships,
  };
}
