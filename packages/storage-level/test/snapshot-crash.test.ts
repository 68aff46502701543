/**
 * Crashes of FileSnapshotStorage at every step: after each single operation on files, the process dies, or the power
 * fails. What is left is opened by a new storage.
 */

import { existsSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { crc32, type SnapshotReader, type SnapshotStorage } from "@quorate/contracts";
import { describe, expect, it, vi } from "vitest";
import { snapshotFiles, useSnapshotPlaces } from "./snapshot-places.js";
import { watchedDisk } from "./watched-disk.js";

vi.mock("node:fs/promises", async (importOriginal) => {
  const { watchedDisk: disk } = await import("./watched-disk.js");
  return disk.around(await importOriginal());
});

const places = useSnapshotPlaces();

const bodyOf = (index: number): Buffer => Buffer.alloc(9 * index, `body of ${index} `);

async function write(storage: SnapshotStorage, index: number) {
  const writer = await storage.create({ index, term: 1 }, Buffer.from(`header of ${index}`));
  const body = bodyOf(index);
  for (let at = 0; at < body.length; at += 100) await writer.write(body.subarray(at, at + 100));
  return writer;
}

async function store(storage: SnapshotStorage, index: number): Promise<void> {
  await (await write(storage, index)).commit();
}

async function bodyIn(storage: SnapshotStorage): Promise<string> {
  const reader = (await storage.read()) as SnapshotReader;
  const body = Buffer.from(await reader.read(0, 1_000_000));
  await reader.close();
  expect(crc32(body)).toBe(reader.snapshot.checksum);
  return body.toString();
}

/** A directory as it was left, and which snapshots may be the newest in it. */
interface Remains {
  readonly directory: string;
  readonly after: string;
  readonly permitted: readonly number[];
}

type Ruin = (source: string, target: string) => void;

/** Goes through the life of a storage; at each step, each of `ruins` makes its picture of what is left. */
async function live(ruins: readonly Ruin[]): Promise<Remains[]> {
  const storage = places().create();
  const remains: Remains[] = [];
  const committed = [0];
  let committing = 0;
  watchedDisk.onStep = () => {
    const [operation = "", path = ""] = (watchedDisk.done.at(-1) ?? "").split(" ");
    for (const ruin of ruins) {
      const directory = places().newPath();
      ruin(storage.directory, directory);
      const permitted = [Math.max(...committed), committing];
      remains.push({ directory, after: `${operation} ${basename(path)}`, permitted });
    }
  };
  const commit = async (index: number): Promise<void> => {
    const writer = await write(storage, index);
    committing = index;
    await writer.commit();
    committed.push(index);
  };
  await storage.open();
  await commit(10);
  const reader = await storage.read();
  const aborted = await write(storage, 35);
  await commit(20);
  await commit(30);
  await aborted.abort();
  await reader?.close();
  await commit(40);
  watchedDisk.onStep = null;
  await storage.close();
  return remains;
}

async function expectUsable({ directory, after, permitted }: Remains): Promise<void> {
  const storage = places().in(directory);
  const found = await storage.open().catch((cause: unknown) => cause);
  expect(found instanceof Error ? [after, found.message] : null).toBeNull();
  const index = storage.newest()?.place.index ?? 0;
  expect([after, permitted]).toEqual([after, expect.arrayContaining([index])]);
  const left = existsSync(directory) ? readdirSync(directory) : [];
  expect(left).toHaveLength(index === 0 ? 0 : 1);
  if (index > 0) expect(await bodyIn(storage)).toBe(bodyOf(index).toString());
  await store(storage, 50);
  expect(await bodyIn(storage)).toBe(bodyOf(50).toString());
  expect(await snapshotFiles(directory)).toHaveLength(1);
  await storage.close();
}

const killed: Ruin = (source, target) => watchedDisk.copy(source, target);
const powerless: Ruin = (source, target) => watchedDisk.copySynced(source, target);

/** What was never synced may lack its end, or have the length without the bytes. */
const torn =
  (how: (path: string) => void): Ruin =>
  (source, target) => {
    watchedDisk.copy(source, target);
    if (!existsSync(target)) return;
    for (const name of readdirSync(target)) if (name.endsWith(".unfinished")) how(join(target, name));
  };

describe("at each step of its life", () => {
  it("S4, S16, S20: a process that dies leaves the newest snapshot, or the one under commit", async () => {
    const remains = await live([killed]);
    expect(remains.length).toBeGreaterThan(25);
    for (const each of remains) await expectUsable(each);
  });

  it("P10: so does a loss of power, which takes all that was not synced", async () => {
    const remains = await live([powerless]);
    expect(remains.length).toBeGreaterThan(25);
    for (const each of remains) await expectUsable(each);
  });

  it("P6: files that are torn and were not committed are removed", async () => {
    const cut = torn((path) => truncateSync(path, 30));
    const blank = torn((path) => writeFileSync(path, Buffer.alloc(5000)));
    for (const each of await live([cut, blank])) await expectUsable(each);
  });
});

describe("after a crash", () => {
  it("P10: makes durable what it found before it says so", async () => {
    const storage = places().create();
    await storage.open();
    await store(storage, 10);
    const copy = places().crash(storage);
    watchedDisk.done.length = 0;
    await copy.open();
    expect(watchedDisk.done).toContain(`sync ${copy.directory}`);
    expect(watchedDisk.done).toContain(`sync ${join(copy.directory, "..")}`);
  });
});
