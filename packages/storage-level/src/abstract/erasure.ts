/**
 * What lies wholly behind the start of the log, to be erased a step at a time: packs, and the heads beside them. A pack
 * across the start stays until all of it is behind. What was found never comes back, whatever is written meanwhile.
 */

import type { Index } from "@quorate/core";
import type { Database } from "./database.js";
import { type GroupKeys, placeOfKey } from "./keys.js";
import type { Outline } from "./outline.js";

/** How many records a step erases: the time that a write may have to wait for a compaction. */
const RECORDS_PER_STEP = 256;

export interface ErasureStep {
  readonly keys: readonly Buffer[];
  /** Up to here nothing is left with them, but for a head. */
  readonly erasedIndex: Index;
}

export function hasMoreToErase({ erasedIndex, compacted }: Outline): boolean {
  return erasedIndex < compacted.index;
}

export async function nextStep(
  database: Database,
  keys: GroupKeys,
  { erasedIndex, compacted }: Outline,
): Promise<ErasureStep> {
  // Deletions of earlier steps take long to walk through: it goes on where they end.
  const range = { gte: keys.log("head", erasedIndex), lt: keys.log("pack", compacted.index + 1) };
  const found = await database.keys({ ...range, limit: RECORDS_PER_STEP }).all();
  const last = found.length < RECORDS_PER_STEP ? undefined : found.at(-1);
  // The last may be a pack, and the head beside it still be there.
  return { keys: found, erasedIndex: last === undefined ? compacted.index : (placeOfKey(last)?.lastIndex ?? 1) - 1 };
}
