/**
 * A snapshot on its way to the disk: a file under a name that does not count. The place of its head stays blank until
 * the size and the checksum of the body are known; whoever commits it writes the head, syncs all of it, and only then
 * gives it the name that counts (PITFALLS S4, S16, P10).
 */

import { type SnapshotWriter, StorageError, type StoredSnapshot } from "@quorate/contracts";
import type { EntryId } from "@quorate/core";
import { crc32 } from "../crc.js";
import { isErrorWithCode, messageOf } from "../explain.js";
import type { Folder, OpenFile } from "./folder.js";
import { encodeHead, headBytesOf } from "./snapshot-file.js";
import { removeIfThere } from "./snapshot-names.js";

/** What is checksummed in one go: a fifth of a millisecond. */
const MAX_PIECE_BYTES = 1024 * 1024;

/**
 * So much is written between two syncs. If it were left to the last of them, the log, which is synced all the time,
 * would wait for hundreds of megabytes that happen to lie on the same disk (PITFALLS S8).
 */
const SYNC_EVERY_BYTES = 8 * 1024 * 1024;

export interface WriterOptions {
  readonly place: EntryId;
  readonly header: Uint8Array;
  readonly folder: Folder;
  /** The name until it is committed. */
  readonly name: string;
  /** Gives it the name that counts, or finds that it is not needed; see `FolderSnapshotStorage`. */
  readonly publish: (writer: FileSnapshotWriter) => Promise<StoredSnapshot>;
  /** It no longer takes part in anything. */
  readonly onEnd: (writer: FileSnapshotWriter) => void;
}

export class FileSnapshotWriter implements SnapshotWriter {
  readonly place: EntryId;
  readonly name: string;
  readonly #folder: Folder;
  readonly #header: Uint8Array;
  readonly #options: WriterOptions;
  #handle: OpenFile | null = null;
  #sizeBytes = 0;
  #unsyncedBytes = 0;
  #checksum = 0;
  /** Why it cannot go on; null while it can. */
  #failure: unknown = null;
  #phase: "open" | "committed" | "aborted" = "open";
  /** What it does happens one after the other; this settles with the last of it, and never rejects. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: WriterOptions) {
    this.#options = options;
    this.place = options.place;
    this.name = options.name;
    this.#folder = options.folder;
    this.#header = options.header;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Makes the file. Called once, before everything else. */
  begin(): Promise<void> {
    return this.#inTurn(async () => {
      this.#assertMayGoOn();
      this.#handle = await this.#folder.open(this.name, "wx");
    });
  }

  async write(piece: Uint8Array): Promise<void> {
    this.#assertMayGoOn();
    return this.#inTurn(async () => {
      for (let at = 0; at < piece.length; at += MAX_PIECE_BYTES) {
        this.#assertMayGoOn();
        await this.#append(piece.subarray(at, at + MAX_PIECE_BYTES));
      }
    });
  }

  async commit(expected?: { readonly sizeBytes: number; readonly checksum: number }): Promise<StoredSnapshot> {
    this.#assertMayGoOn();
    return this.#inTurn(async () => {
      this.#assertMayGoOn();
      this.#assertIs(expected);
      const stored = await this.#options.publish(this);
      this.#phase = "committed";
      this.#options.onEnd(this);
      return stored;
    });
  }

  /** Waits for what is under way. */
  abort(): Promise<void> {
    if (this.#phase === "open") this.#phase = "aborted";
    const removed = this.#last.then(() => this.#remove());
    this.#last = removed.catch(() => undefined);
    return removed;
  }

  /** Writes the head, and syncs and closes the file: from here on it only needs its name. For the storage alone. */
  async finish(): Promise<StoredSnapshot> {
    const { place } = this;
    const snapshot = { place, header: this.#header, sizeBytes: this.#sizeBytes, checksum: this.#checksum };
    const handle = this.#openHandle();
    await writeAll(handle, encodeHead(snapshot), 0);
    await handle.sync();
    await this.#close();
    return snapshot;
  }

  /** For the storage alone, if it has a snapshot that reaches as far. */
  async discard(): Promise<void> {
    await this.#close();
    await removeIfThere(this.#folder, this.name);
  }

  async #append(piece: Uint8Array): Promise<void> {
    const handle = this.#openHandle();
    this.#checksum = crc32(piece, 0, piece.length, this.#checksum);
    await writeAll(handle, piece, headBytesOf(this.#header) + this.#sizeBytes);
    this.#sizeBytes += piece.length;
    this.#unsyncedBytes += piece.length;
    if (this.#unsyncedBytes < SYNC_EVERY_BYTES) return;
    await handle.datasync();
    this.#unsyncedBytes = 0;
  }

  async #remove(): Promise<void> {
    if (this.#phase === "committed") return;
    this.#phase = "aborted";
    this.#options.onEnd(this);
    await this.discard();
  }

  async #close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
  }

  /** Does `work` after what was asked for before; if that fails, nothing but `abort` is of use any more. */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#last.then(work).catch((cause: unknown) => {
      const explained = this.#explain(cause);
      this.#failure ??= explained;
      throw explained;
    });
    this.#last = done.catch(() => undefined);
    return done;
  }

  #assertIs(expected: { readonly sizeBytes: number; readonly checksum: number } | undefined): void {
    if (expected === undefined) return;
    const [sizeBytes, checksum] = [this.#sizeBytes, this.#checksum];
    if (sizeBytes === expected.sizeBytes && checksum === expected.checksum) return;
    const found = `${sizeBytes} bytes of checksum ${checksum}`;
    const wanted = `${expected.sizeBytes} bytes of checksum ${expected.checksum}`;
    throw new StorageError("STORAGE_CORRUPT", `${this.#called} is not what it should be: ${found}, not ${wanted}.`);
  }

  #assertMayGoOn(): void {
    if (this.#phase !== "open") throw new StorageError("CLOSED", `${this.#called} is ${this.#phase}.`);
    if (this.#failure === null) return;
    throw new StorageError("STORAGE_FAILED", `${this.#called} could not be written.`, { cause: this.#failure });
  }

  #openHandle(): OpenFile {
    if (this.#handle === null) throw new StorageError("CLOSED", `${this.#called} is closed.`);
    return this.#handle;
  }

  #explain(cause: unknown): StorageError {
    if (cause instanceof StorageError) return cause;
    const isFull = isErrorWithCode(cause, "ENOSPC");
    const isOverQuota = isErrorWithCode(cause, "EDQUOT");
    const why = isFull ? "the disk is full" : isOverQuota ? "the disk quota is used up" : messageOf(cause);
    return new StorageError("STORAGE_FAILED", `${this.#called} could not be written: ${why}.`, { cause });
  }

  get #called(): string {
    return `The snapshot of entry ${this.place.index}, ${this.#folder.pathOf(this.name)},`;
  }
}

/** A write may take less than it was given: of the last bytes that a disk has room for, say. */
async function writeAll(handle: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    if (bytesWritten === 0) throw new Error("the disk takes no more");
    done += bytesWritten;
  }
}
