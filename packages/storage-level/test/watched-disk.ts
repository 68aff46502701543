/**
 * A disk that is watched: after each operation on files it knows what would be left if the process died then, or if
 * the power failed, and it can be told to fail. It stands between `node:fs/promises` and whoever imports that:
 *
 * ```ts
 * vi.mock("node:fs/promises", async (importOriginal) => {
 *   const { watchedDisk: disk } = await import("./watched-disk.js");
 *   return disk.around(await importOriginal());
 * });
 * ```
 *
 * Nothing that it imports may import `node:fs/promises` itself.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import type * as files from "node:fs/promises";
import { dirname, join } from "node:path";
import { copyDirectory } from "./copy-directory.js";

type Files = typeof files;
type Handle = files.FileHandle;

export type Operation = "open" | "write" | "sync" | "datasync" | "rename" | "unlink" | "read" | "readdir" | "access";

/** Throws what the operation shall fail with; says how many bytes a write takes. */
export type Fault = (operation: Operation, path: string, bytes: number) => number;

const noFault: Fault = (_operation, _path, bytes) => bytes;

class WatchedDisk {
  /** What was done, in order, as "operation path". */
  readonly done: string[] = [];
  fault: Fault = noFault;
  /** Told after each operation that changes something. */
  onStep: (() => void) | null = null;
  /** What was in each file when it was last synced, and in each directory, by number and by path. */
  readonly #syncedFiles = new Map<number, Buffer>();
  readonly #syncedNames = new Map<string, Map<string, number>>();

  reset(): void {
    this.done.length = 0;
    this.fault = noFault;
    this.onStep = null;
    this.#syncedFiles.clear();
    this.#syncedNames.clear();
  }

  around(original: Files): Files {
    return {
      ...original,
      open: (async (path: string, flags: string) => {
        this.fault("open", path, 0);
        const handle = await original.open(path, flags);
        if (flags !== "r") this.#step("open", path);
        return this.#watched(handle, path);
      }) as Files["open"],
      rename: (async (from: string, to: string) => {
        this.fault("rename", to, 0);
        await original.rename(from, to);
        this.#step("rename", to);
      }) as Files["rename"],
      unlink: (async (path: string) => {
        this.fault("unlink", path, 0);
        await original.unlink(path);
        this.#step("unlink", path);
      }) as Files["unlink"],
      readdir: (async (path: string, ...rest: []) => {
        this.fault("readdir", path, 0);
        return original.readdir(path, ...rest);
      }) as Files["readdir"],
      access: (async (path: string, mode?: number) => {
        this.fault("access", path, 0);
        return original.access(path, mode);
      }) as Files["access"],
    };
  }

  /** What is in `directory` when the process dies. */
  copy(directory: string, target: string): void {
    copyDirectory(directory, target);
  }

  /** What is in `directory` for certain when the power fails: synced names, and of their files what was synced. */
  copySynced(directory: string, target: string): void {
    const names = this.#syncedNames.get(directory);
    const isNamed = this.#syncedNames.get(dirname(directory))?.has("snapshots") === true;
    if (names === undefined || !isNamed) return;
    mkdirSync(target, { recursive: true });
    for (const [name, file] of names) writeFileSync(join(target, name), this.#syncedFiles.get(file) ?? "");
  }

  #watched(handle: Handle, path: string): Handle {
    const { write, read, sync, datasync } = handle;
    handle.write = (async (bytes: Buffer, at: number, length: number, position: number) => {
      const taken = this.fault("write", path, length);
      const result = await write.apply(handle, [bytes, at, taken, position] as never);
      this.#step("write", path);
      return result;
    }) as Handle["write"];
    handle.read = (async (...rest: Parameters<Handle["read"]>) => {
      this.fault("read", path, 0);
      return read.apply(handle, rest);
    }) as Handle["read"];
    const syncing = (operation: "sync" | "datasync", work: () => Promise<void>) => async () => {
      this.fault(operation, path, 0);
      await work.call(handle);
      this.#onSynced(path);
      this.#step(operation, path);
    };
    handle.sync = syncing("sync", sync);
    handle.datasync = syncing("datasync", datasync);
    return handle;
  }

  #onSynced(path: string): void {
    const { ino, isDirectory } = statOf(path);
    if (!isDirectory) {
      this.#syncedFiles.set(ino, readFileSync(path));
      return;
    }
    this.#syncedNames.set(path, new Map(readdirSync(path).map((name) => [name, statOf(join(path, name)).ino])));
  }

  #step(operation: Operation, path: string): void {
    this.done.push(`${operation} ${path}`);
    this.onStep?.();
  }
}

function statOf(path: string): { ino: number; isDirectory: boolean } {
  if (!existsSync(path)) return { ino: 0, isDirectory: false };
  const stats = statSync(path);
  return { ino: stats.ino, isDirectory: stats.isDirectory() };
}

export const watchedDisk = new WatchedDisk();

/** An error as the operating system reports it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: the disk was told so`), { code });
}
