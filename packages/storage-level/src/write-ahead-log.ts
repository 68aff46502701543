/**
 * LevelDB's write-ahead log, looked through before LevelDB opens it.
 *
 * What has a wrong checksum there, LevelDB drops without a word, and with it the rest of the 32 KiB it lies in. That is
 * right for the end of the log, which a crash may have torn off: those writes were never acknowledged. In the middle it
 * would take away acknowledged entries and votes, which is corruption (PITFALLS P6, P7). Every batch is synced before
 * the next one begins, so the two are told apart by whether another batch begins after the flaw.
 *
 * The format (LevelDB, `doc/log_format.md`): blocks of 32 KiB; in them records of a checksum (4 bytes, of type and
 * data, masked), a length (2 bytes), a type (full, first, middle or last part of a batch) and data. Little-endian. Less
 * than 7 bytes at the end of a block stay unused.
 */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32c } from "./crc32c.js";

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const FULL = 1;
const FIRST = 2;
const LAST = 4;
const MASK_DELTA = 0xa282ead8;
const LOG_FILE = /^\d+\.log$/;

/** What is wrong with the write-ahead log in `directory`, in words; null if nothing is. */
export async function findDamage(directory: string): Promise<string | null> {
  const names = (await readdir(directory)).filter((name) => LOG_FILE.test(name));
  names.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  let damage: string | null = null;
  for (const name of names) {
    const bytes = await readFile(join(directory, name));
    if (damage !== null && beginsBatch(bytes, 0)) return damage;
    const flawAt = findFlaw(bytes);
    if (flawAt === null) continue;
    damage = `the write-ahead log ${name} is damaged at byte ${flawAt}, and goes on after it`;
    if (beginsBatch(bytes, flawAt + 1)) return damage;
  }
  return null;
}

/** Where the first thing begins that is not a whole record; null if there is none. */
function findFlaw(bytes: Buffer): number | null {
  let at = 0;
  while (at < bytes.length) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES);
    if (left < HEADER_BYTES) {
      at += left;
      continue;
    }
    const end = endOfRecord(bytes, at, LAST);
    if (end === null) return at;
    at = end;
  }
  return null;
}

/** Whether a batch begins anywhere from byte `from` on. Only asked once something is wrong: it tries every byte. */
function beginsBatch(bytes: Buffer, from: number): boolean {
  for (let at = from; at + HEADER_BYTES <= bytes.length; at += 1) {
    const type = bytes[at + HEADER_BYTES - 1];
    if ((type === FULL || type === FIRST) && endOfRecord(bytes, at, FIRST) !== null) return true;
  }
  return false;
}

/** Where the record that begins `at` ends, if a whole one does, of a type up to `maxType`. */
function endOfRecord(bytes: Buffer, at: number, maxType: number): number | null {
  if (at + HEADER_BYTES > bytes.length) return null;
  const type = bytes[at + HEADER_BYTES - 1] ?? 0;
  const end = at + HEADER_BYTES + bytes.readUInt16LE(at + 4);
  const endOfBlock = at - (at % BLOCK_BYTES) + BLOCK_BYTES;
  if (type < FULL || type > maxType || end > Math.min(endOfBlock, bytes.length)) return null;
  const checksum = crc32c(bytes.subarray(at + HEADER_BYTES - 1, end));
  const masked = (((checksum >>> 15) | (checksum << 17)) + MASK_DELTA) >>> 0;
  return masked === bytes.readUInt32LE(at) ? end : null;
}
