/** What the suite for storages must be able to do with the storages under test. */

import type { LogStorage } from "../../log-storage.js";

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
