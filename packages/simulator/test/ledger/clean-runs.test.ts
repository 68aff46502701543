/** Real cores in trouble, and nothing for the ledger to say. */

import { expect, it } from "vitest";
import { Ledger, type Violation } from "../../src/ledger/index.js";
import { RandomCluster } from "./random-cluster.js";

function run(size: number, seed: number, trouble: number, acts: number): { cluster: RandomCluster; ledger: Ledger } {
  const violations: Violation[] = [];
  const ledger = new Ledger({ onViolation: (violation) => violations.push(violation), now: () => cluster?.now ?? 0 });
  let cluster: RandomCluster | null = null;
  cluster = new RandomCluster({ size, seed, ledger, trouble });
  for (let act = 0; act < acts; act += 1) {
    cluster.act();
    if (violations.length > 0) break;
  }
  expect(violations).toEqual([]);
  return { cluster, ledger };
}

it.each([1, 2, 3, 4, 5, 7])("has nothing to say of %i servers on a good day", (size) => {
  const { ledger } = run(size, size, 0, 10_000);
  expect(ledger.committedIndex).toBeGreaterThan(100);
});

it.each(Array.from({ length: 12 }, (_, place) => place))("has nothing to say in trouble, seed %i", (seed) => {
  const { cluster, ledger } = run([3, 5, 2, 4][seed % 4] as number, seed, 0.1 + (seed % 3) * 0.3, 20_000);
  expect(ledger.committedIndex).toBeGreaterThan(20);
  expect(cluster.crashes).toBeGreaterThan(3);
});
