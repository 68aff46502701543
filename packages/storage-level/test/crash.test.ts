import { copyFile, cp, open, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LevelLogStorage } from "../src/index.js";
import { findDamage } from "../src/leveldb/check.js";
import { flipped, Places } from "./places.js";
import { Worker } from "./processes.js";
import { compactedAfter, firstWrite, IDENTITY, type Stored, storedAfter, storedIn, writeNumber } from "./sequence.js";

let places: Places;

beforeEach(async () => {
  places = await Places.create();
});

afterEach(async () => {
  await places.dispose();
});

/** Opens `directory`, reads everything, and says which write was the last. */
async function find(directory: string): Promise<{ number: number; votedFor: number; stored: Stored }> {
  const storage = places.in(directory);
  const state = await storage.open();
  if (state === null) throw new Error("Nothing is stored");
  const entries = await storage.read(state.compacted.index + 1, state.lastIndex, Number.MAX_SAFE_INTEGER);
  await storage.close();
  const { currentTerm, votedFor } = state.hardState;
  return { number: currentTerm, votedFor, stored: storedIn(state, entries) };
}

describe("a process that is killed", () => {
  it.each([0, 1, 2, 5, 6, 15, 60, 300])("P1, P2, J-N2: leaves all it wrote, killed after write %i", async (last) => {
    const directory = places.newPath();
    const worker = new Worker("write", directory);
    await worker.said(`written ${last}`);
    await worker.kill();
    const { number, votedFor, stored } = await find(directory);
    const said = worker.lines.filter((line) => line.startsWith("written")).length - 1;
    expect(number).toBeGreaterThanOrEqual(said);
    expect(number).toBeLessThanOrEqual(said + 1);
    expect(votedFor).toBe(number % 5);
    const permitted = [storedAfter(number, compactedAfter(number))];
    if (!worker.lines.includes(`compacted ${number}`)) permitted.push(storedAfter(number, compactedAfter(number - 1)));
    expect(permitted).toContainEqual(stored);
  });
});

describe("a torn write-ahead log", () => {
  const LAST = 8;

  /** A directory as a killed process leaves it, and where in its write-ahead log each write ends. */
  async function leftBehind(): Promise<{ directory: string; log: string; ends: number[] }> {
    const storage = places.create();
    await storage.open();
    await storage.initialize(IDENTITY, firstWrite());
    const log = (await readdir(storage.directory)).find((name) => name.endsWith(".log")) ?? "";
    const ends: number[] = [await sizeOf(storage, log)];
    for (let number = 1; number <= LAST; number += 1) {
      await storage.write([writeNumber(number)]);
      ends.push(await sizeOf(storage, log));
    }
    return { directory: places.crash(storage).directory, log, ends };
  }

  async function sizeOf(storage: LevelLogStorage, name: string): Promise<number> {
    return (await readFile(join(storage.directory, name))).length;
  }

  async function copyOf(directory: string): Promise<string> {
    const copy = places.newPath();
    await cp(directory, copy, { recursive: true });
    return copy;
  }

  it.each(["cut off", "left as zeros"])("P6, J-N8: is taken for what it is when its last write is %s", async (how) => {
    const { directory, log, ends } = await leftBehind();
    const [start = 0, end = 0] = ends.slice(-2);
    const cuts = [start, start + 1, start + 6, start + 7, start + 8, end - 1];
    for (let cut = start + 40; cut < end; cut += Math.ceil((end - start) / 12)) cuts.push(cut);
    for (const cut of cuts) {
      const copy = await copyOf(directory);
      await truncate(join(copy, log), cut);
      if (how === "left as zeros") await truncate(join(copy, log), end);
      const { number, stored } = await find(copy);
      expect(number).toBe(LAST - 1);
      expect(stored).toEqual(storedAfter(LAST - 1, 0));
    }
    expect((await find(directory)).number).toBe(LAST);
  });

  it("P6: is taken for what it is when later pages of its last write reached the disk, and the first did not", async () => {
    const storage = places.create();
    await storage.open();
    await storage.initialize(IDENTITY, firstWrite());
    const log = (await readdir(storage.directory)).find((name) => name.endsWith(".log")) ?? "";
    const start = await sizeOf(storage, log);
    const huge = { index: 2, term: 1, kind: "command" as const, data: new Uint8Array(100_000).fill(7) };
    await storage.write([{ seq: 1, hardState: null, reset: null, truncateFrom: null, append: [huge] }]);
    const { directory } = places.crash(storage);
    const file = await open(join(directory, log), "r+");
    await file.write(Buffer.alloc(4096), 0, 4096, start);
    await file.close();
    const { number, stored } = await find(directory);
    expect(number).toBe(0);
    expect(stored).toEqual(storedAfter(0, 0));
  });

  it("P7: is told from one that is damaged where more was written after, and nothing is changed then", async () => {
    const { directory, log, ends } = await leftBehind();
    const bytes = await readFile(join(directory, log));
    const start = ends[LAST - 1] ?? 0;
    for (let at = 0; at < start; at += 53) {
      const copy = await copyOf(directory);
      await writeFile(join(copy, log), flipped(bytes, at));
      const before = await contentsOf(copy);
      const damaged = expect(places.in(copy).open()).rejects;
      await damaged.toMatchObject({ code: "STORAGE_CORRUPT", message: expect.stringContaining(log) });
      expect(await contentsOf(copy)).toEqual(before);
    }
  });

  it("P7: is damaged, too, when a younger log was begun after its flaw", async () => {
    const { directory, log, ends } = await leftBehind();
    await copyFile(join(directory, log), join(directory, "000900.log"));
    expect(await findDamage(directory)).toBeNull();
    await truncate(join(directory, log), (ends.at(-1) ?? 0) - 1);
    expect(await findDamage(directory)).toContain(log);
    await truncate(join(directory, "000900.log"), 0);
    expect(await findDamage(directory)).toBeNull();
  });

  /** Everything but LevelDB's report for people. */
  async function contentsOf(path: string): Promise<Map<string, string>> {
    const names = (await readdir(path)).filter((name) => !name.startsWith("LOG")).sort();
    return new Map(
      await Promise.all(
        names.map(async (name) => [name, (await readFile(join(path, name))).toString("base64")] as const),
      ),
    );
  }
});
