/**
 * The log as it can be read here: the newest part from the cache, the rest from the storage, a page at a time
 * (PITFALLS F7). What the storage hands out is checked before anyone sees it (P13, R19).
 */

import { type LogStorage, RaftError } from "@quorate/contracts";
import type { Entry, Index, Raft } from "@quorate/core";
import type { LogCache } from "./log-cache.js";

export class LogReader {
  readonly #cache: LogCache;
  readonly #storage: LogStorage;
  readonly #raft: Raft;

  constructor(cache: LogCache, storage: LogStorage, raft: Raft) {
    this.#cache = cache;
    this.#storage = storage;
    this.#raft = raft;
  }

  /** The entry at `index` if it is at hand. */
  cachedAt(index: Index): Entry | undefined {
    return this.#cache.at(index);
  }

  /** As many entries as fit into a message of `maxBytes`, but at least one; null if the storage has to be read. */
  cached(firstIndex: Index, lastIndex: Index, maxBytes: number): readonly Entry[] | null {
    return this.#cache.slice(firstIndex, lastIndex, maxBytes);
  }

  /**
   * Reads from the storage what is not at hand. Null once it is no longer wanted: then the entries may have been
   * replaced meanwhile, and whatever the storage said about them means nothing. Otherwise rejects if the storage
   * does, and with `STORAGE_CORRUPT` if it hands out something else than the log.
   */
  async read(
    firstIndex: Index,
    lastIndex: Index,
    maxBytes: number,
    isWanted: () => boolean,
  ): Promise<readonly Entry[] | null> {
    // What is still to be written is in the cache, and cannot be read yet.
    const lastStored = Math.min(lastIndex, this.#cache.storedIndex);
    let entries: readonly Entry[];
    try {
      entries = await this.#storage.read(firstIndex, lastStored, maxBytes);
    } catch (cause) {
      if (!isWanted()) return null;
      if (cause instanceof RaftError) throw cause;
      throw new RaftError("STORAGE_FAILED", `The entries from ${firstIndex} on could not be read.`, { cause });
    }
    if (!isWanted()) return null;
    if (!this.#isLog(entries, firstIndex, lastStored)) {
      throw new RaftError("STORAGE_CORRUPT", `Asked for the entries ${firstIndex} to ${lastStored}, got others.`);
    }
    return entries;
  }

  #isLog(entries: readonly Entry[], firstIndex: Index, lastIndex: Index): boolean {
    if (entries.length === 0 || entries.length > lastIndex - firstIndex + 1) return false;
    return entries.every(({ index, term }, place) => {
      return index === firstIndex + place && this.#raft.termAt(index) === term;
    });
  }
}
