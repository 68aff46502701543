/** `create`, `write`, `commit` and `abort`: a snapshot is seen whole or not at all. */

import { expect, it } from "vitest";
import { crc32 } from "../../crc.js";
import type { SnapshotReader } from "../../snapshot-storage.js";
import { bytes } from "../fixture.js";
import { expectRejection, pass } from "../storage/subject.js";
import type { SnapshotHarness } from "./harness.js";
import {
  expectSame,
  newerOf,
  plain,
  readBody,
  type Snapshot,
  SnapshotSubject,
  snapshotAt,
  storedOf,
  writeBody,
} from "./subject.js";

export function testSnapshotWriting(harness: () => SnapshotHarness): void {
  testPieces(harness);
  testCommit(harness);
  testSeveral(harness);
  testAbort(harness);
}

function testPieces(harness: () => SnapshotHarness): void {
  it("takes a body in pieces of every size, and counts them", async () => {
    const sizes = [0, 1, 7, 4096, 0, 65_536, 1_500_000, 3];
    const body = bytes(
      sizes.reduce((sum, size) => sum + size, 0),
      5,
    );
    const snapshot = { ...snapshotAt(12, 2), body };
    const subject = await SnapshotSubject.opened(harness());
    const writer = await subject.begin(snapshot);
    let at = 0;
    for (const size of sizes) {
      expect(writer.sizeBytes).toBe(at);
      await writer.write(body.subarray(at, at + size));
      at += size;
    }
    expect(writer.sizeBytes).toBe(body.length);
    await subject.commit(writer, snapshot);
    await subject.expectNewest();
    await subject.reopen();
  });

  it("keeps a snapshot without a body", async () => {
    const subject = await SnapshotSubject.opened(harness(), snapshotAt(3, 1, 0));
    await subject.expectNewest();
    await subject.reopen();
  });

  it("has the CRC-32 of gzip for the checksum of the body", async () => {
    const body = Uint8Array.from("123456789", (digit) => digit.charCodeAt(0));
    const subject = await SnapshotSubject.opened(harness(), { ...snapshotAt(3), body });
    expect(subject.storage.newest()?.checksum).toBe(0xcbf43926);
  });

  it("F11: keeps neither header nor pieces of the caller's", async () => {
    const snapshot = snapshotAt(8, 1, 900);
    const subject = await SnapshotSubject.opened(harness());
    const header = snapshot.header.slice();
    const place = { ...snapshot.place };
    const writer = await subject.storage.create(place, header);
    header.fill(0);
    place.index = 99;
    const piece = new Uint8Array(100);
    for (let at = 0; at < snapshot.body.length; at += piece.length) {
      piece.set(snapshot.body.subarray(at, at + piece.length));
      await writer.write(piece);
    }
    piece.fill(0);
    await subject.commit(writer, snapshot);
    await subject.expectNewest();
    await subject.reopen();
  });
}

function testCommit(harness: () => SnapshotHarness): void {
  it("S16: counts from its commit on, and not before; until then the one before it stays", async () => {
    const [one, two] = [snapshotAt(1), snapshotAt(2)];
    const subject = await SnapshotSubject.opened(harness());
    const first = await subject.write(one);
    expect(subject.storage.newest()).toBeNull();
    expect(await subject.storage.read()).toBeNull();
    await subject.commit(first, one);
    const second = await subject.write(two);
    await subject.expectNewest();
    await subject.commit(second, two);
    await subject.expectNewest();
  });

  it("S10: is committed if size and checksum are as expected", async () => {
    const snapshot = snapshotAt(6);
    const subject = await SnapshotSubject.opened(harness());
    const writer = await subject.write(snapshot);
    const { sizeBytes, checksum } = storedOf(snapshot);
    expect(plain(await writer.commit({ sizeBytes, checksum }))).toEqual(plain(storedOf(snapshot)));
    subject.newest = snapshot;
    await subject.reopen();
  });

  it.each([
    ["size", { sizeBytes: 999, checksum: crc32(snapshotAt(6).body) }],
    ["checksum", { sizeBytes: 1000, checksum: crc32(snapshotAt(5).body) }],
  ])(
    "S10, S20: rejects with STORAGE_CORRUPT if the %s is not as expected, and changes nothing",
    async (_, expected) => {
      const subject = await SnapshotSubject.opened(harness(), snapshotAt(2));
      const writer = await subject.write(snapshotAt(6));
      await expectRejection(writer.commit(expected), "STORAGE_CORRUPT");
      await subject.expectNewest();
      await writer.abort();
      await subject.expectNewest();
      await subject.store(snapshotAt(6));
      await subject.reopen();
    },
  );

  it("P7: has one that is distrusted give way to another of the same place, and to none before it", async () => {
    const damaged = snapshotAt(10, 2);
    const subject = await SnapshotSubject.opened(harness(), damaged);
    const reader = await subject.storage.read();
    subject.storage.distrust(storedOf(snapshotAt(9, 2)));
    await subject.store(snapshotAt(10, 2, 50));
    subject.storage.distrust(storedOf(damaged));
    await subject.store(snapshotAt(9, 2));
    await subject.expectNewest();
    subject.newest = null;
    await subject.store(snapshotAt(10, 2, 60));
    // It is trusted again.
    await subject.store(snapshotAt(10, 2, 70));
    await subject.expectNewest();
    expectSame(await readBody(reader as SnapshotReader), damaged.body);
    await reader?.close();
    await subject.expectNewest();
    await subject.reopen();
  });

  it("S2: keeps the one that is stored if it reaches as far, whatever its term, and says so", async () => {
    const subject = await SnapshotSubject.opened(harness(), snapshotAt(10, 2));
    await subject.store(snapshotAt(9, 5));
    await subject.store(snapshotAt(10, 2, 50));
    await subject.store(snapshotAt(10, 3, 60));
    await subject.expectNewest();
    await subject.reopen();
    await subject.store(snapshotAt(4, 9));
    await subject.store(snapshotAt(11, 9));
    await subject.reopen();
  });

  it("is committed once", async () => {
    const subject = await SnapshotSubject.opened(harness());
    const writer = await subject.write(snapshotAt(1));
    await subject.commit(writer, snapshotAt(1));
    await expect(writer.write(bytes(1, 1))).rejects.toThrow();
    await expect(writer.commit()).rejects.toThrow();
    await subject.expectNewest();
  });
}

function testSeveral(harness: () => SnapshotHarness): void {
  it("S10: takes in several at a time, and mixes none of their pieces", async () => {
    const snapshots = [snapshotAt(5, 1, 5000), snapshotAt(8, 1, 3000), snapshotAt(7, 2, 4000), snapshotAt(8, 2, 6000)];
    const subject = await SnapshotSubject.opened(harness());
    const writers = await Promise.all(snapshots.map((each) => subject.begin(each)));
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(
        writers.map((writer, place) => {
          return writer.write((snapshots[place] as Snapshot).body.subarray(writer.sizeBytes, 300 * (round + 1)));
        }),
      );
    }
    for (const [place, writer] of writers.entries()) {
      await subject.commit(writer, snapshots[place] as Snapshot);
      await subject.expectNewest();
    }
    await subject.reopen();
  });

  it("S2: ends with the one that reaches farthest when several are committed at the same time", async () => {
    const snapshots = [3, 9, 5, 7, 9].map((index, place) => snapshotAt(index, place + 1));
    const subject = await SnapshotSubject.opened(harness());
    const writers = await Promise.all(snapshots.map((each) => subject.write(each)));
    const stored = await Promise.all(writers.map((writer) => writer.commit()));
    for (const [place, { place: reached }] of stored.entries()) {
      expect(reached.index).toBeGreaterThanOrEqual((snapshots[place] as Snapshot).place.index);
    }
    const newest = subject.storage.newest()?.place;
    subject.newest = snapshots.find(({ place }) => place.index === 9 && place.term === newest?.term) ?? null;
    await subject.expectNewest();
    await subject.reopen();
  });
}

function testAbort(harness: () => SnapshotHarness): void {
  it("removes what was written, however much that is, and may be called twice", async () => {
    const subject = await SnapshotSubject.opened(harness(), snapshotAt(1));
    for (const size of [0, 1, 900]) {
      const writer = await subject.begin(snapshotAt(2));
      await writeBody(writer, bytes(size, 2));
      await writer.abort();
      await writer.abort();
      await expect(writer.write(bytes(1, 1))).rejects.toThrow();
      await expect(writer.commit()).rejects.toThrow();
      await subject.expectNewest();
    }
    await subject.store(snapshotAt(2));
    await subject.reopen();
  });

  it("does nothing after a commit", async () => {
    const subject = await SnapshotSubject.opened(harness());
    const writer = await subject.write(snapshotAt(2));
    await subject.commit(writer, snapshotAt(2));
    await writer.abort();
    await subject.expectNewest();
    await subject.reopen();
  });

  it.each([0, 1, 4, 20])("may come while a piece is being written, %i turns later", async (turns) => {
    const subject = await SnapshotSubject.opened(harness(), snapshotAt(1));
    const writer = await subject.begin(snapshotAt(2));
    const written = Promise.allSettled([writer.write(bytes(2_500_000, 1))]);
    await pass(turns);
    await writer.abort();
    await written;
    await subject.expectNewest();
    await subject.store(snapshotAt(2));
    await subject.reopen();
  });

  it.each([0, 1, 4, 20])(
    "S20: may come during a commit, and one of the two is right, %i turns later",
    async (turns) => {
      const [one, two] = [snapshotAt(1), snapshotAt(2)];
      const subject = await SnapshotSubject.opened(harness(), one);
      const writer = await subject.write(two);
      const committed = Promise.allSettled([writer.commit()]);
      await pass(turns);
      await writer.abort();
      const [{ status }] = await committed;
      if (status === "fulfilled") subject.newest = newerOf(one, two);
      await subject.expectNewest();
      await subject.reopen();
    },
  );

  it("leaves the others alone", async () => {
    const [five, six] = [snapshotAt(5), snapshotAt(6)];
    const subject = await SnapshotSubject.opened(harness(), five);
    const [given, twin] = [await subject.begin(six), await subject.begin(six)];
    await writeBody(given, bytes(700, 77));
    await twin.write(six.body);
    await given.abort();
    await subject.commit(twin, six);
    const reader = await subject.storage.read();
    if (reader === null) throw new Error("There is a snapshot");
    await given.abort();
    expectSame(await readBody(reader), six.body);
    await reader.close();
  });
}
