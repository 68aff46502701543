/** How a process of the world of servers is set up for snapshots: its storage, its state machine, its thresholds. */

import type { RaftNodeOptions } from "@quorate/runtime";
import { openSnapshotStorage, type SimulatedFolder } from "../disk/index.js";
import type { Dice } from "./dice.js";
import { type Command, Registers } from "./register-file.js";
import type { ServersParameters } from "./servers-parameters.js";
import {
  KeptRegisters,
  type RegistersDisk,
  SnapshotRegisters,
  type SnapshotRegistersOptions,
} from "./snapshot-registers.js";
import { type SnapshotsWatcher, WatchedSnapshots } from "./watched-snapshots.js";

/** The state machine of one life of machine `id`: of the same kind in all of its lives. */
export function makeRegisters(
  id: number,
  dice: Dice,
  { snapshotAfterEntries, keptStateRate }: ServersParameters,
  disk: RegistersDisk,
  options: SnapshotRegistersOptions,
): Registers {
  if (dice.roll("snapshot", id) < keptStateRate) return new KeptRegisters(options, disk);
  return snapshotAfterEntries === 0 ? new Registers(options) : new SnapshotRegisters(options);
}

/** Whatever of the options of a node is about snapshots; nothing if there are none. */
export function snapshotOptions(
  parameters: ServersParameters,
  folder: SimulatedFolder,
  watcher: SnapshotsWatcher,
): Partial<RaftNodeOptions<Command, number>> {
  if (parameters.snapshotAfterEntries === 0) return {};
  const { snapshotAfterEntries, snapshotKeepEntries, snapshotChunkBytes, snapshotBytesPerSecond, snapshotTimeoutMs } =
    parameters;
  return {
    snapshots: new WatchedSnapshots(openSnapshotStorage(folder), watcher),
    snapshotAfterEntries,
    snapshotKeepEntries,
    snapshotChunkBytes,
    snapshotBytesPerSecond,
    snapshotTimeoutMs,
  };
}
