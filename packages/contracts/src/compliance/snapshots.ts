/**
 * The compliance suite of {@link SnapshotStorage}: every sentence of `snapshot-storage.ts` as a test, for anyone's
 * storage.
 *
 * ```ts
 * snapshotStorageCompliance("MySnapshotStorage", () => new MyHarness());
 * ```
 */

import { describe } from "vitest";
import { useHarness } from "./fixture.js";
import { testSnapshotCrashes } from "./snapshots/crashes.js";
import type { SnapshotHarness } from "./snapshots/harness.js";
import { testSnapshotLifetime } from "./snapshots/lifetime.js";
import { testSnapshotHistories } from "./snapshots/random-histories.js";
import { testSnapshotReading } from "./snapshots/reading.js";
import { testSnapshotWriting } from "./snapshots/writing.js";

/** Defines the tests; call it in a test file. `createHarness` is called before each of them. */
export function snapshotStorageCompliance(
  name: string,
  createHarness: () => SnapshotHarness | Promise<SnapshotHarness>,
): void {
  describe(`${name} complies with SnapshotStorage`, () => {
    const harness = useHarness(createHarness);
    describe("open, close", () => testSnapshotLifetime(harness));
    describe("create, write, commit, abort", () => testSnapshotWriting(harness));
    describe("read", () => testSnapshotReading(harness));
    describe("crash", () => testSnapshotCrashes(harness));
    describe("any history", () => testSnapshotHistories(harness));
  });
}
