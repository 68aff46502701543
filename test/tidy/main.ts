/**
 * Tidy: the rules of the house that a program can hold us to. Prints what is broken, one place a line, and exits
 * with 1 if anything is. Also prints the longest files and functions, which break nothing.
 */

import { fileURLToPath } from "node:url";
import { checkArrows, checkCycles } from "./arrows.js";
import { checkDeadFiles, checkScripts } from "./dead.js";
import { checkDocs } from "./docs.js";
import { checkHabits, checkPlaces } from "./habits.js";
import { checkPurity } from "./purity.js";
import { openRepository } from "./repository.js";
import { FILE_LINES, FUNCTION_LINES, longestFiles, longestFunctions, type Sized } from "./sizes.js";

const RULES = [
  checkArrows,
  checkCycles,
  checkPurity,
  checkHabits,
  checkPlaces,
  checkDeadFiles,
  checkScripts,
  checkDocs,
];

/** How many of the longest are worth a look. */
const SHOWN = 5;

const repository = openRepository(fileURLToPath(new URL("../../", import.meta.url)));
const violations = RULES.flatMap((rule) => rule(repository));

print(`longest files (${FILE_LINES} lines or fewer, please)`, longestFiles(repository));
print(`longest functions (${FUNCTION_LINES} lines or fewer, please)`, longestFunctions(repository));

for (const { path, line, message } of violations) console.error(`${path}:${line}: ${message}`);
console.log(violations.length === 0 ? "tidy" : `${violations.length} to tidy up`);
process.exitCode = violations.length === 0 ? 0 : 1;

function print(title: string, sized: readonly Sized[]): void {
  console.log(`${title}:`);
  for (const { what, lines } of sized.slice(0, SHOWN)) console.log(`  ${String(lines).padStart(4)}  ${what}`);
}
