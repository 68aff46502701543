/** What is stored behind a place in the log, and has to go. */

import type { Entry } from "@quorate/core";
import type { Database } from "./database.js";
import { type GroupKeys, placeOfKey } from "./keys.js";
import type { Outline } from "./outline.js";
import { decodePack, takeEntries } from "./pack.js";
import { checkTerm } from "./page.js";
import type { Plan } from "./plan.js";
import { ensure } from "./record.js";

export interface StoredTail {
  /** Of all records behind the place. */
  readonly keys: readonly Buffer[];
  /** The entries of the log before the place that lie in one of them: in a pack across the place. */
  readonly survivors: readonly Entry[];
}

export const NO_TAIL: StoredTail = { keys: [], survivors: [] };

/** What is stored of a log after `keptIndex`, which is before its end. Where it begins anew, nothing survives. */
export async function readTail(
  database: Database,
  keys: GroupKeys,
  outline: Outline,
  { keptIndex, reset }: Plan,
): Promise<StoredTail> {
  const behind = await database.keys(keys.logFrom(keptIndex + 1)).all();
  const [first] = behind;
  const place = first === undefined ? null : placeOfKey(first);
  ensure(first !== undefined && place?.part === "pack", `entry ${keptIndex + 1} is missing`);
  if (reset !== null) return { keys: behind, survivors: [] };
  const [value] = await database.getMany([first]);
  const pack = decodePack(first, place.lastIndex, value);
  ensure(pack.firstIndex <= keptIndex + 1, `entry ${keptIndex + 1} is missing`);
  const survivors: Entry[] = [];
  const start = Math.max(outline.compacted.index + 1, pack.firstIndex);
  if (start <= keptIndex) {
    checkTerm(outline, pack, start, keptIndex);
    takeEntries(pack, start, keptIndex, (entry) => survivors.push(entry) > 0);
  }
  return { keys: behind, survivors };
}
