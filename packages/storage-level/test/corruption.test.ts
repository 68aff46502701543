import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Entry } from "@quorate/core";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FORMAT_KEY, GroupKeys } from "../src/abstract/keys.js";
import { encodeMembership, encodeTermRun, type StoredRecord } from "../src/abstract/record.js";
import type { LevelLogStorage } from "../src/index.js";
import { flipped, Places, packOf, type RawDatabase, valueAt } from "./places.js";

const keys = new GroupKeys(0);
const ALL = Number.MAX_SAFE_INTEGER;
const CORRUPT = { name: "StorageError", code: "STORAGE_CORRUPT" };
const IDENTITY = { clusterId: "c", nodeId: 1, name: "n1" };
/** The last index of the log that these tests damage: terms 1, 2 and 4, memberships at 1 and 30. */
const LAST = 40;

let places: Places;
let directory: string;

beforeEach(async () => {
  places = await Places.create();
  directory = await writeLog();
});

afterEach(async () => {
  await places.dispose();
});

function entryAt(index: number, term = termOf(index)): Entry {
  const kind = index === 1 || index === 30 ? "membership" : "command";
  return { index, term, kind, data: Uint8Array.from({ length: 50 }, (_, place) => (place * index + term) & 0xff) };
}

function termOf(index: number): number {
  return index <= 10 ? 1 : index <= 25 ? 2 : 4;
}

/** A log that lies in two tables, with two versions of what was overwritten. */
async function writeLog(): Promise<string> {
  const storage = places.create();
  await storage.open();
  const none = { hardState: null, reset: null, truncateFrom: null };
  await storage.initialize(IDENTITY, { seq: 0, ...none, append: [entryAt(1)] });
  for (let index = 2; index <= 28; index += 1) {
    await storage.write([{ seq: index, ...none, append: [entryAt(index, Math.min(2, termOf(index)))] }]);
  }
  await storage.close();
  const second = places.reopen(storage);
  await second.open();
  const entriesFrom = (first: number, last: number): Entry[] =>
    Array.from({ length: last - first + 1 }, (_, place) => entryAt(first + place));
  const hardState = { currentTerm: 4, votedFor: 2 };
  await second.write([{ seq: 29, hardState, reset: null, truncateFrom: 26, append: entriesFrom(26, 32) }]);
  await second.write([{ seq: 30, ...none, append: entriesFrom(33, LAST) }]);
  await second.close();
  const third = places.reopen(storage);
  await third.open();
  await third.close();
  return storage.directory;
}

async function put(database: RawDatabase, { key, value }: Pick<StoredRecord, "key" | "value">): Promise<void> {
  await database.put(key, value);
}

/** Opens what is in `path` and reads all of it. */
async function everythingIn(path: string): Promise<unknown> {
  const storage = places.in(path);
  try {
    const state = await storage.open();
    const isEmpty = state === null || state.lastIndex === state.compacted.index;
    const entries = isEmpty ? [] : await storage.read(state.compacted.index + 1, state.lastIndex, ALL);
    const plain = entries.map(({ index, term, kind, data }) => ({ index, term, kind, data: Array.from(data) }));
    return { ...state, memberships: state?.memberships.map(({ index }) => index), entries: plain };
  } finally {
    await storage.close();
  }
}

describe("a damaged record", () => {
  async function opened(change: (database: RawDatabase) => Promise<void>): Promise<LevelLogStorage> {
    await places.tamper(directory, change);
    const storage = places.in(directory);
    await storage.open();
    return storage;
  }

  it("P7: of an entry is reported by a read that meets it, with its index and the directory", async () => {
    const storage = await opened(async (database) => {
      await database.put(keys.log("pack", 17), flipped(await valueAt(database, keys.log("pack", 17)), 30));
    });
    const read = expect(storage.read(15, 20, ALL)).rejects;
    await read.toMatchObject({
      ...CORRUPT,
      message: expect.stringContaining(`${directory}: the pack of entries up to 17 is damaged`),
    });
    expect(await storage.read(15, 20, 100)).toHaveLength(2);
    expect(await storage.read(18, 20, ALL)).toHaveLength(3);
  });

  it("P13: of an entry that is gone is reported as missing, and no other takes its place", async () => {
    const storage = await opened((database) => database.del(keys.log("pack", 17)));
    const read = expect(storage.read(15, 20, ALL)).rejects;
    await read.toMatchObject({ ...CORRUPT, message: expect.stringContaining("entry 17 is missing") });
    await expect(storage.read(17, 17, ALL)).rejects.toMatchObject(CORRUPT);
  });

  it("P7: of an entry that was overwritten long ago is not mistaken for the one that should be there", async () => {
    const storage = await opened((database) => put(database, packOf(keys, [entryAt(27, 2)])));
    const read = expect(storage.read(27, 28, ALL)).rejects;
    await read.toMatchObject({ ...CORRUPT, message: expect.stringContaining("of term 2, and should be of term 4") });
  });

  it("P7: of an entry that is another one's is reported", async () => {
    const storage = await opened(async (database) => {
      await database.put(keys.log("pack", 17), await valueAt(database, keys.log("pack", 18)));
    });
    await expect(storage.read(17, 17, ALL)).rejects.toMatchObject(CORRUPT);
  });

  const damages: [string, string, (database: RawDatabase) => Promise<void>][] = [
    ["entry 1 is missing", "the first entry is gone", (database) => database.del(keys.log("pack", 1))],
    ["entry 40 is missing", "C7: the last entries are gone", (database) => database.del(keys.log("pack", LAST))],
    ["up to 41 come after", "an entry lies beyond the last", (database) => put(database, packOf(keys, [entryAt(41)]))],
    ["the head is missing", "the head is gone", (database) => database.del(keys.log("head", LAST))],
    ["the identity is missing", "the identity is gone", (database) => database.del(keys.identity)],
    ["the format record is missing", "the format record is gone", (database) => database.del(FORMAT_KEY)],
    ["starts of terms", "the start of a term is gone", (database) => database.del(keys.at("termRun", 26))],
    [
      "starts of terms",
      "the start of a term is an older one",
      async (database) => {
        await database.del(keys.at("termRun", 11));
        await put(database, encodeTermRun(keys, { firstIndex: 12, term: 2 }));
      },
    ],
    [
      "starts of terms",
      "a term starts twice",
      (database) => put(database, encodeTermRun(keys, { firstIndex: 33, term: 4 })),
    ],
    ["memberships", "a membership is forgotten", (database) => database.del(keys.at("membership", 30))],
    ["memberships", "a membership is made up", (database) => put(database, encodeMembership(keys, 31))],
    ["entry 30 is missing", "the entry of a membership is gone", (database) => database.del(keys.log("pack", 32))],
    [
      "the identity is missing",
      "only the log is left",
      async (database) => {
        await database.del(keys.identity);
        await database.del(keys.log("head", LAST));
      },
    ],
  ];

  it.each(damages)("P16: says that %s when %s", async (complaint, _what, change) => {
    await places.tamper(directory, change);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const open = expect(places.in(directory).open()).rejects;
      await open.toMatchObject({ ...CORRUPT, message: expect.stringContaining(complaint) });
    }
  });

  it.each([
    ["head", keys.log("head", LAST)],
    ["identity", keys.identity],
    ["format record", FORMAT_KEY],
    ["start of a term", keys.at("termRun", 11)],
    ["mark of membership", keys.at("membership", 30)],
    ["entries up to 1", keys.log("pack", 1)],
    ["entries up to 32", keys.log("pack", 32)],
    ["entries up to 40", keys.log("pack", LAST)],
  ])("P7: of the %s keeps the storage shut", async (what, key) => {
    const value = await new Promise<Buffer>((resolve) => {
      void places.tamper(directory, async (database) => resolve(await valueAt(database, key)));
    });
    for (const at of [0, Math.floor(value.length / 2), value.length - 1]) {
      await places.tamper(directory, (database) => database.put(key, flipped(value, at)));
      const open = expect(places.in(directory).open()).rejects;
      await open.toMatchObject({ ...CORRUPT, message: expect.stringContaining(what) });
    }
  });

  it("P7, J-N7: anywhere, of any one bit, is reported or does no harm", async () => {
    const intact = await everythingIn(directory);
    const damage = fc.record({ record: fc.nat(), at: fc.nat(), bit: fc.nat(7), isInKey: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(damage, async ({ record, at, bit, isInKey }) => {
        const copy = await copyOf(directory);
        await places.tamper(copy, async (database) => {
          const records = await database.iterator().all();
          const [key, value] = records[record % records.length] ?? [FORMAT_KEY, FORMAT_KEY];
          await database.del(key);
          if (isInKey) await database.put(flipped(key, at % key.length, bit), value);
          else await database.put(key, flipped(value, at % value.length, bit));
        });
        await expectIntactOrRefused(copy, intact);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ["a newer", 4],
    ["an older", 2],
  ])("O7: of %s format is refused as such, and left as it is", async (_which, format) => {
    await places.tamper(directory, async (database) => {
      const value = Buffer.from(await valueAt(database, FORMAT_KEY));
      value[0] = format;
      value.writeUInt32BE(crc32(value.subarray(0, -4), crc32(FORMAT_KEY)), value.length - 4);
      await database.put(FORMAT_KEY, value);
    });
    const open = expect(places.in(directory).open()).rejects;
    await open.toMatchObject({ code: "STORAGE_FORMAT", message: expect.stringContaining(`${directory}: the format`) });
    await places.tamper(directory, async (database) => {
      expect((await valueAt(database, FORMAT_KEY))[0]).toBe(format);
    });
  });
});

describe("a damaged file", () => {
  it("P7: of any kind, by any one bit, is reported or does no harm", async () => {
    const intact = await everythingIn(directory);
    const names = (await readdir(directory)).filter((name) => !name.startsWith("LO"));
    expect(names.filter((name) => name.endsWith(".ldb")).length).toBeGreaterThan(1);
    const damage = fc.record({
      name: fc.constantFrom(...names),
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      bit: fc.nat(7),
    });
    await fc.assert(
      fc.asyncProperty(damage, async ({ name, at, bit }) => {
        const copy = await copyOf(directory);
        const bytes = await readFile(join(copy, name));
        await writeFile(join(copy, name), flipped(bytes, Math.floor(at * bytes.length), bit));
        await expectIntactOrRefused(copy, intact);
      }),
      { numRuns: 60 },
    );
  });

  it.each(["ldb", "MANIFEST", "CURRENT"])("P7: (%s) that is cut short or gone is named", async (kind) => {
    const name = (await readdir(directory)).find((file) => file.includes(kind)) ?? "";
    const bytes = await readFile(join(directory, name));
    for (const length of [0, 1, bytes.length - 1]) {
      await writeFile(join(directory, name), bytes.subarray(0, length));
      const open = expect(places.in(directory).open(), `${name} cut to ${length}`).rejects;
      await open.toMatchObject({ ...CORRUPT, message: expect.stringContaining(kind === "ldb" ? name : directory) });
    }
    await rm(join(directory, name));
    const open = expect(places.in(directory).open()).rejects;
    await open.toMatchObject({ ...CORRUPT, message: expect.stringContaining(name) });
  });

  it("that is no part of the database does not matter", async () => {
    const intact = await everythingIn(directory);
    // What a crash in the middle of a compaction leaves.
    await writeFile(join(directory, "000999.ldb"), Buffer.alloc(3000, 1));
    expect(await everythingIn(directory)).toEqual(intact);
  });
});

async function copyOf(source: string): Promise<string> {
  const copy = places.newPath();
  await cp(source, copy, { recursive: true });
  return copy;
}

async function expectIntactOrRefused(path: string, intact: unknown): Promise<void> {
  let found: unknown;
  try {
    found = await everythingIn(path);
  } catch (error) {
    expect(error).toMatchObject({ name: "StorageError" });
    const { code } = error as { code: string };
    expect(["STORAGE_CORRUPT", "STORAGE_FORMAT", "FOREIGN_STORAGE"]).toContain(code);
    return;
  }
  expect(found).toEqual(intact);
}
