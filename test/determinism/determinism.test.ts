/**
 * A seed leads to the same run, wherever it runs: in Node's main thread, in a worker thread, in a browser; whatever ran
 * before it, and whatever runs beside it (PITFALLS F13).
 */

import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { beforeAll, describe, expect, it } from "vitest";
import { bundleForBrowsers } from "./bundle.js";
import { exploreInChromium, findChromium } from "./chromium.js";
import { exploreInOrder, exploreOne, type Outcome } from "./outcomes.js";

/** Every fourth is one of whole servers. */
const SEEDS = Array.from({ length: 160 }, (_, place) => place + 1);
/** Those that ran while nearly nothing had run before. */
const FIRST_SEEDS = SEEDS.slice(0, 60);
const TIMEOUT_MS = 120_000;

const chromium = findChromium();
const isCi = process.env["CI"] === "true";
const note = chromium === null && !isCi ? " (skipped: there is no chromium on the PATH; set QUORATE_CHROMIUM)" : "";

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let expected: ReadonlyMap<number, string>;

beforeAll(async () => {
  expected = inWords(await exploreInOrder(SEEDS, settle));
}, TIMEOUT_MS);

function inWords(outcomes: readonly Outcome[]): ReadonlyMap<number, string> {
  return new Map(
    outcomes.map(({ seed, hash, events, violation }) => [
      seed,
      `the hash ${hash} after ${events} events, and ${violation ?? "nothing broke"}`,
    ]),
  );
}

/** Each of `seeds` that led to something else than in the main thread, in a line for people. */
function differences(seeds: readonly number[], outcomes: readonly Outcome[]): string[] {
  const found = inWords(outcomes);
  return seeds
    .filter((seed) => expected.get(seed) !== found.get(seed))
    .map((seed) => `seed ${seed}: first ${expected.get(seed)}; now ${found.get(seed)}`);
}

describe("F13: a seed leads to the same run", () => {
  it("in a worker thread", { timeout: TIMEOUT_MS }, async () => {
    const worker = new Worker(new URL("./worker.mjs", import.meta.url), {
      workerData: SEEDS,
      execArgv: ["--conditions=source"],
    });
    const [found] = (await once(worker, "message")) as [Outcome[]];
    await worker.terminate();
    expect(differences(SEEDS, found)).toEqual([]);
  });

  it.skipIf(note !== "")(`in Chromium${note}`, { timeout: TIMEOUT_MS + 10_000 }, async () => {
    const found = await exploreInChromium(needChromium(), await bundleForBrowsers(), SEEDS, TIMEOUT_MS);
    expect(differences(SEEDS, found)).toEqual([]);
  });

  it("whatever ran before it", { timeout: TIMEOUT_MS }, async () => {
    const found = await exploreInOrder(FIRST_SEEDS.toReversed(), settle);
    expect(differences(FIRST_SEEDS, found)).toEqual([]);
  });

  it("whatever runs beside it", { timeout: TIMEOUT_MS }, async () => {
    const found = await Promise.all(FIRST_SEEDS.map((seed) => exploreOne(seed, settle)));
    expect(differences(FIRST_SEEDS, found)).toEqual([]);
  });
});

describe("the page", () => {
  it("cannot be made of what needs Node", async () => {
    const folder = mkdtempSync(join(tmpdir(), "quorate-bundle-"));
    try {
      const entry = join(folder, "entry.js");
      writeFileSync(entry, 'import { readFileSync } from "node:fs"; console.log(readFileSync);');
      await expect(bundleForBrowsers(entry)).rejects.toThrow('entry.js imports "node:fs", which no browser has');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.skipIf(note !== "")(`tells what goes wrong in it${note}`, async () => {
    const thrown = exploreInChromium(needChromium(), 'throw new Error("on purpose")', [], 30_000);
    await expect(thrown).rejects.toThrow("In the page: Error: on purpose");
  });

  it("is given up when there is no such browser", async () => {
    await expect(exploreInChromium("/no/such/chromium", "", [], 30_000)).rejects.toThrow("could not be started");
  });
});

function needChromium(): string {
  if (chromium === null) throw new Error("There is no chromium on the PATH, though in CI `.ci/run` installs one");
  return chromium;
}
