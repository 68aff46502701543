/**
 * The compliance suite of {@link LogStorage}: every sentence of `log-storage.ts` as a test, for anyone's storage.
 *
 * ```ts
 * storageCompliance("MyStorage", () => new MyHarness());
 * ```
 */

import { describe } from "vitest";
import { useHarness } from "./fixture.js";
import { testCompaction } from "./storage/compaction.js";
import { testCrashes } from "./storage/crashes.js";
import type { StorageHarness } from "./storage/harness.js";
import { testOpening } from "./storage/opening.js";
import { testRandomHistories } from "./storage/random-histories.js";
import { testReading } from "./storage/reading.js";
import { testReset } from "./storage/reset.js";
import { testWriting } from "./storage/writing.js";

/** Defines the tests; call it in a test file. `createHarness` is called before each of them. */
export function storageCompliance(name: string, createHarness: () => StorageHarness | Promise<StorageHarness>): void {
  describe(`${name} complies with LogStorage`, () => {
    const harness = useHarness(createHarness);
    describe("open, initialize, close", () => testOpening(harness));
    describe("write", () => testWriting(harness));
    describe("read", () => testReading(harness));
    describe("compact", () => testCompaction(harness));
    describe("reset", () => testReset(harness));
    describe("crash", () => testCrashes(harness));
    describe("any history", () => testRandomHistories(harness));
  });
}
