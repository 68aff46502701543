import { describe, expect, it } from "vitest";
import { type BatchAtRisk, openLogStorage, SimulatedDisk } from "../../src/disk/index.js";
import { entryOf, found, founded, initialize, logOf, ManualDisk, microtasks, outcomeOf, writeOf } from "./lives.js";

const FAILED = { name: "StorageError", code: "STORAGE_FAILED" };
const oneToThree = ["1:1", "2:1", "3:1"];

describe("a crash", () => {
  it.each([
    { lands: true, log: ["1:1", "2:2", "3:2", "4:2"], term: 2 },
    { lands: false, log: oneToThree, term: 1 },
  ])("P1, P2, P11: leaves a write under way whole or not at all: $lands", async ({ lands, log, term }) => {
    const disk = new ManualDisk();
    const storage = await founded(disk, 3);
    disk.hold();
    const write = storage.write([writeOf(2, 2, 4, true)]);
    await disk.letRead();
    expect(await outcomeOf(write)).toBe("pending");
    const asked: BatchAtRisk[] = [];
    disk.crash((batch) => {
      asked.push(batch);
      return lands;
    });
    disk.letGo();
    expect(await outcomeOf(write)).toBe("pending");
    expect(asked).toMatchObject([{ isWritten: false }]);
    expect(await found(disk)).toEqual({ term, log });
  });

  it("P1: loses nothing that was acknowledged", async () => {
    const disk = new SimulatedDisk();
    await founded(disk, 3);
    disk.crash();
    expect(await found(disk)).toEqual({ term: 1, log: oneToThree });
  });

  it("ends a life: what it asks for afterwards never happens, and the next life has the disk for itself", async () => {
    const disk = new ManualDisk();
    const dead = await founded(disk, 3);
    const alive = openLogStorage(disk);
    await expect(alive.open()).rejects.toMatchObject({ code: "STORAGE_LOCKED" });
    disk.crash();
    const next = openLogStorage(disk);
    await next.open();
    disk.hold();
    expect(await outcomeOf(dead.write([writeOf(9, 4, 4)]))).toBe("pending");
    expect(await outcomeOf(dead.read(1, 1, 100))).toBe("pending");
    expect(disk.pending).toEqual([]);
    disk.letGo();
    await next.write([writeOf(2, 4, 4)]);
    await next.close();
    expect((await found(disk)).log).toEqual([...oneToThree, "4:2"]);
  });

  it.each([true, false])("P10, O2: at any step of founding leaves a blank disk or a founded one: %s", async (lands) => {
    const steps = ["open", "read", "read", "sync"];
    for (const [done, kind] of steps.entries()) {
      const disk = new ManualDisk();
      const storage = openLogStorage(disk);
      expect(await storage.open()).toBeNull();
      disk.hold();
      void initialize(storage);
      await microtasks();
      for (let step = 0; step < done; step += 1) {
        disk.pending.shift()?.complete();
        await microtasks();
      }
      expect(disk.pending.map(({ operation }) => operation.kind)).toEqual([kind]);
      disk.crash(() => lands);
      disk.letGo();
      const isFounded = lands && kind === "sync";
      expect(await found(disk)).toEqual(isFounded ? { term: 1, log: ["1:1"] } : { term: 0, log: [] });
    }
  });
});

describe("a failed write", () => {
  it.each([
    { kind: "write", landed: false, log: oneToThree },
    { kind: "write", landed: true, log: [...oneToThree, "4:2"] },
    { kind: "sync", landed: false, log: oneToThree },
    { kind: "sync", landed: true, log: [...oneToThree, "4:2"] },
  ] as const)("P5: of kind $kind is the last; on the disk: $landed", async ({ kind, landed, log }) => {
    const disk = new ManualDisk();
    const storage = await founded(disk, 3);
    disk.failNext({ kind, landed });
    await expect(storage.write([writeOf(2, 4, 4)])).rejects.toMatchObject({
      ...FAILED,
      cause: { code: "LEVEL_IO_ERROR" },
    });
    disk.hold();
    await expect(storage.write([writeOf(2, 4, 4)])).rejects.toMatchObject(FAILED);
    await expect(storage.compact(2)).rejects.toMatchObject(FAILED);
    expect(disk.pending).toEqual([]);
    disk.letGo();
    disk.crash();
    expect((await found(disk)).log).toEqual(log);
  });

  it("that is not told to fail any more works", async () => {
    const disk = new SimulatedDisk();
    const storage = await founded(disk, 3);
    disk.failNext({ kind: "write" });
    disk.failNext({ kind: "sync" });
    disk.isFull = true;
    disk.endFaults();
    await storage.write([writeOf(1, 4, 4)]);
    disk.crash();
    expect((await found(disk)).log).toHaveLength(4);
  });

  it("P5: is found as it is by the next life also if the process ends in peace", async () => {
    const disk = new SimulatedDisk();
    const storage = await founded(disk, 3);
    disk.failNext({ kind: "sync", landed: true });
    await expect(storage.write([writeOf(2, 4, 4)])).rejects.toMatchObject(FAILED);
    await storage.close();
    expect((await found(disk)).log).toEqual([...oneToThree, "4:2"]);
  });

  it("P5: may be the one that founds the server", async () => {
    const disk = new SimulatedDisk();
    const storage = openLogStorage(disk);
    await storage.open();
    disk.failNext({ kind: "sync" });
    await expect(initialize(storage)).rejects.toMatchObject(FAILED);
    await storage.close();
    expect(await openLogStorage(disk).open()).toBeNull();
  });

  it("P12: is not seen by readers, be it on the disk or not", async () => {
    const disk = new SimulatedDisk();
    const storage = await founded(disk, 3);
    disk.failNext({ kind: "write", landed: true });
    await expect(storage.write([writeOf(2, 2, 4, true)])).rejects.toMatchObject(FAILED);
    expect(await logOf(storage, 3)).toEqual(oneToThree);
    await expect(storage.read(4, 4, 100)).rejects.toMatchObject({ code: "STORAGE_CORRUPT" });
    disk.crash();
    expect(await found(disk)).toEqual({ term: 2, log: ["1:1", "2:2", "3:2", "4:2"] });
  });

  it("P17: of a full disk loses nothing before it; it cannot be opened until there is room", async () => {
    const disk = new SimulatedDisk();
    const storage = await founded(disk, 3);
    disk.isFull = true;
    await expect(storage.write([writeOf(2, 4, 4)])).rejects.toMatchObject({
      ...FAILED,
      cause: { message: expect.stringContaining("No space left on device") },
    });
    expect(await logOf(storage, 3)).toEqual(oneToThree);
    await storage.close();
    const starved = openLogStorage(disk);
    await expect(starved.open()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    disk.isFull = false;
    expect(await found(disk)).toEqual({ term: 1, log: oneToThree });
  });
});

describe("a disk that cannot be read", () => {
  it("says so while it is opened, and may be opened afterwards", async () => {
    const disk = new SimulatedDisk();
    await (await founded(disk, 3)).close();
    disk.failNext({ kind: "open" });
    await expect(found(disk)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    disk.failNext({ kind: "read" });
    await expect(found(disk)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    disk.failNext({ kind: "open", error: "corruption" });
    await expect(found(disk)).rejects.toMatchObject({ code: "STORAGE_CORRUPT" });
    expect((await found(disk)).log).toEqual(oneToThree);
  });

  it("says so to a reader", async () => {
    const disk = new SimulatedDisk();
    const storage = await founded(disk, 3);
    disk.failNext({ kind: "read" });
    await expect(storage.read(1, 3, 100)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    disk.failNext({ kind: "read", error: "corruption" });
    await expect(storage.read(1, 3, 100)).rejects.toMatchObject({ code: "STORAGE_CORRUPT" });
    expect(await logOf(storage, 3)).toEqual(oneToThree);
  });
});

describe("a slow disk", () => {
  it("P8: that hangs keeps the write under way; all goes on in microtasks once it lets go", async () => {
    const disk = new ManualDisk();
    const storage = await founded(disk, 3);
    disk.hold();
    const write = storage.write([writeOf(2, 4, 4)]);
    expect(await outcomeOf(write)).toBe("pending");
    expect(disk.pending.map(({ operation }) => operation)).toEqual([
      // The entry, the start of its term, and the head.
      { kind: "sync", entries: 3, sizeBytes: expect.any(Number) },
    ]);
    disk.letGo();
    expect(await outcomeOf(write)).toBe("resolved");
    expect((await logOf(storage, 4)).at(-1)).toBe("4:2");
  });

  it("opens, reads and closes in microtasks, too", async () => {
    const disk = new ManualDisk();
    await (await founded(disk, 3)).close();
    disk.hold();
    const storage = openLogStorage(disk);
    const opened = storage.open();
    while ((await outcomeOf(opened)) === "pending") {
      expect(disk.pending.length).toBeGreaterThan(0);
      for (const { complete } of disk.pending.splice(0)) complete();
    }
    const read = storage.read(1, 3, 1000);
    expect(await outcomeOf(read)).toBe("pending");
    disk.letGo();
    expect(await outcomeOf(read)).toBe("resolved");
    expect(await outcomeOf(storage.close())).toBe("resolved");
  });
});

describe("a disk that lies about syncing", () => {
  /** A founded log, and then three acknowledged writes that are not durable: of entry 2, 3 and 4. */
  async function liar(): Promise<SimulatedDisk> {
    const disk = new SimulatedDisk();
    const storage = await founded(disk, 1);
    disk.liesAboutSync = true;
    for (const index of [2, 3, 4]) await storage.write([writeOf(1, index, index)]);
    expect(await logOf(storage, 4)).toEqual(["1:1", "2:1", "3:1", "4:1"]);
    return disk;
  }

  it("P18: loses what was acknowledged", async () => {
    const disk = await liar();
    disk.crash();
    expect((await found(disk)).log).toEqual(["1:1"]);
  });

  it("P18: and keeps it if only the process dies", async () => {
    const disk = await liar();
    disk.crash(({ isWritten }) => isWritten);
    expect((await found(disk)).log).toEqual(["1:1", "2:1", "3:1", "4:1"]);
  });

  it("P18: and goes on lying when the process is started again", async () => {
    const disk = await liar();
    disk.crash(({ isWritten }) => isWritten);
    const storage = openLogStorage(disk);
    await storage.open();
    await storage.write([writeOf(1, 5, 5)]);
    await storage.close();
    const next = openLogStorage(disk);
    await next.open();
    expect(await logOf(next, 5)).toHaveLength(5);
    disk.crash();
    expect((await found(disk)).log).toEqual(["1:1", "2:1", "3:1", "4:1"]);
  });

  it("P6: leaves what was written up to the first gap, and no damage", async () => {
    for (let survivors = 0; survivors < 8; survivors += 1) {
      const disk = await liar();
      let place = 0;
      disk.crash(() => ((survivors >> place++) & 1) === 1);
      expect(place).toBe(3);
      const kept = [0, 1, 2].findIndex((bit) => ((survivors >> bit) & 1) === 0);
      expect((await found(disk)).log).toHaveLength(1 + (kept === -1 ? 3 : kept));
    }
  });

  it("has all of it once it was honest about one write", async () => {
    const disk = new SimulatedDisk();
    const storage = await founded(disk, 1);
    disk.liesAboutSync = true;
    await storage.write([writeOf(1, 2, 2)]);
    disk.liesAboutSync = false;
    await storage.write([writeOf(1, 3, 3)]);
    disk.crash();
    expect((await found(disk)).log).toEqual(oneToThree);
  });
});

describe("a disk that is replaced", () => {
  it("P14: goes back to an older state, with its term and vote", async () => {
    const disk = new SimulatedDisk();
    const storage = await founded(disk, 3);
    const yesterday = disk.snapshot();
    await storage.write([writeOf(7, 4, 4)]);
    expect(() => disk.rollBack(yesterday)).toThrow("A process has the disk open");
    disk.crash();
    const today = disk.snapshot();
    disk.rollBack(yesterday);
    expect(await found(disk)).toEqual({ term: 1, log: oneToThree });
    disk.rollBack(today);
    expect(await found(disk)).toEqual({ term: 7, log: [...oneToThree, "4:7"] });
    disk.rollBack(yesterday);
    const again = openLogStorage(disk);
    await again.open();
    await again.write([writeOf(3, 2, 2, true)]);
    await again.close();
    disk.rollBack(yesterday);
    expect((await found(disk)).log).toEqual(oneToThree);
  });

  it("may be blank", async () => {
    const disk = new SimulatedDisk();
    const blank = disk.snapshot();
    const storage = await founded(disk, 3);
    expect(() => disk.wipe()).toThrow("A process has the disk open");
    await storage.close();
    disk.wipe();
    expect(disk.isBlank).toBe(true);
    expect(disk.stats.entries).toBe(0);
    const next = await founded(disk, 2);
    expect(await logOf(next, 2)).toEqual(["1:1", "2:1"]);
    await next.close();
    disk.rollBack(blank);
    expect(await openLogStorage(disk).open()).toBeNull();
  });
});

it("counts what was written, and what is stored", async () => {
  const disk = new SimulatedDisk();
  const storage = await founded(disk, 1);
  const before = disk.stats;
  // The format, the identity, the start of the term, the pack with the entry, the head.
  expect(before).toMatchObject({ batches: 1, entries: 5 });
  await storage.write([writeOf(1, 2, 3)]);
  const frameBytes = 15 + 1 + 4;
  const packBytes = frameBytes + 16 + 2 * (5 + entryOf(2, 1).data.length);
  const headBytes = frameBytes + 7 + 4;
  expect(disk.stats).toEqual({ batches: 2, bytes: before.bytes + packBytes + headBytes, entries: 7 });
});
