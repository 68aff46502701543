import type { Entry } from "@quorate/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GroupKeys, indexOfKey, MAX_GROUP_ID } from "../src/abstract/keys.js";
import {
  decodeEntry,
  decodeHead,
  decodeIdentity,
  decodeTermRun,
  encodeEntry,
  encodeHead,
  encodeIdentity,
  encodeTermRun,
  type Head,
  RecordError,
} from "../src/abstract/record.js";
import { flipped } from "./places.js";

const keys = new GroupKeys(7);
const number = fc.maxSafeNat();
const entry: fc.Arbitrary<Entry> = fc.record({
  index: number,
  term: number,
  kind: fc.constantFrom("noop" as const, "command" as const, "membership" as const),
  data: fc.uint8Array({ maxLength: 300 }),
});
const head: fc.Arbitrary<Head> = fc.record({
  hardState: fc.record({ currentTerm: number, votedFor: number }),
  compacted: fc.record({ index: number, term: number }),
  erasedIndex: number,
  lastIndex: number,
  lastTerm: number,
  termRunCount: fc.nat(),
  membershipCount: fc.nat(),
  outlineChecksum: fc.nat(),
});

describe("records", () => {
  it("come back as they were written", () => {
    fc.assert(
      fc.property(entry, head, (written, writtenHead) => {
        const { key, value } = encodeEntry(keys, written);
        const read = decodeEntry(key, written.index, value);
        expect({ ...read, data: Uint8Array.from(read.data) }).toEqual(written);
        expect(indexOfKey(key)).toBe(written.index);
        expect(decodeHead(keys, encodeHead(keys, writtenHead).value)).toEqual(writtenHead);
      }),
    );
    const identity = { clusterId: "c", nodeId: 3, name: "zürich-1" };
    expect(decodeIdentity(keys, encodeIdentity(keys, identity).value)).toEqual(identity);
    expect(decodeTermRun(keys, 5, encodeTermRun(keys, { firstIndex: 5, term: 9 }).value)).toBe(9);
  });

  it("P7: are told damaged whichever bit flips, in the record or in the key", () => {
    const written: Entry = { index: 12, term: 3, kind: "command", data: Uint8Array.of(1, 2, 3) };
    const { key, value } = encodeEntry(keys, written);
    for (let at = 0; at < value.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        expect(() => decodeEntry(key, 12, flipped(value, at, bit))).toThrow(RecordError);
      }
    }
    for (let at = 0; at < key.length; at += 1) {
      expect(() => decodeEntry(flipped(key, at), 12, value)).toThrow(RecordError);
    }
    for (let length = 0; length < value.length; length += 1) {
      expect(() => decodeEntry(key, 12, value.subarray(0, length))).toThrow(RecordError);
    }
    expect(() => decodeEntry(key, 12, undefined)).toThrow("missing");
  });

  it("P7: are told damaged under the index of another or in the log of another group", () => {
    const { value } = encodeEntry(keys, { index: 12, term: 3, kind: "noop", data: new Uint8Array(0) });
    expect(() => decodeEntry(keys.at("entry", 13), 13, value)).toThrow(RecordError);
    expect(() => decodeEntry(new GroupKeys(8).at("entry", 12), 12, value)).toThrow(RecordError);
  });

  it("F12: hold no number beyond the safe integers", () => {
    const tooLarge = Number.MAX_SAFE_INTEGER + 1;
    const data = new Uint8Array(0);
    expect(() => encodeEntry(keys, { index: 1, term: tooLarge, kind: "noop", data })).toThrow(RangeError);
    expect(() => encodeEntry(keys, { index: 1.5, term: 1, kind: "noop", data })).toThrow(RangeError);
    expect(() => encodeEntry(keys, { index: 1, term: -1, kind: "noop", data })).toThrow(RangeError);
  });
});

describe("keys", () => {
  it("are ordered as group, kind and index are", () => {
    const id = fc.nat(MAX_GROUP_ID);
    fc.assert(
      fc.property(id, id, number, number, (groupA, groupB, indexA, indexB) => {
        const order = Buffer.compare(
          new GroupKeys(groupA).at("entry", indexA),
          new GroupKeys(groupB).at("entry", indexB),
        );
        expect(order).toBe(Math.sign(groupA - groupB) || Math.sign(indexA - indexB));
        const { gte, lt } = new GroupKeys(groupA).from("termRun", 0);
        const run = new GroupKeys(groupA).at("termRun", indexA);
        expect(Buffer.compare(gte, run)).not.toBe(1);
        expect(Buffer.compare(run, lt)).toBe(-1);
        expect(Buffer.compare(lt, new GroupKeys(groupA).at("membership", 0))).toBe(-1);
      }),
    );
  });
});
