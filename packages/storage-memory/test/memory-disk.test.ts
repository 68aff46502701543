import type { StorageIdentity } from "@quorate/contracts";
import type { Entry, Write } from "@quorate/core";
import { describe, expect, it } from "vitest";
import { MemoryDisk, MemoryLogStorage } from "../src/index.js";

const IDENTITY: StorageIdentity = { clusterId: "c", nodeId: 1, name: "a" };
const EMPTY = new Uint8Array(0);

function append(firstIndex: number, count = 1, term = 1): Write {
  const entries = Array.from({ length: count }, (_, place): Entry => {
    return { index: firstIndex + place, term, kind: "command", data: EMPTY };
  });
  return { seq: firstIndex, hardState: null, reset: null, truncateFrom: null, append: entries };
}

async function founded(disk: MemoryDisk): Promise<MemoryLogStorage> {
  const storage = new MemoryLogStorage(disk);
  await storage.open();
  await storage.initialize(IDENTITY, { ...append(1), seq: 0 });
  return storage;
}

async function lastIndexOn(disk: MemoryDisk): Promise<number | undefined> {
  const storage = new MemoryLogStorage(disk);
  const state = await storage.open();
  await storage.close();
  return state?.lastIndex;
}

/** A disk whose operations wait until the test completes them. */
function slowDisk() {
  const waiting: { operation: string; complete: () => void }[] = [];
  let isSlow = false;
  const disk = new MemoryDisk({
    schedule: (operation, complete) => {
      if (isSlow) waiting.push({ operation, complete });
      else complete();
    },
  });
  return {
    disk,
    waiting,
    slowDown: () => {
      isSlow = true;
    },
  };
}

describe("MemoryDisk", () => {
  it("P18: says that it is volatile", () => {
    expect(new MemoryLogStorage().durability).toBe("volatile");
  });

  it("is open in one storage at a time", async () => {
    const disk = new MemoryDisk();
    const storage = await founded(disk);
    await expect(new MemoryLogStorage(disk).open()).rejects.toMatchObject({ code: "STORAGE_LOCKED" });
    await storage.close();
    expect(await lastIndexOn(disk)).toBe(1);
  });

  it.each([true, false])(
    "P5: a failed write is the last one, whether the disk holds it (%s) or not",
    async (isStored) => {
      const disk = new MemoryDisk();
      const storage = await founded(disk);
      const cause = new Error("EIO");
      disk.failNextWrite({ cause, isStored });
      await expect(storage.write([append(2)])).rejects.toMatchObject({ code: "STORAGE_FAILED", cause });
      await expect(storage.write([append(isStored ? 3 : 2)])).rejects.toMatchObject({ code: "STORAGE_FAILED" });
      await expect(storage.compact(1)).rejects.toMatchObject({ code: "STORAGE_FAILED" });
      await storage.close();
      expect(await lastIndexOn(disk)).toBe(isStored ? 2 : 1);
    },
  );

  it("lets the founding of a server fail", async () => {
    const disk = new MemoryDisk();
    const storage = new MemoryLogStorage(disk);
    await storage.open();
    disk.failNextWrite();
    await expect(storage.initialize(IDENTITY, append(1))).rejects.toMatchObject({ code: "STORAGE_FAILED" });
    await expect(storage.initialize(IDENTITY, append(1))).rejects.toMatchObject({ code: "STORAGE_FAILED" });
    await storage.close();
    expect(await lastIndexOn(disk)).toBeUndefined();
  });

  it("P12: shows a write to readers when the disk completes it, not before", async () => {
    const { disk, waiting, slowDown } = slowDisk();
    const storage = await founded(disk);
    slowDown();
    const written = storage.write([append(2)]);
    const early = storage.read(2, 2, 100);
    expect(waiting.map(({ operation }) => operation)).toEqual(["write", "read"]);
    waiting[1]?.complete();
    await expect(early).rejects.toMatchObject({ code: "STORAGE_CORRUPT" });
    waiting[0]?.complete();
    waiting[0]?.complete();
    await written;
    const late = storage.read(2, 2, 100);
    waiting[2]?.complete();
    expect(await late).toMatchObject([{ index: 2 }]);
  });

  it.each([true, false])(
    "P1: a crash keeps the write under way (%s) or loses it, and nobody hears of it",
    async (keeps) => {
      const { disk, waiting, slowDown } = slowDisk();
      const storage = await founded(disk);
      slowDown();
      let settled = 0;
      const onSettled = (): void => {
        settled += 1;
      };
      storage.write([append(2, 3)]).then(onSettled, onSettled);
      disk.crash({ keepsWriteUnderWay: keeps });
      storage.write([append(5)]).then(onSettled, onSettled);
      for (const { complete } of waiting) complete();
      await storage.close();
      expect(settled).toBe(0);
      const next = new MemoryLogStorage(disk);
      const opened = next.open();
      waiting.at(-1)?.complete();
      expect((await opened)?.lastIndex).toBe(keeps ? 4 : 1);
    },
  );

  it("S4: a crash undoes a compaction under way, or keeps it, with writes beside it", async () => {
    const { disk, slowDown } = slowDisk();
    const storage = await founded(disk);
    await storage.write([append(2, 8)]);
    slowDown();
    void storage.compact(5);
    void storage.write([append(3)]);
    disk.crash({ keepsWriteUnderWay: true });
    expect(disk.contents?.state()).toMatchObject({ compacted: { index: 5, term: 1 }, lastIndex: 9 });
  });

  it("P7: a damaged entry stays damaged until it is truncated or compacted", async () => {
    const disk = new MemoryDisk();
    const storage = await founded(disk);
    await storage.write([append(2, 4)]);
    disk.damageEntry(3);
    disk.damageEntry(5);
    expect(() => disk.damageEntry(6)).toThrow(RangeError);
    await expect(storage.read(1, 4, 100)).rejects.toMatchObject({ code: "STORAGE_CORRUPT" });
    await storage.write([{ ...append(5), reset: null, truncateFrom: 5 }]);
    expect(await storage.read(4, 5, 100)).toHaveLength(2);
    await storage.compact(3);
    expect(await storage.read(4, 5, 100)).toHaveLength(2);
  });

  it("rejects at open when a membership is damaged, and can be opened by another then", async () => {
    const disk = new MemoryDisk();
    const storage = await founded(disk);
    await storage.write([{ ...append(2), append: [{ index: 2, term: 1, kind: "membership", data: EMPTY }] }]);
    disk.damageEntry(2);
    await storage.close();
    await expect(new MemoryLogStorage(disk).open()).rejects.toMatchObject({ code: "STORAGE_CORRUPT" });
    await expect(new MemoryLogStorage(disk).open()).rejects.toMatchObject({ code: "STORAGE_CORRUPT" });
  });
});
