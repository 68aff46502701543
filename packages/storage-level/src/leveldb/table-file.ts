/**
 * LevelDB's tables (LevelDB, `doc/table_format.md`): blocks, each followed by a byte that says how it is compressed and
 * a checksum. One of them is the index of the data blocks; another is the index of all else, which is a Bloom filter that
 * says which keys are not in the table. The last 48 bytes say where these two are.
 */

import { maskedChecksum } from "./checksum.js";
import { Cursor } from "./cursor.js";
import { decompress } from "./snappy.js";

const FOOTER_BYTES = 48;
const MAGIC = Buffer.from("57fb808b247547db", "hex");
const TRAILER_BYTES = 5;
const RESTART_BYTES = 4;
const SNAPPY = 1;

interface BlockHandle {
  readonly offset: number;
  readonly size: number;
}

/** Where the first damage in a table is; null if every byte of it is as LevelDB wrote it. */
export function findTableDamage(bytes: Buffer): number | null {
  const footerAt = bytes.length - FOOTER_BYTES;
  if (footerAt < 0 || !bytes.subarray(bytes.length - MAGIC.length).equals(MAGIC)) return Math.max(0, footerAt);
  try {
    const footer = new Cursor(bytes, footerAt);
    const metaindex = handleAt(footer);
    const index = handleAt(footer);
    if (!isWhole(bytes, index)) return index.offset;
    if (!isWhole(bytes, metaindex)) return metaindex.offset;
    const handles = [...handlesIn(contentsOf(bytes, index)), ...handlesIn(contentsOf(bytes, metaindex))];
    return handles.find((handle) => !isWhole(bytes, handle))?.offset ?? null;
  } catch (cause) {
    // A footer that points nowhere: it has no checksum of its own.
    if (cause instanceof RangeError) return footerAt;
    throw cause;
  }
}

function handleAt(cursor: Cursor): BlockHandle {
  return { offset: cursor.number(), size: cursor.number() };
}

function isWhole(bytes: Buffer, { offset, size }: BlockHandle): boolean {
  const end = offset + size + 1;
  if (offset + size + TRAILER_BYTES > bytes.length) return false;
  return maskedChecksum(bytes, offset, end) === bytes.readUInt32LE(end);
}

function contentsOf(bytes: Buffer, { offset, size }: BlockHandle): Buffer {
  const block = bytes.subarray(offset, offset + size);
  return bytes[offset + size] === SNAPPY ? decompress(block) : block;
}

/** The blocks that an index names. Its entries share prefixes of their keys; its last words are restart points. */
function handlesIn(index: Buffer): BlockHandle[] {
  const restartCount = index.readUInt32LE(index.length - RESTART_BYTES);
  const entries = new Cursor(index.subarray(0, index.length - (restartCount + 1) * RESTART_BYTES));
  const handles: BlockHandle[] = [];
  while (!entries.isAtEnd) {
    entries.number();
    const keyBytes = entries.number();
    const valueBytes = entries.number();
    entries.bytes(keyBytes);
    handles.push(handleAt(new Cursor(entries.bytes(valueBytes))));
  }
  return handles;
}
