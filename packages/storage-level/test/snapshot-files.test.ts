/** Files of snapshots: what of them is found damaged, what is nobody's business, and what a disk that fails leaves. */

import { mkdir, readdir, readFile, rename, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { crc32, type SnapshotStorage } from "@quorate/contracts";
import { describe, expect, it, vi } from "vitest";
import { FileSnapshotStorage, LevelLogStorage } from "../src/index.js";
import { firstWrite, IDENTITY } from "./sequence.js";
import { snapshotFiles, useSnapshotPlaces } from "./snapshot-places.js";
import { type Operation, systemError, watchedDisk } from "./watched-disk.js";

vi.mock("node:fs/promises", async (importOriginal) => {
  const { watchedDisk: disk } = await import("./watched-disk.js");
  return disk.around(await importOriginal());
});

const places = useSnapshotPlaces();

const HEADER = Buffer.from("header");
const BODY = Buffer.alloc(500, "body ");

async function store(storage: SnapshotStorage, index: number, body: Uint8Array = BODY) {
  const writer = await storage.create({ index, term: 2 }, HEADER);
  await writer.write(body);
  return writer.commit();
}

async function stored(index = 7): Promise<FileSnapshotStorage> {
  const storage = places().create();
  await storage.open();
  await store(storage, index);
  return storage;
}

/** The path of the only snapshot in the place of a storage, which is closed. */
async function closedFile(storage = stored()): Promise<string> {
  const { directory } = await storage;
  await (await storage).close();
  return join(directory, (await snapshotFiles(directory))[0] ?? "");
}

async function openingOf(path: string): Promise<unknown> {
  const storage = places().in(dirname(path));
  const opening = await storage.open().catch((cause: unknown) => cause);
  await storage.close();
  return opening;
}

/** From now on `operation` fails with `code` wherever the path ends with `name`. */
function fail(operation: Operation, name: string, code: string): void {
  watchedDisk.fault = (asked, path, bytes) => {
    if (asked === operation && path.endsWith(name)) throw systemError(code);
    return bytes;
  };
}

function heal(): void {
  watchedDisk.fault = (_operation, _path, bytes) => bytes;
}

describe("the file of a snapshot", () => {
  it("P7, P16: is damaged if any bit of its head is another", async () => {
    const path = await closedFile();
    const bytes = await readFile(path);
    for (let bit = 0; bit < 8 * (bytes.length - BODY.length); bit += 1) {
      const copy = Buffer.from(bytes);
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await writeFile(path, copy);
      expect([bit, await openingOf(path)]).toMatchObject([bit, { code: "STORAGE_CORRUPT" }]);
      expect(await readFile(path)).toEqual(copy);
    }
    await writeFile(path, bytes);
    expect(await openingOf(path)).toMatchObject({ place: { index: 7, term: 2 } });
  });

  it("P16: is damaged if it is longer or shorter than it says", async () => {
    const path = await closedFile();
    const bytes = await readFile(path);
    for (const length of [0, 1, 15, 16, 40, 53, 54, 60, bytes.length - 1]) {
      await writeFile(path, bytes.subarray(0, length));
      expect(await openingOf(path)).toMatchObject({ code: "STORAGE_CORRUPT" });
    }
    await writeFile(path, Buffer.concat([bytes, Buffer.of(0)]));
    const message = expect.stringContaining("501 bytes are there of 500");
    expect(await openingOf(path)).toMatchObject({ code: "STORAGE_CORRUPT", message });
  });

  it("P16: is damaged if its name is that of another", async () => {
    const path = await closedFile();
    const other = path.replace("0007-", "0008-");
    await rename(path, other);
    expect(await openingOf(other)).toMatchObject({ code: "STORAGE_CORRUPT" });
    const impossible = join(dirname(path), "9999999999999999-0000000000000001.snapshot");
    await rename(other, impossible);
    expect(await openingOf(impossible)).toMatchObject({ code: "STORAGE_CORRUPT" });
  });

  it("O7: is of a format that is not understood if a later version says so", async () => {
    const path = await closedFile();
    const bytes = await readFile(path);
    bytes.writeUInt32BE(2, 8);
    const end = bytes.length - BODY.length - 4;
    bytes.writeUInt32BE(crc32(bytes.subarray(0, end)), end);
    await writeFile(path, bytes);
    expect(await openingOf(path)).toMatchObject({ code: "STORAGE_FORMAT" });
    expect(await readFile(path)).toEqual(bytes);
  });

  it("S4: is not replaced by an older one when it is damaged, and what else is there stays", async () => {
    const storage = await stored(7);
    const reader = await storage.read();
    await store(storage, 8);
    const copy = places().crash(storage);
    await reader?.close();
    await writeFile(join(copy.directory, "0000000000000009-0000000000000002.1.unfinished"), "x");
    await truncate(join(copy.directory, "0000000000000008-0000000000000002.snapshot"), 30);
    await expect(copy.open()).rejects.toMatchObject({ code: "STORAGE_CORRUPT" });
    expect(await readdir(copy.directory)).toHaveLength(3);
  });

  it("says that its end is missing if it is cut off while it is open", async () => {
    const storage = await stored();
    const reader = await storage.read();
    await truncate(join(storage.directory, (await snapshotFiles(storage.directory))[0] ?? ""), 100);
    await expect(reader?.read(0, 1000)).rejects.toMatchObject({ code: "STORAGE_CORRUPT" });
  });
});

describe("the directory", () => {
  it("must be named", () => {
    expect(() => new FileSnapshotStorage({ directory: "" })).toThrow("directory");
  });

  it("is made for the first snapshot, and not before", async () => {
    const storage = places().create();
    await storage.open();
    await expect(readdir(dirname(storage.directory))).rejects.toMatchObject({ code: "ENOENT" });
    await store(storage, 1);
    expect(await readdir(storage.directory)).toEqual(["0000000000000001-0000000000000002.snapshot"]);
  });

  it("keeps what is not of this storage", async () => {
    const storage = await stored();
    await storage.close();
    const strangers = [".DS_Store", "0000000000000009.unfinished", "7-2.snapshot", "notes.txt"];
    for (const name of strangers) await writeFile(join(storage.directory, name), "x");
    await mkdir(join(storage.directory, "lost+found"));
    const again = places().reopen(storage);
    expect((await again.open())?.place.index).toBe(7);
    await store(again, 8);
    const names = [...strangers, "0000000000000008-0000000000000002.snapshot", "lost+found"];
    expect((await readdir(again.directory)).sort()).toEqual(names.sort());
  });

  it("may lie in that of the log, which neither of the two minds", async () => {
    const directory = join(places().newPath(), "data");
    const found = async (index: number): Promise<void> => {
      const log = new LevelLogStorage({ directory });
      expect((await log.open())?.lastIndex ?? 0).toBe(index);
      const snapshots = places().in(join(directory, "snapshots"));
      expect((await snapshots.open())?.place.index ?? 0).toBe(index);
      if (index === 0) await log.initialize(IDENTITY, firstWrite());
      if (index === 0) await store(snapshots, 1);
      await snapshots.close();
      await log.close();
    };
    await found(0);
    await found(1);
    await found(1);
  });

  it("holds one snapshot, and those that are being read", async () => {
    const storage = await stored(1);
    const [one, another] = [await storage.read(), await storage.read()];
    await store(storage, 2);
    await store(storage, 3);
    expect(await snapshotFiles(storage.directory)).toHaveLength(2);
    await one?.close();
    expect(await snapshotFiles(storage.directory)).toHaveLength(2);
    await another?.close();
    expect(await snapshotFiles(storage.directory)).toEqual(["0000000000000003-0000000000000002.snapshot"]);
  });

  it.each([
    ["readdir", "EACCES"],
    ["access", "EACCES"],
    ["readdir", "EIO"],
    ["open", "EIO"],
    ["read", "EIO"],
    ["sync", "EIO"],
  ] as const)("is unavailable if %s fails with %s, and nothing is changed", async (operation, code) => {
    const path = await closedFile();
    const unfinished = path.replace(".snapshot", ".3.unfinished");
    await writeFile(unfinished, "x");
    watchedDisk.fault = (asked) => {
      if (asked === operation) throw systemError(code);
      return 0;
    };
    expect(await openingOf(path)).toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    heal();
    expect(await readdir(dirname(path))).toHaveLength(2);
  });

  it("is unavailable if it is a file", async () => {
    const path = await closedFile();
    await expect(places().in(path).open()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  });

  it("need not lie where this user may list what is there", async () => {
    const storage = await stored();
    await storage.close();
    fail("open", dirname(storage.directory), "EACCES");
    expect((await places().reopen(storage).open())?.place.index).toBe(7);
  });
});

describe("a disk that fails", () => {
  it("P17: says that it is full; abort removes what was written, and the next snapshot is as good as any", async () => {
    const storage = await stored();
    const writer = await storage.create({ index: 9, term: 2 }, HEADER);
    await writer.write(BODY);
    let room = 700;
    watchedDisk.fault = (operation, _path, bytes) => {
      if (operation !== "write") return bytes;
      const taken = Math.min(room, bytes);
      room -= taken;
      if (taken === 0) throw systemError("ENOSPC");
      return taken;
    };
    await writer.write(BODY);
    const full = { code: "STORAGE_FAILED", message: expect.stringContaining("the disk is full") };
    await expect(writer.write(BODY)).rejects.toMatchObject(full);
    await expect(writer.write(BODY)).rejects.toMatchObject({ code: "STORAGE_FAILED" });
    await expect(writer.commit()).rejects.toMatchObject({ code: "STORAGE_FAILED" });
    expect(storage.newest()?.place.index).toBe(7);
    await writer.abort();
    expect(await readdir(storage.directory)).toHaveLength(1);
    room = 100_000;
    expect((await store(storage, 9)).place.index).toBe(9);
  });

  it("P17: says that it is full also when it has no room for the name of the file, or for its head", async () => {
    const storage = await stored();
    fail("open", ".unfinished", "ENOSPC");
    await expect(storage.create({ index: 9, term: 2 }, HEADER)).rejects.toMatchObject({ code: "STORAGE_FAILED" });
    heal();
    const writer = await storage.create({ index: 9, term: 2 }, HEADER);
    await writer.write(BODY);
    fail("write", ".unfinished", "EDQUOT");
    const message = expect.stringContaining("quota");
    await expect(writer.commit()).rejects.toMatchObject({ code: "STORAGE_FAILED", message });
    await storage.close();
    expect(await readdir(storage.directory)).toHaveLength(1);
  });

  it.each(["sync", "rename"] as const)(
    "P5: keeps the one before if the %s of a snapshot fails, and may try another",
    async (operation) => {
      const storage = await stored();
      const writer = await storage.create({ index: 9, term: 2 }, HEADER);
      await writer.write(BODY);
      fail(operation, operation === "sync" ? ".unfinished" : ".snapshot", "EIO");
      await expect(writer.commit()).rejects.toMatchObject({ code: "STORAGE_FAILED" });
      expect(storage.newest()?.place.index).toBe(7);
      heal();
      await expect(writer.commit()).rejects.toMatchObject({ code: "STORAGE_FAILED" });
      await writer.abort();
      expect(await readdir(storage.directory)).toHaveLength(1);
      expect((await store(storage, 9)).place.index).toBe(9);
    },
  );

  it("P5: commits nothing more once its directory could not be synced; what is there is found by the next", async () => {
    const storage = await stored();
    fail("sync", "snapshots", "EIO");
    await expect(store(storage, 9)).rejects.toMatchObject({ code: "STORAGE_FAILED" });
    expect(storage.newest()?.place.index).toBe(7);
    heal();
    await expect(store(storage, 10)).rejects.toMatchObject({ code: "STORAGE_FAILED" });
    expect((await store(storage, 6)).place.index).toBe(7);
    const reader = await storage.read();
    expect(Buffer.from((await reader?.read(0, 1000)) ?? [])).toEqual(BODY);
    await storage.close();
    expect((await places().reopen(storage).open())?.place.index).toBe(9);
  });

  it("S8: syncs a long body in the course of it, not only at the end", async () => {
    const storage = await stored();
    const piece = Buffer.alloc(3 * 1024 * 1024);
    const writer = await storage.create({ index: 9, term: 2 }, HEADER);
    watchedDisk.done.length = 0;
    for (let count = 0; count < 10; count += 1) await writer.write(piece);
    await writer.commit();
    expect(watchedDisk.done.filter((done) => done.startsWith("datasync")).length).toBe(3);
  });

  it("leaves an old snapshot that cannot be removed to the next start", async () => {
    const storage = await stored();
    fail("unlink", ".snapshot", "EBUSY");
    await store(storage, 9);
    expect(await snapshotFiles(storage.directory)).toHaveLength(2);
    heal();
    await storage.close();
    const again = places().reopen(storage);
    expect((await again.open())?.place.index).toBe(9);
    expect(await snapshotFiles(again.directory)).toHaveLength(1);
  });

  it("says that a snapshot cannot be read", async () => {
    const storage = await stored();
    fail("open", ".snapshot", "EMFILE");
    await expect(storage.read()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    heal();
    const reader = await storage.read();
    fail("read", ".snapshot", "EIO");
    await expect(reader?.read(0, 10)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await reader?.close();
  });

  it("refuses a header of more than 16 MiB, and places that are no places", async () => {
    const storage = await stored();
    await expect(storage.create({ index: 9, term: 2 }, new Uint8Array(2 ** 24 + 1))).rejects.toThrow(RangeError);
    await expect(storage.create({ index: 1.5, term: 2 }, HEADER)).rejects.toThrow(RangeError);
    expect(await readdir(storage.directory)).toHaveLength(1);
  });
});
