/** Leases, where clocks run as differently as servers are told, and where they do not. */

import { RaftNode } from "@quorate/runtime";
import { afterEach, expect, it, vi } from "vitest";
import { type RunReport, replay, type Scenario } from "../../src/index.js";

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** One leader after the other is cut off, while clients write, and read by lease. */
const scenario: Scenario = {
  parameters: {
    ...{ driftRate: 0.3, faultyMs: 5_600, requestTimeoutMs: 200 },
    ...{ clients: 4, thinkMs: 6, readRate: 0.7, leaseRate: 0.9 },
  },
  faults: Array.from({ length: 6 }, (_, place) => ({
    ...({ name: "isolated leader", atMs: 800 + 800 * place, durationMs: 450, server: 1, seed: place } as const),
  })),
  calls: [],
};

async function runs(seeds: readonly number[]): Promise<RunReport[]> {
  const reports: RunReport[] = [];
  for (const seed of seeds) {
    const script = { seed, world: "servers", actions: null, without: [], scenario } as const;
    reports.push(await replay(script, { settle }));
  }
  return reports;
}

afterEach(() => {
  vi.restoreAllMocks();
});

it("L1: a lease is never too long while clocks differ as servers are told", async () => {
  const reports = await runs([42, 43, 44]);
  expect(reports.map(({ violation }) => violation)).toEqual([null, null, null]);
  for (const { situations } of reports) expect(situations["a lease vouched for a read"]).toBeGreaterThan(100);
});

it("L1: servers that take their clocks for better than they are read what is old", async () => {
  const open = RaftNode.open.bind(RaftNode);
  vi.spyOn(RaftNode, "open").mockImplementation((options) => open({ ...options, maxClockDrift: 0 }));
  const oracles = (await runs([42, 43, 44])).map(({ violation }) => violation?.oracle);
  expect(oracles).toContain("ledger/read-index");
});
