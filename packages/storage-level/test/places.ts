/** Temporary directories for the tests of this package, and storages in them. */

import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LogStorage } from "@quorate/contracts";
import type { StorageHarness } from "@quorate/contracts/compliance";
import type { Entry } from "@quorate/core";
import { Level } from "level";
import { GroupKeys } from "../src/abstract/keys.js";
import { putPacks } from "../src/abstract/pack.js";
import { LevelLogStorage } from "../src/index.js";

export type RawDatabase = Level<Buffer, Buffer>;

export class Places implements StorageHarness {
  readonly #root: string;
  readonly #storages: LevelLogStorage[] = [];
  #count = 0;

  private constructor(root: string) {
    this.#root = root;
  }

  static async create(): Promise<Places> {
    return new Places(await mkdtemp(join(tmpdir(), "quorate-storage-level-")));
  }

  /** The path of a directory that does not exist. */
  newPath(): string {
    this.#count += 1;
    return join(this.#root, String(this.#count));
  }

  create(): LevelLogStorage {
    return this.in(this.newPath());
  }

  /** A storage in `directory`, to be closed by {@link dispose}. */
  in(directory: string, groupId = 0): LevelLogStorage {
    const storage = new LevelLogStorage({ directory, groupId });
    this.#storages.push(storage);
    return storage;
  }

  reopen(storage: LogStorage): LevelLogStorage {
    return this.in(directoryOf(storage));
  }

  /** LevelDB hands what it writes to the operating system at once: copying the files is what killing the process is. */
  crash(storage: LogStorage): LevelLogStorage {
    const copy = this.newPath();
    copyAsOfOneMoment(directoryOf(storage), copy);
    return this.in(copy);
  }

  async damage(storage: LogStorage, index: number): Promise<void> {
    await this.tamper(directoryOf(storage), async (database) => {
      const [pack] = await database.iterator({ ...new GroupKeys(0).logFrom(index), limit: 1 }).all();
      if (pack === undefined) throw new Error("There is nothing to damage");
      await database.put(pack[0], flipped(pack[1], 20));
    });
  }

  /** Lets `change` do what it wants with the database in `directory`, which nobody has open. */
  async tamper(directory: string, change: (database: RawDatabase) => Promise<void>): Promise<void> {
    const database: RawDatabase = new Level(directory, { keyEncoding: "buffer", valueEncoding: "buffer" });
    await database.open();
    try {
      await change(database);
    } finally {
      await database.close();
    }
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#storages.map((storage) => storage.close()));
    await rm(this.#root, { recursive: true });
  }
}

export async function valueAt(database: RawDatabase, key: Buffer): Promise<Buffer> {
  const value: Buffer | undefined = await database.get(key);
  if (value === undefined) throw new Error("There is nothing to damage");
  return value;
}

/** The record that consecutive entries of one term are stored in. */
export function packOf(keys: GroupKeys, entries: readonly Entry[]): { key: Buffer; value: Buffer } {
  const records: { key: Buffer; value: Buffer }[] = [];
  putPacks({ put: (key, value) => records.push({ key, value }), del: () => undefined }, keys, entries);
  const [record] = records;
  if (record === undefined || records.length > 1) throw new Error("These are not the entries of one pack");
  return record;
}

/** A copy of `bytes` with one bit of byte `at` flipped. */
export function flipped(bytes: Buffer, at: number, bit = 3): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
}

/** Copies files of which one may be written to meanwhile; starts again when others come or go. */
function copyAsOfOneMoment(source: string, target: string): void {
  for (;;) {
    rmSync(target, { recursive: true, force: true });
    const before = listing(source);
    if (before === null) return;
    mkdirSync(target);
    for (const { name } of before) copyIfThere(join(source, name), join(target, name));
    if (JSON.stringify(listing(source)) === JSON.stringify(before)) return;
  }
}

function copyIfThere(source: string, target: string): void {
  try {
    copyFileSync(source, target);
  } catch (cause) {
    if (existsSync(source)) throw cause;
  }
}

function listing(directory: string): { name: string; inode: number }[] | null {
  if (!existsSync(directory)) return null;
  const names = readdirSync(directory);
  return names.map((name) => ({ name, inode: statSync(join(directory, name), { throwIfNoEntry: false })?.ino ?? 0 }));
}

function directoryOf(storage: LogStorage): string {
  if (!(storage instanceof LevelLogStorage)) throw new Error("This storage is not of this harness");
  return storage.directory;
}
