/** A directory with a LevelDB database in it: looked into with care, opened, and created to last. */

import { realpath } from "node:fs/promises";
import { StorageError } from "@quorate/contracts";
import { Level } from "level";
import type { Database, DatabaseSource } from "./abstract/database.js";
import { explainOpening, unavailable } from "./abstract/explain.js";
import { createDirectory, inspectDirectory, syncDirectory } from "./directory.js";
import { findDamage } from "./leveldb/check.js";

/**
 * What LevelDB gathers in memory before it sorts it into a table. Measured with a million entries of 256 bytes, 256 in
 * a synced batch: 16.2 s with LevelDB's own 4 MiB, 6.6 s with 16 MiB, no less with 64 MiB; and 15 ms instead of 250 ms
 * for the slowest batch. Two of these may be in memory, and one is read when the database is opened.
 */
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024;

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
    await database.open({ createIfMissing: isNew, writeBufferSize: WRITE_BUFFER_BYTES });
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
