/**
 * SimulatedDisk: what outlives the processes of one server, and how it fails.
 *
 * It holds one database with LevelDB's promises: a batch is there whole or not at all, and none without those before it;
 * a synced batch survives from when its promise resolves. What an operation does, it does at the moment it completes.
 * A process that has crashed hears of nothing any more, and what it asks for never happens.
 */

import { type BitFlip, type BitFlipOptions, flipBitIn } from "./bit-flip.js";
import { type Change, Contents } from "./contents.js";
import { LevelError } from "./level-error.js";

/** `write` is a batch that is left to the operating system, `sync` one that is written and synced. */
export interface DiskOperation {
  readonly kind: "open" | "read" | "write" | "sync";
  /** How many records it reads or changes, and the bytes of their keys and values. */
  readonly entries: number;
  readonly sizeBytes: number;
}

/** Decides when `operation` completes, by calling `complete`: at once, later, or never. In any order. */
export type DiskScheduler = (operation: DiskOperation, complete: () => void) => void;

export interface SimulatedDiskOptions {
  /** Default: everything completes at once. */
  readonly schedule?: DiskScheduler;
}

/** A batch that may be lost when the power fails. */
export interface BatchAtRisk {
  /** Whether the process was told that it is written. False: it was under way. */
  readonly isWritten: boolean;
  /** How many records it changes. */
  readonly entries: number;
}

export interface DiskFault {
  /** What fails: a `write` is any batch, as those to be synced are written first, too. */
  readonly kind: DiskOperation["kind"];
  /** What LevelDB says: that the device fails, or that what is stored is damaged. Default: `"io"`. */
  readonly error?: "io" | "corruption";
  /** Of a batch, whether it is on the disk nevertheless, to be seen when the database is next opened. Default: false. */
  readonly landed?: boolean;
}

/** What a disk held at some moment. */
export interface DiskSnapshot {
  /** For {@link SimulatedDisk} alone. Null is a blank disk. */
  readonly contents: Contents | null;
}

export interface DiskStats {
  /** Batches that took effect, and the bytes of keys and values in them, since the disk was made. */
  readonly batches: number;
  readonly bytes: number;
  /** Records that are stored now. */
  readonly entries: number;
}

interface Batch {
  readonly changes: readonly Change[];
  readonly sizeBytes: number;
}

const completeAtOnce: DiskScheduler = (_operation, complete) => complete();

export class SimulatedDisk {
  /** While it is true, every batch fails, and so does opening the database: LevelDB starts with writing (PITFALLS P17). */
  isFull = false;
  /** While it is true, what is said to be synced is not. No promise of Raft holds on a majority of such disks. */
  liesAboutSync = false;

  readonly #schedule: DiskScheduler;
  #isBlank = true;
  #contents = new Contents();
  /** The database that has the disk open: one life of a process. */
  #user: object | null = null;
  /** After a failed sync nobody knows what is on the disk, so LevelDB writes nothing more until it is opened again. */
  #hasFailedSync = false;
  readonly #underWay = new Set<Batch>();
  #faults: DiskFault[] = [];
  readonly #unreadable = new WeakSet<Buffer>();
  readonly #unopenable = new WeakSet<Buffer>();
  #hasUnopenable = false;
  #batches = 0;
  #bytes = 0;

  constructor({ schedule = completeAtOnce }: SimulatedDiskOptions = {}) {
    this.#schedule = schedule;
  }

  /** Whether nothing was ever made on it. */
  get isBlank(): boolean {
    return this.#isBlank;
  }

  get stats(): DiskStats {
    return { batches: this.#batches, bytes: this.#bytes, entries: this.#contents.size };
  }

  // --- faults ---

  /**
   * The process dies, and the power fails. No promise of what is under way ever settles, and the next process may open
   * the database.
   *
   * Asked about every batch that was not synced, in the order in which they were written, and then about those under
   * way, `survives` says whether its part of LevelDB's log has reached the disk. The file system writes in any order,
   * and may tear off a part; LevelDB reads its log up to the first gap. So whatever set of batches is said to survive,
   * what is found are the first ones of them up to the first that is lost. Default: none survives.
   *
   * Where only the process dies, all that is written survives: `(batch) => batch.isWritten`.
   */
  crash(survives: (batch: BatchAtRisk) => boolean = () => false): void {
    const underWay = [...this.#underWay];
    this.#underWay.clear();
    this.#end();
    let isWhole = this.#contents.crash((changes) => survives({ isWritten: true, entries: changes.length }));
    for (const batch of underWay) {
      const survived = survives({ isWritten: false, entries: batch.changes.length });
      isWhole &&= survived;
      if (isWhole) this.#apply(batch, true);
    }
  }

  /** The next operation of this kind to complete fails; of several faults for one operation, the first that was told. */
  failNext(fault: DiskFault): void {
    this.#faults.push(fault);
  }

  /** What was told to fail, and has not yet, does not; and the disk is not full. What is damaged stays so. */
  endFaults(): void {
    this.#faults = [];
    this.isFull = false;
  }

  /** Flips one bit of what is stored. Null if nothing is. Throws a `RangeError` if there is nothing of what was wanted. */
  flipBit(options: BitFlipOptions): BitFlip | null {
    if (this.#contents.size === 0) return null;
    const { damagedValue, ...flip } = flipBitIn(this.#contents, options);
    if (options.noticedAt === "read") this.#unreadable.add(damagedValue);
    if (options.noticedAt === "open") {
      this.#unopenable.add(damagedValue);
      this.#hasUnopenable = true;
    }
    return flip;
  }

  /** Somebody puts in a new disk. Throws while a process has the old one open. */
  wipe(): void {
    this.rollBack({ contents: null });
  }

  /** What a loss of power at this moment is certain to leave, to come back to. */
  snapshot(): DiskSnapshot {
    return { contents: this.#isBlank ? null : this.#contents.durable() };
  }

  /** Somebody restores an older state (PITFALLS P14). Throws while a process has the disk open. */
  rollBack({ contents }: DiskSnapshot): void {
    this.#assertAtRest();
    this.#isBlank = contents === null;
    this.#contents = contents?.durable() ?? new Contents();
  }

  // --- for the database on it ---

  /** Opens the database for `user`, who is the only one then; makes it if there is none. */
  open(user: object): Promise<void> {
    if (this.#user !== null) return Promise.reject(new LevelError("locked"));
    this.#user = user;
    return this.#perform(user, { kind: "open", entries: 0, sizeBytes: 0 }, () => {
      try {
        this.#opened();
      } catch (cause) {
        this.#end();
        throw cause;
      }
    });
  }

  close(user: object): void {
    if (this.#user === user) this.#end();
  }

  /** What everybody sees now. */
  get contents(): Contents {
    return this.#contents;
  }

  /** Resolves with `result`, for which `values` were read at the moment of the call. */
  read<Result>(user: object, result: Result, values: readonly Buffer[], sizeBytes: number): Promise<Result> {
    return this.#perform(user, { kind: "read", entries: values.length, sizeBytes }, () => {
      if (this.#faults.length > 0) this.#failIfTold("read");
      for (const value of values) if (this.#unreadable.has(value)) throw new LevelError("corruption");
      return result;
    });
  }

  write(user: object, changes: readonly Change[], sizeBytes: number, isSynced: boolean): Promise<void> {
    const batch: Batch = { changes, sizeBytes };
    if (this.#user === user) this.#underWay.add(batch);
    return this.#perform(user, { kind: isSynced ? "sync" : "write", entries: changes.length, sizeBytes }, () => {
      this.#underWay.delete(batch);
      this.#written(batch, isSynced);
    });
  }

  // --- how operations end ---

  #perform<Result>(user: object, operation: DiskOperation, effect: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#user !== user) return;
      let isOver = false;
      this.#schedule(operation, () => {
        if (isOver || this.#user !== user) return;
        isOver = true;
        try {
          resolve(effect());
        } catch (cause) {
          reject(cause);
        }
      });
    });
  }

  #opened(): void {
    this.#failIfTold("open");
    if (this.isFull) throw new LevelError("full");
    if (this.#hasUnopenable) this.#checkFiles();
    this.#isBlank = false;
    // LevelDB moves what it finds in its log into a table, which it syncs.
    this.#contents.reopen(!this.liesAboutSync);
  }

  #checkFiles(): void {
    for (const value of this.#contents.view().values()) {
      if (this.#unopenable.has(value)) throw new LevelError("corruption");
    }
  }

  #written(batch: Batch, isSynced: boolean): void {
    if (this.#hasFailedSync) throw new LevelError("io");
    if (this.isFull) throw new LevelError("full");
    const fault = this.#faults.length === 0 ? null : this.#takeFault("write", isSynced ? "sync" : "write");
    if (fault === null) {
      this.#apply(batch, isSynced && !this.liesAboutSync);
      return;
    }
    this.#hasFailedSync = fault.kind === "sync";
    if (fault.landed === true) this.#contents.land(batch.changes);
    throw new LevelError(fault.error ?? "io");
  }

  #apply({ changes, sizeBytes }: Batch, isSynced: boolean): void {
    this.#contents.apply(changes, isSynced);
    this.#batches += 1;
    this.#bytes += sizeBytes;
  }

  #failIfTold(kind: DiskOperation["kind"]): void {
    const fault = this.#takeFault(kind, kind);
    if (fault !== null) throw new LevelError(fault.error ?? "io");
  }

  #takeFault(kind: DiskOperation["kind"], otherKind: DiskOperation["kind"]): DiskFault | null {
    const place = this.#faults.findIndex((fault) => fault.kind === kind || fault.kind === otherKind);
    return place === -1 ? null : (this.#faults.splice(place, 1)[0] ?? null);
  }

  #end(): void {
    this.#user = null;
    this.#hasFailedSync = false;
  }

  #assertAtRest(): void {
    if (this.#user !== null) throw new Error("A process has the disk open");
  }
}
