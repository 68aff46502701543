/**
 * MemoryDisk: what outlives the process in a test or a simulation.
 *
 * Whoever owns the disk decides when its operations complete, may let the next write fail, and may cut the power. What
 * an operation does, it does at the moment it completes, whole; until then a crash undoes it (PITFALLS P1, P11).
 */

import { StorageError } from "@quorate/contracts";
import type { Index } from "@quorate/core";
import type { Contents } from "./contents.js";
import type { MemorySnapshot } from "./memory-snapshot.js";

export type SnapshotOperation = "openSnapshots" | "writeSnapshot" | "commitSnapshot" | "readSnapshot";

export type DiskOperation = "open" | "initialize" | "write" | "read" | "compact" | SnapshotOperation;

/** What a process opens: each of them once at a time. */
export type DiskPart = "log" | "snapshots";

/**
 * Decides when `operation` completes, by calling `complete` once: at once, later, or never, which is a disk that hangs.
 * Operations may complete out of order.
 */
export type DiskScheduler = (operation: DiskOperation, complete: () => void) => void;

export interface MemoryDiskOptions {
  /** Default: everything completes at once. */
  readonly schedule?: DiskScheduler;
}

export interface CrashOptions {
  /** Whether the write or compaction under way has reached the disk. All of it or nothing has. Default: false. */
  readonly keepsWriteUnderWay?: boolean;
}

export interface WriteFailure {
  /** What the disk says. Default: an error of its own. */
  readonly cause?: unknown;
  /** Whether the disk holds what it said it could not write (PITFALLS P5). Default: false. */
  readonly isStored?: boolean;
}

/** What changes nothing that outlives a crash. */
const UNSEEN: ReadonlySet<DiskOperation> = new Set(["open", "read", "openSnapshots", "writeSnapshot", "readSnapshot"]);

const LOG_WRITES: ReadonlySet<DiskOperation> = new Set(["initialize", "write"]);
const SNAPSHOT_WRITES: ReadonlySet<DiskOperation> = new Set(["writeSnapshot", "commitSnapshot"]);

interface UnderWay {
  readonly changesDisk: boolean;
  /** What the operation does. */
  readonly effect: () => unknown;
  /** Whether it has been done, or was lost in a crash. */
  isOver: boolean;
}

const completeAtOnce: DiskScheduler = (_operation, complete) => complete();

export class MemoryDisk {
  readonly #schedule: DiskScheduler;
  readonly #underWay = new Set<UnderWay>();
  readonly #users = new Map<DiskPart, object>();
  #failure: WriteFailure | null = null;
  #snapshotFailure: WriteFailure | null = null;

  /** What is stored. For `MemoryLogStorage` alone. */
  contents: Contents | null = null;

  /** The newest snapshot that was committed. For `MemorySnapshotStorage` alone. */
  snapshot: MemorySnapshot | null = null;

  constructor({ schedule = completeAtOnce }: MemoryDiskOptions = {}) {
    this.#schedule = schedule;
  }

  /**
   * The process dies, or the machine: what is under way is lost, or kept if that is asked for. As nobody is left to
   * hear of it, the promises of what was under way never settle; the storage object that had the disk open is of no
   * use any more, and another one may open it.
   */
  crash({ keepsWriteUnderWay = false }: CrashOptions = {}): void {
    this.#users.clear();
    for (const operation of this.#underWay) {
      operation.isOver = true;
      if (keepsWriteUnderWay && operation.changesDisk) this.#carryOutUnheard(operation);
    }
    this.#underWay.clear();
  }

  /** The next write to complete fails, that of `initialize` included. */
  failNextWrite(failure: WriteFailure = {}): void {
    this.#failure = failure;
  }

  /** The next write or commit of a snapshot to complete fails. */
  failNextSnapshotWrite(failure: WriteFailure = {}): void {
    this.#snapshotFailure = failure;
  }

  /** From now on a read of the entry at `index` finds it damaged. */
  damageEntry(index: Index): void {
    if (this.contents === null) throw new RangeError("Nothing is stored");
    this.contents.damage(index);
  }

  /** From now on the body of the newest snapshot is not what was written. */
  damageSnapshot(): void {
    if (this.snapshot === null) throw new RangeError("There is no snapshot");
    this.snapshot.damage();
  }

  /** Takes a part of the disk for `user`: one process has it open at a time. For the storages alone. */
  lock(user: object, part: DiskPart): void {
    if (this.#users.has(part)) throw new StorageError("STORAGE_LOCKED", "The disk is in use.");
    this.#users.set(part, user);
  }

  /** For the storages alone. */
  unlock(user: object): void {
    for (const [part, each] of this.#users) if (each === user) this.#users.delete(part);
  }

  /** Whether `user` has a part of the disk open: not so after a crash. For the storages alone. */
  isLockedBy(user: object): boolean {
    return [...this.#users.values()].includes(user);
  }

  /** Settles as `effect` does, which runs when the operation completes. For the storages alone. */
  perform<Result>(user: object, operation: DiskOperation, effect: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      // The storage object of a process that died goes on living in a test; what it asks for never happens.
      if (!this.isLockedBy(user)) return;
      const changesDisk = !UNSEEN.has(operation);
      const underWay: UnderWay = { changesDisk, effect, isOver: false };
      this.#underWay.add(underWay);
      this.#schedule(operation, () => {
        if (underWay.isOver) return;
        underWay.isOver = true;
        this.#underWay.delete(underWay);
        try {
          resolve(this.#carryOut(operation, effect));
        } catch (cause) {
          reject(cause);
        }
      });
    });
  }

  #carryOutUnheard({ effect }: UnderWay): void {
    try {
      effect();
    } catch {
      // It would have been refused, and has changed nothing; whoever asked for it is gone.
    }
  }

  #carryOut<Result>(operation: DiskOperation, effect: () => Result): Result {
    const failure = this.#takeFailure(operation);
    if (failure === null) return effect();
    if (failure.isStored === true) effect();
    const cause = failure.cause ?? new Error("The disk was told to fail");
    throw new StorageError("STORAGE_FAILED", "The disk refused a write.", { cause });
  }

  #takeFailure(operation: DiskOperation): WriteFailure | null {
    let failure: WriteFailure | null = null;
    if (LOG_WRITES.has(operation)) {
      failure = this.#failure;
      this.#failure = null;
    } else if (SNAPSHOT_WRITES.has(operation)) {
      failure = this.#snapshotFailure;
      this.#snapshotFailure = null;
    }
    return failure;
  }
}
