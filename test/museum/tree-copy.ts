/**
 * A copy of the repository to plant a bug in. Sources are copied; what is installed is not: the links that pnpm made
 * in each package lead, by relative paths, to `node_modules` at the root, which in the copy is a link to ours. So a
 * copy takes a few milliseconds, and imports among our packages stay inside of it.
 */

import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, relative, sep } from "node:path";
import { ROOT } from "./collection.js";

/** What a simulation, and the compiler, need of the repository. */
const PARTS = ["packages", "examples", "test", "package.json", "tsconfig.json", "tsconfig.base.json"];

const NOT_COPIED = new Set(["dist", "coverage", "museum", ".vite", ".cache"]);

export class TreeCopy {
  readonly root: string;

  constructor() {
    this.root = mkdtempSync(join(tmpdir(), "quorate-museum-"));
    for (const part of PARTS) {
      const copyOptions = { recursive: true, verbatimSymlinks: true, filter: isCopied };
      cpSync(join(ROOT, part), join(this.root, part), copyOptions);
    }
    symlinkSync(join(ROOT, "node_modules"), join(this.root, "node_modules"), "junction");
  }

  /** The text of a file, or null if there is none. */
  read(path: string): string | null {
    try {
      return readFileSync(join(this.root, path), "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
      throw error;
    }
  }

  write(files: ReadonlyMap<string, string>): void {
    for (const [path, text] of files) writeFileSync(join(this.root, path), text);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Installed packages have folders of any name; what pnpm links is a link, and copied as one. */
function isCopied(source: string): boolean {
  const parts = relative(ROOT, source).split(sep);
  return parts.includes("node_modules") || !NOT_COPIED.has(basename(source));
}
