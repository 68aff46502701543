/** The directory of the snapshots of one server: what its files are called, and what of it counts. */

import { constants } from "node:fs";
import { access, readdir, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { StorageError } from "@quorate/contracts";
import type { EntryId } from "@quorate/core";
import { unavailable } from "../abstract/explain.js";
import { isErrorWithCode, syncDirectory } from "../directory.js";

/** So many digits have the largest safe integers: the names are in the order of the indexes. */
const DIGITS = 16;
const COMMITTED = /^(\d{16})-(\d{16})\.snapshot$/;
const UNFINISHED = /^\d{16}-\d{16}\.\d+\.unfinished$/;

interface NamedSnapshot {
  readonly path: string;
  readonly place: EntryId;
}

export interface SnapshotListing {
  /** The newest of those that were committed. */
  readonly newest: NamedSnapshot | null;
  /** Whatever else a process that died left here. */
  readonly leftovers: readonly string[];
}

/** The name under which a snapshot counts. */
export function committedPath(directory: string, place: EntryId): string {
  return join(directory, `${nameOf(place)}.snapshot`);
}

/** The name that it has until then; `count` tells those apart that are under way. */
export function unfinishedPath(directory: string, place: EntryId, count: number): string {
  return join(directory, `${nameOf(place)}.${count}.unfinished`);
}

function nameOf({ index, term }: EntryId): string {
  return `${String(index).padStart(DIGITS, "0")}-${String(term).padStart(DIGITS, "0")}`;
}

/**
 * Looks into `directory`, and changes nothing; null if there is none. Files of other names are nobody's business here.
 * Rejects with `STORAGE_UNAVAILABLE`.
 */
export async function listSnapshots(directory: string): Promise<SnapshotListing | null> {
  const names = await listNames(directory);
  if (names === null) return null;
  const committed = names.filter((name) => COMMITTED.test(name)).sort();
  const unfinished = names.filter((name) => UNFINISHED.test(name));
  const newest = committed.pop();
  const leftovers = [...unfinished, ...committed].map((name) => join(directory, name));
  if (newest === undefined) return { newest: null, leftovers };
  const [, index, term] = COMMITTED.exec(newest) ?? [];
  const place = { index: Number(index), term: Number(term) };
  if (!Number.isSafeInteger(place.index) || !Number.isSafeInteger(place.term)) {
    throw new StorageError("STORAGE_CORRUPT", `${directory} holds a snapshot of no possible entry: ${newest}.`);
  }
  return { newest: { path: join(directory, newest), place }, leftovers };
}

async function listNames(directory: string): Promise<string[] | null> {
  try {
    const names = await readdir(directory);
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    return names;
  } catch (cause) {
    if (isErrorWithCode(cause, "ENOENT")) return null;
    if (isErrorWithCode(cause, "ENOTDIR")) throw unavailable(`${directory} is, or lies in, a file.`, cause);
    throw unavailable(`${directory} may not be read and written.`, cause);
  }
}

/**
 * Makes what {@link listSnapshots} saw durable. A process that died may have given a snapshot its name, and have made
 * that known to nobody but the operating system: a loss of power could still take it back (PITFALLS P10).
 */
export async function syncListing(directory: string): Promise<void> {
  try {
    await syncParent(directory);
    await syncDirectory(directory);
  } catch (cause) {
    throw unavailable(`${directory} cannot be synced.`, cause);
  }
}

/** Whoever may not read the parent has not made the directory in it. */
async function syncParent(directory: string): Promise<void> {
  try {
    await syncDirectory(dirname(resolve(directory)));
  } catch (cause) {
    if (!isErrorWithCode(cause, "EACCES")) throw cause;
  }
}

export async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (cause) {
    if (!isErrorWithCode(cause, "ENOENT")) throw unavailable(`${path} cannot be removed.`, cause);
  }
}
