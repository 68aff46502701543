import { open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Level } from "level";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findDamage } from "../src/leveldb/check.js";
import { crc32c } from "../src/leveldb/checksum.js";
import { Cursor } from "../src/leveldb/cursor.js";
import { FileWindow } from "../src/leveldb/file-window.js";
import { decompress } from "../src/leveldb/snappy.js";
import { findTableDamage } from "../src/leveldb/table-file.js";
import { flipped, Places } from "./places.js";

let places: Places;

beforeEach(async () => {
  places = await Places.create();
});

afterEach(async () => {
  await places.dispose();
});

/** The tables that LevelDB makes of so many records, whose values repeat themselves, so that they are compressed. */
async function tablesOf(records: number, valueBytes: number): Promise<{ directory: string; tables: Buffer[] }> {
  const directory = places.newPath();
  const database = new Level<string, Buffer>(directory, { valueEncoding: "buffer", writeBufferSize: 256 * 1024 });
  await database.open();
  const batch = database.batch();
  for (let record = 0; record < records; record += 1) {
    batch.put(`a key that takes its time ${record}`, Buffer.alloc(valueBytes, `${record}-`));
  }
  await batch.write();
  await database.close();
  // What was in the write-ahead log becomes a table when the database is opened again.
  await places.tamper(directory, () => Promise.resolve());
  const names = (await readdir(directory)).filter((name) => name.endsWith(".ldb"));
  return { directory, tables: await Promise.all(names.map((name) => readFile(join(directory, name)))) };
}

function damageIn(table: Buffer): Promise<number | null> {
  const read = async (offset: number, sizeBytes: number): Promise<Buffer> => table.subarray(offset, offset + sizeBytes);
  return findTableDamage({ sizeBytes: table.length, read });
}

describe("tables", () => {
  it("are found whole as LevelDB makes them, in every size, and their indexes compressed", async () => {
    for (const [records, valueBytes] of [
      [300, 1000],
      [40, 20_000],
      [20_000, 40],
    ] as const) {
      const { directory, tables } = await tablesOf(records, valueBytes);
      expect(tables.length).toBeGreaterThan(0);
      expect(await Promise.all(tables.map(damageIn))).toEqual(tables.map(() => null));
      expect(await findDamage(directory)).toBeNull();
    }
  });

  it("P7: are found damaged whichever byte has a flipped bit", async () => {
    const [table = Buffer.alloc(0)] = (await tablesOf(200, 400)).tables;
    const unnoticed: number[] = [];
    for (let at = 0; at < table.length; at += 1) if ((await damageIn(flipped(table, at))) === null) unnoticed.push(at);
    expect(table.length).toBeGreaterThan(5_000);
    // What fills up the last 48 bytes says nothing.
    expect(unnoticed.every((at) => at >= table.length - 48 && table[at] === 0)).toBe(true);
    expect(unnoticed.length).toBeLessThan(40);
  });

  it("P7: are found damaged wherever they are cut off", async () => {
    const [table = Buffer.alloc(0)] = (await tablesOf(200, 400)).tables;
    for (let length = 0; length < table.length; length += 7) {
      expect(await damageIn(table.subarray(0, length))).not.toBeNull();
    }
  });
});

describe("a file", () => {
  it("is read through a window that is smaller than it, in any order, and no further than it goes", async () => {
    const { directory, tables } = await tablesOf(300, 1000);
    const name = (await readdir(directory)).find((file) => file.endsWith(".ldb")) ?? "";
    const [bytes = Buffer.alloc(0)] = tables;
    const file = await open(join(directory, name));
    try {
      const window = new FileWindow(file, bytes.length, Buffer.alloc(64));
      for (const [offset, size] of [
        [0, 10],
        [50, 14],
        [60, 64],
        [3, 64],
        [100, 1000],
        [101, 5],
        [bytes.length - 7, 7],
      ] as const) {
        expect(Buffer.from(await window.read(offset, size))).toEqual(bytes.subarray(offset, offset + size));
      }
      await expect(window.read(bytes.length - 7, 8)).rejects.toThrow(RangeError);
      expect(Buffer.from(await window.read(3, 5))).toEqual(bytes.subarray(3, 8));
    } finally {
      await file.close();
    }
  });
});

describe("Snappy", () => {
  it("decompresses literals and copies of every form", () => {
    const literal = (text: string) => [(text.length - 1) << 2, ...Buffer.from(text)];
    const copy1 = (length: number, offset: number) => [((offset >> 8) << 5) | ((length - 4) << 2) | 1, offset & 0xff];
    const copy2 = (length: number, offset: number) => [((length - 1) << 2) | 2, offset & 0xff, offset >> 8];
    const copy4 = (length: number, offset: number) => [((length - 1) << 2) | 3, offset & 0xff, offset >> 8, 0, 0];
    const long = Buffer.alloc(300, "0123456789");
    const longLiteral = [61 << 2, 299 & 0xff, 299 >> 8, ...long];
    const stream = [
      ...longLiteral,
      ...literal("ab"),
      ...copy1(7, 2),
      ...copy2(20, 309),
      ...copy4(5, 300),
      ...copy1(4, 264),
    ];
    let expected = `${long.toString()}ab`;
    for (const [length, offset] of [
      [7, 2],
      [20, 309],
      [5, 300],
      [4, 264],
    ] as const) {
      for (let place = 0; place < length; place += 1) expected += expected.at(-offset);
    }
    const lengthBytes = [(expected.length & 0x7f) | 0x80, expected.length >> 7];
    expect(decompress(Buffer.from([...lengthBytes, ...stream])).toString()).toBe(expected);
  });

  it("refuses what points nowhere", () => {
    expect(() => decompress(Buffer.from([4, 0x01, 0x01]))).toThrow(RangeError);
    expect(() => decompress(Buffer.from([4, 0, 65, 0x01, 0x02]))).toThrow(RangeError);
    expect(() => decompress(Buffer.from([9, 40, 65]))).toThrow(RangeError);
  });
});

describe("Cursor", () => {
  it("reads numbers of every length, and none that are too long", () => {
    expect(new Cursor(Buffer.from([0x00])).number()).toBe(0);
    expect(new Cursor(Buffer.from([0xac, 0x02])).number()).toBe(300);
    expect(new Cursor(Buffer.from("ffffffffffffff0f", "hex")).number()).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => new Cursor(Buffer.alloc(10, 0xff)).number()).toThrow(RangeError);
    expect(() => new Cursor(Buffer.from([0x80])).number()).toThrow(RangeError);
  });
});

describe("crc32c", () => {
  it("computes what the standard says (RFC 3720, B.4)", () => {
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
    expect(crc32c(Buffer.from([...Array(32).keys()]))).toBe(0x46dd794e);
    expect(crc32c(Buffer.from("..123456789.."), 2, 11)).toBe(0xe3069283);
  });
});
