/**
 * LevelDB's tables (LevelDB, `doc/table_format.md`): blocks, each followed by a byte that says how it is compressed and
 * a checksum. One of them is the index of the data blocks; another is the index of all else, which is a Bloom filter that
 * says which keys are not in the table. The last 48 bytes say where these two are.
 */

import { maskedChecksum } from "./checksum.js";
import { Cursor } from "./cursor.js";
import type { FileContents } from "./file-window.js";
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
export async function findTableDamage(table: FileContents): Promise<number | null> {
  const footerAt = table.sizeBytes - FOOTER_BYTES;
  if (footerAt < 0) return 0;
  const footer = await table.read(footerAt, FOOTER_BYTES);
  if (!footer.subarray(FOOTER_BYTES - MAGIC.length).equals(MAGIC)) return footerAt;
  try {
    const cursor = new Cursor(footer);
    const metaindex = handleAt(cursor);
    const index = handleAt(cursor);
    const handles: BlockHandle[] = [];
    for (const handle of [index, metaindex]) {
      const block = await readBlock(table, handle);
      if (block === null) return handle.offset;
      handles.push(...handlesIn(contentsOf(block)));
    }
    for (const handle of handles) if ((await readBlock(table, handle)) === null) return handle.offset;
    return null;
  } catch (cause) {
    // A footer that points nowhere: it has no checksum of its own.
    if (cause instanceof RangeError) return footerAt;
    throw cause;
  }
}

function handleAt(cursor: Cursor): BlockHandle {
  return { offset: cursor.number(), size: cursor.number() };
}

/** A block with the byte that says how it is compressed; null if it is damaged. */
async function readBlock(table: FileContents, { offset, size }: BlockHandle): Promise<Buffer | null> {
  const end = size + 1;
  if (offset + size + TRAILER_BYTES > table.sizeBytes) return null;
  const bytes = await table.read(offset, size + TRAILER_BYTES);
  return maskedChecksum(bytes, 0, end) === bytes.readUInt32LE(end) ? bytes.subarray(0, end) : null;
}

function contentsOf(block: Buffer): Buffer {
  const contents = block.subarray(0, -1);
  return block[block.length - 1] === SNAPPY ? decompress(contents) : contents;
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
