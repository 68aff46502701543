/**
 * The repository as tidy sees it: every file that belongs to it, read and parsed at most once.
 *
 * Files are found by walking the tree rather than by asking git, so that a downloaded archive can be checked too.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSource, type SourceFile } from "./syntax.js";

/** What installs, builds and version control leave behind. */
const NOT_OURS = new Set(["node_modules", "dist", "coverage", ".git"]);

export interface Repository {
  /** Paths from the root, with `/`, sorted. */
  readonly paths: ReadonlySet<string>;
  /** Whether `path` is a file, or a folder with files in it. */
  has(path: string): boolean;
  text(path: string): string;
  /** The file parsed as TypeScript. Throws a `SyntaxError` if it is not. */
  source(path: string): SourceFile;
  /** The file parsed as JSON. */
  json(path: string): Record<string, unknown>;
}

/** A repository made of `read` over the given paths. */
function repositoryOver(sortedPaths: readonly string[], read: (path: string) => string): Repository {
  const paths = new Set(sortedPaths);
  const folders = new Set(sortedPaths.flatMap(foldersOf));
  const texts = new Map<string, string>();
  const sources = new Map<string, SourceFile>();
  const text = (path: string): string => {
    const known = texts.get(path) ?? read(path);
    texts.set(path, known);
    return known;
  };
  return {
    paths,
    has: (path) => paths.has(path) || folders.has(path),
    text,
    source: (path) => {
      const known = sources.get(path) ?? parseSource(path, text(path));
      sources.set(path, known);
      return known;
    },
    json: (path) => JSON.parse(text(path)) as Record<string, unknown>,
  };
}

/** The repository on disk at `root`. */
export function openRepository(root: string): Repository {
  const paths = readdirSync(root, { withFileTypes: true }).flatMap((entry) => walk(root, entry.name, entry));
  return repositoryOver(paths.sort(), (path) => readFileSync(join(root, path), "utf8"));
}

/** A repository made up for a test: its paths, each with its text. */
export function madeUpRepository(files: Readonly<Record<string, string>>): Repository {
  return repositoryOver(Object.keys(files).sort(), (path) => {
    const text = files[path];
    if (text === undefined) throw new Error(`no such file: ${path}`);
    return text;
  });
}

function walk(
  root: string,
  path: string,
  entry: { name: string; isDirectory(): boolean; isFile(): boolean },
): string[] {
  if (NOT_OURS.has(entry.name)) return [];
  if (entry.isFile()) return [path];
  if (!entry.isDirectory()) return [];
  const children = readdirSync(join(root, path), { withFileTypes: true });
  return children.flatMap((child) => walk(root, `${path}/${child.name}`, child));
}

/** `a/b/c.ts` lies in `a` and `a/b`. */
function foldersOf(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** One broken rule, at one place. */
export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}
