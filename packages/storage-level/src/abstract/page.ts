/** Pages of the log, read in pieces and checked pack by pack (PITFALLS F7, P7, P13). */

import type { Entry, Index } from "@quorate/core";
import type { Database } from "./database.js";
import { type GroupKeys, placeOfKey } from "./keys.js";
import { type Outline, termAt } from "./outline.js";
import { decodePack, firstDataBytesOf, type Pack, takeEntries } from "./pack.js";
import { ensure } from "./record.js";

/** What comes from the database at a time. */
const PIECE_BYTES = 256 * 1024;
const PIECE_RECORDS = 1024;
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
  const iterator = database.iterator({ ...keys.logFrom(firstIndex), highWaterMarkBytes, fillCache: false });
  const page = new Page(outline, firstIndex, lastIndex, maxBytes);
  try {
    while (!page.isComplete) {
      // There are as many packs as entries at most, and as many heads as packs.
      const piece = await iterator.nextv(Math.min(PIECE_RECORDS, 2 * page.missing));
      ensure(piece.length > 0, `entry ${page.nextIndex} is missing`);
      for (const [key, value] of piece) page.add(key, value);
    }
    return page.entries;
  } finally {
    await iterator.close();
  }
}

class Page {
  readonly entries: Entry[] = [];
  readonly #outline: Outline;
  readonly #lastIndex: Index;
  readonly #maxBytes: number;
  #nextIndex: Index;
  #sizeBytes = 0;
  #isFull = false;

  constructor(outline: Outline, firstIndex: Index, lastIndex: Index, maxBytes: number) {
    this.#outline = outline;
    this.#nextIndex = firstIndex;
    this.#lastIndex = lastIndex;
    this.#maxBytes = maxBytes;
  }

  get nextIndex(): Index {
    return this.#nextIndex;
  }

  /** How many entries up to the last that was asked for. */
  get missing(): number {
    return this.#lastIndex - this.#nextIndex + 1;
  }

  get isComplete(): boolean {
    return this.#isFull || this.missing === 0;
  }

  /** Takes in the next record of the log. */
  add(key: Buffer, value: Buffer): void {
    if (this.isComplete) return;
    const place = placeOfKey(key);
    ensure(place !== null, `before entry ${this.#nextIndex} there is a key of unknown form`);
    if (place.part === "head") return;
    // What is behind the entries that fit may be damaged.
    this.#isFull = !this.#fits(firstDataBytesOf(value));
    if (!this.#isFull) this.#addPack(decodePack(key, place.lastIndex, value));
  }

  #addPack(pack: Pack): void {
    const first = this.#nextIndex;
    const last = Math.min(pack.lastIndex, this.#lastIndex);
    const isNext = this.entries.length === 0 ? pack.firstIndex <= first : pack.firstIndex === first;
    ensure(isNext && first <= last, `entry ${first} is missing`);
    checkTerm(this.#outline, pack, first, last);
    takeEntries(pack, first, last, this.#take);
  }

  readonly #take = (entry: Entry): boolean => {
    this.#isFull = !this.#fits(entry.data.length);
    if (this.#isFull) return false;
    this.entries.push(entry);
    this.#sizeBytes += entry.data.length;
    this.#nextIndex += 1;
    return true;
  };

  #fits(dataBytes: number): boolean {
    return this.entries.length === 0 || this.#sizeBytes + dataBytes <= this.#maxBytes;
  }
}

/** The entries from `first` to `last` of a pack, which lie in the log, are those that the outline says. */
export function checkTerm(outline: Outline, { term }: Pack, first: Index, last: Index): void {
  for (const index of [first, last]) {
    const expected = termAt(outline, index);
    ensure(term === expected, `entry ${index} is of term ${term}, and should be of term ${expected}`);
  }
}
