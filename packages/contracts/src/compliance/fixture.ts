/** What the suites of storages have in common. */

import { afterEach, beforeEach } from "vitest";

/** A new harness for every test of the surrounding `describe`, which is disposed of after it. */
export function useHarness<Harness extends { dispose(): void | Promise<void> }>(
  createHarness: () => Harness | Promise<Harness>,
): () => Harness {
  let current: Harness | null = null;
  beforeEach(async () => {
    current = await createHarness();
  });
  afterEach(async () => {
    await current?.dispose();
    current = null;
  });
  return () => {
    if (current === null) throw new Error("There is a harness only while a test runs");
    return current;
  };
}

/** Bytes that differ from place to place, and between `seed`s. */
export function bytes(length: number, seed: number): Uint8Array {
  const all = new Uint8Array(length);
  for (let place = 0; place < length; place += 1) all[place] = place * 167 + seed * 59 + (place >> 8);
  return all;
}
