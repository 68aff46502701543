/** A short look of `pnpm bench kv` and `pnpm bench reads`: that they measure what they say, not how much it is. */

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import type { PartResult } from "../bench/frame/result.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** From what `tsc -b` has made. */
async function bench(...given: readonly string[]): Promise<PartResult> {
  const program = ["--import", "tsx", "test/bench/main.ts"];
  const { stdout } = await promisify(execFile)(process.execPath, [...program, ...given, "--json"], { cwd: ROOT });
  return JSON.parse(stdout) as PartResult;
}

function valuesOf(result: PartResult): Readonly<Record<string, number>>[] {
  return result.rows.flatMap(({ repeats }) => repeats.map(({ values }) => values));
}

it("measures writes of many callers, none of which fails, and counts the servers' CPU time apart from the load's", async () => {
  const result = await bench("kv", "--quick", "--keys", "200", "--callers", "16");
  expect(result.rows.map(({ name }) => name)).toEqual(["16 callers", "HTTP, 16 callers"]);
  for (const values of valuesOf(result)) {
    expect(values["callsPerSecond"]).toBeGreaterThan(0);
    expect(values["errors"]).toBe(0);
    expect(values["p99Ms"]).toBeGreaterThanOrEqual(values["p50Ms"] ?? Number.NaN);
    expect(values["loadCores"]).toBeGreaterThan(0);
  }
}, 60_000);

it("reads in three ways, none of which adds an entry to the log", async () => {
  const result = await bench("reads", "--quick", "--keys", "200", "--callers", "16");
  const names = ["linearizable", "lease", "stale"].map((name) => `${name}, 16 callers`);
  expect(result.rows.map(({ name }) => name)).toEqual(names);
  for (const values of valuesOf(result)) {
    expect(values["callsPerSecond"]).toBeGreaterThan(0);
    expect(values).toMatchObject({ errors: 0, entries: 0 });
  }
}, 60_000);
