/**
 * Packs: consecutive entries of one term in one record, as one write brings them.
 *
 * ```
 * iiiiiiiiiiiiiiii tttttttttttttttt      the index of the first entry, and the term of all; that of the last is in the key
 * kk llllllll …                          of each entry its kind, the length of its data, the data
 * ```
 *
 * LevelDB takes one record of 256 entries at half the cost of 256 records, and one checksum covers them all. As the whole
 * pack is read for any entry of it, and stays in memory as long as anybody keeps one of them, whose data is a view, it is
 * small: larger ones were no cheaper to write.
 */

import type { Entry, EntryKind, Index, Term } from "@quorate/core";
import type { Batch } from "./database.js";
import { type GroupKeys, readUint64, writeUint64 } from "./keys.js";
import { CHECKSUM_BYTES, ensure, frame, safe, seal, VERSION_BYTES, verified } from "./record.js";

/** How large the entries of a pack are at most, unless it is one alone. */
export const PACK_BYTES = 64 * 1024;

const PACK_HEAD_BYTES = 8 + 8;
const ENTRY_HEAD_BYTES = 1 + 4;
const FIRST_ENTRY_AT = VERSION_BYTES + PACK_HEAD_BYTES;
const ENTRY_KINDS: readonly EntryKind[] = ["noop", "command", "membership"];

/** A pack that is whole. */
export interface Pack {
  readonly firstIndex: Index;
  readonly lastIndex: Index;
  readonly term: Term;
  /** The record. */
  readonly value: Buffer;
}

/** Puts `entries`, which are consecutive, into as many packs as they need. */
export function putPacks(batch: Batch, keys: GroupKeys, entries: readonly Entry[]): void {
  for (let start = 0; start < entries.length; ) {
    const { end, sizeBytes } = extentOfPack(entries, start);
    putPack(batch, keys, entries, start, end, sizeBytes);
    start = end;
  }
}

/** Where the pack that begins at place `start` ends, and how large its entries are. */
function extentOfPack(entries: readonly Entry[], start: number): { end: number; sizeBytes: number } {
  const first = entries[start] as Entry;
  let sizeBytes = ENTRY_HEAD_BYTES + first.data.length;
  let end = start + 1;
  for (; end < entries.length; end += 1) {
    const { term, data } = entries[end] as Entry;
    const more = sizeBytes + ENTRY_HEAD_BYTES + data.length;
    if (term !== first.term || more > PACK_BYTES) break;
    sizeBytes = more;
  }
  return { end, sizeBytes };
}

function putPack(
  batch: Batch,
  keys: GroupKeys,
  entries: readonly Entry[],
  start: number,
  end: number,
  sizeBytes: number,
): void {
  const first = entries[start] as Entry;
  const key = keys.log("pack", first.index + end - start - 1);
  const { bytes, payloadAt } = frame(key, PACK_HEAD_BYTES + sizeBytes);
  writeUint64(bytes, first.index, payloadAt);
  writeUint64(bytes, first.term, payloadAt + 8);
  let at = payloadAt + PACK_HEAD_BYTES;
  for (let place = start; place < end; place += 1) {
    const { kind, data } = entries[place] as Entry;
    bytes[at] = ENTRY_KINDS.indexOf(kind);
    bytes.writeUInt32BE(data.length, at + 1);
    bytes.set(data, at + ENTRY_HEAD_BYTES);
    at += ENTRY_HEAD_BYTES + data.length;
  }
  const record = seal(bytes, payloadAt);
  batch.put(record.key, record.value);
}

/** The pack behind `key`, which says that its last entry is `lastIndex`. */
export function decodePack(key: Buffer, lastIndex: Index, value: Buffer | undefined): Pack {
  const what = `the pack of entries up to ${lastIndex}`;
  const record = verified(what, key, value);
  ensure(record.length >= FIRST_ENTRY_AT + ENTRY_HEAD_BYTES + CHECKSUM_BYTES, `${what} is too short`);
  const firstIndex = safe(what, readUint64(record, VERSION_BYTES));
  const term = safe(what, readUint64(record, VERSION_BYTES + 8));
  ensure(firstIndex <= lastIndex, `${what} begins at ${firstIndex}`);
  return { firstIndex, lastIndex, term, value: record };
}

/** How much data the first entry of a pack has, be it damaged or not. */
export function firstDataBytesOf(value: Buffer): number {
  return value.length < FIRST_ENTRY_AT + ENTRY_HEAD_BYTES ? 0 : value.readUInt32BE(FIRST_ENTRY_AT + 1);
}

/**
 * Hands the entries from `firstIndex` to `lastIndex`, which the pack holds, to `take`, one by one, until it returns
 * false. Their data are views of the record.
 */
export function takeEntries(pack: Pack, firstIndex: Index, lastIndex: Index, take: (entry: Entry) => boolean): void {
  const { value, term } = pack;
  const end = value.length - CHECKSUM_BYTES;
  let at = FIRST_ENTRY_AT;
  for (let index = pack.firstIndex; index <= lastIndex; index += 1) {
    const dataAt = at + ENTRY_HEAD_BYTES;
    const dataEnd = dataAt <= end ? dataAt + value.readUInt32BE(at + 1) : dataAt;
    const kind = ENTRY_KINDS[value[at] as number];
    const isLast = index === pack.lastIndex;
    ensure(kind !== undefined && (isLast ? dataEnd === end : dataEnd < end), `entry ${index} is of an unknown form`);
    at = dataEnd;
    if (index < firstIndex) continue;
    const data = new Uint8Array(value.buffer, value.byteOffset + dataAt, dataEnd - dataAt);
    if (!take({ index, term, kind, data })) return;
  }
}
