/** Snappy, decompression only (`format_description.txt` of google/snappy); for the indexes of LevelDB's tables. */

import { Cursor } from "./cursor.js";

/** Throws a `RangeError` if `compressed` is not what Snappy makes. */
export function decompress(compressed: Buffer): Buffer {
  const source = new Cursor(compressed);
  const target = Buffer.alloc(source.number());
  let at = 0;
  while (!source.isAtEnd) {
    const tag = source.bytes(1).readUInt8();
    const kind = tag & 3;
    if (kind === 0) {
      const length = literalLength(source, tag >>> 2);
      target.set(source.bytes(length), at);
      at += length;
      continue;
    }
    const length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    const offset =
      kind === 1
        ? (tag >>> 5) * 256 + source.bytes(1).readUInt8()
        : source.bytes(2 * kind - 2).readUIntLE(0, 2 * kind - 2);
    if (offset === 0 || offset > at || at + length > target.length) throw new RangeError("A copy points nowhere");
    // A copy may overlap what it makes: byte by byte, it repeats itself then.
    for (const end = at + length; at < end; at += 1) target[at] = target[at - offset] as number;
  }
  return target;
}

function literalLength(source: Cursor, code: number): number {
  if (code < 60) return code + 1;
  const lengthBytes = code - 59;
  return source.bytes(lengthBytes).readUIntLE(0, lengthBytes) + 1;
}
