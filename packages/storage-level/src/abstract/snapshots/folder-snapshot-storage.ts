/**
 * A server's snapshots as files, in a folder of their own.
 *
 * A snapshot is written under a name that does not count, synced, and given its name; when the folder is synced, too,
 * it is there, whole, whatever happens next (PITFALLS S4, S16, P10). Nothing is ever changed in place (S20).
 */

import {
  type SnapshotReader,
  type SnapshotStorage,
  type SnapshotWriter,
  StorageError,
  type StoredSnapshot,
} from "@quorate/contracts";
import type { EntryId } from "@quorate/core";
import type { Folder } from "./folder.js";
import { encodeHead, MAX_HEADER_BYTES, readSnapshotFile, type SnapshotFile } from "./snapshot-file.js";
import { committedName, listSnapshots, removeIfThere, unfinishedName } from "./snapshot-names.js";
import { FileSnapshotReader } from "./snapshot-reader.js";
import { FileSnapshotWriter } from "./snapshot-writer.js";

export class FolderSnapshotStorage implements SnapshotStorage {
  readonly durability = "durable";
  readonly #folder: Folder;
  #phase: "new" | "open" | "closed" = "new";
  #newest: SnapshotFile | null = null;
  /** The newest, if it was found damaged. */
  #distrusted: SnapshotFile | null = null;
  readonly #writers = new Set<FileSnapshotWriter>();
  /** Who reads which file. */
  readonly #readers = new Map<FileSnapshotReader, SnapshotFile>();
  #writerCount = 0;
  /** The folder could not be synced: what the disk holds of it is unknown from then on (PITFALLS P5). */
  #syncFailure: unknown = null;
  /** Commits happen one after the other; this settles with the last of them, and never rejects. */
  #lastCommit: Promise<unknown> = Promise.resolve();
  #opening: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;

  constructor(folder: Folder) {
    this.#folder = folder;
  }

  /**
   * Rejects with `STORAGE_CORRUPT`, `STORAGE_FORMAT` or `STORAGE_UNAVAILABLE`. It does not fall back to an older
   * snapshot: what leads from there to here may be gone from the log.
   */
  async open(): Promise<StoredSnapshot | null> {
    if (this.#phase !== "new") throw new StorageError("CLOSED", `${this.#folder.path} was opened before.`);
    this.#phase = "open";
    const opening = this.#open();
    this.#opening = opening.catch(() => {
      this.#phase = "closed";
    });
    return opening;
  }

  newest(): StoredSnapshot | null {
    this.#assertOpen();
    return this.#newest?.snapshot ?? null;
  }

  distrust(damaged: StoredSnapshot): void {
    this.#assertOpen();
    const newest = this.#newest;
    const { index, term } = damaged.place;
    const isNewest = newest?.snapshot.place.index === index && newest.snapshot.place.term === term;
    if (isNewest) this.#distrusted = newest;
  }

  /** Throws a `RangeError` if `header` is larger than 16 MiB. */
  async create(place: EntryId, header: Uint8Array): Promise<SnapshotWriter> {
    this.#assertOpen();
    if (header.length > MAX_HEADER_BYTES) throw new RangeError(`A header of ${header.length} bytes is too large`);
    const snapshot = { place: { ...place }, header: new Uint8Array(header), sizeBytes: 0, checksum: 0 };
    encodeHead(snapshot); // Throws, if it could not be written in the end.
    this.#writerCount += 1;
    const writer = new FileSnapshotWriter({
      ...snapshot,
      folder: this.#folder,
      name: unfinishedName(place, this.#writerCount),
      publish: (finished) => this.#exclusively(() => this.#publish(finished)),
      onEnd: (ended) => this.#writers.delete(ended),
    });
    this.#writers.add(writer);
    try {
      await this.#folder.create();
      await writer.begin();
      return writer;
    } catch (cause) {
      await writer.abort();
      throw cause;
    }
  }

  async read(): Promise<SnapshotReader | null> {
    this.#assertOpen();
    const file = this.#newest;
    if (file === null) return null;
    const reader = new FileSnapshotReader(this.#folder, file, (closed) => this.#onReaderClosed(closed, file));
    this.#readers.set(reader, file);
    try {
      await reader.begin();
      return reader;
    } catch (cause) {
      await reader.close();
      throw cause;
    }
  }

  close(): Promise<void> {
    this.#phase = "closed";
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #open(): Promise<StoredSnapshot | null> {
    const listing = await listSnapshots(this.#folder);
    if (listing === null) return null;
    const { newest, leftovers } = listing;
    const file = newest === null ? null : await readSnapshotFile(this.#folder, newest.name, newest.place);
    await this.#folder.settle();
    for (const name of leftovers) await removeIfThere(this.#folder, name);
    this.#newest = file;
    return file?.snapshot ?? null;
  }

  async #close(): Promise<void> {
    await this.#opening;
    const writers = [...this.#writers].map((writer) => writer.abort());
    const readers = [...this.#readers.keys()].map((reader) => reader.close());
    const ended = await Promise.allSettled([...writers, ...readers]);
    const failed = ended.find((end) => end.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #publish(writer: FileSnapshotWriter): Promise<StoredSnapshot> {
    const before = this.#newest;
    if (before !== null && this.#reaches(before, writer.place)) {
      await writer.discard();
      return before.snapshot;
    }
    this.#assertSyncs();
    const snapshot = await writer.finish();
    const name = committedName(writer.place);
    await this.#folder.rename(writer.name, name);
    await this.#sync();
    this.#newest = { name, snapshot };
    if (before !== null) await this.#removeUnlessRead(before);
    return snapshot;
  }

  /** Whether nothing new is in a snapshot of `place`, once there is that one. */
  #reaches(file: SnapshotFile, { index }: EntryId): boolean {
    const reached = file.snapshot.place.index;
    return reached > index || (reached === index && file !== this.#distrusted);
  }

  async #sync(): Promise<void> {
    try {
      await this.#folder.sync();
    } catch (cause) {
      this.#syncFailure = cause;
      throw cause;
    }
  }

  async #onReaderClosed(reader: FileSnapshotReader, file: SnapshotFile): Promise<void> {
    this.#readers.delete(reader);
    if (file !== this.#newest) await this.#removeUnlessRead(file);
  }

  /** If it cannot be removed, it is in nobody's way: the next `open` tries again, and says so. */
  async #removeUnlessRead(file: SnapshotFile): Promise<void> {
    // One of the same place has taken its name.
    if (file.name === this.#newest?.name) return;
    for (const read of this.#readers.values()) if (read === file) return;
    await removeIfThere(this.#folder, file.name).catch(() => undefined);
  }

  #exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#lastCommit.then(work);
    this.#lastCommit = done.catch(() => undefined);
    return done;
  }

  #assertOpen(): void {
    if (this.#phase !== "open") throw new StorageError("CLOSED", `${this.#folder.path} is not open.`);
  }

  #assertSyncs(): void {
    if (this.#syncFailure === null) return;
    const message = `${this.#folder.path} could not be synced before.`;
    throw new StorageError("STORAGE_FAILED", message, { cause: this.#syncFailure });
  }
}
