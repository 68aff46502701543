/**
 * A disk that outlives the processes of one simulated server, and everything that can go wrong with it.
 *
 * ```ts
 * const disk = new SimulatedDisk({
 *   schedule: ({ kind, sizeBytes }, complete) => time.schedule(time.now + latencyMs(kind, sizeBytes), complete),
 * });
 * const storage = openLogStorage(disk);          // one life of a process: the production storage, not yet opened
 * disk.failNext({ kind: "sync", landed: true }); // the batch is on the disk, and the process is told that it is not
 * disk.crash((batch) => coin());                 // what was asked of it stays undone, and the lock is free
 * const again = openLogStorage(disk);            // the next life
 * ```
 *
 * - `openLogStorage(disk)` gives a `LogStorage` that is that of `@quorate/storage-level`, over a database on this disk.
 * - `openSnapshotStorage(folder)` does the same for snapshots, in a {@link SimulatedFolder}.
 * - `schedule` decides when an operation completes: at once, later, or never, which is a disk that hangs. Nothing in
 *   here waits for anything else: once `complete` has been called, all that follows from it happens in microtasks.
 * - No fault happens by itself, and nothing is drawn at random in here: `crash`, `failNext`, `isFull`, `liesAboutSync`,
 *   `flipBit`, `wipe` and `rollBack` are told by the caller.
 */

export { entryKey, openLogStorage } from "./open-log-storage.js";
export { openSnapshotStorage } from "./open-snapshot-storage.js";
export {
  type BatchAtRisk,
  type DiskFault,
  type DiskOperation,
  type DiskScheduler,
  type DiskSnapshot,
  SimulatedDisk,
} from "./simulated-disk.js";
export { type FolderSnapshot, SimulatedFolder } from "./simulated-folder.js";
export { SimulatedLevel } from "./simulated-level.js";
