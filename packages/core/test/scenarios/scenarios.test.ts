/**
 * Every `*.txt` of this folder is a scenario: a script and the states it must lead to. `UPDATE=1` rewrites the states;
 * whoever does so reads the difference. A test is named by the first comment of its file.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { runScript } from "./script.js";

const folder = new URL(".", import.meta.url);

describe("scenarios", () => {
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".txt"))) {
    const file = new URL(name, folder);
    const source = readFileSync(file, "utf8");
    const title = source.split("\n", 1)[0]?.replace(/^# /, "") ?? name;
    it(`${title} (${name})`, () => {
      const actual = runScript(source);
      if (process.env["UPDATE"] === "1") writeFileSync(file, actual);
      else expect(actual).toBe(source);
    });
  }
});
