/** A snapshot that is being read: an open file, which stays until it is closed. */

import { type SnapshotReader, StorageError, type StoredSnapshot } from "@quorate/contracts";
import { unavailable } from "../explain.js";
import type { Folder, OpenFile } from "./folder.js";
import { headBytesOf, type SnapshotFile } from "./snapshot-file.js";

export class FileSnapshotReader implements SnapshotReader {
  readonly snapshot: StoredSnapshot;
  readonly #folder: Folder;
  readonly #name: string;
  readonly #bodyAt: number;
  readonly #onClosed: (reader: FileSnapshotReader) => Promise<void>;
  #opening: Promise<OpenFile> | null = null;
  #closing: Promise<void> | null = null;

  /** `onClosed` is told once, when the file is no longer open. */
  constructor(
    folder: Folder,
    { name, snapshot }: SnapshotFile,
    onClosed: (reader: FileSnapshotReader) => Promise<void>,
  ) {
    this.snapshot = snapshot;
    this.#folder = folder;
    this.#name = name;
    this.#bodyAt = headBytesOf(snapshot.header);
    this.#onClosed = onClosed;
  }

  /** Called once, before everything else. Rejects with `STORAGE_UNAVAILABLE`. */
  async begin(): Promise<void> {
    this.#opening = this.#folder.open(this.#name, "r");
    await this.#explained(this.#opening);
  }

  async read(offset: number, maxBytes: number): Promise<Uint8Array> {
    if (!(offset >= 0 && maxBytes >= 0)) throw new RangeError(`read(${offset}, ${maxBytes}): below 0`);
    if (this.#opening === null || this.#closing !== null) {
      throw new StorageError("CLOSED", `The reader of ${this.#path} is closed.`);
    }
    const bytes = new Uint8Array(Math.max(0, Math.min(maxBytes, this.snapshot.sizeBytes - offset)));
    await this.#explained(this.#fill(await this.#opening, bytes, offset));
    return bytes;
  }

  get #path(): string {
    return this.#folder.pathOf(this.#name);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const handle = await this.#opening?.catch(() => null);
    // Waits for the reads that are under way.
    await handle?.close();
    await this.#onClosed(this);
  }

  async #fill(handle: OpenFile, bytes: Uint8Array, offset: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await handle.read(bytes, done, bytes.length - done, this.#bodyAt + offset + done);
      if (bytesRead === 0) throw new StorageError("STORAGE_CORRUPT", `${this.#path}: its end is missing.`);
      done += bytesRead;
    }
  }

  async #explained<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (cause) {
      if (cause instanceof StorageError) throw cause;
      throw unavailable(`${this.#path} cannot be read.`, cause);
    }
  }
}
