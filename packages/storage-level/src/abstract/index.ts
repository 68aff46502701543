/**
 * The log storage over any database of `abstract-level`, without files and directories: nothing in here knows of Node,
 * but for `Buffer`.
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
