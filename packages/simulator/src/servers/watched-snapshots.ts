/** A storage of snapshots that tells when one is on its way to being the newest, and when it is, before the node hears. */

import type { SnapshotReader, SnapshotStorage, SnapshotWriter, StoredSnapshot } from "@quorate/contracts";
import type { EntryId, SnapshotPoint } from "@quorate/core";
import { decodeSnapshotHeader } from "@quorate/runtime";
import type { SnapshotOrigin } from "../ledger/index.js";

export interface SnapshotsWatcher {
  /** It is being made durable: from here on a crash may leave it. */
  onCommitting(point: SnapshotPoint, origin: SnapshotOrigin): void;
  /** It is durable, and the newest; the node has not heard of it. */
  onStored(point: SnapshotPoint, origin: SnapshotOrigin): void;
}

export class WatchedSnapshots implements SnapshotStorage {
  readonly #storage: SnapshotStorage;
  readonly #watcher: SnapshotsWatcher;

  constructor(storage: SnapshotStorage, watcher: SnapshotsWatcher) {
    this.#storage = storage;
    this.#watcher = watcher;
  }

  get durability(): SnapshotStorage["durability"] {
    return this.#storage.durability;
  }

  open(): Promise<StoredSnapshot | null> {
    return this.#storage.open();
  }

  newest(): StoredSnapshot | null {
    return this.#storage.newest();
  }

  distrust(damaged: StoredSnapshot): void {
    this.#storage.distrust(damaged);
  }

  async create(place: EntryId, header: Uint8Array): Promise<SnapshotWriter> {
    const { point } = decodeSnapshotHeader(header, place);
    return new WatchedWriter(await this.#storage.create(place, header), point, this.#watcher);
  }

  read(): Promise<SnapshotReader | null> {
    return this.#storage.read();
  }

  close(): Promise<void> {
    return this.#storage.close();
  }
}

class WatchedWriter implements SnapshotWriter {
  readonly #writer: SnapshotWriter;
  readonly #point: SnapshotPoint;
  readonly #watcher: SnapshotsWatcher;

  constructor(writer: SnapshotWriter, point: SnapshotPoint, watcher: SnapshotsWatcher) {
    this.#writer = writer;
    this.#point = point;
    this.#watcher = watcher;
  }

  get sizeBytes(): number {
    return this.#writer.sizeBytes;
  }

  write(piece: Uint8Array): Promise<void> {
    return this.#writer.write(piece);
  }

  /** Only of what was received is it known what it must be. */
  async commit(expected?: { readonly sizeBytes: number; readonly checksum: number }): Promise<StoredSnapshot> {
    const origin = expected === undefined ? "taken" : "received";
    this.#watcher.onCommitting(this.#point, origin);
    const stored = await this.#writer.commit(expected);
    const { index, term } = stored.place;
    if (index === this.#point.index && term === this.#point.term) this.#watcher.onStored(this.#point, origin);
    return stored;
  }

  abort(): Promise<void> {
    return this.#writer.abort();
  }
}
