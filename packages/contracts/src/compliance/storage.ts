/**
 * The compliance suite of {@link LogStorage}: every sentence of `log-storage.ts` as a test, for anyone's storage.
 *
 * ```ts
 * storageCompliance("MyStorage", () => new MyHarness());
 * ```
 */

import { describe } from "vitest";
import type { LogStorage } from "../log-storage.js";
import { testCompaction } from "./storage/compaction.js";
import { testCrashes } from "./storage/crashes.js";
import { testOpening } from "./storage/opening.js";
import { testRandomHistories } from "./storage/random-histories.js";
import { testReading } from "./storage/reading.js";
import { useHarness } from "./storage/subject.js";
import { testWriting } from "./storage/writing.js";

/** The places that storages of the kind under test live in: directories, say. One harness serves one test. */
export interface StorageHarness {
  /** A storage on a new and blank place, not yet opened. May be called several times. */
  create(): LogStorage | Promise<LogStorage>;

  /** Another storage on the place of `storage`, which is closed. */
  reopen(storage: LogStorage): LogStorage | Promise<LogStorage>;

  /**
   * Another storage, on what would be left of the place of `storage` if the process died at the moment of this call:
   * nothing is closed or flushed first, and a write may be under way. One way is to copy the files as they are.
   * Nobody uses `storage` any more, and its promises need not settle.
   */
  crash(storage: LogStorage): LogStorage | Promise<LogStorage>;

  /**
   * Damages the stored entry at `index`, as a failing disk would, in the place of `storage`, which is closed. Leave it
   * out if the bytes are out of reach; the tests that need it do not run then.
   */
  damage?(storage: LogStorage, index: number): Promise<void>;

  /** Closes whatever is still open and removes all places. */
  dispose(): Promise<void>;
}

/** Defines the tests; call it in a test file. `createHarness` is called before each of them. */
export function storageCompliance(name: string, createHarness: () => StorageHarness | Promise<StorageHarness>): void {
  describe(`${name} complies with LogStorage`, () => {
    const harness = useHarness(createHarness);
    describe("open, initialize, close", () => testOpening(harness));
    describe("write", () => testWriting(harness));
    describe("read", () => testReading(harness));
    describe("compact", () => testCompaction(harness));
    describe("crash", () => testCrashes(harness));
    describe("any history", () => testRandomHistories(harness));
  });
}
