/** Temporary directories for the tests of this package, and storages of snapshots in them. */

import { mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SnapshotStorage } from "@quorate/contracts";
import type { SnapshotHarness } from "@quorate/contracts/compliance";
import { afterEach, beforeEach } from "vitest";
import { FileSnapshotStorage } from "../src/index.js";
import { copyDirectory } from "./copy-directory.js";
import { watchedDisk } from "./watched-disk.js";

export class SnapshotPlaces implements SnapshotHarness {
  readonly root: string;
  readonly #storages: FileSnapshotStorage[] = [];
  #count = 0;

  private constructor(root: string) {
    this.root = root;
  }

  static async create(): Promise<SnapshotPlaces> {
    return new SnapshotPlaces(await mkdtemp(join(tmpdir(), "quorate-snapshots-")));
  }

  /** The path of a directory that does not exist. */
  newPath(): string {
    this.#count += 1;
    return join(this.root, String(this.#count), "snapshots");
  }

  create(): FileSnapshotStorage {
    return this.in(this.newPath());
  }

  /** A storage in `directory`, to be closed by {@link dispose}. */
  in(directory: string): FileSnapshotStorage {
    const storage = new FileSnapshotStorage({ directory });
    this.#storages.push(storage);
    return storage;
  }

  reopen(storage: SnapshotStorage): FileSnapshotStorage {
    return this.in(directoryOf(storage));
  }

  /** What was written is with the operating system: copying the files is what killing the process is. */
  crash(storage: SnapshotStorage): FileSnapshotStorage {
    const copy = this.newPath();
    copyDirectory(directoryOf(storage), copy);
    return this.in(copy);
  }

  async damage(storage: SnapshotStorage, part: "header" | "body"): Promise<void> {
    const path = join(directoryOf(storage), (await snapshotFiles(directoryOf(storage))).at(-1) ?? "");
    const handle = await open(path, "r+");
    const { size } = await handle.stat();
    const at = part === "header" ? 50 : size - 5;
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at);
    await handle.write(Buffer.of((buffer[0] ?? 0) ^ 16), 0, 1, at);
    await handle.close();
  }

  async dispose(): Promise<void> {
    await Promise.allSettled(this.#storages.map((storage) => storage.close()));
    await rm(this.root, { recursive: true });
  }
}

/** The names of the snapshots that count, the oldest first. */
export async function snapshotFiles(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.endsWith(".snapshot")).sort();
}

function directoryOf(storage: SnapshotStorage): string {
  if (!(storage instanceof FileSnapshotStorage)) throw new Error("This storage is not of this harness");
  return storage.directory;
}

/** Places of its own for every test of the file, on a disk that is as good as new. */
export function useSnapshotPlaces(): () => SnapshotPlaces {
  let places: SnapshotPlaces;
  beforeEach(async () => {
    places = await SnapshotPlaces.create();
    watchedDisk.reset();
  });
  afterEach(async () => {
    watchedDisk.reset();
    await places.dispose();
  });
  return () => places;
}
