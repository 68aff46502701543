/**
 * What is stored of a group, read and checked against itself when it is opened: every pair of facts that have to agree
 * is compared (PITFALLS P16), and none of the log is read but its ends and its memberships.
 */

import type { StorageIdentity } from "@quorate/contracts";
import type { Entry, Index, TermRun } from "@quorate/core";
import type { Database } from "./database.js";
import { FORMAT_KEY, type GroupKeys, type IndexedKind, indexOfKey, type KeyRange } from "./keys.js";
import { headOf, type Outline, termAt } from "./outline.js";
import {
  checkFormat,
  checkMembership,
  decodeEntry,
  decodeHead,
  decodeIdentity,
  decodeTermRun,
  encodeMembership,
  encodeTermRun,
  ensure,
  type Head,
  RecordError,
} from "./record.js";

export interface LoadedGroup {
  readonly identity: StorageIdentity;
  readonly outline: Outline;
  readonly memberships: readonly Entry[];
}

/** Null if nothing is stored of the group. Throws a `RecordError` if what is stored cannot be used. */
export async function loadGroup(database: Database, keys: GroupKeys): Promise<LoadedGroup | null> {
  const [format, identityValue, headValue] = await database.getMany([FORMAT_KEY, keys.identity, keys.head]);
  const isBlank = identityValue === undefined && headValue === undefined;
  if (format === undefined && isBlank) {
    if (!(await hasKey(database, {}))) return null;
    throw new RecordError("FOREIGN_STORAGE", "it is the database of another program");
  }
  checkFormat(format);
  if (isBlank) {
    ensure(!(await hasKey(database, keys.all())), `group ${keys.groupId} has a log, but neither identity nor head`);
    return null;
  }
  const identity = decodeIdentity(keys, identityValue);
  const outline = await loadOutline(database, keys, decodeHead(keys, headValue));
  await checkEnds(database, keys, outline);
  const entries = await readEntries(database, keys, outline, outline.memberships);
  for (const { index, kind } of entries) ensure(kind === "membership", `entry ${index} should be a membership`);
  return { identity, outline, memberships: entries };
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
  ensure(found.lastTerm === head.lastTerm, "the term of the last entry is not that of the last run");
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

/** The first and the last entry are there, and none after them: batches are atomic, so no crash leaves any (C7). */
async function checkEnds(database: Database, keys: GroupKeys, outline: Outline): Promise<void> {
  const { compacted, lastIndex } = outline;
  const isBeyond = await hasKey(database, keys.from("entry", lastIndex + 1));
  ensure(!isBeyond, `there are entries after entry ${lastIndex}, which should be the last`);
  if (lastIndex > compacted.index) await readEntries(database, keys, outline, [compacted.index + 1, lastIndex]);
}

async function readEntries(
  database: Database,
  keys: GroupKeys,
  outline: Outline,
  indexes: readonly Index[],
): Promise<Entry[]> {
  const entryKeys = indexes.map((index) => keys.at("entry", index));
  const values = await database.getMany(entryKeys);
  return indexes.map((index, place) => checkedEntry(outline, keys.at("entry", index), index, values[place]));
}

/** The entry behind `key`, if it is the one that the outline says. */
export function checkedEntry(outline: Outline, key: Buffer, index: Index, value: Buffer | undefined): Entry {
  const entry = decodeEntry(key, index, value);
  const term = termAt(outline, index);
  ensure(entry.term === term, `entry ${index} is of term ${entry.term}, and should be of term ${term}`);
  return entry;
}

async function* recordsOf(
  database: Database,
  keys: GroupKeys,
  kind: IndexedKind,
): AsyncGenerator<readonly [Index, Buffer]> {
  for await (const [key, value] of database.iterator({ ...keys.from(kind, 0) })) {
    const index = indexOfKey(key);
    ensure(index !== null, "there is a key of unknown form");
    yield [index, value];
  }
}

async function hasKey(database: Database, range: KeyRange | Record<string, never>): Promise<boolean> {
  const found = await database.keys({ ...range, limit: 1 }).all();
  return found.length > 0;
}
