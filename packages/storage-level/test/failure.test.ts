import type { Write } from "@quorate/core";
import { Level } from "level";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LevelLogStorage } from "../src/index.js";
import { Places } from "./places.js";
import { Worker } from "./processes.js";
import { firstWrite, IDENTITY, lastIndexAfter, storedAfter, storedIn, writeNumber } from "./sequence.js";

const ALL = Number.MAX_SAFE_INTEGER;

let places: Places;

beforeEach(async () => {
  places = await Places.create();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await places.dispose();
});

async function founded(writes: number): Promise<LevelLogStorage> {
  const storage = places.create();
  await storage.open();
  await storage.initialize(IDENTITY, firstWrite());
  for (let number = 1; number <= writes; number += 1) await storage.write([writeNumber(number)]);
  return storage;
}

/** The next batch is not written, and LevelDB says that it could not; those after it would be. */
function failNextBatch(): { readonly cause: Error; readonly batches: () => number } {
  const cause = Object.assign(new Error("IO error: no space left on device"), { code: "LEVEL_IO_ERROR" });
  const original = Level.prototype.batch as () => object;
  const batch = vi.spyOn(Level.prototype, "batch");
  batch.mockImplementation(original as never).mockImplementationOnce(function failing(this: unknown) {
    return Object.assign(original.call(this), { write: () => Promise.reject(cause) });
  } as never);
  return { cause, batches: () => batch.mock.calls.length };
}

describe("a failed write", () => {
  it("P5: is the last: nothing is written any more, not even tried", async () => {
    const storage = await founded(3);
    const { cause, batches } = failNextBatch();
    const failed = { name: "StorageError", code: "STORAGE_FAILED" };
    const writes = [storage.write([writeNumber(4)]), storage.write([writeNumber(5)]), storage.compact(1)];
    const settled = await Promise.allSettled(writes);
    expect(settled).toMatchObject([
      { status: "rejected", reason: { ...failed, cause, message: expect.stringContaining(storage.directory) } },
      { status: "rejected", reason: { ...failed, cause } },
      { status: "rejected", reason: { ...failed, cause } },
    ]);
    const before = batches();
    await expect(storage.write([writeNumber(4)])).rejects.toMatchObject(failed);
    await expect(storage.compact(1)).rejects.toMatchObject(failed);
    await expect(storage.initialize(IDENTITY, firstWrite())).rejects.toMatchObject(failed);
    expect(batches()).toBe(before);
    await storage.close();
    const again = places.reopen(storage);
    expect((await again.open())?.hardState.currentTerm).toBe(3);
  });

  it("P12: is not seen by readers, who still see what was there before it", async () => {
    const storage = await founded(5);
    failNextBatch();
    await expect(storage.write([writeNumber(6)])).rejects.toMatchObject({ code: "STORAGE_FAILED" });
    const entries = await storage.read(1, lastIndexAfter(5), ALL);
    expect(entries.map(({ term }) => term)).toEqual(storedAfter(5, 0).entries.map(({ term }) => term));
    const beyond = storage.read(lastIndexAfter(6), lastIndexAfter(6), ALL);
    await expect(beyond).rejects.toMatchObject({ code: "STORAGE_CORRUPT" });
  });

  it("P5: may be the one that founds the server, which is not founded then", async () => {
    const storage = places.create();
    await storage.open();
    failNextBatch();
    await expect(storage.initialize(IDENTITY, firstWrite())).rejects.toMatchObject({ code: "STORAGE_FAILED" });
    await expect(storage.initialize(IDENTITY, firstWrite())).rejects.toMatchObject({ code: "STORAGE_FAILED" });
    await storage.close();
    expect(await places.reopen(storage).open()).toBeNull();
  });

  // Windows has no limit for the size of files.
  it.skipIf(process.platform === "win32")("P5, P17: of a disk that takes no more loses nothing before it", async () => {
    const directory = places.newPath();
    const worker = new Worker("writeUntilFailure", directory, 200);
    await worker.said("closed");
    await worker.end();
    const written = worker.lines.filter((line) => line.startsWith("written")).length;
    expect(written).toBeGreaterThan(10);
    expect(worker.lines.slice(written)).toEqual([
      "failed STORAGE_FAILED",
      "refused STORAGE_FAILED",
      "refused STORAGE_FAILED",
      "closed",
    ]);
    const storage = places.in(directory);
    const state = await storage.open();
    if (state === null) throw new Error("Nothing is stored");
    expect([written, written + 1]).toContain(state.hardState.currentTerm);
    const entries = await storage.read(1, state.lastIndex, ALL);
    expect(storedIn(state, entries)).toEqual(storedAfter(state.hardState.currentTerm, 0));
  });
});

describe("a read", () => {
  it("P12: that comes when LevelDB has written, but has not said so, waits and sees what was written", async () => {
    const storage = await founded(5);
    let say: () => void = () => undefined;
    const said = new Promise<void>((resolve) => {
      say = resolve;
    });
    let hasWritten: () => void = () => undefined;
    const written = new Promise<void>((resolve) => {
      hasWritten = resolve;
    });
    const original = Level.prototype.batch as () => { write: (options: object) => Promise<void> };
    vi.spyOn(Level.prototype, "batch").mockImplementationOnce(function slow(this: unknown) {
      const batch = original.call(this);
      const write = batch.write.bind(batch);
      batch.write = async (options) => {
        await write(options);
        hasWritten();
        await said;
      };
      return batch;
    } as never);
    const replaced = writeNumber(6);
    const writing = storage.write([replaced]);
    await written;
    const reading = storage.read(replaced.truncateFrom ?? 0, lastIndexAfter(6), ALL);
    const before = storage.read(1, 5, ALL);
    say();
    await writing;
    expect((await reading).map(({ term }) => term)).toEqual([6, 6, 6, 6, 6]);
    expect(await before).toHaveLength(5);
  });
});

describe("a compaction", () => {
  const noop = (index: number): Write => ({
    seq: index,
    hardState: null,
    reset: null,
    truncateFrom: null,
    append: [{ index, term: 0, kind: "noop", data: new Uint8Array(0) }],
  });

  /** Each entry in a pack of its own. */
  async function foundedWith(count: number): Promise<LevelLogStorage> {
    const storage = await founded(0);
    for (let index = 2; index <= count; index += 1) await storage.write([noop(index)]);
    return storage;
  }

  it("S4: lets writes through while it erases, and leaves nothing behind", async () => {
    const storage = await foundedWith(2000);
    let isCompacted = false;
    const compacted = storage.compact(1999).then(() => {
      isCompacted = true;
    });
    let written = 0;
    for (let index = 2001; !isCompacted; index += 1) {
      await storage.write([noop(index)]);
      written += 1;
    }
    await compacted;
    expect(written).toBeGreaterThan(5);
    await storage.close();
    await places.tamper(storage.directory, async (database) => {
      // The format, the identity, the start of the only term, and the packs that are left, each with its head.
      expect((await database.keys().all()).length).toBe(3 + 2 * (1 + written));
    });
  });

  it("S4: that was broken off goes on with the next one, and is complete for readers meanwhile", async () => {
    const storage = await foundedWith(1500);
    const broken = storage.compact(1000);
    await storage.close();
    await broken;
    const again = places.reopen(storage);
    expect((await again.open())?.compacted).toEqual({ index: 1000, term: 0 });
    await expect(again.read(1000, 1001, 100)).rejects.toMatchObject({ code: "STORAGE_COMPACTED" });
    expect(await again.read(1001, 1500, 100)).toHaveLength(500);
    await again.compact(10);
    await again.close();
    await places.tamper(storage.directory, async (database) => {
      expect((await database.keys().all()).length).toBe(3 + 2 * 500);
    });
  });

  it("S4: to the end of the log and beyond leaves one head, whatever was written meanwhile", async () => {
    const storage = await foundedWith(20);
    await storage.compact(20);
    await storage.write([{ ...noop(21), append: [], reset: { index: 700, term: 3 } }]);
    await storage.write([{ ...noop(701), append: [{ index: 701, term: 3, kind: "noop", data: new Uint8Array(0) }] }]);
    const compacting = storage.compact(701);
    await storage.write([{ ...noop(702), append: [], hardState: { currentTerm: 9, votedFor: 1 } }]);
    await compacting;
    await storage.close();
    await places.tamper(storage.directory, async (database) => {
      expect((await database.keys().all()).length).toBe(3);
    });
    expect((await places.reopen(storage).open())?.hardState).toEqual({ currentTerm: 9, votedFor: 1 });
  });
});
