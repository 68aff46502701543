/** Every known mistake, and every scenario of others, has a test, or a reason why not; and the page says what is true. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../museum/collection.js";
import { CHAPTERS, NOT_TESTED, SIMULATED, SUITES, WITHOUT_TEST } from "./catalogue.js";
import { brokenInTheMuseum, namedByTests } from "./named.js";
import { rulesOf, withTables } from "./page.js";

const PAGE = join(ROOT, "docs/rules.md");
const named = namedByTests();
const broken = brokenInTheMuseum();
const scenarios = SUITES.flatMap(({ ids }) => ids);

describe("rules", () => {
  it("have a test, a bug in the museum, or a reason why not", () => {
    const without = CHAPTERS.flatMap(rulesOf).filter((id) => !named.has(id) && !broken.has(id));
    expect(without.sort()).toEqual(Object.keys(WITHOUT_TEST).sort());
  });

  it("are those that there are", () => {
    const known = new Set([...CHAPTERS.flatMap(rulesOf), ...scenarios]);
    const isRule = (id: string): boolean => /^[A-Z]\d+$/.test(id) && CHAPTERS.some(({ letter }) => id[0] === letter);
    const unknown = [...named.keys(), ...broken.keys()].filter((id) => isRule(id) && !known.has(id));
    expect(unknown).toEqual([]);
  });
});

it("scenarios of others have a test, a world that contains them, or a reason why not", () => {
  const told = [...Object.keys(SIMULATED), ...Object.keys(NOT_TESTED)];
  expect(scenarios.filter((id) => !named.has(id)).sort()).toEqual(told.sort());
});

it("docs/rules.md says what is true", () => {
  const page = readFileSync(PAGE, "utf8");
  const written = withTables(page, named, broken);
  if (process.env["UPDATE"] === "1") writeFileSync(PAGE, written);
  else expect(page, "UPDATE=1 npx vitest run test/rules writes it anew").toBe(written);
});
