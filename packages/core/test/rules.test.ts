/** Every rule about what the core does has a test, or a reason why not. */

import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

/** How many rules each chapter has: of the one about operations, some are the core's. */
const CHAPTERS = { E: 30, R: 26, C: 13, M: 29, S: 23, P: 19, Q: 11, L: 12, T: 7 };
const OTHERS = ["O3", "O9", "O12"];

const folder = new URL(".", import.meta.url);

function read(name: string): string {
  return readFileSync(new URL(name, folder), "utf8");
}

/** `E3, P1: …` at the begin of a test's name, or of a scenario. */
function idsIn(source: string): string[] {
  return [...source.matchAll(/(?:["`]|^# )((?:[\w§.-]+, )*[A-Z]\d+): /gm)].flatMap(
    (match) => match[1]?.split(", ") ?? [],
  );
}

it("every rule has a test or a reason", () => {
  const tests = readdirSync(folder).filter((name) => name.endsWith(".test.ts") && name !== "rules.test.ts");
  const scenarios = readdirSync(new URL("scenarios", folder)).filter((name) => name.endsWith(".txt"));
  const tested = new Set(
    [...tests, ...scenarios.map((name) => `scenarios/${name}`)].flatMap((name) => idsIn(read(name))),
  );
  const reasons = [...read("README.md").matchAll(/^\| ((?:\w\d+, )*\w\d+) \|/gm)].flatMap(
    (row) => row[1]?.split(", ") ?? [],
  );
  const rules = Object.entries(CHAPTERS).flatMap(([chapter, count]) =>
    Array.from({ length: count }, (_, place) => `${chapter}${place + 1}`),
  );
  rules.push(...OTHERS);
  expect(rules.filter((id) => !tested.has(id)).sort()).toEqual(reasons.sort());
});
