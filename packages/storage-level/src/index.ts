/** A durable log storage on LevelDB. */

export { LevelLogStorage, type LevelLogStorageOptions } from "./level-log-storage.js";
