import { Random } from "@quorate/core";
import fc from "fast-check";
import { expect, it } from "vitest";
import { entryKey, openLogStorage, SimulatedDisk } from "../../src/disk/index.js";
import { found, founded, logOf, writeOf } from "./lives.js";

const LOG = ["1:1", "2:1", "3:1", "4:2", "5:2", "6:2", "7:3"];
const REPORTS = new Set(["STORAGE_CORRUPT", "STORAGE_FORMAT", "FOREIGN_STORAGE"]);

async function closedLog(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const storage = await founded(disk, 3);
  await storage.write([writeOf(2, 4, 6)]);
  await storage.write([writeOf(3, 7, 7)]);
  await storage.close();
  return disk;
}

it("P7: any bit of any record, of its key or its value, is reported, or is of a head that counts no more", async () => {
  const disk = await closedLog();
  const whole = disk.snapshot();
  const parts = new Set<string>();
  let reported = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(), fc.nat(), async (...draws) => {
      disk.rollBack(whole);
      let drawn = 0;
      const flip = disk.flipBit({ below: (count) => (draws[drawn++] ?? 0) % count });
      parts.add(flip?.part ?? "nothing");
      const outcome = await found(disk).catch((error: { code: string }) => error.code);
      if (typeof outcome === "string") {
        expect(REPORTS).toContain(outcome);
        reported += 1;
      } else {
        expect(outcome).toEqual({ term: 3, log: LOG });
      }
    }),
    { numRuns: 1000 },
  );
  expect(reported).toBeGreaterThan(700);
  expect([...parts].sort()).toEqual(["key", "value"]);
  disk.rollBack(whole);
  expect(await found(disk)).toEqual({ term: 3, log: LOG });
});

it("P7: of an entry in the middle is found when it is read, and what stands beside it can be read", async () => {
  const disk = await closedLog();
  const key = entryKey(disk, 5) ?? Uint8Array.of();
  const flip = disk.flipBit({ key, part: "value", below: (count) => count - 1 });
  expect(flip).toMatchObject({ part: "value", bit: 7, key });
  const storage = openLogStorage(disk);
  expect(await storage.open()).toMatchObject({ lastIndex: 7 });
  // Entries 4 to 6 were written together.
  expect(await logOf(storage, 3)).toEqual(LOG.slice(0, 3));
  for (const index of [4, 5, 6]) {
    await expect(storage.read(index, index, 100)).rejects.toMatchObject({ code: "STORAGE_CORRUPT" });
  }
  expect(await storage.read(7, 7, 100)).toHaveLength(1);
});

it("P7: happens to a process that goes on running, too", async () => {
  const disk = new SimulatedDisk();
  const storage = await founded(disk, 3);
  const before = await storage.read(2, 2, 100);
  disk.flipBit({ key: entryKey(disk, 2) ?? Uint8Array.of(), part: "value", below: () => 90 });
  await expect(storage.read(1, 3, 100)).rejects.toMatchObject({ code: "STORAGE_CORRUPT" });
  // What was read is the caller's.
  expect(Buffer.from(before[0]?.data ?? []).toString()).toBe("2 of term 1");
});

it("P7: that LevelDB notices itself is damage, each time it is opened, or each time it is read", async () => {
  const disk = await closedLog();
  const whole = disk.snapshot();
  const options = { key: entryKey(disk, 5) ?? Uint8Array.of(), part: "value", below: () => 0 } as const;
  disk.flipBit({ ...options, noticedAt: "open" });
  for (let life = 0; life < 2; life += 1) {
    await expect(openLogStorage(disk).open()).rejects.toMatchObject({
      code: "STORAGE_CORRUPT",
      cause: { code: "LEVEL_CORRUPTION" },
    });
  }
  disk.rollBack(whole);
  expect((await found(disk)).log).toEqual(LOG);
  disk.flipBit({ ...options, noticedAt: "read" });
  const storage = openLogStorage(disk);
  await storage.open();
  for (let time = 0; time < 2; time += 1) {
    await expect(storage.read(5, 5, 100)).rejects.toMatchObject({
      code: "STORAGE_CORRUPT",
      cause: { code: "LEVEL_CORRUPTION" },
    });
  }
});

it("is drawn by whoever asks for it, and only where something is", async () => {
  const random = new Random(7);
  const below = (count: number): number => Math.floor(random.between(0, count));
  const disk = new SimulatedDisk();
  expect(disk.flipBit({ below })).toBeNull();
  await founded(disk, 2);
  expect(entryKey(disk, 9)).toBeUndefined();
  expect(() => disk.flipBit({ key: Uint8Array.of(7), below })).toThrow(RangeError);
  expect(disk.flipBit({ below })).not.toBeNull();
});
