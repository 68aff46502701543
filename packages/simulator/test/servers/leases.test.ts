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

function run(seed: number): Promise<RunReport> {
  return replay({ seed, world: "servers", actions: null, without: [], scenario }, { settle });
}

afterEach(() => {
  vi.restoreAllMocks();
});

it("L1: a lease is never too long while clocks differ as servers are told", async () => {
  for (const seed of [42, 43, 44]) {
    const { violation, situations } = await run(seed);
    expect(violation).toBeNull();
    expect(situations["a lease vouched for a read"]).toBeGreaterThan(100);
  }
});

it("L1: servers that take their clocks for better than they are read what is old", async () => {
  const open = RaftNode.open.bind(RaftNode);
  vi.spyOn(RaftNode, "open").mockImplementation((options) => open({ ...options, maxClockDrift: 0 }));
  // About every third of these runs tells.
  let found: RunReport["violation"] = null;
  for (let seed = 1; seed <= 40 && found === null; seed += 1) found = (await run(seed)).violation;
  expect(found?.oracle).toBe("ledger/read-index");
});
