/** `compact`: the log forgets its start, and goes on as before. */

import { expect, it } from "vitest";
import type { StorageHarness } from "./harness.js";
import { entriesFrom, entryAt, expectRejection, Subject } from "./subject.js";

export function testCompaction(harness: () => StorageHarness): void {
  it("S18: forgets the entries, but not the index and term of the last of them", async () => {
    const subject = await Subject.founded(harness(), 4);
    await subject.write({ append: [...entriesFrom(5, 3, 2), ...entriesFrom(8, 2, 3)] });
    await subject.compact(1);
    await subject.reopen();
    await subject.compact(6);
    await subject.expectLog();
    await subject.reopen();
    await subject.compact(7);
    await subject.reopen();
  });

  it("does nothing at or before what is compacted already", async () => {
    const subject = await Subject.founded(harness(), 6);
    await subject.compact(4);
    await subject.compact(4);
    await subject.compact(2);
    await subject.compact(0);
    await subject.expectLog();
    await subject.reopen();
    await subject.compact(3);
    await subject.reopen();
  });

  it("refuses to compact what is not in the log", async () => {
    const subject = await Subject.founded(harness(), 3);
    await expect(subject.storage.compact(4)).rejects.toThrow();
    await subject.expectLog();
    await subject.reopen();
  });

  it("empties the log, which then grows from where it was", async () => {
    const subject = await Subject.founded(harness(), 5);
    await subject.compact(5);
    await subject.reopen();
    await subject.write({ append: entriesFrom(6, 2, 1) });
    await subject.reopen();
    await subject.compact(7);
    await subject.write({ append: entriesFrom(8, 2, 4) });
    await subject.reopen();
  });

  it("truncates and appends right after the last compacted entry", async () => {
    const subject = await Subject.founded(harness(), 6);
    await subject.compact(4);
    await subject.write({ truncateFrom: 5, append: entriesFrom(5, 3, 2) });
    await subject.reopen();
    await subject.write({ truncateFrom: 5 });
    await subject.reopen();
    await subject.write({ append: entriesFrom(5, 1, 1) });
    await subject.reopen();
  });

  it("S18: ends anywhere in what was written at once, and the rest can be read, truncated and reopened", async () => {
    for (let upTo = 3; upTo <= 9; upTo += 1) {
      const subject = await Subject.founded(harness(), 2);
      await subject.write({ append: entriesFrom(3, 7, 1) });
      await subject.compact(upTo);
      await subject.expectLog();
      await expectRejection(subject.storage.read(upTo, upTo, 100), "STORAGE_COMPACTED");
      await subject.reopen();
      await subject.write({ append: entriesFrom(10, 4, 2) });
      await subject.write({ truncateFrom: Math.max(upTo + 1, 8), append: entriesFrom(Math.max(upTo + 1, 8), 3, 3) });
      await subject.reopen();
      await subject.compact(Math.max(upTo, 9));
      await subject.expectLog();
      await subject.reopen();
    }
  });

  it("forgets memberships with the entries that carry them, and keeps the later ones", async () => {
    const subject = await Subject.founded(harness(), 2);
    await subject.write({ append: [entryAt(3, 1, 20, "membership"), entryAt(4, 1), entryAt(5, 2, 21, "membership")] });
    await subject.compact(3);
    await subject.reopen();
    await subject.compact(5);
    await subject.reopen();
  });

  it("compacts while it writes and reads", async () => {
    const subject = await Subject.founded(harness(), 3000, 20);
    const compacting = subject.storage.compact(2500);
    for (let index = 3001; index <= 3010; index += 1) await subject.write({ append: [entryAt(index, 2)] });
    const page = await subject.storage.read(2990, 3010, 100_000);
    expect(page).toHaveLength(21);
    await compacting;
    await subject.compact(2500);
    await subject.expectLog(10_000);
    await subject.reopen();
  });

  it("carries out two compactions that are asked for at the same time", async () => {
    const subject = await Subject.founded(harness(), 2000);
    await Promise.all([subject.storage.compact(1500), subject.storage.compact(700), subject.storage.compact(1900)]);
    await subject.compact(1999);
    await expectRejection(subject.storage.read(1999, 2000, 100), "STORAGE_COMPACTED");
    await subject.expectLog();
  });
}
