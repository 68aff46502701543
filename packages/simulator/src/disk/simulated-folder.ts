/**
 * SimulatedFolder: the folder of the snapshots of one server, which outlives its processes, and how it fails.
 *
 * What an operation does, it does at the moment it completes. A process that has crashed hears of nothing any more, and
 * what it asks for never happens.
 */

import { StorageError } from "@quorate/contracts";
import type { Folder, OpenFile } from "@quorate/storage-level/abstract";
import { FolderContents, type StoredFile, type Survives, syncFile, writeTo } from "./folder-contents.js";
import type { DiskOperation, DiskScheduler } from "./simulated-disk.js";

/** What fails: a `write` is anything that changes a file or a name. */
export interface FolderFault {
  readonly kind: "write" | "sync" | "read";
  /** Of a write or a sync, whether it was carried out nevertheless. Default: false. */
  readonly landed?: boolean;
}

export interface SimulatedFolderOptions {
  /** Default: everything completes at once. */
  readonly schedule?: DiskScheduler;
}

/** What a folder held at some moment; null if there was none. For {@link SimulatedFolder} alone. */
export type FolderSnapshot = FolderContents | null;

const completeAtOnce: DiskScheduler = (_operation, complete) => complete();

export class SimulatedFolder {
  /** While it is true, everything that changes something fails. */
  isFull = false;
  readonly #schedule: DiskScheduler;
  /** Null as long as nobody has made it. */
  #contents: FolderContents | null = null;
  /** The process that uses it. */
  #user: object | null = null;
  readonly #underWay = new Set<() => unknown>();
  #faults: FolderFault[] = [];

  constructor({ schedule = completeAtOnce }: SimulatedFolderOptions = {}) {
    this.#schedule = schedule;
  }

  /** The folder as one process sees it, from now until it crashes, or another one comes. */
  open(): Folder {
    const user = {};
    this.#user = user;
    return new OpenFolder(this, user);
  }

  // --- faults ---

  /**
   * The process dies, and the power fails. Asked about everything that was under way, and then about everything that was
   * not synced, each part by itself, `survives` says whether it is there. Default: nothing is.
   */
  crash(survives: Survives = () => false): void {
    this.#user = null;
    const underWay = [...this.#underWay];
    this.#underWay.clear();
    for (const effect of underWay) {
      if (!survives()) continue;
      try {
        effect();
      } catch {
        // It would have been refused, and has changed nothing.
      }
    }
    this.#contents?.crash(survives);
  }

  /** The next operation of this kind to complete fails; of several faults for one operation, the first that was told. */
  failNext(fault: FolderFault): void {
    this.#faults.push(fault);
  }

  /** What was told to fail, and has not yet, does not; and there is room. What is damaged stays so. */
  endFaults(): void {
    this.#faults = [];
    this.isFull = false;
  }

  /**
   * Flips a bit of the newest snapshot, in its first bytes or somewhere in it; `below` draws an integer from 0 up to, but
   * not including, a count. False if there is none.
   */
  flipBit(below: (count: number) => number, part: "head" | "body"): boolean {
    const name = this.#contents?.names
      .filter((each) => each.endsWith(".snapshot"))
      .sort()
      .at(-1);
    const file = name === undefined ? undefined : this.#contents?.file(name);
    if (file === undefined || file.bytes.length === 0) return false;
    const damaged = Buffer.from(file.bytes);
    const from = part === "head" ? 0 : damaged.length >>> 1;
    const at = from + below(part === "head" ? Math.min(44, damaged.length) : damaged.length - from);
    damaged[at] = (damaged[at] as number) ^ (1 << below(8));
    file.bytes = damaged;
    file.durable = damaged;
    return true;
  }

  /** Somebody puts in a new disk. */
  wipe(): void {
    this.rollBack(null);
  }

  /** What a loss of power at this moment is certain to leave, to come back to. */
  snapshot(): FolderSnapshot {
    return this.#contents?.durable() ?? null;
  }

  /** Somebody restores an older state. No process may be using it. */
  rollBack(contents: FolderSnapshot): void {
    if (this.#user !== null) throw new Error("A process uses the folder");
    this.#contents = contents?.durable() ?? null;
  }

  // --- for OpenFolder alone ---

  get contents(): FolderContents | null {
    return this.#contents;
  }

  /** It is made to last at once: a folder is made once in a life. */
  make(): void {
    this.#contents ??= new FolderContents();
  }

  /** Settles as `effect` does, which runs when the operation completes. */
  perform<Result>(user: object, kind: DiskOperation["kind"], sizeBytes: number, effect: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#user !== user) return;
      if (kind === "write") this.#underWay.add(effect);
      this.#schedule({ kind, entries: 1, sizeBytes }, () => {
        if (this.#user !== user) return;
        this.#underWay.delete(effect);
        try {
          resolve(this.#carryOut(kind, effect));
        } catch (cause) {
          reject(cause);
        }
      });
    });
  }

  #carryOut<Result>(kind: DiskOperation["kind"], effect: () => Result): Result {
    if (kind === "write" && this.isFull) throw systemError("ENOSPC", "no space left on device");
    const place = this.#faults.findIndex((fault) => fault.kind === kind);
    if (place === -1) return effect();
    const [fault] = this.#faults.splice(place, 1);
    if (fault?.landed === true) effect();
    throw systemError("EIO", "i/o error");
  }
}

function systemError(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}

class OpenFolder implements Folder {
  readonly path = "the simulated folder";
  readonly #folder: SimulatedFolder;
  readonly #user: object;

  constructor(folder: SimulatedFolder, user: object) {
    this.#folder = folder;
    this.#user = user;
  }

  pathOf(name: string): string {
    return `${this.path}/${name}`;
  }

  list(): Promise<readonly string[] | null> {
    return this.#explained("read", () => this.#folder.contents?.names ?? null);
  }

  create(): Promise<void> {
    if (this.#folder.contents !== null) return Promise.resolve();
    return this.#explained("write", () => this.#folder.make());
  }

  settle(): Promise<void> {
    return this.#explained("sync", () => this.#folder.contents?.syncNames());
  }

  sync(): Promise<void> {
    return this.#folder.perform(this.#user, "sync", 0, () => this.#folder.contents?.syncNames());
  }

  open(name: string, flags: "r" | "wx"): Promise<OpenFile> {
    return this.#folder.perform(this.#user, flags === "r" ? "read" : "write", 0, () => {
      const file = flags === "r" ? this.#existing(name) : this.#new(name);
      return new OpenSimulatedFile(this.#folder, this.#user, file);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#folder.perform(this.#user, "write", 0, () => {
      const file = this.#existing(from);
      this.#folder.contents?.change([
        [from, null],
        [to, file],
      ]);
    });
  }

  remove(name: string): Promise<void> {
    return this.#folder.perform(this.#user, "write", 0, () => {
      this.#existing(name);
      this.#folder.contents?.change([[name, null]]);
    });
  }

  #existing(name: string): StoredFile {
    const file = this.#folder.contents?.file(name);
    if (file === undefined) throw systemError("ENOENT", `no such file: ${name}`);
    return file;
  }

  #new(name: string): StoredFile {
    const { contents } = this.#folder;
    if (contents === null) throw systemError("ENOENT", "no such folder");
    if (contents.file(name) !== undefined) throw systemError("EEXIST", `file exists: ${name}`);
    return contents.create(name);
  }

  async #explained<Result>(kind: DiskOperation["kind"], effect: () => Result): Promise<Result> {
    try {
      return await this.#folder.perform(this.#user, kind, 0, effect);
    } catch (cause) {
      throw new StorageError("STORAGE_UNAVAILABLE", `${this.path} cannot be used.`, { cause });
    }
  }
}

class OpenSimulatedFile implements OpenFile {
  readonly #folder: SimulatedFolder;
  readonly #user: object;
  readonly #file: StoredFile;

  constructor(folder: SimulatedFolder, user: object, file: StoredFile) {
    this.#folder = folder;
    this.#user = user;
    this.#file = file;
  }

  write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesWritten: number }> {
    const part = Buffer.from(bytes.subarray(offset, offset + length));
    return this.#folder.perform(this.#user, "write", length, () => {
      writeTo(this.#file, position, part);
      return { bytesWritten: length };
    });
  }

  read(bytes: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }> {
    return this.#folder.perform(this.#user, "read", length, () => {
      const found = this.#file.bytes.subarray(position, position + length);
      bytes.set(found, offset);
      return { bytesRead: found.length };
    });
  }

  sync(): Promise<void> {
    return this.#folder.perform(this.#user, "sync", 0, () => syncFile(this.#file));
  }

  datasync(): Promise<void> {
    return this.sync();
  }

  async stat(): Promise<{ size: number }> {
    return { size: this.#file.bytes.length };
  }

  async close(): Promise<void> {
    // Nothing is left to be done.
  }
}
