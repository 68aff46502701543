import { afterAll, expect, it } from "vitest";
import { exploreSeeds } from "./exploration.js";
import { explain } from "./failure.js";
import { Farm } from "./farm.js";

/** Seeds 1 to N: 20,000, or as many as `QUORATE_SEEDS` says. The same ones each time, so that a red run stays red. */
const SEEDS = Number(process.env["QUORATE_SEEDS"] ?? 20_000);
/** With so many, everything that is looked for comes up: of what never does, nothing was proved. */
const MANY = 20_000;
const RARE: ReadonlySet<string> = new Set([
  // Nobody hopes for it.
  "a history was too hard to check",
  "a snapshot was found damaged where it was sent from",
]);
const LIMIT_MS = 30 * 60_000;

const farm = new Farm();
afterAll(() => farm.close());

it(
  `F13: ${SEEDS} seeds break no rule, and give the same run twice`,
  async () => {
    const { totals, failure } = await exploreSeeds(farm, { firstSeed: 1, seeds: SEEDS, isTwice: true });
    if (failure !== null) {
      const { story } = await explain(farm, failure, { budgetSeconds: 60, folder: ".", width: 120, isColoured: false });
      expect.fail(story);
    }
    expect(totals.seeds).toBe(2 * SEEDS);
    if (SEEDS < MANY) return;
    const missed = Object.entries(totals.situations).filter(([name, count]) => count === 0 && !RARE.has(name));
    expect(missed).toEqual([]);
  },
  LIMIT_MS,
);
