/** The folder that snapshots lie in, as far as they need one: its shape, whatever file system it is of. */

import type { StorageError } from "@quorate/contracts";

/**
 * A folder for the snapshots of one server. Files are named without it. What is written, and what files are called, is
 * certain to survive a loss of power only once it was synced. Everything but {@link list}, {@link create} and
 * {@link settle} rejects with the error of the file system, whose `code` is that of Node: `ENOENT`, `ENOSPC`, ….
 */
export interface Folder {
  /** What messages to people call it. */
  readonly path: string;
  /** What messages to people call a file in it. */
  pathOf(name: string): string;
  /** The names in it; null if there is no such folder. Rejects with a {@link StorageError}. */
  list(): Promise<readonly string[] | null>;
  /** Makes it, to last, if it is not there. Rejects with a {@link StorageError}. */
  create(): Promise<void>;
  /** Makes all that can be seen of it last, itself included. Rejects with a {@link StorageError}. */
  settle(): Promise<void>;
  /** Makes the names in it last. */
  sync(): Promise<void>;
  /** `wx` makes a new file; `r` is for reading. */
  open(name: string, flags: "r" | "wx"): Promise<OpenFile>;
  /** Gives a file another name, in one step, in place of whatever bears it. */
  rename(from: string, to: string): Promise<void>;
  /** Readers that have it open go on reading. */
  remove(name: string): Promise<void>;
}

/** As Node's `FileHandle`. */
export interface OpenFile {
  /** May take less than it was given. */
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>;
  /** May give less than there is; nothing at the end. */
  read(bytes: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  /** Makes what was written last. `datasync` need not do so for the time of the last change, and the like. */
  sync(): Promise<void>;
  datasync(): Promise<void>;
  stat(): Promise<{ readonly size: number }>;
  /** Waits for what is under way. */
  close(): Promise<void>;
}
