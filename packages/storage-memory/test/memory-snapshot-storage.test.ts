import { crc32, type SnapshotReader, type SnapshotStorage, StorageError } from "@quorate/contracts";
import { describe, expect, it } from "vitest";
import { MemoryDisk, MemoryLogStorage, MemorySnapshotStorage } from "../src/index.js";

const HEADER = new Uint8Array([7]);

async function opened(disk = new MemoryDisk()): Promise<MemorySnapshotStorage> {
  const storage = new MemorySnapshotStorage(disk);
  await storage.open();
  return storage;
}

async function store(storage: SnapshotStorage, index: number, pieces: readonly string[]) {
  const writer = await storage.create({ index, term: 1 }, HEADER);
  for (const piece of pieces) await writer.write(Buffer.from(piece));
  return writer.commit();
}

async function textOf(storage: SnapshotStorage): Promise<string> {
  const reader = (await storage.read()) as SnapshotReader;
  return Buffer.from(await reader.read(0, 1000)).toString();
}

describe("a snapshot in memory", () => {
  it("S16: counts from its commit on, with size and checksum, and not before", async () => {
    const storage = await opened();
    const writer = await storage.create({ index: 9, term: 2 }, HEADER);
    await writer.write(Buffer.from("abc"));
    expect(writer.sizeBytes).toBe(3);
    expect(storage.newest()).toBeNull();
    const stored = await writer.commit({ sizeBytes: 3, checksum: crc32(Buffer.from("abc")) });
    expect(stored).toEqual({
      place: { index: 9, term: 2 },
      header: HEADER,
      sizeBytes: 3,
      checksum: crc32(Buffer.from("abc")),
    });
    expect(storage.newest()).toBe(stored);
  });

  it("is read in any pieces, whatever pieces it was written in", async () => {
    const storage = await opened();
    await store(storage, 1, ["ab", "", "cdefg", "h"]);
    const reader = (await storage.read()) as SnapshotReader;
    for (let offset = 0; offset <= 9; offset += 1) {
      for (let size = 1; size <= 9; size += 1) {
        const bytes = await reader.read(offset, size);
        expect(Buffer.from(bytes).toString()).toBe("abcdefgh".slice(offset, offset + size));
      }
    }
  });

  it("S20: what is not as expected is not stored", async () => {
    const storage = await opened();
    await store(storage, 1, ["old"]);
    const writer = await storage.create({ index: 2, term: 1 }, HEADER);
    await writer.write(Buffer.from("new"));
    await expect(writer.commit({ sizeBytes: 3, checksum: 0 })).rejects.toMatchObject({ code: "STORAGE_CORRUPT" });
    expect(await textOf(storage)).toBe("old");
  });

  it("one that reaches as far stays", async () => {
    const storage = await opened();
    const first = await store(storage, 5, ["first"]);
    expect(await store(storage, 5, ["second"])).toBe(first);
    expect(await store(storage, 4, ["third"])).toBe(first);
    expect(await textOf(storage)).toBe("first");
  });

  it("stays readable when a newer one takes its place", async () => {
    const storage = await opened();
    await store(storage, 1, ["old"]);
    const reader = (await storage.read()) as SnapshotReader;
    await store(storage, 2, ["new"]);
    expect(Buffer.from(await reader.read(0, 9)).toString()).toBe("old");
    expect(await textOf(storage)).toBe("new");
  });

  it("S16: survives a crash when it was committed, and only then; a commit under way as one likes", async () => {
    for (const keepsWriteUnderWay of [false, true]) {
      const held: (() => void)[] = [];
      let holds = false;
      const disk = new MemoryDisk({ schedule: (_operation, complete) => (holds ? held.push(complete) : complete()) });
      const storage = await opened(disk);
      await store(storage, 1, ["one"]);
      const writer = await storage.create({ index: 2, term: 1 }, HEADER);
      await writer.write(Buffer.from("two"));
      holds = true;
      void writer.commit();
      disk.crash({ keepsWriteUnderWay });
      holds = false;
      const reborn = new MemorySnapshotStorage(disk);
      expect((await reborn.open())?.place.index).toBe(keepsWriteUnderWay ? 2 : 1);
    }
  });

  it("a disk that fails a write of a snapshot fails no write of the log", async () => {
    const disk = new MemoryDisk();
    const log = new MemoryLogStorage(disk);
    await log.open();
    const storage = await opened(disk);
    disk.failNextSnapshotWrite();
    await log.initialize(
      { clusterId: "c", nodeId: 1, name: "n" },
      { seq: 0, hardState: null, reset: null, truncateFrom: null, append: [] },
    );
    await expect(store(storage, 1, ["x"])).rejects.toThrow(StorageError);
    expect((await store(storage, 1, ["x"])).place.index).toBe(1);
  });

  it("is open once at a time, and ends what it began when it closes", async () => {
    const disk = new MemoryDisk();
    const storage = await opened(disk);
    await expect(new MemorySnapshotStorage(disk).open()).rejects.toMatchObject({ code: "STORAGE_LOCKED" });
    await store(storage, 1, ["one"]);
    const writer = await storage.create({ index: 2, term: 1 }, HEADER);
    const reader = (await storage.read()) as SnapshotReader;
    await storage.close();
    await expect(writer.write(HEADER)).rejects.toMatchObject({ code: "CLOSED" });
    await expect(writer.commit()).rejects.toMatchObject({ code: "CLOSED" });
    await expect(reader.read(0, 1)).rejects.toMatchObject({ code: "CLOSED" });
    await expect(storage.read()).rejects.toMatchObject({ code: "CLOSED" });
    expect((await new MemorySnapshotStorage(disk).open())?.place.index).toBe(1);
  });
});
