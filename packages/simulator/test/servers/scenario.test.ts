/**
 * Scripts and sequences of calls that fast-check makes up, on whole production nodes; and a few that somebody wrote. A
 * failing one is shrunk, and printed as the value that replays it.
 */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Call, FAULTS, replay, type Scenario } from "../../src/index.js";

const RUNS = Number(process.env["QUORATE_RUNS"] ?? 1) * 40;

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const FAULTY_MS = 4_000;

const call: fc.Arbitrary<Call> = fc.record({
  atMs: fc.integer({ min: 0, max: FAULTY_MS + 500 }),
  server: fc.integer({ min: 1, max: 5 }),
  f: fc.constantFrom("put", "append", "append", "get"),
  key: fc.constantFrom("x", "y"),
  timeoutMs: fc.constantFrom(5, 100, 1_000, 10_000),
});

const scenario: fc.Arbitrary<Scenario> = fc.integer({ min: 1, max: 5 }).chain((servers) =>
  fc.record({
    parameters: fc.record({
      servers: fc.constant(servers),
      faultyMs: fc.constant(FAULTY_MS),
      lossRate: fc.constantFrom(0, 0.05, 0.2),
      duplicationRate: fc.constantFrom(0, 0.1),
      isOrdered: fc.boolean(),
      limboRate: fc.constantFrom(0, 0.05),
      limboMs: fc.constant(2_000),
      maxWriteMs: fc.constantFrom(0.5, 20),
      maxAppendBytes: fc.constantFrom(1, 1024 * 1024),
      logCacheBytes: fc.constantFrom(1, 1024 * 1024),
    }),
    faults: fc.array(
      fc.record({
        name: fc.constantFrom(...FAULTS),
        atMs: fc.integer({ min: 0, max: FAULTY_MS }),
        durationMs: fc.integer({ min: 1, max: 2_000 }),
        server: fc.integer({ min: 1, max: servers }),
        seed: fc.nat({ max: 9_999 }),
      }),
      { maxLength: 8 },
    ),
    calls: fc.array(call, { minLength: 1, maxLength: 40 }),
  }),
);

async function violationOf(given: Scenario): Promise<string | null> {
  const script = { seed: 1, world: "servers", actions: null, without: [], scenario: given } as const;
  const { violation } = await replay(script, { settle });
  return violation === null ? null : `${violation.property}: ${violation.facts.join(" ")}`;
}

describe("a scenario", () => {
  it("of any faults and calls breaks nothing", async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        expect(await violationOf(given)).toBeNull();
      }),
      { numRuns: RUNS },
    );
  });

  it("in which nothing goes wrong executes every call", async () => {
    const calls: Call[] = [];
    for (let place = 0; place < 20; place += 1) {
      calls.push({ atMs: 1_500 + 20 * place, server: 1 + (place % 3), f: "append", key: "x", timeoutMs: 1_000 });
    }
    const given: Scenario = { parameters: {}, faults: [], calls };
    const script = { seed: 7, world: "servers", actions: null, without: [], scenario: given } as const;
    const { violation, trace } = await replay(script, { settle, isTraced: true });
    expect(violation).toBeNull();
    expect(trace?.filter(({ where, text }) => where.startsWith("caller") && text.endsWith(": done"))).toHaveLength(20);
  });

  it("P5, P8: the leader's disk hangs, and then fails, under load", async () => {
    const calls: Call[] = [];
    for (let place = 0; place < 60; place += 1) {
      calls.push({
        atMs: 50 * place,
        server: 1 + (place % 3),
        f: place % 3 === 0 ? "get" : "append",
        key: "x",
        timeoutMs: 800,
      });
    }
    const faults: Scenario["faults"] = [1, 2, 3].flatMap((server) => [
      { name: "hanging disk" as const, atMs: 700 * server, durationMs: 1_500, server, seed: 1 },
      { name: "failed fsync" as const, atMs: 700 * server + 100, durationMs: 1, server, seed: 1 },
    ]);
    expect(await violationOf({ parameters: {}, faults, calls })).toBeNull();
  });
});
