/**
 * Checksums: CRCs of 32 bits over the polynomial of one's choice, wherever JavaScript runs; CRC-32 above all, which is
 * how a snapshot is checked from end to end.
 *
 * Sixteen bytes at a time, each through a table of its own: more than a gigabyte a second.
 */

const LANES = 16;
/** From here on it pays to look at four bytes as one number. */
const LONG_BYTES = 64;

export class Crc {
  /** Entry `lane * 256 + byte`: what `byte` does to the checksum when `lane` more bytes follow it. */
  readonly #tables: Int32Array;

  /** `reversedPolynomial` has the coefficient of the highest power in its lowest bit. */
  constructor(reversedPolynomial: number) {
    this.#tables = makeTables(reversedPolynomial);
  }

  /** The checksum of the bytes from `start` to `end`, if `before` is that of what stands before them. */
  of(bytes: Uint8Array, start = 0, end = bytes.length, before = 0): number {
    const tables = this.#tables;
    let crc = ~before;
    let at = start;
    if (end - start >= LONG_BYTES) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (; at + LANES <= end; at += LANES) {
        crc =
          lookUpFour(tables, 12, crc ^ view.getInt32(at, true)) ^
          lookUpFour(tables, 8, view.getInt32(at + 4, true)) ^
          lookUpFour(tables, 4, view.getInt32(at + 8, true)) ^
          lookUpFour(tables, 0, view.getInt32(at + 12, true));
      }
    }
    for (; at < end; at += 1) crc = (crc >>> 8) ^ lookUp(tables, 0, crc ^ (bytes[at] as number));
    return ~crc >>> 0;
  }
}

const ethernet = new Crc(0xedb88320);

/** The CRC-32 of Ethernet, gzip and PNG, of `bytes`, if `before` is that of the bytes before them. */
export function crc32(bytes: Uint8Array, before = 0): number {
  return ethernet.of(bytes, 0, bytes.length, before);
}

function makeTables(reversedPolynomial: number): Int32Array {
  const tables = new Int32Array(LANES * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ reversedPolynomial;
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at += 1) {
    const before = tables[at - 256] as number;
    tables[at] = (before >>> 8) ^ lookUp(tables, 0, before);
  }
  return tables;
}

function lookUp(tables: Int32Array, lane: number, value: number): number {
  return tables[lane * 256 + (value & 0xff)] as number;
}

/** Four bytes, the first of them through the table of the highest lane. */
function lookUpFour(tables: Int32Array, lane: number, value: number): number {
  return (
    lookUp(tables, lane + 3, value) ^
    lookUp(tables, lane + 2, value >>> 8) ^
    lookUp(tables, lane + 1, value >>> 16) ^
    lookUp(tables, lane, value >>> 24)
  );
}
