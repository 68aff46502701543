/** The production log storage on a simulated disk. */

import type { LogStorage } from "@quorate/contracts";
import type { Index } from "@quorate/core";
import { type Database, DatabaseLogStorage, type DatabaseSource, GroupKeys } from "@quorate/storage-level/abstract";
import { bytesOf, keyOf } from "./contents.js";
import type { SimulatedDisk } from "./simulated-disk.js";
import { SimulatedLevel } from "./simulated-level.js";

/**
 * A new storage for one life of a process, to be opened by whoever is given it: that of `@quorate/storage-level`, but
 * for files and directories. After `disk.crash()` it is dead: nothing it is asked for ever happens or settles.
 */
export function openLogStorage(disk: SimulatedDisk, groupId = 0): LogStorage {
  return new DatabaseLogStorage({ source: new SimulatedSource(disk), groupId });
}

/** The key of the record that holds an entry, for a bit to be flipped in; undefined if none is stored. */
export function entryKey(disk: SimulatedDisk, index: Index, groupId = 0): Uint8Array | undefined {
  const { gte, lt } = new GroupKeys(groupId).logFrom(index);
  const [first] = disk.contents.view().keys(keyOf(gte));
  return first !== undefined && first < keyOf(lt) ? bytesOf(first) : undefined;
}

class SimulatedSource implements DatabaseSource {
  readonly name = "the simulated disk";
  readonly #disk: SimulatedDisk;

  constructor(disk: SimulatedDisk) {
    this.#disk = disk;
  }

  async open(): Promise<Database | null> {
    return this.#disk.isBlank ? null : this.create();
  }

  async create(): Promise<Database> {
    const database = new SimulatedLevel(this.#disk);
    await database.open();
    return database;
  }
}
