/**
 * LevelDB's log format, in which its write-ahead log and its manifest are written (LevelDB, `doc/log_format.md`):
 * blocks of 32 KiB; in them records of a checksum (4 bytes, of type and data), a length (2 bytes), a type (full, first,
 * middle or last part of something) and data. Little-endian. Less than 7 bytes at the end of a block stay unused.
 */

import { maskedChecksum } from "./checksum.js";

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const LENGTH_AT = 4;
const TYPE_AT = 6;
const FULL = 1;
const FIRST = 2;
const LAST = 4;

/**
 * Hands the batches that a file holds, from its start on as far as it is whole, to `onBatch`, each in the parts that it
 * lies in. Returns where the first thing begins that is not a whole record; null if there is none.
 */
export function parseLog(bytes: Buffer, onBatch?: (parts: readonly Buffer[]) => void): number | null {
  let parts: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES);
    if (left < HEADER_BYTES) {
      at += left;
      continue;
    }
    const end = endOfRecord(bytes, at, LAST);
    if (end === null) return at;
    const type = bytes[at + TYPE_AT] ?? 0;
    if (type === FULL || type === FIRST) parts = [];
    parts.push(bytes.subarray(at + HEADER_BYTES, end));
    if (type === FULL || type === LAST) onBatch?.(parts);
    at = end;
  }
  return null;
}

/** Whether anything begins from byte `from` on. Only asked once something is wrong: it tries every byte. */
export function beginsBatch(bytes: Buffer, from: number): boolean {
  for (let at = from; at + HEADER_BYTES <= bytes.length; at += 1) {
    const type = bytes[at + TYPE_AT];
    if ((type === FULL || type === FIRST) && endOfRecord(bytes, at, FIRST) !== null) return true;
  }
  return false;
}

/** Where the record that begins `at` ends, if a whole one does, of a type up to `maxType`. */
function endOfRecord(bytes: Buffer, at: number, maxType: number): number | null {
  if (at + HEADER_BYTES > bytes.length) return null;
  const type = bytes[at + TYPE_AT] ?? 0;
  const end = at + HEADER_BYTES + bytes.readUInt16LE(at + LENGTH_AT);
  const endOfBlock = at - (at % BLOCK_BYTES) + BLOCK_BYTES;
  if (type < FULL || type > maxType || end > Math.min(endOfBlock, bytes.length)) return null;
  return maskedChecksum(bytes, at + TYPE_AT, end) === bytes.readUInt32LE(at) ? end : null;
}
