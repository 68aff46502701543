/** Storages in memory, on a disk that tests and simulations can slow down, break and cut the power of. */

export {
  type CrashOptions,
  type DiskOperation,
  type DiskPart,
  type DiskScheduler,
  MemoryDisk,
  type MemoryDiskOptions,
  type SnapshotOperation,
  type WriteFailure,
} from "./memory-disk.js";
export { MemoryLogStorage } from "./memory-log-storage.js";
export { MemorySnapshotStorage } from "./memory-snapshot-storage.js";
