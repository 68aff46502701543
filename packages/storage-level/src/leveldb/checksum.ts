/** The checksum of LevelDB's files: CRC-32C (Castagnoli), masked. */

import { Crc } from "@quorate/contracts";

const castagnoli = new Crc(0x82f63b78);
const MASK_DELTA = 0xa282ead8;

/** The CRC-32C of the bytes from `start` to `end`. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  return castagnoli.of(bytes, start, end);
}

/** As LevelDB stores it: a checksum of data that holds checksums should not be mistaken for one of them. */
export function maskedChecksum(bytes: Uint8Array, start: number, end: number): number {
  const crc = crc32c(bytes, start, end);
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}
