import { mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { Level } from "level";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LevelLogStorage } from "../src/index.js";
import { Places, valueAt } from "./places.js";
import { Worker } from "./processes.js";
import { firstWrite, IDENTITY, writeNumber } from "./sequence.js";

/** Where a handle was synced, in order. */
const synced: string[] = [];

/** What may not be done, and where: for tests that run as a user who may do everything. */
const forbidden = new Set<string>();

vi.mock("node:fs/promises", async (importOriginal) => {
  const original = await importOriginal<typeof import("node:fs/promises")>();
  const guarded = <Name extends "access" | "mkdir" | "readdir">(name: Name) => {
    return async (path: string, ...rest: unknown[]) => {
      if (forbidden.has(name) && forbidden.has(path)) {
        throw Object.assign(new Error(`EACCES: permission denied, ${name} '${path}'`), { code: "EACCES" });
      }
      return (original[name] as (...all: unknown[]) => unknown)(path, ...rest);
    };
  };
  return {
    ...original,
    access: guarded("access"),
    mkdir: guarded("mkdir"),
    readdir: guarded("readdir"),
    open: async (path: string, flags: string) => {
      const handle = await original.open(path, flags);
      const sync = handle.sync.bind(handle);
      handle.sync = async () => {
        await sync();
        synced.push(path);
      };
      return handle;
    },
  };
});

let places: Places;

beforeEach(async () => {
  places = await Places.create();
  synced.length = 0;
  forbidden.clear();
});

afterEach(async () => {
  await places.dispose();
});

async function founded(directory = places.newPath()): Promise<LevelLogStorage> {
  const storage = places.in(directory);
  expect(await storage.open()).toBeNull();
  await storage.initialize(IDENTITY, firstWrite());
  return storage;
}

async function expectRefusal(storage: LevelLogStorage, code: string, complaint = storage.directory): Promise<void> {
  await expect(storage.open()).rejects.toMatchObject({
    name: "StorageError",
    code,
    message: expect.stringContaining(complaint),
  });
}

describe("a directory that is not there", () => {
  it("is left so until a server is founded, and created then with all it lies in", async () => {
    const top = places.newPath();
    const storage = places.in(join(top, "a", "b"));
    expect(await storage.open()).toBeNull();
    await expect(readdir(top)).rejects.toMatchObject({ code: "ENOENT" });
    await storage.initialize(IDENTITY, firstWrite());
    await storage.close();
    expect((await places.reopen(storage).open())?.identity).toEqual(IDENTITY);
  });

  it("P10: is durable once it is created, as are all that were created for it and the files in it", async () => {
    const top = places.newPath();
    await founded(join(top, "a", "b"));
    const [root, a, b] = [dirname(top), join(top, "a"), join(top, "a", "b")];
    expect([...synced].sort()).toEqual([root, top, a, b].sort());
    synced.length = 0;
    const existing = places.newPath();
    await mkdir(existing);
    await (await founded(existing)).close();
    expect(synced).toEqual([existing]);
    await places.in(existing).open();
    expect(synced).toEqual([existing, existing]);
  });

  it("cannot be made where a link leads nowhere", async () => {
    const link = places.newPath();
    await symlink(`${link}-nowhere`, link);
    const storage = places.in(link);
    expect(await storage.open()).toBeNull();
    const initialized = expect(storage.initialize(IDENTITY, firstWrite())).rejects;
    await initialized.toMatchObject({ code: "STORAGE_UNAVAILABLE", message: expect.stringContaining(link) });
  });
});

describe("a directory with something else", () => {
  it("is a file", async () => {
    const path = places.newPath();
    await writeFile(path, "hello");
    await expectRefusal(places.in(path), "STORAGE_UNAVAILABLE", `${path} is, or lies in, a file`);
    await expectRefusal(places.in(join(path, "below")), "STORAGE_UNAVAILABLE");
    expect(await readFile(path, "utf8")).toBe("hello");
  });

  it("is refused and left as it is when other files are in it", async () => {
    const path = places.newPath();
    await mkdir(path);
    await writeFile(join(path, "notes.txt"), "hello");
    const storage = places.in(path);
    await expectRefusal(storage, "FOREIGN_STORAGE", `${path} holds something else: notes.txt`);
    await expect(storage.initialize(IDENTITY, firstWrite())).rejects.toMatchObject({ code: "CLOSED" });
    expect(await readdir(path)).toEqual(["notes.txt"]);
  });

  it("is refused and left as it is when it is the database of another program", async () => {
    const path = places.newPath();
    const other = new Level(path);
    await other.put("key", "value");
    await other.close();
    await expectRefusal(places.in(path), "FOREIGN_STORAGE");
    await places.tamper(path, async (database) => {
      expect(Buffer.from(await valueAt(database, Buffer.from("key"))).toString()).toBe("value");
    });
  });

  it("is blank in spite of what file systems put there, or LevelDB when it dies at its first steps", async () => {
    const path = places.newPath();
    await mkdir(join(path, "lost+found"), { recursive: true });
    for (const name of ["LOCK", "LOG", "MANIFEST-000001", "000001.dbtmp"]) await writeFile(join(path, name), "");
    const storage = await founded(path);
    await storage.close();
    expect((await places.in(path).open())?.lastIndex).toBe(1);
  });

  it("is damaged, not blank, when it has tables but not the file CURRENT", async () => {
    const storage = await founded();
    await storage.close();
    await rm(join(storage.directory, "CURRENT"));
    const before = (await readdir(storage.directory)).sort();
    await expectRefusal(places.in(storage.directory), "STORAGE_CORRUPT", "CURRENT is missing");
    expect((await readdir(storage.directory)).sort()).toEqual(before);
  });

  it("cannot be opened when LevelDB cannot take its lock", async () => {
    const storage = await founded();
    await storage.close();
    await rm(join(storage.directory, "LOCK"));
    await mkdir(join(storage.directory, "LOCK"));
    await expectRefusal(places.in(storage.directory), "STORAGE_UNAVAILABLE");
  });

  it("may not be read or written", async () => {
    const { directory } = await founded();
    forbidden.add("access").add(directory);
    await expectRefusal(places.in(directory), "STORAGE_UNAVAILABLE", `${directory} may not be read and written`);
    forbidden.add("readdir").delete("access");
    await expectRefusal(places.in(directory), "STORAGE_UNAVAILABLE", `${directory} cannot be read`);
    forbidden.clear();
    forbidden.add("mkdir").add(places.newPath());
    const [, path = ""] = forbidden;
    const storage = places.in(path);
    await storage.open();
    const initialized = expect(storage.initialize(IDENTITY, firstWrite())).rejects;
    await initialized.toMatchObject({ code: "STORAGE_UNAVAILABLE", message: expect.stringContaining(path) });
  });
});

describe("a directory in use", () => {
  it("is refused to a second storage in this process, under whatever name", async () => {
    const { directory } = await founded();
    const link = places.newPath();
    await symlink(directory, link);
    for (const name of [directory, link, relative(process.cwd(), directory), `${directory}/../${directory.at(-1)}`]) {
      await expectRefusal(places.in(name), "STORAGE_LOCKED", directory);
    }
  });

  it("is refused to another process, and free again when the storage is closed", async () => {
    const storage = await founded();
    const second = new Worker("hold", storage.directory);
    expect(await second.saidAnything()).toBe("STORAGE_LOCKED");
    await second.end();
    await storage.close();
    const third = new Worker("hold", storage.directory);
    expect(await third.saidAnything()).toBe("opened");
    await expectRefusal(places.in(storage.directory), "STORAGE_LOCKED");
    await third.kill();
    expect((await places.in(storage.directory).open())?.lastIndex).toBe(1);
  });

  it("is in use, not damaged, when its files are not whole at the moment", async () => {
    const { directory } = await founded();
    await writeFile(join(directory, "CURRENT"), "MANIFEST-0000");
    await expectRefusal(places.in(directory), "STORAGE_LOCKED");
  });

  it("O2: is founded by the first of two that found it blank", async () => {
    const first = places.create();
    const second = places.in(first.directory);
    expect([await first.open(), await second.open()]).toEqual([null, null]);
    await first.initialize(IDENTITY, firstWrite());
    const initialize = () => second.initialize({ ...IDENTITY, nodeId: 2 }, firstWrite());
    await expect(initialize()).rejects.toMatchObject({ code: "STORAGE_LOCKED" });
    await first.close();
    await expect(initialize()).rejects.toMatchObject({ code: "STORAGE_NOT_EMPTY" });
    await expect(initialize()).rejects.toMatchObject({ code: "STORAGE_NOT_EMPTY" });
    await second.close();
    expect((await places.in(first.directory).open())?.identity).toEqual(IDENTITY);
  });
});

describe("groups", () => {
  it("keep their logs in one database apart", async () => {
    const directory = places.newPath();
    const logs = new Map([
      [0, 2],
      [7, 4],
      [2 ** 32 - 1, 3],
    ]);
    for (const [groupId, writes] of logs) {
      const storage = places.in(directory, groupId);
      expect(await storage.open()).toBeNull();
      await storage.initialize({ ...IDENTITY, name: `of group ${groupId}` }, firstWrite());
      for (let number = 1; number <= writes; number += 1) await storage.write([writeNumber(number)]);
      await storage.compact(writes);
      await storage.close();
    }
    for (const [groupId, writes] of logs) {
      const storage = places.in(directory, groupId);
      const state = await storage.open();
      expect(state?.identity.name).toBe(`of group ${groupId}`);
      expect(state?.hardState.currentTerm).toBe(writes);
      expect(await storage.read(writes + 1, state?.lastIndex ?? 0, 1e6)).toHaveLength((state?.lastIndex ?? 0) - writes);
      await storage.close();
    }
  });
});

describe("options", () => {
  it.each([
    { directory: "" },
    { directory: "d", groupId: -1 },
    { directory: "d", groupId: 0.5 },
    { directory: "d", groupId: 2 ** 32 },
  ])("%o are refused", (options) => {
    expect(() => new LevelLogStorage(options)).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS" }));
  });
});
