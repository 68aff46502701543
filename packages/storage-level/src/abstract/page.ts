/** Pages of the log, read in pieces and checked entry by entry (PITFALLS F7, P7, P13). */

import type { Entry, Index } from "@quorate/core";
import type { Database } from "./database.js";
import { type GroupKeys, indexOfKey } from "./keys.js";
import { checkedEntry } from "./load.js";
import type { Outline } from "./outline.js";
import { dataBytesOf, ensure } from "./record.js";

/** What comes from LevelDB at a time: larger pieces were no faster. */
const PIECE_BYTES = 64 * 1024;
const PIECE_ENTRIES = 256;
/** So much comes even if less was asked for. */
const SMALL_PIECE_BYTES = 4 * 1024;

/**
 * Entries from `firstIndex` on, up to `lastIndex`: as many as fit into `maxBytes` of payload, but at least one. Sees the
 * database as it is at the moment of the call, and `outline` must be what it holds then.
 */
export async function readPage(
  database: Database,
  keys: GroupKeys,
  outline: Outline,
  firstIndex: Index,
  lastIndex: Index,
  maxBytes: number,
): Promise<readonly Entry[]> {
  const highWaterMarkBytes = Math.max(SMALL_PIECE_BYTES, Math.min(PIECE_BYTES, maxBytes));
  const range = { gte: keys.at("entry", firstIndex), lte: keys.at("entry", lastIndex) };
  const iterator = database.iterator({ ...range, highWaterMarkBytes, fillCache: false });
  const page: Entry[] = [];
  let sizeBytes = 0;
  try {
    for (let index = firstIndex; index <= lastIndex; ) {
      const piece = await iterator.nextv(PIECE_ENTRIES);
      ensure(piece.length > 0, `entry ${index} is missing`);
      for (const [key, value] of piece) {
        ensure(indexOfKey(key) === index, `entry ${index} is missing`);
        sizeBytes += dataBytesOf(value);
        if (page.length > 0 && sizeBytes > maxBytes) return page;
        page.push(checkedEntry(outline, key, index, value));
        index += 1;
      }
    }
    return page;
  } finally {
    await iterator.close();
  }
}
