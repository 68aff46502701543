/** House rules that hold for every file: no `any`, no default exports, nobody's machine and no registry host. */

import { basename } from "node:path/posix";
import { typeScriptFiles } from "./layout.js";
import type { Repository, Violation } from "./repository.js";
import { walk } from "./syntax.js";

/** Tools that read a config file ask for a default export. */
function isConfigFile(path: string): boolean {
  return basename(path).includes(".config.");
}

export function checkHabits(repository: Repository): Violation[] {
  const violations: Violation[] = [];
  for (const path of typeScriptFiles(repository)) {
    const file = repository.source(path);
    walk(file.program, (node) => {
      const add = (message: string): number => violations.push({ path, line: file.lineAt(node.start), message });
      if (node.type === "TSAnyKeyword") add("`any` switches the compiler off: use `unknown` or the type");
      if (node.type === "ExportDefaultDeclaration" && !isConfigFile(path)) {
        add("default export: named exports only, so that a thing has one name");
      }
      if (node.type === "ExportSpecifier" && node.exported.type === "Identifier" && node.exported.name === "default") {
        add("default export: named exports only, so that a thing has one name");
      }
    });
  }
  return violations;
}

const PLACES_OF_NO_CONCERN: readonly { readonly pattern: RegExp; readonly message: string }[] = [
  {
    // A lockfile or a config that names a host fails for everyone who installs through another one.
    pattern: /\b(?:registry|npm)\.[a-z0-9-]+\.(?:org|com|dev|io|net)\b|\bnpmmirror\.com\b/i,
    message: "names a package registry's host",
  },
  {
    pattern: /(?<![\w.$}*-])\/(?:(?:root|work)\/|(?:home|Users)\/\w)|\b[A-Z]:\\Users\\/,
    message: "names a place on somebody's own machine",
  },
];

/** No file names a registry's host or a path of the machine it was written on. */
export function checkPlaces(repository: Repository): Violation[] {
  const violations: Violation[] = [];
  for (const path of repository.paths) {
    const text = repository.text(path);
    if (text.includes("\0")) continue;
    for (const { pattern, message } of PLACES_OF_NO_CONCERN) {
      if (!pattern.test(text)) continue;
      text.split("\n").forEach((line, index) => {
        if (pattern.test(line)) violations.push({ path, line: index + 1, message });
      });
    }
  }
  return violations;
}
