/**
 * No file of a package's `src` may be dead: each is reached, by imports, from what the package exports, from its
 * command, or from a script of the root `package.json`. (Exports that nobody uses are knip's to find, and so are dead
 * files among tests.)
 */

import { join } from "node:path/posix";
import { isRelative, placeOf, resolveRelative, typeScriptFiles, workspacePackages } from "./layout.js";
import type { Repository, Violation } from "./repository.js";

export function checkDeadFiles(repository: Repository): Violation[] {
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path) || !repository.paths.has(path)) return;
    reached.add(path);
    if (!/\.m?[jt]s$/.test(path)) return;
    for (const { specifier } of repository.source(path).imports) {
      if (isRelative(specifier)) visit(resolveRelative(repository, path, specifier));
    }
  };
  for (const folder of workspacePackages(repository).values()) {
    const manifest = repository.json(join(folder, "package.json"));
    for (const file of entryFilesOf(manifest)) visit(join(folder, file));
  }
  for (const { file } of scriptFilesOf(repository)) visit(file);

  return typeScriptFiles(repository)
    .filter((path) => placeOf(path).isSource && !reached.has(path))
    .map((path) => ({ path, line: 1, message: "nothing that is exported or run reaches this file" }));
}

/** Every file that a script of the root `package.json` names must exist. */
export function checkScripts(repository: Repository): Violation[] {
  return scriptFilesOf(repository)
    .filter(({ file }) => !repository.has(file))
    .map(({ script, file }) => ({ path: "package.json", line: 1, message: `the script "${script}" names ${file}` }));
}

/** The sources behind `exports` and `bin`; a command names what it is compiled to. */
function entryFilesOf(manifest: Record<string, unknown>): string[] {
  const publishConfig = (manifest["publishConfig"] ?? {}) as Record<string, unknown>;
  const files = [manifest["exports"], manifest["bin"], publishConfig["bin"]].flatMap(stringsIn);
  return files.map((file) => file.replace(/\/dist\/(.*)\.js$/, "/src/$1.ts"));
}

/** All strings of a nested object. */
function stringsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

function scriptFilesOf(repository: Repository): { script: string; file: string }[] {
  const scripts = (repository.json("package.json")["scripts"] ?? {}) as Record<string, string>;
  return Object.entries(scripts).flatMap(([script, command]) =>
    command
      .split(/\s+/)
      .filter((word) => /^[\w-]+\/.*\.m?ts$/.test(word))
      .map((file) => ({ script, file })),
  );
}
