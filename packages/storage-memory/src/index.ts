/** A log storage in memory, on a disk that tests and simulations can slow down, break and cut the power of. */

export {
  type CrashOptions,
  type DiskOperation,
  type DiskScheduler,
  MemoryDisk,
  type MemoryDiskOptions,
  type WriteFailure,
} from "./memory-disk.js";
export { MemoryLogStorage } from "./memory-log-storage.js";
