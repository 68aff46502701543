/**
 * MemorySnapshotStorage: the newest snapshot of a server, in memory. It outlives the storage object, and its crash, if it
 * is given a {@link MemoryDisk} to live on; what was not committed by then is lost.
 */

import {
  crc32,
  type SnapshotReader,
  type SnapshotStorage,
  type SnapshotWriter,
  StorageError,
  type StoredSnapshot,
} from "@quorate/contracts";
import type { EntryId } from "@quorate/core";
import { DiskUser } from "./disk-user.js";
import { MemoryDisk, type SnapshotOperation } from "./memory-disk.js";
import { MemorySnapshot } from "./memory-snapshot.js";

export class MemorySnapshotStorage implements SnapshotStorage {
  readonly durability = "volatile";
  readonly #disk: MemoryDisk;
  readonly #user: DiskUser;
  readonly #ends = new Set<Ending>();
  #phase: "new" | "open" | "closed" = "new";

  /** A storage on `disk`, which may be that of a `MemoryLogStorage` too; on a blank one of its own by default. */
  constructor(disk: MemoryDisk = new MemoryDisk()) {
    this.#disk = disk;
    this.#user = new DiskUser(disk, this);
  }

  async open(): Promise<StoredSnapshot | null> {
    if (this.#phase !== "new") throw new StorageError("CLOSED", "The snapshot storage was opened before.");
    this.#disk.lock(this, "snapshots");
    this.#phase = "open";
    return this.#user.perform("openSnapshots", () => this.#disk.snapshot?.stored ?? null);
  }

  newest(): StoredSnapshot | null {
    this.#assertOpen();
    return this.#disk.snapshot?.stored ?? null;
  }

  distrust(damaged: StoredSnapshot): void {
    this.#assertOpen();
    const { snapshot } = this.#disk;
    const { index, term } = damaged.place;
    if (snapshot?.stored.place.index === index && snapshot.stored.place.term === term) snapshot.isDistrusted = true;
  }

  async create(place: EntryId, header: Uint8Array): Promise<SnapshotWriter> {
    this.#assertOpen();
    const onEnd = (ended: Ending): void => {
      this.#ends.delete(ended);
    };
    const perform: Perform = (operation, effect) => this.#user.perform(operation, effect);
    const writer = new MemorySnapshotWriter({ ...place }, new Uint8Array(header), this.#disk, perform, onEnd);
    this.#ends.add(writer);
    return writer;
  }

  async read(): Promise<SnapshotReader | null> {
    this.#assertOpen();
    const { snapshot } = this.#disk;
    if (snapshot === null) return null;
    const onEnd = (ended: Ending): void => {
      this.#ends.delete(ended);
    };
    const reader = new MemorySnapshotReader(
      snapshot,
      (operation, effect) => this.#user.perform(operation, effect),
      onEnd,
    );
    this.#ends.add(reader);
    return reader;
  }

  async close(): Promise<void> {
    this.#phase = "closed";
    for (const ending of this.#ends) ending.end();
    this.#ends.clear();
    await this.#user.leave();
  }

  #assertOpen(): void {
    if (this.#phase !== "open") throw new StorageError("CLOSED", "The snapshot storage is not open.");
  }
}

type Perform = <Result>(operation: SnapshotOperation, effect: () => Result) => Promise<Result>;

/** What ends with the storage. */
interface Ending {
  end(): void;
}

class MemorySnapshotWriter implements SnapshotWriter, Ending {
  readonly #place: EntryId;
  readonly #header: Uint8Array;
  readonly #disk: MemoryDisk;
  readonly #perform: Perform;
  readonly #onEnd: (ended: Ending) => void;
  #pieces: Uint8Array[] = [];
  #sizeBytes = 0;
  #checksum = 0;
  #isOver = false;

  constructor(place: EntryId, header: Uint8Array, disk: MemoryDisk, perform: Perform, onEnd: (ended: Ending) => void) {
    this.#place = place;
    this.#header = header;
    this.#disk = disk;
    this.#perform = perform;
    this.#onEnd = onEnd;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async write(piece: Uint8Array): Promise<void> {
    this.#assertNotOver();
    await this.#perform("writeSnapshot", () => {
      if (this.#isOver || piece.length === 0) return;
      // Not `slice`: that of a Node `Buffer` does not copy.
      this.#pieces.push(new Uint8Array(piece));
      this.#sizeBytes += piece.length;
      this.#checksum = crc32(piece, this.#checksum);
    });
  }

  async commit(expected?: { readonly sizeBytes: number; readonly checksum: number }): Promise<StoredSnapshot> {
    this.#assertNotOver();
    return this.#perform("commitSnapshot", () => {
      this.#assertNotOver();
      const [sizeBytes, checksum] = [this.#sizeBytes, this.#checksum];
      if (expected !== undefined && (expected.sizeBytes !== sizeBytes || expected.checksum !== checksum)) {
        throw new StorageError("STORAGE_CORRUPT", `The snapshot of entry ${this.#place.index} is not what was sent.`);
      }
      const { snapshot } = this.#disk;
      const stored = { place: this.#place, header: this.#header, sizeBytes, checksum };
      const newest = snapshot?.reaches(this.#place) ? snapshot : new MemorySnapshot(stored, this.#pieces);
      this.#disk.snapshot = newest;
      this.end();
      return newest.stored;
    });
  }

  async abort(): Promise<void> {
    this.end();
  }

  end(): void {
    this.#isOver = true;
    this.#pieces = [];
    this.#onEnd(this);
  }

  #assertNotOver(): void {
    if (this.#isOver) throw new StorageError("CLOSED", "The snapshot was committed or aborted.");
  }
}

class MemorySnapshotReader implements SnapshotReader, Ending {
  readonly snapshot: StoredSnapshot;
  #body: MemorySnapshot | null;
  readonly #perform: Perform;
  readonly #onEnd: (ended: Ending) => void;

  constructor(body: MemorySnapshot, perform: Perform, onEnd: (ended: Ending) => void) {
    this.snapshot = body.stored;
    this.#body = body;
    this.#perform = perform;
    this.#onEnd = onEnd;
  }

  async read(offset: number, maxBytes: number): Promise<Uint8Array> {
    const body = this.#body;
    if (body === null) throw new StorageError("CLOSED", "The reader of the snapshot is closed.");
    return this.#perform("readSnapshot", () => body.read(offset, maxBytes));
  }

  async close(): Promise<void> {
    this.end();
  }

  end(): void {
    this.#body = null;
    this.#onEnd(this);
  }
}
