/** The directory of a database: what is in it before LevelDB touches it, and how it is created to last. */

import { constants, type Dirent } from "node:fs";
import { access, mkdir, open, readdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { StorageError } from "@quorate/contracts";
import { isErrorWithCode, unavailable } from "./abstract/explain.js";

/**
 * - `missing`: there is no such directory, but it can be created.
 * - `blank`: nothing is in it, or what LevelDB leaves behind when it dies while it creates a database.
 * - `database`: a LevelDB database.
 */
export type DirectoryContents = "missing" | "blank" | "database";

/** LevelDB writes this one last when it creates a database, and would create a new one if it were missing. */
const CURRENT = "CURRENT";
const FIRST_FILES = new Set(["LOCK", "LOG", "LOG.old", "MANIFEST-000001", "000001.dbtmp"]);
/** What file systems and people's tools put into every directory. */
const IGNORED_FILES = new Set(["lost+found", ".DS_Store"]);
const LEVELDB_FILE = /^(\d+\.(ldb|sst|log|dbtmp)|MANIFEST-\d+)$/;

/**
 * Looks into `directory` and changes nothing. Rejects with `FOREIGN_STORAGE` if something else is in it, with
 * `STORAGE_CORRUPT` if it is a database without the file that every database has, and with `STORAGE_UNAVAILABLE` if it
 * is no directory or may not be used.
 */
export async function inspectDirectory(directory: string): Promise<DirectoryContents> {
  const files = await listFiles(directory);
  if (files === null) return "missing";
  try {
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw unavailable(`${directory} may not be read and written.`, cause);
  }
  const names = files.map(({ name }) => name).filter((name) => !IGNORED_FILES.has(name));
  if (names.includes(CURRENT)) return "database";
  const unexpected = names.find((name) => !FIRST_FILES.has(name));
  if (unexpected === undefined) return "blank";
  if (LEVELDB_FILE.test(unexpected)) {
    const message = `${directory} holds a database (${unexpected}) whose file ${CURRENT} is missing.`;
    throw new StorageError("STORAGE_CORRUPT", message);
  }
  throw new StorageError("FOREIGN_STORAGE", `${directory} holds something else: ${unexpected}.`);
}

async function listFiles(directory: string): Promise<Dirent[] | null> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (cause) {
    if (isErrorWithCode(cause, "ENOENT")) return null;
    if (isErrorWithCode(cause, "ENOTDIR")) throw unavailable(`${directory} is, or lies in, a file.`, cause);
    throw unavailable(`${directory} cannot be read.`, cause);
  }
}

/** Creates `directory`, and whatever it lies in, so that it is still there after a loss of power (PITFALLS P10). */
export async function createDirectory(directory: string): Promise<void> {
  try {
    const firstCreated = await mkdir(directory, { recursive: true });
    if (firstCreated === undefined) return;
    const top = dirname(resolve(firstCreated));
    let parent = dirname(resolve(directory));
    await syncDirectory(parent);
    while (parent !== top && parent !== dirname(parent)) {
      parent = dirname(parent);
      await syncDirectory(parent);
    }
  } catch (cause) {
    throw unavailable(`${directory} cannot be created.`, cause);
  }
}

/** Makes the names of the files in `directory` durable. Windows cannot do that, and does not need it as much. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
