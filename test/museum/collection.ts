/** The planted bugs: every `.patch` in `bugs/`, by name. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const BUGS = fileURLToPath(new URL("bugs/", import.meta.url));
const SUFFIX = ".patch";

export interface Exhibit {
  readonly name: string;
  /** The patch as it is written. */
  readonly text: string;
}

export function exhibits(): Exhibit[] {
  return readdirSync(BUGS)
    .filter((file) => file.endsWith(SUFFIX))
    .sort()
    .map((file) => ({ name: file.slice(0, -SUFFIX.length), text: readFileSync(join(BUGS, file), "utf8") }));
}
