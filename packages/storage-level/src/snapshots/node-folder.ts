/** A folder for snapshots in the file system of the machine. */

import { constants } from "node:fs";
import { access, open, readdir, rename, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isErrorWithCode, unavailable } from "../abstract/explain.js";
import type { Folder, OpenFile } from "../abstract/snapshots/folder.js";
import { createDirectory, syncDirectory } from "../directory.js";

export class NodeFolder implements Folder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  pathOf(name: string): string {
    return join(this.path, name);
  }

  async list(): Promise<readonly string[] | null> {
    try {
      const names = await readdir(this.path);
      await access(this.path, constants.R_OK | constants.W_OK | constants.X_OK);
      return names;
    } catch (cause) {
      if (isErrorWithCode(cause, "ENOENT")) return null;
      if (isErrorWithCode(cause, "ENOTDIR")) throw unavailable(`${this.path} is, or lies in, a file.`, cause);
      throw unavailable(`${this.path} may not be read and written.`, cause);
    }
  }

  create(): Promise<void> {
    return createDirectory(this.path);
  }

  /**
   * A process that died may have given a snapshot its name, and have made that known to nobody but the operating
   * system: a loss of power could still take it back (PITFALLS P10).
   */
  async settle(): Promise<void> {
    try {
      await this.#syncParent();
      await this.sync();
    } catch (cause) {
      throw unavailable(`${this.path} cannot be synced.`, cause);
    }
  }

  sync(): Promise<void> {
    return syncDirectory(this.path);
  }

  open(name: string, flags: "r" | "wx"): Promise<OpenFile> {
    return open(this.pathOf(name), flags);
  }

  rename(from: string, to: string): Promise<void> {
    return rename(this.pathOf(from), this.pathOf(to));
  }

  remove(name: string): Promise<void> {
    return unlink(this.pathOf(name));
  }

  /** Whoever may not read the parent has not made the directory in it. */
  async #syncParent(): Promise<void> {
    try {
      await syncDirectory(dirname(resolve(this.path)));
    } catch (cause) {
      if (!isErrorWithCode(cause, "EACCES")) throw cause;
    }
  }
}
