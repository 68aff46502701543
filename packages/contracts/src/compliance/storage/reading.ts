/** `read`: pages of the log, of what was asked for and nothing else. */

import type { Entry } from "@quorate/core";
import { expect, it } from "vitest";
import type { LogStorage } from "../../log-storage.js";
import type { StorageHarness } from "./harness.js";
import { type Model, pageOf, written } from "./model.js";
import { entriesFrom, entryAt, expectRejection, plainEntry, Subject, writeOf } from "./subject.js";

const ALL = Number.MAX_SAFE_INTEGER;

export function testReading(harness: () => StorageHarness): void {
  testPages(harness);
  testMeanwhile(harness);

  it("refuses to read before it was founded", async () => {
    const storage = await harness().create();
    await storage.open();
    await expect(storage.read(1, 1, 100)).rejects.toThrow();
  });

  it("P7: rejects with STORAGE_CORRUPT for a damaged entry, and never hands it out", async ({ skip }) => {
    const subject = await Subject.founded(harness(), 2);
    for (let index = 3; index <= 5; index += 1) await subject.write({ append: [entryAt(index, 1)] });
    await subject.storage.close();
    const { damage } = harness();
    if (damage === undefined) return skip("the harness cannot damage entries");
    await damage.call(harness(), subject.storage, 3);
    const storage = await harness().reopen(subject.storage);
    await storage.open();
    await expectRejection(storage.read(3, 3, 100), "STORAGE_CORRUPT");
    await expectRejection(storage.read(1, 5, ALL), "STORAGE_CORRUPT");
    for (const [first, last, maxBytes] of [[4, 5, ALL] as const, [1, 5, 40 + 16] as const]) {
      const intact = await storage.read(first, last, maxBytes);
      expect(intact.map(plainEntry)).toEqual(pageOf(subject.model, first, last, maxBytes).map(plainEntry));
    }
  });
}

function testPages(harness: () => StorageHarness): void {
  it("P13: returns the entries of the range, and no other", async () => {
    const subject = await Subject.founded(harness(), 9);
    for (const [first, last] of [
      [1, 1],
      [1, 9],
      [2, 5],
      [9, 9],
    ] as const) {
      const page = await subject.storage.read(first, last, ALL);
      expect(page.map(plainEntry)).toEqual(pageOf(subject.model, first, last, ALL).map(plainEntry));
    }
  });

  it("F7: returns as many entries as fit into the bytes, but at least one", async () => {
    const subject = await Subject.founded(harness());
    await subject.write({ append: entriesFrom(2, 8, 1, 100) });
    const indexes = async (maxBytes: number) => {
      return (await subject.storage.read(2, 9, maxBytes)).map(({ index }) => index);
    };
    expect(await indexes(0)).toEqual([2]);
    expect(await indexes(99)).toEqual([2]);
    expect(await indexes(100)).toEqual([2]);
    expect(await indexes(199)).toEqual([2]);
    expect(await indexes(200)).toEqual([2, 3]);
    expect(await indexes(350)).toEqual([2, 3, 4]);
    expect(await indexes(799)).toEqual([2, 3, 4, 5, 6, 7, 8]);
    expect(await indexes(800)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("F7: measures pages by payload, so that empty entries cost nothing and a huge one comes alone", async () => {
    const subject = await Subject.founded(harness());
    await subject.write({ append: entriesFrom(2, 6, 1, 0) }, { append: [entryAt(8, 1, 300_000), entryAt(9, 1, 10)] });
    const empty = await subject.storage.read(2, 7, 0);
    expect(empty.map(({ index }) => index)).toEqual([2, 3, 4, 5, 6, 7]);
    const mixed = await subject.storage.read(2, 9, 1000);
    expect(mixed.map(({ index }) => index)).toEqual([2, 3, 4, 5, 6, 7]);
    const huge = await subject.storage.read(8, 9, 1000);
    expect(huge.map(({ index }) => index)).toEqual([8]);
  });

  it("reads any part of what was written at once", async () => {
    const subject = await Subject.founded(harness(), 3);
    await subject.write({ append: [...entriesFrom(4, 5, 1), ...entriesFrom(9, 4, 2), entryAt(13, 2, 90_000)] });
    await subject.write({ append: entriesFrom(14, 3, 2, 50_000) });
    for (let first = 1; first <= 16; first += 1) {
      for (let last = first; last <= 16; last += 1) {
        const page = await subject.storage.read(first, last, 60_000);
        expect(page.map(plainEntry)).toEqual(pageOf(subject.model, first, last, 60_000).map(plainEntry));
      }
    }
  });

  it("reads a long log page by page", async () => {
    const subject = await Subject.founded(harness(), 3000, 50);
    await subject.expectLog(64 * 1024);
    const page = await subject.storage.read(1, 3000, ALL);
    expect(page).toHaveLength(3000);
  });

  it("P13: rejects what lies past the end of the log, and a reversed range", async () => {
    const subject = await Subject.founded(harness(), 4);
    await expectRejection(subject.storage.read(5, 5, ALL), "STORAGE_CORRUPT");
    await expectRejection(subject.storage.read(3, 6, ALL), "STORAGE_CORRUPT");
    await expect(subject.storage.read(3, 2, ALL)).rejects.toThrow();
    await subject.write({ truncateFrom: 3 });
    await expectRejection(subject.storage.read(3, 3, ALL), "STORAGE_CORRUPT");
    await subject.expectLog();
  });

  it("rejects with STORAGE_COMPACTED what comes before the log", async () => {
    const subject = await Subject.founded(harness(), 6);
    await expectRejection(subject.storage.read(0, 3, ALL), "STORAGE_COMPACTED");
    await subject.compact(4);
    await expectRejection(subject.storage.read(4, 4, ALL), "STORAGE_COMPACTED");
    await expectRejection(subject.storage.read(1, 6, ALL), "STORAGE_COMPACTED");
    await subject.expectLog();
    await subject.reopen();
    await expectRejection(subject.storage.read(4, 6, ALL), "STORAGE_COMPACTED");
  });

  it("F11: hands out entries that the caller may keep", async () => {
    const subject = await Subject.founded(harness(), 4);
    const kept = await subject.storage.read(2, 4, ALL);
    const before = kept.map(plainEntry);
    await subject.write({ truncateFrom: 2, append: entriesFrom(2, 3, 2) });
    await subject.expectLog();
    await subject.storage.close();
    expect(kept.map(plainEntry)).toEqual(before);
  });
}

function testMeanwhile(harness: () => StorageHarness): void {
  it("P12: reads that come while a write is under way see the log before it or after it, never a mixture", async () => {
    const subject = await Subject.founded(harness(), 12);
    for (let term = 2; term < 22; term += 1) {
      const from = 3 + (term % 7);
      const writes = [
        writeOf({ truncateFrom: from, append: entriesFrom(from, 4, term) }),
        writeOf({ truncateFrom: from + 1, append: entriesFrom(from + 1, 9, term) }),
      ];
      const after = written(subject.model, writes);
      const underWay = subject.storage.write(writes);
      const reads = [1, 2, 4, 8].map((first) => expectEither(subject.storage, [subject.model, after], first, 10));
      await underWay;
      await Promise.all(reads);
      subject.model = after;
      await subject.expectLog();
    }
    await subject.reopen();
  });

  it("serves several readers at a time", async () => {
    const subject = await Subject.founded(harness(), 200);
    await Promise.all([subject.expectLog(16), subject.expectLog(100), subject.expectLog(ALL)]);
  });
}

async function expectEither(storage: LogStorage, either: readonly Model[], first: number, last: number): Promise<void> {
  let found: readonly Entry[];
  try {
    found = await storage.read(first, last, ALL);
  } catch (cause) {
    // Permitted if one of the two logs is too short for what was asked.
    expect(cause).toMatchObject({ code: "STORAGE_CORRUPT" });
    expect(either.some((model) => pageOf(model, first, last, ALL).length <= last - first)).toBe(true);
    return;
  }
  expect(either.map((model) => pageOf(model, first, last, ALL).map(plainEntry))).toContainEqual(found.map(plainEntry));
}
