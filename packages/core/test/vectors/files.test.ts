/** Every file of vectors is used. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { folder } from "./load.js";

const isThere = existsSync(folder);
const note = isThere ? "" : ` (skipped: there is no folder ${folder}; set QUORATE_VECTORS)`;

describe.skipIf(!isThere)(`files of vectors${note}`, () => {
  it("are all used", () => {
    const here = new URL(".", import.meta.url);
    const tests = readdirSync(here).filter((name) => name.endsWith(".test.ts") && name !== "files.test.ts");
    const sources = tests.map((name) => readFileSync(new URL(name, here), "utf8")).join();
    const unused = readdirSync(folder).filter((name) => name.endsWith(".json") && !sources.includes(`"${name}"`));
    expect(unused).toEqual([]);
  });
});
