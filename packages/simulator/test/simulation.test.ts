/** Runs of both worlds: nothing breaks, everything happens, and a seed replays. */

import { describe, expect, it } from "vitest";
import { explore, replay } from "../src/index.js";

const SEEDS = Number(process.env["QUORATE_SEEDS"] ?? 60);

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("the simulator", () => {
  it("F13: a seed replays: the same hash, whether anybody looks or not", async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const first = await explore(seed, { settle });
      const again = await explore(seed, { settle, isTraced: true });
      expect([seed, again.hash, again.events]).toEqual([seed, first.hash, first.events]);
    }
  });

  it("a traced run of cores replays from its actions", async () => {
    for (const seed of [1, 2, 3, 5, 6, 7, 9, 10, 11]) {
      const { script, hash } = await explore(seed, { settle, isTraced: true });
      expect([seed, (await replay(script, { settle })).hash]).toEqual([seed, hash]);
    }
  });

  it("nothing breaks", async () => {
    const broken: string[] = [];
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { violation } = await explore(seed, { settle });
      if (violation !== null) broken.push(`seed ${seed}: ${violation.property}: ${violation.facts.join(" ")}`);
    }
    expect(broken).toEqual([]);
  });
});
