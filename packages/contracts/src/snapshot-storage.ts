/**
 * SnapshotStorage: where a server keeps the newest snapshot of its state (§7).
 *
 * A snapshot is seen whole or not at all: it counts from the moment at which `commit` made it durable, and until then
 * the one before it stays (PITFALLS S4, S16, S20). What it says is opaque here: a small `header` that can be had at once,
 * and a body that can be of any size and passes through in pieces.
 */

import type { EntryId } from "@quorate/core";
import type { Durability } from "./log-storage.js";

/** A snapshot that is stored. */
export interface StoredSnapshot {
  /** The last entry whose effect it contains. */
  readonly place: EntryId;
  readonly header: Uint8Array;
  /** Of the body. */
  readonly sizeBytes: number;
  /** The CRC-32 (that of gzip) of the body. */
  readonly checksum: number;
}

/** Takes in one body, piece by piece. */
export interface SnapshotWriter {
  /** What was written so far, in bytes: the place of the next piece. */
  readonly sizeBytes: number;

  /**
   * Adds a piece. The next call comes after this one has settled; the caller may reuse `piece` then. Rejects with a
   * `StorageError`, `STORAGE_FAILED` if the disk is full, say; only `abort` is of use then.
   */
  write(piece: Uint8Array): Promise<void>;

  /**
   * Makes it durable, and the newest: resolves with it when it survives the loss of power. The ones before it are
   * removed when nobody reads them. Rejects with `STORAGE_CORRUPT`, and nothing is changed, if size or checksum are not
   * as `expected`; if one is stored already that reaches as far, that one stays and is what this resolves with, unless it
   * is distrusted and reaches no further. Rejects with `STORAGE_FAILED` if the disk does: the one before it stays the newest then, but the next `open` may find either.
   * After a rejection only `abort` is of use.
   */
  commit(expected?: { readonly sizeBytes: number; readonly checksum: number }): Promise<StoredSnapshot>;

  /** Removes what was written. May be called at any time and twice, after `commit` to no effect; waits for one under way. */
  abort(): Promise<void>;
}

/** The body of one snapshot, which stays until `close`, also when a newer one takes its place. */
export interface SnapshotReader {
  readonly snapshot: StoredSnapshot;

  /**
   * As many bytes from `offset` on as there are, at most `maxBytes`; none at the end or behind it. The caller may keep
   * them. Several calls may be under way. Rejects with a `StorageError` if they cannot be read. Damage is found by the
   * checksum of the whole, which is for whoever reads to compare.
   */
  read(offset: number, maxBytes: number): Promise<Uint8Array>;

  /** May be called twice. */
  close(): Promise<void>;
}

export interface SnapshotStorage {
  readonly durability: Durability;

  /**
   * Opens what is there: the newest snapshot that was committed, or null; what was never committed is removed. Rejects
   * with a `StorageError`, and has changed nothing then, if it is damaged or of a format that is not understood. Called
   * once, after the log storage was opened, which is what keeps other processes out.
   */
  open(): Promise<StoredSnapshot | null>;

  /** The newest that is committed, or null. */
  newest(): StoredSnapshot | null;

  /**
   * `damaged` was read, and is not what was written. If it is still the newest, it stays so for now, but gives way to one
   * that reaches just as far.
   */
  distrust(damaged: StoredSnapshot): void;

  /** Begins a snapshot; the caller may reuse `header` when it has. Several may be under way; each needs a `commit` or an `abort`. */
  create(place: EntryId, header: Uint8Array): Promise<SnapshotWriter>;

  /** Opens the newest for reading; null if there is none. */
  read(): Promise<SnapshotReader | null>;

  /**
   * Aborts what is being written, closes what is being read, releases everything; later calls reject. A commit that is
   * under way may yet succeed. May be called twice, and before `open`.
   */
  close(): Promise<void>;
}
