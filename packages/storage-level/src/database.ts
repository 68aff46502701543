/** LevelDB, opened with care, and its errors in our words. */

import { StorageError } from "@quorate/contracts";
import { Level } from "level";
import { unavailable } from "./directory.js";
import { findDamage } from "./leveldb/check.js";
import { RecordError } from "./record.js";

export type Database = Level<Buffer, Buffer>;

/**
 * What LevelDB gathers in memory before it sorts it into a table. Measured with a million entries of 256 bytes, 256 in
 * a synced batch: 16.2 s with LevelDB's own 4 MiB, 6.6 s with 16 MiB, no less with 64 MiB; and 15 ms instead of 250 ms
 * for the slowest batch. Two of these may be in memory, and one is read when the database is opened.
 */
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024;

/** Rejects with a `StorageError`, and has changed nothing that is stored then. */
export async function openDatabase(directory: string, isNew: boolean): Promise<Database> {
  if (!isNew) await checkFiles(directory);
  const database = databaseIn(directory);
  try {
    await database.open({ createIfMissing: isNew, writeBufferSize: WRITE_BUFFER_BYTES });
  } catch (cause) {
    throw explainOpening(directory, cause);
  }
  return database;
}

function databaseIn(directory: string): Database {
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

function explainOpening(directory: string, error: unknown): StorageError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const said = cause instanceof Error ? cause.message : String(cause);
  switch (codeOf(cause)) {
    case "LEVEL_LOCKED":
      return new StorageError("STORAGE_LOCKED", `${directory} is in use.`, { cause });
    case "LEVEL_CORRUPTION":
      return new StorageError("STORAGE_CORRUPT", `${directory}: LevelDB says: ${said}.`, { cause });
    default:
      break;
  }
  if (said.includes("No such file")) {
    return new StorageError("STORAGE_CORRUPT", `${directory}: a file is missing. LevelDB says: ${said}.`, { cause });
  }
  if (said.includes("comparator")) {
    return new StorageError("FOREIGN_STORAGE", `${directory} is the database of another program: ${said}.`, { cause });
  }
  return unavailable(`${directory} cannot be opened. LevelDB says: ${said}.`, cause);
}

/** What went wrong while reading what is stored; whatever is nobody's report of that comes back as it is. */
export function explainReading(directory: string, cause: unknown): unknown {
  if (cause instanceof RecordError) return new StorageError(cause.code, `${directory}: ${cause.message}.`, { cause });
  const code = codeOf(cause);
  const said = cause instanceof Error ? cause.message : String(cause);
  if (code === "LEVEL_CORRUPTION") {
    return new StorageError("STORAGE_CORRUPT", `${directory}: LevelDB says: ${said}.`, { cause });
  }
  return code === undefined ? cause : unavailable(`${directory} cannot be read: ${said}.`, cause);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
