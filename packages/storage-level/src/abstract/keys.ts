/**
 * How keys are laid out, so that LevelDB's order of bytes is the order of indexes, and each group of a database lies
 * in a range of its own:
 *
 * ```
 * 00                          the format of the whole database
 * 01 gggggggg kk              a record of which group g has one: its identity, its head
 * 01 gggggggg kk iiiiiiiiiiiiiiii   a record of which it has one for some indexes i
 * ```
 *
 * Numbers are big-endian.
 */

import type { Index } from "@quorate/core";

const GROUP_SPACE = 1;
const KIND_AT = 5;
const INDEX_AT = 6;
const SINGLE_KEY_BYTES = 6;
const INDEXED_KEY_BYTES = 14;
const TWO_TO_32 = 2 ** 32;

export const MAX_GROUP_ID = TWO_TO_32 - 1;

/** The only key outside of all groups. */
export const FORMAT_KEY: Buffer = Buffer.of(0);

/**
 * The order of these numbers is the order in LevelDB; they are part of the format. The head, which is always there,
 * stands before the entries: whoever walks through what comes before it does not stumble over the deletions of all
 * compacted entries, which takes LevelDB half a second for a million.
 */
const KIND = { identity: 1, termRun: 2, membership: 3, head: 4, entry: 5 } as const;

export type IndexedKind = "termRun" | "membership" | "entry";

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
  readonly head: Buffer;

  constructor(groupId: number) {
    this.groupId = groupId;
    this.identity = this.#allocate(SINGLE_KEY_BYTES, KIND.identity);
    this.head = this.#allocate(SINGLE_KEY_BYTES, KIND.head);
  }

  at(kind: IndexedKind, index: Index): Buffer {
    const key = this.#allocate(INDEXED_KEY_BYTES, KIND[kind]);
    writeUint64(key, index, INDEX_AT);
    return key;
  }

  /** Everything of one kind from `firstIndex` on. */
  from(kind: IndexedKind, firstIndex: Index): KeyRange {
    return { gte: this.at(kind, firstIndex), lt: this.#allocate(SINGLE_KEY_BYTES, KIND[kind] + 1) };
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

/** The index that a key ends with; null if it is no key of that kind of thing. */
export function indexOfKey(key: Buffer): Index | null {
  if (key.length !== INDEXED_KEY_BYTES) return null;
  const index = readUint64(key, INDEX_AT);
  return Number.isSafeInteger(index) ? index : null;
}
