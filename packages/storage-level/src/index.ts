/** A durable log storage on LevelDB, and a durable storage of snapshots in files. */

export { FileSnapshotStorage, type FileSnapshotStorageOptions } from "./file-snapshot-storage.js";
export { LevelLogStorage, type LevelLogStorageOptions } from "./level-log-storage.js";
