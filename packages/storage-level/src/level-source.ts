/** A directory with a LevelDB database in it: looked into with care, opened, and created to last. */

import { realpath } from "node:fs/promises";
import { StorageError } from "@quorate/contracts";
import { Level } from "level";
import type { Database, DatabaseSource } from "./abstract/database.js";
import { explainOpening, unavailable } from "./abstract/explain.js";
import { createDirectory, inspectDirectory, syncDirectory } from "./directory.js";
import { findDamage } from "./leveldb/check.js";

/**
 * How many tables LevelDB has open: as few as it can be told to. It maps each into memory as a whole, so that with the
 * thousand that it has open by default a log that is read through would seem to be in memory with all its gigabytes.
 */
const MAX_OPEN_FILES = 74;

/**
 * As large as a table: a full buffer becomes one, and the tables that are open are mapped into memory, so that larger ones
 * count for hundreds of megabytes when a long log is read. Larger buffers made writes no faster.
 */
const WRITE_BUFFER_BYTES = 1024 * 1024;

export class LevelSource implements DatabaseSource {
  /** The directory. */
  readonly name: string;

  constructor(directory: string) {
    this.name = directory;
  }

  /** Until a server is founded here, there is nothing to open, and no trace is left of having looked. */
  async open(): Promise<Database | null> {
    return (await inspectDirectory(this.name)) === "database" ? this.#open(false) : null;
  }

  async create(): Promise<Database> {
    await createDirectory(this.name);
    return this.#open((await inspectDirectory(this.name)) !== "database");
  }

  async #open(isNew: boolean): Promise<Database> {
    // LevelDB keeps two openings in one process apart by the name of the directory alone.
    const directory = await this.#realPath();
    const database = await openDatabase(directory, isNew);
    try {
      // LevelDB has replaced files; a loss of power must not bring the old ones back (PITFALLS P10).
      await syncDirectory(directory);
      return database;
    } catch (cause) {
      await database.close();
      throw unavailable(`${directory} cannot be synced.`, cause);
    }
  }

  async #realPath(): Promise<string> {
    try {
      return await realpath(this.name);
    } catch (cause) {
      throw unavailable(`${this.name} cannot be found.`, cause);
    }
  }
}

/** Rejects with a `StorageError`, and has changed nothing that is stored then. */
async function openDatabase(directory: string, isNew: boolean): Promise<Database> {
  if (!isNew) await checkFiles(directory);
  const database = databaseIn(directory);
  try {
    await database.open({ createIfMissing: isNew, maxOpenFiles: MAX_OPEN_FILES, writeBufferSize: WRITE_BUFFER_BYTES });
  } catch (cause) {
    throw explainOpening(directory, cause);
  }
  return database;
}

function databaseIn(directory: string): Level<Buffer, Buffer> {
  return new Level(directory, { keyEncoding: "buffer", valueEncoding: "buffer" });
}

async function checkFiles(directory: string): Promise<void> {
  let complaint: StorageError;
  try {
    const damage = await findDamage(directory);
    if (damage === null) return;
    complaint = new StorageError("STORAGE_CORRUPT", `${directory}: ${damage}.`);
  } catch (cause) {
    complaint = unavailable(`${directory}: its files cannot be read.`, cause);
  }
  // Files that another process is at work on may look like anything.
  await assertNotLocked(directory);
  throw complaint;
}

/** LevelDB takes the lock before it sees that there is a database, which it is told here not to expect. */
async function assertNotLocked(directory: string): Promise<void> {
  const database = databaseIn(directory);
  try {
    await database.open({ createIfMissing: false, errorIfExists: true });
    await database.close();
  } catch (cause) {
    const explained = explainOpening(directory, cause);
    if (explained.code === "STORAGE_LOCKED") throw explained;
  }
}
