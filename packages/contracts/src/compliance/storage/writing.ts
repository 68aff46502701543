/** `write`: batches of hard state, truncation and append, carried out in order and as one. */

import { expect, it } from "vitest";
import type { StorageHarness } from "./harness.js";
import { entriesFrom, entryAt, expectRejection, Subject, writeOf } from "./subject.js";

export function testWriting(harness: () => StorageHarness): void {
  testBatches(harness);
  testOutline(harness);
  testRefusals(harness);
}

function testBatches(harness: () => StorageHarness): void {
  it("E2: keeps the newest hard state, term and vote as one", async () => {
    const subject = await Subject.founded(harness());
    await subject.write({ hardState: { currentTerm: 4, votedFor: 2 } });
    await subject.reopen();
    await subject.write({ hardState: { currentTerm: 5, votedFor: 3 } }, { hardState: { currentTerm: 6, votedFor: 0 } });
    await subject.reopen();
  });

  it("F12: keeps the largest index, term and id there are", async () => {
    const subject = await Subject.founded(harness());
    const largest = Number.MAX_SAFE_INTEGER;
    const append = [{ ...entryAt(2, largest), kind: "noop" as const, data: new Uint8Array(0) }, entryAt(3, largest)];
    await subject.write({ hardState: { currentTerm: largest, votedFor: largest }, append });
    await subject.reopen();
  });

  it("keeps payloads of every size, and entries of every kind", async () => {
    const subject = await Subject.founded(harness());
    const sizes = [0, 1, 255, 4096, 70_000, 400_000];
    const append = sizes.map((size, place) => entryAt(2 + place, 1, size));
    append.push(entryAt(8, 1, 0, "noop"), entryAt(9, 1, 30, "membership"), entryAt(10, 1, 0, "membership"));
    await subject.write({ append });
    await subject.reopen();
  });

  it("P11: puts new entries in the place of truncated ones in one step", async () => {
    const subject = await Subject.founded(harness(), 6);
    await subject.write({ truncateFrom: 4, append: entriesFrom(4, 2, 2) });
    await subject.expectLog();
    await subject.reopen();
    await subject.write({ truncateFrom: 5, append: entriesFrom(5, 9, 3) });
    await subject.reopen();
  });

  it("P11: truncates anywhere in what was written at once, and again where that was truncated", async () => {
    for (let from = 2; from <= 9; from += 1) {
      const subject = await Subject.founded(harness());
      await subject.write({ append: entriesFrom(2, 8, 1) });
      await subject.write({ truncateFrom: from });
      await subject.expectLog();
      await subject.reopen();
      await subject.write({ append: entriesFrom(from, 5, 2) }, { truncateFrom: from + 3 });
      await subject.expectLog();
      await subject.write({ truncateFrom: Math.max(2, from - 1), append: entriesFrom(Math.max(2, from - 1), 2, 3) });
      await subject.reopen();
    }
  });

  it("truncates without appending, one entry or all of them", async () => {
    const subject = await Subject.founded(harness(), 6);
    await subject.write({ truncateFrom: 6 });
    await subject.reopen();
    await subject.write({ truncateFrom: 1 });
    await subject.reopen();
    await subject.write({ append: entriesFrom(1, 2, 2) });
    await subject.reopen();
  });

  it("has nothing to do when it truncates right after the end, or is given empty writes", async () => {
    const subject = await Subject.founded(harness(), 3);
    await subject.write({ truncateFrom: 4 });
    await subject.write({}, {});
    await subject.write();
    await subject.reopen();
  });

  it("carries out several writes of one call in their order", async () => {
    const subject = await Subject.founded(harness(), 3);
    await subject.write(
      { append: entriesFrom(4, 3, 1) },
      { hardState: { currentTerm: 2, votedFor: 1 }, truncateFrom: 5, append: entriesFrom(5, 4, 2) },
      { hardState: { currentTerm: 3, votedFor: 0 } },
      { truncateFrom: 3, append: entriesFrom(3, 1, 3) },
      { append: entriesFrom(4, 2, 3) },
    );
    await subject.expectLog();
    await subject.reopen();
  });

  it("F11: keeps no array of the caller's, and hands out none of its own", async () => {
    const subject = await Subject.founded(harness());
    const append = entriesFrom(2, 2, 1);
    const hardState = { currentTerm: 2, votedFor: 1 };
    const writes = [{ seq: 1, hardState, reset: null, truncateFrom: null, append }];
    await subject.storage.write(writes);
    subject.model = { ...subject.model, hardState: { ...hardState }, entries: [...subject.model.entries, ...append] };
    append.length = 0;
    writes.length = 0;
    hardState.votedFor = 2;
    const page = await subject.storage.read(1, 3, 1000);
    (page as unknown[]).length = 0;
    await subject.expectLog();
    await subject.reopen();
  });
}

function testOutline(harness: () => StorageHarness): void {
  it("tells the runs of terms apart, and joins those that meet again", async () => {
    const subject = await Subject.founded(harness(), 3);
    await subject.write({ append: entriesFrom(4, 2, 2) });
    await subject.write({ append: [...entriesFrom(6, 1, 2), ...entriesFrom(7, 1, 5), ...entriesFrom(8, 2, 7)] });
    await subject.reopen();
    // A whole run goes and its start returns; then a run is cut in two and grows again.
    await subject.write({ truncateFrom: 7, append: entriesFrom(7, 2, 5) });
    await subject.reopen();
    await subject.write({ truncateFrom: 6 }, { append: entriesFrom(6, 3, 2) });
    await subject.reopen();
    await subject.write({ truncateFrom: 4, append: entriesFrom(4, 1, 1) });
    await subject.reopen();
  });

  it("M1: finds every membership in the log, and none that was truncated away", async () => {
    const subject = await Subject.founded(harness(), 2);
    await subject.write({ append: [entryAt(3, 1, 20, "membership"), entryAt(4, 1), entryAt(5, 1, 25, "membership")] });
    await subject.reopen();
    await subject.write({ truncateFrom: 5, append: [entryAt(5, 2)] });
    await subject.reopen();
    await subject.write({ truncateFrom: 3, append: [entryAt(3, 3), entryAt(4, 3, 33, "membership")] });
    await subject.reopen();
    await subject.write({ append: [entryAt(5, 3, 12, "membership")] }, { truncateFrom: 5, append: [entryAt(5, 4)] });
    await subject.reopen();
  });
}

function testRefusals(harness: () => StorageHarness): void {
  it("refuses to write before it was founded", async () => {
    const storage = await harness().create();
    await storage.open();
    await expect(storage.write([writeOf({ append: [entryAt(1, 1)] })])).rejects.toThrow();
    await storage.close();
    const again = await harness().reopen(storage);
    expect(await again.open()).toBeNull();
  });

  it.each([
    ["leaves a gap", { append: [entryAt(6, 1)] }],
    ["overlaps the log", { append: [entryAt(4, 1)] }],
    ["has a gap inside", { append: [entryAt(5, 1), entryAt(7, 1)] }],
    ["leaves a gap after a truncation", { truncateFrom: 3, append: [entryAt(4, 1)] }],
    ["truncates what is compacted", { truncateFrom: 2, append: [entryAt(2, 2)] }],
  ])("P5: refuses a call that %s, whole, and writes nothing more", async (_what, change) => {
    const subject = await Subject.founded(harness(), 4);
    await subject.compact(2);
    const hardState = { currentTerm: 9, votedFor: 1 };
    await expectRejection(subject.storage.write([writeOf({ hardState }), writeOf(change)]), "STORAGE_FAILED");
    await expectRejection(subject.storage.write([writeOf({ append: [entryAt(5, 1)] })]), "STORAGE_FAILED");
    await expectRejection(subject.storage.write([writeOf({ hardState })]), "STORAGE_FAILED");
    await subject.expectLog();
    await subject.reopen();
  });
}
