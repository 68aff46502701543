/** `open` and `close`: what is there is found whole, and whatever is under way ends with the storage. */

import { expect, it } from "vitest";
import { bytes } from "../fixture.js";
import { expectRejection, pass } from "../storage/subject.js";
import type { SnapshotHarness } from "./harness.js";
import { plain, SnapshotSubject, snapshotAt, storedOf } from "./subject.js";

export function testSnapshotLifetime(harness: () => SnapshotHarness): void {
  testOpen(harness);
  testDamage(harness);
  testClose(harness);
}

function testOpen(harness: () => SnapshotHarness): void {
  it("P18: says how durable it is", async () => {
    const storage = await harness().create();
    expect(["durable", "volatile"]).toContain(storage.durability);
    await storage.close();
  });

  it("finds nothing in a blank place, however often it is opened", async () => {
    const subject = await SnapshotSubject.opened(harness());
    expect(subject.storage.newest()).toBeNull();
    expect(await subject.storage.read()).toBeNull();
    await subject.reopen();
    await subject.reopen();
  });

  it("S18: finds the newest that was committed, with index, term, header, size and checksum", async () => {
    const subject = await SnapshotSubject.opened(harness(), snapshotAt(7, 3));
    await subject.reopen();
    await subject.store(snapshotAt(2 ** 40, 2 ** 41, 70_000));
    await subject.reopen();
    await subject.reopen();
  });

  it("F12: keeps the largest index and term there are, an empty header, and one that is not so small", async () => {
    const largest = Number.MAX_SAFE_INTEGER;
    const subject = await SnapshotSubject.opened(harness(), { ...snapshotAt(1), header: new Uint8Array(0) });
    await subject.reopen();
    await subject.store({ ...snapshotAt(2), header: bytes(100_000, 1) });
    await subject.reopen();
    await subject.store(snapshotAt(largest, largest));
    await subject.reopen();
  });

  it("S20: finds nothing of what was never committed, and can begin it anew", async () => {
    const subject = await SnapshotSubject.opened(harness());
    await subject.write(snapshotAt(5));
    await subject.reopen();
    await subject.store(snapshotAt(3));
    await subject.write(snapshotAt(5));
    await subject.reopen();
    await subject.store(snapshotAt(5));
    await subject.reopen();
  });

  it("refuses whatever comes before it is opened, and to be opened twice", async () => {
    const storage = await harness().create();
    await expect(storage.create({ index: 1, term: 1 }, new Uint8Array(0))).rejects.toThrow();
    await expect(storage.read()).rejects.toThrow();
    await storage.open();
    await expect(storage.open()).rejects.toThrow();
    const writer = await storage.create({ index: 1, term: 1 }, new Uint8Array(0));
    await writer.commit();
    await storage.close();
  });
}

function testDamage(harness: () => SnapshotHarness): void {
  it("P7, P16: rejects with STORAGE_CORRUPT if what is known of the newest is damaged, again and again", async ({
    skip,
  }) => {
    const subject = await SnapshotSubject.opened(harness(), snapshotAt(4));
    await subject.store(snapshotAt(9));
    await subject.storage.close();
    const { damage } = harness();
    if (damage === undefined) return skip("the harness cannot damage snapshots");
    await damage.call(harness(), subject.storage, "header");
    for (let time = 0; time < 2; time += 1) {
      const storage = await harness().reopen(subject.storage);
      await expectRejection(storage.open(), "STORAGE_CORRUPT");
      await storage.close();
    }
  });
}

function testClose(harness: () => SnapshotHarness): void {
  it("closes twice, and before it was opened", async () => {
    const unopened = await harness().create();
    await unopened.close();
    await unopened.close();
    await expect(unopened.open()).rejects.toThrow();
    const subject = await SnapshotSubject.opened(harness(), snapshotAt(1));
    await Promise.all([subject.storage.close(), subject.storage.close()]);
    await subject.reopen();
  });

  it("aborts what is being written and closes what is being read; later calls reject", async () => {
    const subject = await SnapshotSubject.opened(harness(), snapshotAt(1));
    const { storage } = subject;
    const writer = await subject.write(snapshotAt(2));
    const reader = await storage.read();
    await storage.close();
    await expect(writer.write(bytes(3, 1))).rejects.toThrow();
    await expect(writer.commit()).rejects.toThrow();
    await writer.abort();
    await expect(reader?.read(0, 10)).rejects.toThrow();
    await reader?.close();
    await expect(storage.read()).rejects.toThrow();
    await expect(storage.create({ index: 3, term: 1 }, bytes(1, 1))).rejects.toThrow();
    await subject.reopen();
  });

  it.each([0, 1, 5, 30])("F18: settles all that is under way when it closes, %i turns later", async (turns) => {
    const [one, two] = [snapshotAt(1), snapshotAt(2, 1, 200_000)];
    const subject = await SnapshotSubject.opened(harness(), one);
    const { storage } = subject;
    const writer = await subject.write(two);
    const other = await subject.begin(snapshotAt(3));
    const reader = await storage.read();
    const underWay = Promise.allSettled([
      writer.commit(),
      other.write(bytes(300_000, 3)),
      reader?.read(0, 1000),
      storage.create({ index: 9, term: 1 }, bytes(4, 4)),
      storage.read(),
    ]);
    await pass(turns);
    await storage.close();
    const [committed] = await underWay;
    const isCommitted = committed.status === "fulfilled";
    if (isCommitted) expect(plain(committed.value)).toEqual(plain(storedOf(two)));
    subject.storage = await harness().reopen(storage);
    await subject.expectFound([isCommitted ? two : one]);
  });
}
