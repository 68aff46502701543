/** Where things are: which package a file belongs to, and which file an import means. */

import { dirname, join } from "node:path/posix";
import type { Repository } from "./repository.js";

/** The part of the repository that a file belongs to. */
export interface Place {
  /** The folder of the package: `packages/core`, `examples/kv`, `test`; empty for files at the root. */
  readonly folder: string;
  /** `packages`, `examples`, `test`, or empty. */
  readonly area: string;
  /** The package's folder name: `core`, `kv`, `test`. */
  readonly name: string;
  /** Production code, as opposed to its tests. */
  readonly isSource: boolean;
}

const PARTS = new Set(["contracts/compliance", "linearizability/command", "storage-level/abstract"]);

export function placeOf(path: string): Place {
  const [area = "", name = "", part] = path.split("/");
  if (area === "packages" || area === "examples") {
    return { folder: `${area}/${name}`, area, name, isSource: part === "src" };
  }
  if (area === "test" && name !== "") return { folder: "test", area, name: "test", isSource: false };
  return { folder: "", area: "", name: "", isSource: false };
}

/** The package that a file belongs to, or the part of it that has rules of its own: `core`, `storage-level/abstract`. */
export function partOf(path: string): string {
  const { name } = placeOf(path);
  const part = /^packages\/[^/]+\/src\/([^/]+)\//.exec(path)?.[1];
  return PARTS.has(`${name}/${part}`) ? `${name}/${part}` : name;
}

function isTypeScript(path: string): boolean {
  return path.endsWith(".ts") || path.endsWith(".mts") || path.endsWith(".tsx");
}

/** All TypeScript files, in order. */
export function typeScriptFiles(repository: Repository): string[] {
  return [...repository.paths].filter(isTypeScript);
}

/** The file that a relative import means, or where it should be: `./x.js` is `x.ts` before it is compiled. */
export function resolveRelative(repository: Repository, from: string, specifier: string): string {
  const path = join(dirname(from), specifier);
  const source = path.replace(/\.js$/, ".ts");
  return repository.paths.has(path) ? path : source;
}

export function isRelative(specifier: string): boolean {
  return specifier.startsWith("./") || specifier.startsWith("../");
}

/** The folder of each package of the workspace by the name it is imported by. */
export function workspacePackages(repository: Repository): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const path of repository.paths) {
    if (/^(?:(?:packages|examples)\/[^/]+|test)\/package\.json$/.test(path)) {
      found.set(String(repository.json(path)["name"]), dirname(path));
    }
  }
  return found;
}

/** `@quorate/contracts/compliance` is `compliance` of the package `@quorate/contracts`. */
export function splitSpecifier(specifier: string): { readonly packageName: string; readonly subpath: string } {
  const parts = specifier.split("/");
  const length = specifier.startsWith("@") ? 2 : 1;
  return { packageName: parts.slice(0, length).join("/"), subpath: parts.slice(length).join("/") };
}
