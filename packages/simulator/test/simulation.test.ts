/**
 * Seeded runs of the production runtime under loss, delay, duplication, partitions, pauses and crashes.
 *
 * `QUORATE_SEEDS=1000` runs more seeds, `QUORATE_SEED=17` a single one.
 */

import { expect, it } from "vitest";
import { type SimulationReport, simulate } from "../src/index.js";

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const only = process.env["QUORATE_SEED"];
const count = Number(process.env["QUORATE_SEEDS"] ?? 300);
const seeds = only === undefined ? Array.from({ length: count }, (_, place) => place + 1) : [Number(only)];

it(`no seed breaks a rule (${seeds.length} seeds)`, { timeout: 600_000 }, async () => {
  const reports: SimulationReport[] = [];
  for (const seed of seeds) {
    const report = await simulate(seed, settle);
    expect(report.violation, `QUORATE_SEED=${seed}: ${JSON.stringify(report)}`).toBeNull();
    reports.push(report);
  }
  const sum = (of: (report: SimulationReport) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  // Runs in which nothing happens would prove nothing.
  expect(sum(({ committed }) => committed)).toBeGreaterThan(10 * seeds.length);
  expect(sum(({ crashes, partitions, pauses }) => crashes + partitions + pauses)).toBeGreaterThan(seeds.length);
});

it("F13: a seed replays exactly", { timeout: 60_000 }, async () => {
  for (const seed of seeds.slice(0, 5)) expect(await simulate(seed, settle)).toEqual(await simulate(seed, settle));
});
