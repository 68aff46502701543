/**
 * The checksum of LevelDB's files: CRC-32C (Castagnoli), masked. zlib has only the other CRC-32.
 *
 * Eight bytes at a time, each through a table of its own, as every byte of a database goes through here when it is
 * opened.
 */

const REVERSED_POLYNOMIAL = 0x82f63b78;
const MASK_DELTA = 0xa282ead8;
const LANES = 8;

/** Entry `lane * 256 + byte`: what `byte` does to the checksum when `lane` more bytes follow it. */
const TABLES = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(LANES * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ REVERSED_POLYNOMIAL;
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at += 1) {
    const before = tables[at - 256] ?? 0;
    tables[at] = (before >>> 8) ^ lookUp(0, before);
  }
  return tables;

  function lookUp(lane: number, value: number): number {
    return tables[lane * 256 + (value & 0xff)] ?? 0;
  }
}

function lookUp(lane: number, value: number): number {
  return TABLES[lane * 256 + (value & 0xff)] as number;
}

/** The CRC-32C of the bytes from `start` to `end`. */
export function crc32c(bytes: Buffer, start = 0, end = bytes.length): number {
  let crc = -1;
  let at = start;
  for (; at + LANES <= end; at += LANES) {
    const low = crc ^ readInt32(bytes, at);
    const high = readInt32(bytes, at + 4);
    crc =
      lookUp(7, low) ^
      lookUp(6, low >>> 8) ^
      lookUp(5, low >>> 16) ^
      lookUp(4, low >>> 24) ^
      lookUp(3, high) ^
      lookUp(2, high >>> 8) ^
      lookUp(1, high >>> 16) ^
      lookUp(0, high >>> 24);
  }
  for (; at < end; at += 1) crc = (crc >>> 8) ^ lookUp(0, crc ^ (bytes[at] as number));
  return ~crc >>> 0;
}

function readInt32(bytes: Buffer, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** As LevelDB stores it: a checksum of data that holds checksums should not be mistaken for one of them. */
export function maskedChecksum(bytes: Buffer, start: number, end: number): number {
  const crc = crc32c(bytes, start, end);
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}
