/**
 * Checksums: CRCs of 32 bits over the polynomial of one's choice, wherever JavaScript runs; CRC-32 above all, which is
 * how a snapshot is checked from end to end.
 *
 * Eight bytes at a time, each through a table of its own: about a gigabyte a second.
 */

const LANES = 8;

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
    for (; at + LANES <= end; at += LANES) {
      const low = crc ^ readInt32(bytes, at);
      const high = readInt32(bytes, at + 4);
      crc =
        lookUp(tables, 7, low) ^
        lookUp(tables, 6, low >>> 8) ^
        lookUp(tables, 5, low >>> 16) ^
        lookUp(tables, 4, low >>> 24) ^
        lookUp(tables, 3, high) ^
        lookUp(tables, 2, high >>> 8) ^
        lookUp(tables, 1, high >>> 16) ^
        lookUp(tables, 0, high >>> 24);
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

function readInt32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}
