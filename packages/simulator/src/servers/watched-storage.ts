/** A log storage that tells when a write is durable, before the node hears of it. */

import type { LogStorage, StorageIdentity, StoredState } from "@quorate/contracts";
import type { Entry, Index, Write } from "@quorate/core";

export interface StorageWatcher {
  /** These are durable; the node has not heard of it. */
  onStored(writes: readonly Write[]): void;
  onRead(): void;
}

export class WatchedStorage implements LogStorage {
  readonly #storage: LogStorage;
  readonly #watcher: StorageWatcher;

  constructor(storage: LogStorage, watcher: StorageWatcher) {
    this.#storage = storage;
    this.#watcher = watcher;
  }

  get durability(): LogStorage["durability"] {
    return this.#storage.durability;
  }

  open(): Promise<StoredState | null> {
    return this.#storage.open();
  }

  initialize(identity: StorageIdentity, write: Write): Promise<StoredState> {
    return this.#storage.initialize(identity, write);
  }

  async write(writes: readonly Write[]): Promise<void> {
    await this.#storage.write(writes);
    this.#watcher.onStored(writes);
  }

  read(firstIndex: Index, lastIndex: Index, maxBytes: number): Promise<readonly Entry[]> {
    this.#watcher.onRead();
    return this.#storage.read(firstIndex, lastIndex, maxBytes);
  }

  compact(upTo: Index): Promise<void> {
    return this.#storage.compact(upTo);
  }

  close(): Promise<void> {
    return this.#storage.close();
  }
}
