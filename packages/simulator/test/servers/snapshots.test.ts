/** Snapshots of whole servers: whatever can come of them does, and nothing breaks. */

import { Random } from "@quorate/core";
import { describe, expect, it } from "vitest";
import { type FaultName, type RunReport, replay, type Scenario } from "../../src/index.js";
import { SNAPSHOT_SITUATIONS } from "../../src/servers/snapshot-situations.js";

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const FAULTY_MS = 6_000;

/** Of the faults of this kind, one that `isWanted` by the first thing that it draws. */
function seedOf(isWanted: (drawn: number) => boolean): number {
  for (let seed = 1; ; seed += 1) if (isWanted(new Random(seed).between(0, 1))) return seed;
}

function fault(
  name: FaultName,
  atMs: number,
  server: number,
  durationMs = 400,
  seed = atMs,
): Scenario["faults"][number] {
  return { name, atMs, durationMs, server, seed };
}

/** Servers fall behind, one after the other, while snapshots are taken of every few entries. */
function scenario(keptStateRate: number, more: Scenario["faults"]): Scenario {
  const behind = [1, 2, 3, 1, 2, 3].map((server, turn) => fault("isolation", 500 + 800 * turn, server, 600));
  return {
    parameters: {
      ...{ faultyMs: FAULTY_MS, clients: 4, thinkMs: 8, keys: 3, readRate: 0.3, keptStateRate },
      ...{ snapshotAfterEntries: 6, snapshotKeepEntries: 1, snapshotChunkBytes: 100 },
      ...{ snapshotBytesPerSecond: 8_000, snapshotTimeoutMs: 1_000 },
    },
    faults: [...behind, ...more],
    calls: [],
  };
}

async function run(given: Scenario, seeds: readonly number[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const seed of seeds) {
    const script = { seed, world: "servers", actions: null, without: [], scenario: given } as const;
    const { violation, situations, faults }: RunReport = await replay(script, { settle });
    expect([seed, violation]).toEqual([seed, null]);
    for (const [name, count] of Object.entries({ ...situations, ...faults })) {
      counts.set(name, (counts.get(name) ?? 0) + count);
    }
  }
  return counts;
}

/** A write that fails. */
const IN_A_WRITE = seedOf((drawn) => drawn < 0.5);

/** Damage that waits until a snapshot is sent. */
const WHEN_SENT = seedOf((drawn) => drawn >= 0.5);

const FAULTS: Scenario["faults"] = [
  ...[1, 2, 3, 4, 5].map((turn) => fault("broken transfer", 900 * turn, 1, 150)),
  ...[1, 2, 3].map((server) => fault("crash in a snapshot", 1_000 * server, server)),
  ...[1, 2, 3].map((server) => fault("failed snapshot", 1_100 * server, server)),
  ...[1, 2, 3, 1, 2, 3].map((server, turn) => fault("failed snapshot", 700 + 750 * turn, server, 400, IN_A_WRITE)),
  fault("snapshot on demand", 2_000, 1),
];

/** What is tried on its own: while others are taken all the time, no damaged one lasts. */
const DAMAGED = "a snapshot was found damaged where it was sent from";

describe("snapshots of whole servers", () => {
  it.each([
    ["in memory", 0],
    ["on disks of their own", 1],
  ])("with state machines %s: everything that can come of them does, and nothing breaks", async (_, rate) => {
    const counts = await run(scenario(rate, FAULTS), [1, 2, 3, 4]);
    const missed = SNAPSHOT_SITUATIONS.filter((name) => (counts.get(name) ?? 0) === 0);
    expect(missed.filter((name) => name !== DAMAGED)).toEqual([]);
    expect(counts.get("broken transfer")).toBeGreaterThan(0);
    expect(counts.get("crash in a snapshot")).toBeGreaterThan(0);
  });

  it("P7: who lacks what only a damaged snapshot holds is sent another one", async () => {
    const { parameters } = scenario(0, []);
    const given: Scenario = {
      parameters: { ...parameters, clients: 0 },
      faults: [fault("isolation", 500, 3, 3_500), fault("damaged snapshot", 3_900, 1, 1, WHEN_SENT)],
      calls: Array.from({ length: 100 }, (_, place) => {
        return { atMs: 600 + 20 * place, server: 1 + (place % 2), f: "append", key: "x", timeoutMs: 1_000 } as const;
      }),
    };
    const counts = await run(given, [1, 2, 3]);
    expect(counts.get("damaged snapshot")).toBe(3);
    expect(counts.get(DAMAGED)).toBe(3);
  });
});
