/** `read`: any piece of the newest body, for as long as the reader wants it. */

import { expect, it } from "vitest";
import { crc32 } from "../../crc.js";
import { RaftError } from "../../errors.js";
import type { SnapshotReader } from "../../snapshot-storage.js";
import { bytes } from "../fixture.js";
import type { SnapshotHarness } from "./harness.js";
import { expectSame, plain, readBody, SnapshotSubject, snapshotAt, storedOf } from "./subject.js";

async function readerOf(subject: SnapshotSubject): Promise<SnapshotReader> {
  const reader = await subject.storage.read();
  if (reader === null) throw new Error("There is a snapshot");
  return reader;
}

export function testSnapshotReading(harness: () => SnapshotHarness): void {
  testPieces(harness);
  testStay(harness);

  it("P7: lets whoever reads find damage of the body by the checksum of the whole", async ({ skip }) => {
    const snapshot = snapshotAt(9, 2, 5000);
    const subject = await SnapshotSubject.opened(harness(), snapshot);
    await subject.storage.close();
    const { damage } = harness();
    if (damage === undefined) return skip("the harness cannot damage snapshots");
    await damage.call(harness(), subject.storage, "body");
    const storage = await harness().reopen(subject.storage);
    expect(plain(await storage.open())).toEqual(plain(storedOf(snapshot)));
    const reader = await storage.read();
    try {
      const found = await readBody(reader as SnapshotReader);
      expect(crc32(found)).not.toBe(reader?.snapshot.checksum);
    } catch (cause) {
      expect(cause).toBeInstanceOf(RaftError);
    }
    await storage.close();
  });
}

function testPieces(harness: () => SnapshotHarness): void {
  it("P13: gives what there is from an offset on, as much as was asked for at most, and nothing at the end", async () => {
    const { body } = snapshotAt(4, 1, 1000);
    const subject = await SnapshotSubject.opened(harness(), snapshotAt(4, 1, 1000));
    const reader = await readerOf(subject);
    for (const [offset, maxBytes] of [
      [0, 1000],
      [0, 1],
      [0, 1_000_000],
      [299, 2],
      [300, 300],
      [555, 0],
      [999, 1],
      [999, 50],
      [1000, 10],
      [1001, 10],
      [2 ** 40, 10],
    ] as const) {
      const piece = await reader.read(offset, maxBytes);
      expect(piece).toBeInstanceOf(Uint8Array);
      expect(Array.from(piece)).toEqual(Array.from(body.subarray(offset, offset + maxBytes)));
    }
    await reader.close();
  });

  it("serves several readers, and several calls of each, at a time", async () => {
    const { body } = snapshotAt(4, 1, 40_000);
    const subject = await SnapshotSubject.opened(harness(), snapshotAt(4, 1, 40_000));
    const readers = await Promise.all([readerOf(subject), readerOf(subject), readerOf(subject)]);
    const pieces = readers.flatMap((reader, place) => {
      return [0, 1, 2, 3].map(async (part) => {
        const offset = 1000 * place + 9000 * part;
        expectSame(await reader.read(offset, 9000), body.subarray(offset, offset + 9000));
      });
    });
    await Promise.all(pieces);
    await readers[0]?.close();
    expectSame(await readBody(readers[1] as SnapshotReader, 777), body);
    await Promise.all(readers.map((reader) => reader.close()));
    await subject.expectNewest();
  });

  it("F11: gives bytes that the caller may keep", async () => {
    const { body } = snapshotAt(4, 1, 3000);
    const subject = await SnapshotSubject.opened(harness(), snapshotAt(4, 1, 3000));
    const reader = await readerOf(subject);
    const kept = await reader.read(0, 1500);
    const other = await reader.read(0, 1500);
    other.fill(0);
    await reader.read(1500, 1500);
    await reader.close();
    await subject.store(snapshotAt(5, 1, 3000));
    await subject.storage.close();
    expectSame(kept, body.subarray(0, 1500));
  });
}

function testStay(harness: () => SnapshotHarness): void {
  it("S10: keeps what is being read, also when newer ones take its place", async () => {
    const old = snapshotAt(4, 1, 5000);
    const subject = await SnapshotSubject.opened(harness(), old);
    const [reader, another] = [await readerOf(subject), await readerOf(subject)];
    expectSame(await reader.read(0, 100), old.body.subarray(0, 100));
    await subject.store(snapshotAt(5));
    await subject.store(snapshotAt(6));
    await subject.expectNewest();
    await another.close();
    expect(plain(reader.snapshot)).toEqual(plain(storedOf(old)));
    expectSame(await readBody(reader), old.body);
    await reader.close();
    await subject.expectNewest();
    await subject.reopen();
  });

  it("finds the newest after a restart, also if an older one was being read at the end", async () => {
    const subject = await SnapshotSubject.opened(harness(), snapshotAt(4));
    const reader = await readerOf(subject);
    await subject.store(snapshotAt(5));
    expectSame(await readBody(reader), snapshotAt(4).body);
    await subject.crash();
    await subject.store(snapshotAt(6));
    await subject.reopen();
  });

  it("closes twice, and then reads no more", async () => {
    const subject = await SnapshotSubject.opened(harness(), snapshotAt(4));
    const reader = await readerOf(subject);
    await reader.close();
    await reader.close();
    await expect(reader.read(0, 10)).rejects.toThrow();
    await subject.expectNewest();
  });

  it("settles a read that is under way when its reader closes", async () => {
    const subject = await SnapshotSubject.opened(harness(), { ...snapshotAt(4), body: bytes(500_000, 3) });
    const reader = await readerOf(subject);
    const reads = Promise.allSettled([reader.read(0, 500_000), reader.read(100, 10)]);
    await reader.close();
    for (const read of await reads) {
      if (read.status === "fulfilled") expect(read.value.length).toBeGreaterThan(0);
    }
    await subject.expectNewest();
  });
}
