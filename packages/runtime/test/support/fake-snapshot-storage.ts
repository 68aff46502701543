/** Snapshots in memory that a test can hold up and break. */

import {
  crc32,
  type SnapshotReader,
  type SnapshotStorage,
  type SnapshotWriter,
  StorageError,
  type StoredSnapshot,
} from "@quorate/contracts";
import type { EntryId } from "@quorate/core";

export class FakeSnapshotStorage implements SnapshotStorage {
  readonly durability = "volatile";
  #newest: { readonly stored: StoredSnapshot; readonly body: Uint8Array } | null = null;
  /** What was begun and neither committed nor aborted. */
  unfinished = 0;
  openReaders = 0;
  failNextWrite: unknown = null;
  failReads: unknown = null;
  /** Was found damaged. */
  distrusted: StoredSnapshot | null = null;
  /** Writes wait for it. */
  gate: Promise<void> = Promise.resolve();

  async open(): Promise<StoredSnapshot | null> {
    return this.newest();
  }

  newest(): StoredSnapshot | null {
    return this.#newest?.stored ?? null;
  }

  distrust(damaged: StoredSnapshot): void {
    this.distrusted = damaged;
  }

  put(place: EntryId, header: Uint8Array, body: Uint8Array): StoredSnapshot {
    const stored = { place, header, sizeBytes: body.length, checksum: crc32(body) };
    this.#newest = { stored, body };
    return stored;
  }

  get body(): Uint8Array | null {
    return this.#newest?.body ?? null;
  }

  async create(place: EntryId, header: Uint8Array): Promise<SnapshotWriter> {
    this.unfinished += 1;
    let isOver = false;
    let body = new Uint8Array(0);
    const end = (): void => {
      if (!isOver) this.unfinished -= 1;
      isOver = true;
    };
    return {
      get sizeBytes() {
        return body.length;
      },
      write: async (piece) => {
        await this.gate;
        const failure = this.failNextWrite;
        this.failNextWrite = null;
        if (failure !== null) throw failure;
        body = new Uint8Array(Buffer.concat([body, piece]));
      },
      commit: async (expected) => {
        const isAsExpected =
          expected === undefined || (expected.sizeBytes === body.length && expected.checksum === crc32(body));
        if (!isAsExpected) throw new StorageError("STORAGE_CORRUPT", "It is not what was sent.");
        end();
        if (this.#newest !== null && this.#newest.stored.place.index >= place.index) return this.#newest.stored;
        return this.put(place, header, body);
      },
      abort: async () => end(),
    };
  }

  async read(): Promise<SnapshotReader | null> {
    const newest = this.#newest;
    if (newest === null) return null;
    this.openReaders += 1;
    let isOpen = true;
    return {
      snapshot: newest.stored,
      read: async (offset, maxBytes) => {
        if (this.failReads !== null) throw this.failReads;
        return newest.body.slice(offset, offset + maxBytes);
      },
      close: async () => {
        if (isOpen) this.openReaders -= 1;
        isOpen = false;
      },
    };
  }

  async close(): Promise<void> {}
}
