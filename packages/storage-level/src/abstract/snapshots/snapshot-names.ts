/** What the files of snapshots are called, and what of a folder counts. */

import { StorageError } from "@quorate/contracts";
import type { EntryId } from "@quorate/core";
import { isErrorWithCode, unavailable } from "../explain.js";
import type { Folder } from "./folder.js";

/** So many digits have the largest safe integers: the names are in the order of the indexes. */
const DIGITS = 16;
const COMMITTED = /^(\d{16})-(\d{16})\.snapshot$/;
const UNFINISHED = /^\d{16}-\d{16}\.\d+\.unfinished$/;

interface NamedSnapshot {
  readonly name: string;
  readonly place: EntryId;
}

export interface SnapshotListing {
  /** The newest of those that were committed. */
  readonly newest: NamedSnapshot | null;
  /** The names of whatever else a process that died left here. */
  readonly leftovers: readonly string[];
}

/** The name under which a snapshot counts. */
export function committedName(place: EntryId): string {
  return `${nameOf(place)}.snapshot`;
}

/** The name that it has until then; `count` tells those apart that are under way. */
export function unfinishedName(place: EntryId, count: number): string {
  return `${nameOf(place)}.${count}.unfinished`;
}

function nameOf({ index, term }: EntryId): string {
  return `${String(index).padStart(DIGITS, "0")}-${String(term).padStart(DIGITS, "0")}`;
}

/**
 * Looks into `folder`, and changes nothing; null if there is none. Files of other names are nobody's business here.
 * Rejects with `STORAGE_UNAVAILABLE`.
 */
export async function listSnapshots(folder: Folder): Promise<SnapshotListing | null> {
  const names = await folder.list();
  if (names === null) return null;
  const committed = names.filter((name) => COMMITTED.test(name)).sort();
  const unfinished = names.filter((name) => UNFINISHED.test(name));
  const newest = committed.pop();
  const leftovers = [...unfinished, ...committed];
  if (newest === undefined) return { newest: null, leftovers };
  const [, index, term] = COMMITTED.exec(newest) ?? [];
  const place = { index: Number(index), term: Number(term) };
  if (!Number.isSafeInteger(place.index) || !Number.isSafeInteger(place.term)) {
    throw new StorageError("STORAGE_CORRUPT", `${folder.path} holds a snapshot of no possible entry: ${newest}.`);
  }
  return { newest: { name: newest, place }, leftovers };
}

export async function removeIfThere(folder: Folder, name: string): Promise<void> {
  try {
    await folder.remove(name);
  } catch (cause) {
    if (!isErrorWithCode(cause, "ENOENT")) throw unavailable(`${folder.pathOf(name)} cannot be removed.`, cause);
  }
}
