/**
 * Log entries as records for the disk.
 *
 * ```
 * u32 checksum of all that follows | u32 size of the payload | u8 version | u8 kind | u16 zero | u64 index | u64 term | payload
 * ```
 *
 * Numbers are big-endian. Index and term stand under the checksum, so that a record that was written to the wrong
 * place is told from the right one (PITFALLS P6, P7). A record says its own size: one value of a database may hold
 * one record or several, back to back. The checksum function is handed in, because this package runs anywhere.
 */

import type { Entry } from "@quorate/core";
import { CodecError } from "./codec-error.js";
import { ENTRY_FORMAT_VERSION, ENTRY_KINDS, entryKindOf } from "./protocol.js";

/** CRC-32 as an unsigned integer; in Node `crc32` of `node:zlib`. */
export type Crc32 = (bytes: Uint8Array) => number;

/** What a record takes besides its payload. */
export const RECORD_OVERHEAD_BYTES = 28;

/** Encodes one entry. */
export function encodeEntry(entry: Entry, crc32: Crc32): Uint8Array {
  return encodeEntries([entry], crc32);
}

/** Encodes entries into one buffer, back to back. */
export function encodeEntries(entries: readonly Entry[], crc32: Crc32): Uint8Array {
  let sizeBytes = 0;
  for (const { data } of entries) sizeBytes += RECORD_OVERHEAD_BYTES + data.length;
  const bytes = new Uint8Array(sizeBytes);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { index, term, kind, data } of entries) {
    const end = at + RECORD_OVERHEAD_BYTES + data.length;
    view.setUint32(at + 4, data.length);
    view.setUint8(at + 8, ENTRY_FORMAT_VERSION);
    view.setUint8(at + 9, ENTRY_KINDS[kind]);
    writeNatural(view, at + 12, index);
    writeNatural(view, at + 20, term);
    bytes.set(data, at + RECORD_OVERHEAD_BYTES);
    view.setUint32(at, crc32(bytes.subarray(at + 4, end)));
    at = end;
  }
  return bytes;
}

/** Decodes the one record that fills `bytes`. The entry's data is a view of `bytes`. Throws a {@link CodecError}. */
export function decodeEntry(bytes: Uint8Array, crc32: Crc32): Entry {
  const entries = decodeEntries(bytes, crc32);
  const [entry] = entries;
  if (entry === undefined || entries.length > 1) throw new CodecError(`Expected one entry, found ${entries.length}.`);
  return entry;
}

/** Decodes the records that fill `bytes`. The data of the entries are views of `bytes`. Throws a {@link CodecError}. */
export function decodeEntries(bytes: Uint8Array, crc32: Crc32): Entry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Entry[] = [];
  let at = 0;
  while (at < bytes.length) {
    const payloadStart = at + RECORD_OVERHEAD_BYTES;
    if (payloadStart > bytes.length) throw new CodecError("A record ends within its header.");
    const end = payloadStart + view.getUint32(at + 4);
    if (end > bytes.length) throw new CodecError("A record is larger than what is there.");
    if (crc32(bytes.subarray(at + 4, end)) !== view.getUint32(at)) throw new CodecError("A checksum is wrong.");
    const version = view.getUint8(at + 8);
    if (version !== ENTRY_FORMAT_VERSION) throw new CodecError(`The entry is of format ${version}.`);
    const kind = entryKindOf(view.getUint8(at + 9));
    if (view.getUint16(at + 10) !== 0) throw new CodecError("Reserved bytes are in use.");
    const index = readNatural(view, at + 12);
    const term = readNatural(view, at + 20);
    entries.push({ index, term, kind, data: bytes.subarray(payloadStart, end) });
    at = end;
  }
  return entries;
}

function writeNatural(view: DataView, at: number, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new CodecError(`${value} is no index or term.`);
  view.setUint32(at, Math.floor(value / 0x100000000));
  view.setUint32(at + 4, value >>> 0);
}

function readNatural(view: DataView, at: number): number {
  const value = view.getUint32(at) * 0x100000000 + view.getUint32(at + 4);
  if (!Number.isSafeInteger(value)) throw new CodecError("An index or term is no safe integer.");
  return value;
}
