/**
 * What is stored of a group, read and checked against itself when it is opened: every pair of facts that have to agree
 * is compared (PITFALLS P16), and none of the log is read but its ends and its memberships.
 */

import type { StorageIdentity } from "@quorate/contracts";
import type { Entry, Index, TermRun } from "@quorate/core";
import type { Database } from "./database.js";
import { decodeHead, type Head } from "./head.js";
import { FORMAT_KEY, type GroupKeys, type IndexedKind, indexOfKey, type KeyRange, placeOfKey } from "./keys.js";
import { headOf, type Outline } from "./outline.js";
import { readPage } from "./page.js";
import {
  checkFormat,
  checkMembership,
  decodeIdentity,
  decodeTermRun,
  encodeMembership,
  encodeTermRun,
  ensure,
  RecordError,
} from "./record.js";

export interface LoadedGroup {
  readonly identity: StorageIdentity;
  readonly outline: Outline;
  readonly memberships: readonly Entry[];
}

/** Null if nothing is stored of the group. Throws a `RecordError` if what is stored cannot be used. */
export async function loadGroup(database: Database, keys: GroupKeys): Promise<LoadedGroup | null> {
  const [format, identityValue] = await database.getMany([FORMAT_KEY, keys.identity]);
  if (format === undefined && identityValue === undefined) {
    if (!(await hasKey(database, {}))) return null;
    if (!(await hasKey(database, keys.all()))) {
      throw new RecordError("FOREIGN_STORAGE", "it is the database of another program");
    }
  }
  checkFormat(format);
  if (identityValue === undefined && !(await hasKey(database, keys.all()))) return null;
  const identity = decodeIdentity(keys, identityValue);
  const outline = await loadOutline(database, keys, await loadHead(database, keys));
  await checkEnds(database, keys, outline);
  return { identity, outline, memberships: await readMemberships(database, keys, outline) };
}

/** The last record of the log, and so there are no entries after the last: batches are atomic, no crash leaves any (C7). */
async function loadHead(database: Database, keys: GroupKeys): Promise<Head> {
  const [last] = await database.iterator({ ...keys.allOf("log"), reverse: true, limit: 1 }).all();
  ensure(last !== undefined, "the head is missing");
  const [key, value] = last;
  const place = placeOfKey(key);
  ensure(place !== null, "there is a key of unknown form");
  ensure(place.part === "head", `the head is missing, or entries up to ${place.lastIndex} come after it`);
  return decodeHead(keys, place.lastIndex, value);
}

async function loadOutline(database: Database, keys: GroupKeys, head: Head): Promise<Outline> {
  const { hardState, compacted, erasedIndex, lastIndex } = head;
  ensure(erasedIndex <= compacted.index && compacted.index <= lastIndex, "the bounds of the log contradict each other");
  let checksum = 0;
  const termRuns: TermRun[] = [];
  for await (const [firstIndex, value] of recordsOf(database, keys, "termRun")) {
    const run = { firstIndex, term: decodeTermRun(keys, firstIndex, value) };
    checksum = (checksum ^ encodeTermRun(keys, run).checksum) >>> 0;
    termRuns.push(run);
  }
  const memberships: Index[] = [];
  for await (const [index, value] of recordsOf(database, keys, "membership")) {
    checkMembership(keys, index, value);
    checksum = (checksum ^ encodeMembership(keys, index).checksum) >>> 0;
    memberships.push(index);
  }
  const outline = { hardState, compacted, erasedIndex, lastIndex, termRuns, memberships, checksum };
  const found = headOf(outline);
  ensure(found.termRunCount === head.termRunCount, "the starts of terms are not those that the head counts");
  ensure(found.membershipCount === head.membershipCount, "the memberships are not those that the head counts");
  ensure(found.outlineChecksum === head.outlineChecksum, "the starts of terms and memberships are not the last ones");
  checkBounds(outline);
  return outline;
}

function checkBounds({ compacted, lastIndex, termRuns, memberships }: Outline): void {
  const firstIndex = compacted.index + 1;
  const [first, last] = [termRuns.at(0), termRuns.at(-1)];
  const areRunsInLog = first?.firstIndex === firstIndex && (last?.firstIndex ?? 0) <= lastIndex;
  ensure(lastIndex < firstIndex ? first === undefined : areRunsInLog, "the terms do not cover the log");
  const areMembershipsInLog = memberships.every((index) => index >= firstIndex && index <= lastIndex);
  ensure(areMembershipsInLog, "a membership lies outside of the log");
}

/** The first and the last entry are there, and of the terms that the outline says. */
async function checkEnds(database: Database, keys: GroupKeys, outline: Outline): Promise<void> {
  const { compacted, lastIndex } = outline;
  if (lastIndex === compacted.index) return;
  for (const index of [compacted.index + 1, lastIndex]) await readPage(database, keys, outline, index, index, 0);
}

async function readMemberships(database: Database, keys: GroupKeys, outline: Outline): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const index of outline.memberships) {
    const [entry] = await readPage(database, keys, outline, index, index, 0);
    ensure(entry?.kind === "membership", `entry ${index} should be a membership`);
    entries.push(entry);
  }
  return entries;
}

async function* recordsOf(
  database: Database,
  keys: GroupKeys,
  kind: IndexedKind,
): AsyncGenerator<readonly [Index, Buffer]> {
  for await (const [key, value] of database.iterator(keys.allOf(kind))) {
    const index = indexOfKey(key);
    ensure(index !== null, "there is a key of unknown form");
    yield [index, value];
  }
}

async function hasKey(database: Database, range: KeyRange | Record<string, never>): Promise<boolean> {
  const found = await database.keys({ ...range, limit: 1 }).all();
  return found.length > 0;
}
