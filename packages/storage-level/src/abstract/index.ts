/**
 * The log storage over any database of `abstract-level`, and the storage of snapshots over any file system: nothing in
 * here knows of Node, but for `Buffer`.
 */

export type {
  Batch,
  Database,
  DatabaseBatch,
  DatabaseIterator,
  DatabaseSource,
  IteratorOptions,
  KeysOptions,
} from "./database.js";
export { DatabaseLogStorage, type DatabaseLogStorageOptions } from "./database-log-storage.js";
export { GroupKeys } from "./keys.js";
export type { Folder, OpenFile } from "./snapshots/folder.js";
export { FolderSnapshotStorage } from "./snapshots/folder-snapshot-storage.js";
