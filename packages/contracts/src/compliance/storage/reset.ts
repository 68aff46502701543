/** `reset`: the log is given up for a snapshot that covers it, and begins anew after that. */

import type { EntryId } from "@quorate/core";
import { expect, it } from "vitest";
import type { StorageHarness } from "./harness.js";
import { written } from "./model.js";
import { entriesFrom, entryAt, expectRejection, Subject, writeOf } from "./subject.js";

/** In a log of 6 entries of term 1, compacted up to 2. */
const PLACES: readonly (readonly [string, EntryId])[] = [
  ["where it starts", { index: 2, term: 1 }],
  ["before its end", { index: 4, term: 3 }],
  ["at its end", { index: 6, term: 3 }],
  ["right after its end", { index: 7, term: 3 }],
  ["far beyond its end", { index: 2 ** 40, term: 3 }],
];

export function testReset(harness: () => StorageHarness): void {
  testPlaces(harness);
  testOldEntries(harness);
  testMeanwhile(harness);
}

function testPlaces(harness: () => StorageHarness): void {
  it.each(PLACES)("S18: empties the log, which begins anew %s", async (_where, place) => {
    const subject = await Subject.founded(harness(), 6);
    await subject.compact(2);
    await subject.write({ reset: place });
    await expectRejection(subject.storage.read(place.index, place.index, 100), "STORAGE_COMPACTED");
    await expectRejection(subject.storage.read(place.index + 1, place.index + 1, 100), "STORAGE_CORRUPT");
    await subject.reopen();
    await subject.write({ append: entriesFrom(place.index + 1, 3, 4) });
    await subject.expectLog();
    await subject.reopen();
    await subject.compact(place.index + 2);
    await subject.reopen();
  });

  it.each(PLACES)("P11: is one step with the term before it and the entries after it, %s", async (_where, place) => {
    const subject = await Subject.founded(harness(), 6);
    await subject.compact(2);
    const hardState = { currentTerm: 5, votedFor: 2 };
    await subject.write({ hardState, reset: place, append: entriesFrom(place.index + 1, 5, 5) });
    await subject.expectLog();
    await subject.reopen();
  });

  it("carries out several writes of one call in their order, those before the reset for nothing", async () => {
    const subject = await Subject.founded(harness(), 3);
    await subject.write(
      { append: [...entriesFrom(4, 5, 2), entryAt(9, 2, 30, "membership")] },
      { reset: { index: 6, term: 3 } },
      { append: entriesFrom(7, 4, 4) },
      { truncateFrom: 9, append: [entryAt(9, 5, 20, "membership")] },
      { reset: { index: 8, term: 6 }, append: entriesFrom(9, 1, 7) },
    );
    await subject.expectLog();
    await subject.reopen();
  });

  it.each([
    ["before the log", { index: 3, term: 1 }],
    ["at its start, in another term", { index: 4, term: 2 }],
  ])("S2, P5: refuses to begin anew %s, and writes nothing more", async (_where, place) => {
    const subject = await Subject.founded(harness(), 6);
    await subject.compact(4);
    await expectRejection(subject.storage.write([writeOf({ reset: place })]), "STORAGE_FAILED");
    await expectRejection(subject.storage.write([writeOf({ append: [entryAt(7, 1)] })]), "STORAGE_FAILED");
    await subject.expectLog();
    await subject.reopen();
  });

  it.each([
    ["leaves a gap", { append: [entryAt(12, 9)] }],
    ["goes on where the log ended before", { append: [entryAt(7, 9)] }],
    ["truncates what the reset covers", { truncateFrom: 10, append: [entryAt(10, 9)] }],
  ])("P5: refuses what %s after a reset, together with it", async (_what, change) => {
    const subject = await Subject.founded(harness(), 6);
    const writes = [writeOf({ reset: { index: 10, term: 8 }, ...change })];
    await expectRejection(subject.storage.write(writes), "STORAGE_FAILED");
    await subject.expectLog();
    await subject.reopen();
  });
}

function testOldEntries(harness: () => StorageHarness): void {
  it("S1: never shows an entry from before again, also when the log reaches its place", async () => {
    const subject = await Subject.founded(harness());
    await subject.write({ append: [...entriesFrom(2, 18, 1), entryAt(20, 1, 30, "membership"), entryAt(21, 1)] });
    await subject.write({ reset: { index: 10, term: 2 } });
    for (let index = 11; index <= 24; index += 1) {
      await subject.write({ append: [entryAt(index, 3)] });
      await expectRejection(subject.storage.read(index, index + 1, 1000), "STORAGE_CORRUPT");
      await subject.reopen();
    }
  });

  it("M1: forgets the memberships of the old log, wherever they are", async () => {
    const subject = await Subject.founded(harness(), 3);
    await subject.write({ append: [entryAt(4, 1, 20, "membership"), entryAt(5, 1), entryAt(6, 1, 30, "membership")] });
    await subject.write({ reset: { index: 5, term: 2 } });
    await subject.reopen();
    await subject.write({ append: [entryAt(6, 2), entryAt(7, 2, 25, "membership")] });
    await subject.reopen();
  });

  it("gives up a long log for a snapshot far beyond it, and goes on at once", async () => {
    const subject = await Subject.founded(harness(), 4000, 20);
    await subject.write({ reset: { index: 10_000_000, term: 2 } });
    await subject.write({ append: entriesFrom(10_000_001, 10, 2) });
    await subject.compact(10_000_004);
    await subject.expectLog();
    await subject.reopen();
    await subject.compact(10_000_010);
    await subject.reopen();
  });

  it("S1: begins anew again and again, crashed in between", async () => {
    const subject = await Subject.founded(harness(), 2500);
    for (const [index, term] of [
      [1700, 2],
      [1710, 3],
      [90_000, 4],
      [90_002, 5],
    ] as const) {
      await subject.write({ reset: { index, term } });
      await subject.write({ append: entriesFrom(index + 1, 30, term) });
      await subject.crash([subject.model]);
    }
    await subject.compact(90_020);
    await subject.reopen();
  });
}

function testMeanwhile(harness: () => StorageHarness): void {
  it("P12: reads that come while it is under way see the log before it or after it", async () => {
    const subject = await Subject.founded(harness(), 40);
    for (let term = 2; term < 12; term += 1) {
      const index = 4 * term;
      const writes = [writeOf({ reset: { index, term }, append: entriesFrom(index + 1, 40, term) })];
      let isUnderWay = true;
      const underWay = subject.storage.write(writes).finally(() => {
        isUnderWay = false;
      });
      const keepReading = async (first: number): Promise<void> => {
        while (isUnderWay) {
          const page = await subject.storage.read(first, first + 3, 1000);
          const terms = page.map((entry) => entry.term);
          expect([Array(4).fill(term - 1), Array(4).fill(term)]).toContainEqual(terms);
        }
      };
      await Promise.all([underWay, ...[1, 2, 3, 4].map((place) => keepReading(index + place))]);
      subject.model = written(subject.model, writes);
      await subject.expectLog(10_000);
    }
    await subject.reopen();
  });

  it("S4: a compaction that was asked for just before or after it takes nothing back", async () => {
    const subject = await Subject.founded(harness(), 2000);
    const before = subject.storage.compact(1200);
    const reset = subject.write({ reset: { index: 1500, term: 2 }, append: entriesFrom(1501, 3, 2) });
    const after = subject.storage.compact(1300);
    await Promise.all([before, reset, after]);
    await expectRejection(subject.storage.read(1500, 1503, 100), "STORAGE_COMPACTED");
    await subject.reopen();
    await subject.compact(1502);
    await subject.reopen();
  });
}
