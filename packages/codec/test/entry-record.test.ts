import { crc32 } from "node:zlib";
import type { Entry } from "@quorate/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CodecError,
  decodeEntries,
  decodeEntry,
  ENTRY_FORMAT_VERSION,
  encodeEntries,
  encodeEntry,
  RECORD_OVERHEAD_BYTES,
} from "../src/index.js";
import { entry } from "./arbitraries.js";

const sample: Entry = { index: 12, term: 3, kind: "command", data: new Uint8Array([1, 2, 3]) };

/** `record` with its byte `at` set to `value`, and the checksum made right again. */
function forged(record: Uint8Array, at: number, value: number): Uint8Array {
  const bytes = record.slice();
  bytes[at] = value;
  new DataView(bytes.buffer).setUint32(0, crc32(bytes.subarray(4)));
  return bytes;
}

describe("entry records", () => {
  it("an entry comes back as it was", () => {
    fc.assert(
      fc.property(entry, (one) => {
        const record = encodeEntry(one, crc32);
        expect(record.length).toBe(RECORD_OVERHEAD_BYTES + one.data.length);
        expect(decodeEntry(record, crc32)).toStrictEqual(one);
      }),
      { numRuns: 200 },
    );
  });

  it("several entries back to back come back as they were", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 8 }), (entries) => {
        expect(decodeEntries(encodeEntries(entries, crc32), crc32)).toStrictEqual(entries);
      }),
      { numRuns: 100 },
    );
  });

  it("decodes a record that lies within a larger buffer", () => {
    const record = encodeEntry(sample, crc32);
    const larger = new Uint8Array(record.length + 7);
    larger.set(record, 5);
    expect(decodeEntry(larger.subarray(5, 5 + record.length), crc32)).toStrictEqual(sample);
  });

  it("P6: every changed bit is noticed", () => {
    const record = encodeEntry(sample, crc32);
    for (let bit = 0; bit < record.length * 8; bit += 1) {
      const damaged = record.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decodeEntry(damaged, crc32)).toThrow(CodecError);
    }
  });

  it("P6: every cut is noticed", () => {
    const record = encodeEntries([sample, sample], crc32);
    for (let size = 0; size < record.length; size += 1) {
      if (size === record.length / 2) continue; // one whole record
      expect(() => decodeEntry(record.subarray(0, size), crc32)).toThrow(CodecError);
    }
  });

  it("two records are not one entry", () => {
    expect(() => decodeEntry(encodeEntries([sample, sample], crc32), crc32)).toThrow(CodecError);
  });

  it.each([
    ["O7: another format", 8, ENTRY_FORMAT_VERSION + 1],
    ["an unknown kind", 9, 9],
    ["reserved bytes in use", 10, 1],
    ["F12: an index that is no safe integer", 12, 0xff],
    ["F12: a term that is no safe integer", 20, 0xff],
  ])("refuses %s, even under a good checksum", (_what, at, value) => {
    const record = encodeEntry(sample, crc32);
    expect(decodeEntry(forged(record, 28, 9), crc32).data).toStrictEqual(new Uint8Array([9, 2, 3]));
    expect(() => decodeEntry(forged(record, at, value), crc32)).toThrow(CodecError);
  });

  it.each([{ index: -1 }, { index: 1.5 }, { term: 2 ** 53 }])("does not write an entry with %o", (wrong) => {
    expect(() => encodeEntry({ ...sample, ...wrong }, crc32)).toThrow(CodecError);
  });

  it("any bytes are entries or a CodecError, and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          decodeEntries(bytes, () => new DataView(bytes.buffer).getUint32(0));
        } catch (error) {
          expect(error).toBeInstanceOf(CodecError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
