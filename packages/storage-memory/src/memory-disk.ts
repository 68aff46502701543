/**
 * MemoryDisk: what outlives the process in a test or a simulation.
 *
 * Whoever owns the disk decides when its operations complete, may let the next write fail, and may cut the power. What
 * an operation does, it does at the moment it completes, whole; until then a crash undoes it (PITFALLS P1, P11).
 */

import { StorageError } from "@quorate/contracts";
import type { Index } from "@quorate/core";
import type { Contents } from "./contents.js";

export type DiskOperation = "open" | "initialize" | "write" | "read" | "compact";

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
  #user: object | null = null;
  #failure: WriteFailure | null = null;

  /** What is stored. For `MemoryLogStorage` alone. */
  contents: Contents | null = null;

  constructor({ schedule = completeAtOnce }: MemoryDiskOptions = {}) {
    this.#schedule = schedule;
  }

  /**
   * The process dies, or the machine: what is under way is lost, or kept if that is asked for. As nobody is left to
   * hear of it, the promises of what was under way never settle; the storage object that had the disk open is of no
   * use any more, and another one may open it.
   */
  crash({ keepsWriteUnderWay = false }: CrashOptions = {}): void {
    this.#user = null;
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

  /** From now on a read of the entry at `index` finds it damaged. */
  damageEntry(index: Index): void {
    if (this.contents === null) throw new RangeError("Nothing is stored");
    this.contents.damage(index);
  }

  /** Takes the disk for `user`: one process has it open at a time. For `MemoryLogStorage` alone. */
  lock(user: object): void {
    if (this.#user !== null) throw new StorageError("STORAGE_LOCKED", "The disk is in use.");
    this.#user = user;
  }

  /** For `MemoryLogStorage` alone. */
  unlock(user: object): void {
    if (this.#user === user) this.#user = null;
  }

  /** Whether `user` has the disk open: not so after a crash. For `MemoryLogStorage` alone. */
  isLockedBy(user: object): boolean {
    return this.#user === user;
  }

  /** Settles as `effect` does, which runs when the operation completes. For `MemoryLogStorage` alone. */
  perform<Result>(user: object, operation: DiskOperation, effect: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      // The storage object of a process that died goes on living in a test; what it asks for never happens.
      if (this.#user !== user) return;
      const changesDisk = operation !== "open" && operation !== "read";
      const underWay: UnderWay = { changesDisk, effect, isOver: false };
      this.#underWay.add(underWay);
      this.#schedule(operation, () => {
        if (underWay.isOver) return;
        underWay.isOver = true;
        this.#underWay.delete(underWay);
        const isWrite = operation === "initialize" || operation === "write";
        try {
          resolve(isWrite ? this.#write(effect) : effect());
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

  #write<Result>(effect: () => Result): Result {
    const failure = this.#failure;
    if (failure === null) return effect();
    this.#failure = null;
    if (failure.isStored === true) effect();
    const cause = failure.cause ?? new Error("The disk was told to fail");
    throw new StorageError("STORAGE_FAILED", "The disk refused a write.", { cause });
  }
}
