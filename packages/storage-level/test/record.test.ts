import type { Entry } from "@quorate/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeHead, encodeHead, type Head } from "../src/abstract/head.js";
import { GroupKeys, indexOfKey, MAX_GROUP_ID, placeOfKey } from "../src/abstract/keys.js";
import { decodePack, PACK_BYTES, putPacks, takeEntries } from "../src/abstract/pack.js";
import { decodeIdentity, decodeTermRun, encodeIdentity, encodeTermRun, RecordError } from "../src/abstract/record.js";
import { flipped, packOf } from "./places.js";

const keys = new GroupKeys(7);
const number = fc.maxSafeNat();
const pack: fc.Arbitrary<Entry[]> = fc
  .record({
    firstIndex: fc.nat(2 ** 52),
    term: number,
    entries: fc.array(
      fc.record({
        kind: fc.constantFrom("noop" as const, "command" as const, "membership" as const),
        data: fc.uint8Array({ maxLength: 300 }),
      }),
      { minLength: 1, maxLength: 20 },
    ),
  })
  .map(({ firstIndex, term, entries }) =>
    entries.map((entry, place) => ({ index: firstIndex + place, term, ...entry })),
  );
const head: fc.Arbitrary<Head> = fc.record({
  hardState: fc.record({ currentTerm: number, votedFor: number }),
  compacted: fc.record({ index: number, term: number }),
  erasedIndex: number,
  lastIndex: number,
  termRunCount: fc.nat(),
  membershipCount: fc.nat(),
  outlineChecksum: fc.nat(),
});

function command(index: number, term: number, sizeBytes: number): Entry {
  return { index, term, kind: "command", data: new Uint8Array(sizeBytes).fill(index) };
}

/** What a pack holds from `firstIndex` to `lastIndex`; all of it by default. */
function entriesIn(key: Buffer, value: Buffer, firstIndex?: number, lastIndex?: number): Entry[] {
  const decoded = decodePack(key, placeOfKey(key)?.lastIndex ?? 0, value);
  const taken: Entry[] = [];
  takeEntries(decoded, firstIndex ?? decoded.firstIndex, lastIndex ?? decoded.lastIndex, (entry) => {
    return taken.push(entry) > 0;
  });
  return taken;
}

describe("packs", () => {
  it("come back as they were written, whole and in part", () => {
    fc.assert(
      fc.property(pack, fc.nat(19), fc.nat(19), (written, from, to) => {
        const { key, value } = packOf(keys, written);
        expect(entriesIn(key, value)).toEqual(written);
        const [first, last] = [from % written.length, to % written.length].sort((a, b) => a - b) as [number, number];
        const part = entriesIn(key, value, written[first]?.index, written[last]?.index);
        expect(part).toEqual(written.slice(first, last + 1));
      }),
    );
  });

  it("F7: are as many as terms and sizes ask for: a large entry is alone, and no small one holds much memory", () => {
    const entries = [
      ...Array.from({ length: 300 }, (_, place) => command(5 + place, 1, 256)),
      command(305, 2, 10),
      command(306, 2, 3 * PACK_BYTES),
      command(307, 2, PACK_BYTES),
      command(308, 2, 1),
    ];
    const packs: Entry[][] = [];
    putPacks({ put: (key, value) => packs.push(entriesIn(key, value)), del: () => undefined }, keys, entries);
    expect(packs.map((one) => [one[0]?.index, one.at(-1)?.index])).toEqual([
      [5, 255],
      [256, 304],
      [305, 305],
      [306, 306],
      [307, 307],
      [308, 308],
    ]);
    expect(packs.flat()).toEqual(entries);
    expect(packs[0]?.[0]?.data.buffer.byteLength).toBeLessThan(1.1 * PACK_BYTES);
  });

  it("P7: are told damaged whichever bit flips, of any entry or of the key", () => {
    const { key, value } = packOf(keys, [command(11, 3, 3), command(12, 3, 5), command(13, 3, 0)]);
    for (let at = 0; at < value.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        expect(() => decodePack(key, 13, flipped(value, at, bit))).toThrow(RecordError);
      }
    }
    for (let at = 0; at < key.length; at += 1) {
      expect(() => decodePack(flipped(key, at), 13, value)).toThrow(RecordError);
    }
    for (let length = 0; length < value.length; length += 1) {
      expect(() => decodePack(key, 13, value.subarray(0, length))).toThrow(RecordError);
    }
    expect(() => decodePack(key, 13, undefined)).toThrow("missing");
  });

  it("P7: are told damaged under the index of another or in the log of another group", () => {
    const { value } = packOf(keys, [command(12, 3, 0)]);
    expect(() => decodePack(keys.log("pack", 13), 13, value)).toThrow(RecordError);
    expect(() => decodePack(new GroupKeys(8).log("pack", 12), 12, value)).toThrow(RecordError);
  });

  it("F12: hold no number beyond the safe integers", () => {
    expect(() => packOf(keys, [command(1, Number.MAX_SAFE_INTEGER + 1, 0)])).toThrow(RangeError);
    expect(() => packOf(keys, [command(1.5, 1, 0)])).toThrow(RangeError);
    expect(() => packOf(keys, [command(1, -1, 0)])).toThrow(RangeError);
  });
});

describe("other records", () => {
  it("come back as they were written", () => {
    fc.assert(
      fc.property(head, (written) => {
        const { value } = encodeHead(keys, written);
        expect(decodeHead(keys, written.lastIndex, value)).toEqual(written);
      }),
    );
    const identity = { clusterId: "c", nodeId: 3, name: "zürich-1" };
    expect(decodeIdentity(keys, encodeIdentity(keys, identity).value)).toEqual(identity);
    expect(decodeTermRun(keys, 5, encodeTermRun(keys, { firstIndex: 5, term: 9 }).value)).toBe(9);
  });

  it("P7: are told damaged whichever bit flips, or under the index of another", () => {
    const [written] = fc.sample(head, { numRuns: 1, seed: 5 }) as [Head];
    const { value } = encodeHead(keys, written);
    for (let at = 0; at < value.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        expect(() => decodeHead(keys, written.lastIndex, flipped(value, at, bit))).toThrow(RecordError);
      }
    }
    expect(() => decodeHead(keys, written.lastIndex + 1, value)).toThrow(RecordError);
  });
});

describe("keys", () => {
  it("are ordered as group, kind, index and part are", () => {
    const id = fc.nat(MAX_GROUP_ID);
    fc.assert(
      fc.property(id, id, number, number, (groupA, groupB, indexA, indexB) => {
        const [a, b] = [new GroupKeys(groupA), new GroupKeys(groupB)];
        const order = Buffer.compare(a.log("pack", indexA), b.log("pack", indexB));
        expect(order).toBe(Math.sign(groupA - groupB) || Math.sign(indexA - indexB));
        expect(Buffer.compare(a.log("pack", indexA), a.log("head", indexA))).toBe(-1);
        expect(Buffer.compare(a.log("head", indexA), a.log("pack", indexB))).toBe(indexA < indexB ? -1 : 1);
        const run = a.at("termRun", indexA);
        const { gte, lt } = a.allOf("termRun");
        expect(Buffer.compare(gte, run)).not.toBe(1);
        expect(Buffer.compare(run, lt)).toBe(-1);
        expect(Buffer.compare(lt, a.at("membership", 0))).toBe(-1);
        expect(indexOfKey(run)).toBe(indexA);
        expect(placeOfKey(a.log("head", indexA))).toEqual({ part: "head", lastIndex: indexA });
      }),
    );
  });

  it("of another form are known as such", () => {
    expect(indexOfKey(keys.log("pack", 5))).toBeNull();
    expect(placeOfKey(keys.at("termRun", 5))).toBeNull();
    expect(placeOfKey(flipped(keys.log("pack", 5), 14))).toBeNull();
    expect(placeOfKey(flipped(keys.log("pack", 5), 6, 7))).toBeNull();
  });
});
