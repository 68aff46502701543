import { type Entry, Random, type Write } from "@quorate/core";
import { expect, it } from "vitest";
import { ENTRY_OVERHEAD_BYTES, LogCache } from "../src/log-cache.js";

const PAYLOAD_BYTES = 100;
const ENTRY_BYTES = PAYLOAD_BYTES + ENTRY_OVERHEAD_BYTES;

function entry(index: number, term = 1): Entry {
  return { index, term, kind: "command", data: new Uint8Array(PAYLOAD_BYTES) };
}

function entries(first: number, last: number, term = 1): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, place) => entry(first + place, term));
}

function write(seq: number, append: readonly Entry[], truncateFrom: number | null = null): Write {
  return { seq, hardState: null, reset: null, truncateFrom, append };
}

it("F7: holds the newest entries, within its bound, once the storage holds them", () => {
  const cache = new LogCache(10 * ENTRY_BYTES, 0);
  for (let seq = 1; seq <= 100; seq += 1) {
    cache.onWrite(write(seq, [entry(seq)]));
    cache.onStored(seq);
  }
  expect(cache.sizeBytes).toBe(10 * ENTRY_BYTES);
  expect(cache.at(90)).toBeUndefined();
  expect(cache.at(91)?.index).toBe(91);
  expect(cache.at(100)?.index).toBe(100);
  expect(cache.at(101)).toBeUndefined();
});

it("P12: never lets go of what the storage does not hold yet", () => {
  const cache = new LogCache(10 * ENTRY_BYTES, 0);
  cache.onWrite(write(1, entries(1, 50)));
  cache.onWrite(write(2, entries(51, 60)));
  expect(cache.sizeBytes).toBe(60 * ENTRY_BYTES);
  expect(cache.storedIndex).toBe(0);
  cache.onStored(1);
  expect(cache.storedIndex).toBe(50);
  expect(cache.at(50)).toBeUndefined();
  expect(cache.at(51)?.index).toBe(51);
});

it("lets go early of what nobody waits for, but for a small tail and for what the storage does not hold", () => {
  const cache = new LogCache(100_000 * ENTRY_BYTES, 0);
  cache.onWrite(write(1, entries(1, 9000)));
  cache.release(8000);
  expect(cache.at(1)?.index).toBe(1);
  cache.onStored(1);
  const tail = Math.floor((256 * 1024) / ENTRY_BYTES);
  expect(cache.sizeBytes).toBe(tail * ENTRY_BYTES);
  expect(cache.at(9000)?.index).toBe(9000);

  cache.onWrite(write(2, entries(9001, 20_000)));
  cache.onStored(2);
  expect(cache.sizeBytes).toBe(12_001 * ENTRY_BYTES);
  expect([cache.at(7999)?.index, cache.at(8000)?.index]).toEqual([undefined, 8000]);
  cache.release(30_000);
  expect(cache.sizeBytes).toBe(tail * ENTRY_BYTES);
});

it("P3: a write that was replaced before it was stored says nothing about what replaced it", () => {
  const cache = new LogCache(1, 0);
  cache.onWrite(write(1, entries(1, 10)));
  cache.onWrite(write(2, entries(5, 8, 2), 5));
  cache.onStored(1);
  expect(cache.storedIndex).toBe(4);
  expect(cache.slice(5, 8, 10_000)?.map(({ term }) => term)).toEqual([2, 2, 2, 2]);
  cache.onStored(2);
  expect(cache.storedIndex).toBe(8);
  expect(cache.sizeBytes).toBe(0);
});

it("a slice is bounded in bytes, has one entry at least, and starts where it was asked to", () => {
  const cache = new LogCache(1_000_000, 0);
  cache.onWrite(write(1, entries(1, 10)));
  expect(cache.slice(2, 9, 3 * (PAYLOAD_BYTES + 32))?.map(({ index }) => index)).toEqual([2, 3, 4]);
  expect(cache.slice(2, 3, 1_000_000)?.map(({ index }) => index)).toEqual([2, 3]);
  expect(cache.slice(2, 9, 1)?.map(({ index }) => index)).toEqual([2]);
  expect(cache.slice(10, 20, 1_000_000)?.map(({ index }) => index)).toEqual([10]);
  expect(cache.slice(11, 20, 1_000_000)).toBeNull();
});

it("a log that grows, is cut and is stored: what is not in the cache is always in the storage", () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const random = new Random(seed);
    const pick = (from: number, to: number): number => from + Math.floor(random.between(0, to - from + 1));
    const cache = new LogCache(pick(0, 30) * ENTRY_BYTES, 5);
    let log = entries(1, 5);
    let stored = [...log];
    const unstored: Write[] = [];
    for (let seq = 1; seq <= 300; seq += 1) {
      const truncateFrom = pick(1, 8) === 1 ? pick(1, log.length + 1) : null;
      if (truncateFrom !== null) log = log.slice(0, truncateFrom - 1);
      const append = entries(log.length + 1, log.length + pick(0, 6), seq);
      log = [...log, ...append];
      unstored.push(write(seq, append, truncateFrom));
      cache.onWrite(unstored.at(-1) as Write);
      while (unstored.length > pick(0, 5)) {
        const done = unstored.shift() as Write;
        if (done.truncateFrom !== null) stored = stored.slice(0, done.truncateFrom - 1);
        stored.push(...done.append);
        cache.onStored(done.seq);
      }
      const misplaced = log.filter((each) => {
        const cached = cache.at(each.index);
        if (cached !== undefined) return cached !== each;
        return each.index > cache.storedIndex || stored[each.index - 1] !== each;
      });
      expect(misplaced).toEqual([]);
      expect(cache.at(log.length + 1)).toBeUndefined();
    }
  }
});
