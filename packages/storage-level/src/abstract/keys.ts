/**
 * How keys are laid out, so that LevelDB's order of bytes is the order of indexes, and each group of a database lies
 * in a range of its own:
 *
 * ```
 * 00                          the format of the whole database
 * 01 gggggggg kk              a record of which group g has one: its identity
 * 01 gggggggg kk iiiiiiiiiiiiiiii   a record of which it has one for some indexes i
 * 01 gggggggg 04 iiiiiiiiiiiiiiii pp   a record of the log: what was written when it ended at i
 * ```
 *
 * Numbers are big-endian.
 *
 * A pack of entries has the index of its *last* entry in its key: so the first pack at or after an index is the one that
 * holds it, what a truncation takes away is everything after a key, and what a compaction may erase everything up to one.
 *
 * The head stands behind the pack that it was written with, and so in a place of its own as often as the log grows: what
 * a server writes has rising keys. LevelDB puts tables aside that overlap with no other, and never looks at them again.
 * A head in one place would lie in every table; LevelDB then merges each with the ones before it, which is half as much
 * again to write, and a fifth of all the work.
 */

import type { Index } from "@quorate/core";

const GROUP_SPACE = 1;
const KIND_AT = 5;
const INDEX_AT = 6;
const SINGLE_KEY_BYTES = 6;
const INDEXED_KEY_BYTES = 14;
const LOG_KEY_BYTES = 15;
const PART_AT = 14;
const TWO_TO_32 = 2 ** 32;

export const MAX_GROUP_ID = TWO_TO_32 - 1;

/** The only key outside of all groups. */
export const FORMAT_KEY: Buffer = Buffer.of(0);

/**
 * The order of these numbers is the order in LevelDB; they are part of the format. The log comes last: whoever walks
 * through what stands before it does not stumble over the deletions of all that was compacted.
 */
const KIND = { identity: 1, termRun: 2, membership: 3, log: 4 } as const;

export type IndexedKind = "termRun" | "membership";

const PART = { pack: 0, head: 1 } as const;

export type LogPart = keyof typeof PART;

export interface KeyRange {
  readonly gte: Buffer;
  readonly lt: Buffer;
}

/** Writes `value` as eight bytes, big-endian. Throws a `RangeError` unless it is a safe integer (PITFALLS F12). */
export function writeUint64(target: Buffer, value: number, at: number): void {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a safe integer`);
  target.writeUInt32BE(Math.floor(value / TWO_TO_32), at);
  target.writeUInt32BE(value % TWO_TO_32, at + 4);
}

/** Reads eight bytes, big-endian; not a safe integer if nobody wrote it by {@link writeUint64}. */
export function readUint64(source: Buffer, at: number): number {
  return source.readUInt32BE(at) * TWO_TO_32 + source.readUInt32BE(at + 4);
}

/** The keys of one group. */
export class GroupKeys {
  readonly groupId: number;
  readonly identity: Buffer;

  constructor(groupId: number) {
    this.groupId = groupId;
    this.identity = this.#allocate(SINGLE_KEY_BYTES, KIND.identity);
  }

  at(kind: IndexedKind, index: Index): Buffer {
    const key = this.#allocate(INDEXED_KEY_BYTES, KIND[kind]);
    writeUint64(key, index, INDEX_AT);
    return key;
  }

  /** A pack whose last entry is `lastIndex`, or the head of a log that ends there. */
  log(part: LogPart, lastIndex: Index): Buffer {
    const key = this.#allocate(LOG_KEY_BYTES, KIND.log);
    writeUint64(key, lastIndex, INDEX_AT);
    key[PART_AT] = PART[part];
    return key;
  }

  /** Everything of one kind. */
  allOf(kind: IndexedKind | "log"): KeyRange {
    return { gte: this.#allocate(SINGLE_KEY_BYTES, KIND[kind]), lt: this.#allocate(SINGLE_KEY_BYTES, KIND[kind] + 1) };
  }

  /** The packs that hold entries from `firstIndex` on, with all that stands between and behind them. */
  logFrom(firstIndex: Index): KeyRange {
    return { gte: this.log("pack", firstIndex), lt: this.#allocate(SINGLE_KEY_BYTES, KIND.log + 1) };
  }

  /** Everything of the group. */
  all(): KeyRange {
    return { gte: this.#allocate(SINGLE_KEY_BYTES, 0), lt: this.#allocate(SINGLE_KEY_BYTES, 0xff) };
  }

  #allocate(lengthBytes: number, kind: number): Buffer {
    const key = Buffer.allocUnsafe(lengthBytes);
    key[0] = GROUP_SPACE;
    key.writeUInt32BE(this.groupId, 1);
    key[KIND_AT] = kind;
    return key;
  }
}

/** The index that a key of an indexed kind ends with; null if it has another form. */
export function indexOfKey(key: Buffer): Index | null {
  return key.length === INDEXED_KEY_BYTES ? safeIndexOf(key) : null;
}

/** What a key of the log is of; null if it has another form. */
export function placeOfKey(key: Buffer): { readonly part: LogPart; readonly lastIndex: Index } | null {
  if (key.length !== LOG_KEY_BYTES) return null;
  const lastIndex = safeIndexOf(key);
  const part = key[PART_AT] === PART.pack ? "pack" : key[PART_AT] === PART.head ? "head" : null;
  return part === null || lastIndex === null ? null : { part, lastIndex };
}

function safeIndexOf(key: Buffer): Index | null {
  const index = readUint64(key, INDEX_AT);
  return Number.isSafeInteger(index) ? index : null;
}
