/**
 * MemoryLogStorage: a log in memory, as strict as one on a disk. It outlives the storage object, and its crash, if it
 * is given a {@link MemoryDisk} to live on; it does not outlive the process, and says so (PITFALLS P18).
 *
 * Payloads are shared with whoever appended them, not copied: entries are immutable (PITFALLS F11).
 */

import { type LogStorage, StorageError, type StorageIdentity, type StoredState } from "@quorate/contracts";
import type { Entry, Index, Write } from "@quorate/core";
import { Contents } from "./contents.js";
import { DiskUser } from "./disk-user.js";
import { type DiskOperation, MemoryDisk } from "./memory-disk.js";

export class MemoryLogStorage implements LogStorage {
  readonly durability = "volatile";
  readonly #disk: MemoryDisk;
  readonly #user: DiskUser;
  #phase: "new" | "open" | "closed" = "new";
  #failure: unknown = null;

  /** A storage on `disk`; on a blank one of its own by default. */
  constructor(disk: MemoryDisk = new MemoryDisk()) {
    this.#disk = disk;
    this.#user = new DiskUser(disk, this);
  }

  async open(): Promise<StoredState | null> {
    if (this.#phase !== "new") throw new StorageError("CLOSED", "The storage was opened before.");
    this.#disk.lock(this, "log");
    this.#phase = "open";
    try {
      return await this.#user.perform("open", () => this.#disk.contents?.state() ?? null);
    } catch (cause) {
      await this.close();
      throw cause;
    }
  }

  async initialize(identity: StorageIdentity, write: Write): Promise<StoredState> {
    this.#assertOpen();
    this.#assertNotFailed();
    return this.#performWrite("initialize", () => {
      if (this.#disk.contents !== null) throw new StorageError("STORAGE_NOT_EMPTY", "The disk is not blank.");
      const contents = new Contents(identity);
      contents.apply([write]);
      this.#disk.contents = contents;
      return contents.state();
    });
  }

  async write(writes: readonly Write[]): Promise<void> {
    this.#assertOpen();
    this.#assertNotFailed();
    const contents = this.#contents();
    return this.#performWrite("write", () => contents.apply(writes));
  }

  async read(firstIndex: Index, lastIndex: Index, maxBytes: number): Promise<readonly Entry[]> {
    this.#assertOpen();
    const contents = this.#contents();
    return this.#user.perform("read", () => contents.read(firstIndex, lastIndex, maxBytes));
  }

  async compact(upTo: Index): Promise<void> {
    this.#assertOpen();
    this.#assertNotFailed();
    const contents = this.#contents();
    return this.#user.perform("compact", () => contents.compact(upTo));
  }

  async close(): Promise<void> {
    this.#phase = "closed";
    await this.#user.leave();
  }

  /** The first failure is final, whatever caused it (PITFALLS P5). */
  async #performWrite<Result>(operation: DiskOperation, effect: () => Result): Promise<Result> {
    try {
      return await this.#user.perform(operation, () => {
        this.#assertNotFailed();
        return effect();
      });
    } catch (cause) {
      if (!(cause instanceof StorageError && cause.code === "STORAGE_NOT_EMPTY")) this.#failure ??= cause;
      throw cause;
    }
  }

  #contents(): Contents {
    const { contents } = this.#disk;
    if (contents === null) throw new StorageError("NOT_BOOTSTRAPPED", "Nothing is stored on this disk.");
    return contents;
  }

  #assertOpen(): void {
    if (this.#phase !== "open") throw new StorageError("CLOSED", "The storage is not open.");
  }

  #assertNotFailed(): void {
    if (this.#failure === null) return;
    throw new StorageError("STORAGE_FAILED", "An earlier write failed.", { cause: this.#failure });
  }
}
