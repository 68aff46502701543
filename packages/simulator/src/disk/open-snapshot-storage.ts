/** The production storage of snapshots in a simulated folder. */

import type { SnapshotStorage } from "@quorate/contracts";
import { FolderSnapshotStorage } from "@quorate/storage-level/abstract";
import type { SimulatedFolder } from "./simulated-folder.js";

/**
 * A new storage for one life of a process, to be opened by whoever is given it: that of `@quorate/storage-level`, but
 * for the file system. After `folder.crash()` it is dead: nothing it is asked for ever happens or settles.
 */
export function openSnapshotStorage(folder: SimulatedFolder): SnapshotStorage {
  return new FolderSnapshotStorage(folder.open());
}
