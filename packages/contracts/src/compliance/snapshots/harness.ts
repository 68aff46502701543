/** What the suite for storages of snapshots must be able to do with those under test. */

import type { SnapshotStorage } from "../../snapshot-storage.js";

/** The places that storages of the kind under test live in: directories, say. One harness serves one test. */
export interface SnapshotHarness {
  /** A storage on a new and blank place, not yet opened. May be called several times. */
  create(): SnapshotStorage | Promise<SnapshotStorage>;

  /** Another storage on the place of `storage`, which is closed. */
  reopen(storage: SnapshotStorage): SnapshotStorage | Promise<SnapshotStorage>;

  /**
   * Another storage, on what would be left of the place of `storage` if the process died at the moment of this call:
   * nothing is closed or flushed first, and a commit may be under way. One way is to copy the files as they are. Nobody
   * uses `storage` any more, and its promises need not settle.
   */
  crash(storage: SnapshotStorage): SnapshotStorage | Promise<SnapshotStorage>;

  /**
   * Damages the newest snapshot, as a failing disk would, in the place of `storage`, which is closed: a bit of its header
   * or of what is known about it, or a bit of its body. Leave it out if the bytes are out of reach; the tests that need
   * it do not run then.
   */
  damage?(storage: SnapshotStorage, part: "header" | "body"): Promise<void>;

  /** Closes whatever is still open and removes all places. */
  dispose(): Promise<void>;
}
