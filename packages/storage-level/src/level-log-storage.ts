/** LevelLogStorage: a server's log in a directory of its own, on LevelDB. */

import { StorageError } from "@quorate/contracts";
import { DatabaseLogStorage } from "./abstract/database-log-storage.js";
import { LevelSource } from "./level-source.js";

export interface LevelLogStorageOptions {
  /**
   * Where the database lies, for this server alone. Created, with whatever it lies in, when a server is founded; until
   * then nothing is changed.
   */
  readonly directory: string;
  /** Which Raft group's log this is, from 0 to 2³² − 1. Default: 0. */
  readonly groupId?: number;
}

export class LevelLogStorage extends DatabaseLogStorage {
  readonly directory: string;

  /** Throws `INVALID_OPTIONS`. */
  constructor({ directory, groupId = 0 }: LevelLogStorageOptions) {
    if (typeof directory !== "string" || directory === "") {
      throw new StorageError("INVALID_OPTIONS", "directory must be the path of a directory.");
    }
    super({ source: new LevelSource(directory), groupId });
    this.directory = directory;
  }
}
