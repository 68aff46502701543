/** A run of servers that was written down, by a person or a property, instead of drawn from a seed. */

import type { NodeId } from "@quorate/core";
import type { Fault } from "./faults.js";
import type { ServersParameters } from "./servers-parameters.js";

/** A request that is sent at a time of its own, whatever became of those before it. */
export interface Call {
  readonly atMs: number;
  readonly server: NodeId;
  readonly f: "put" | "append" | "get";
  readonly key: string;
  readonly timeoutMs: number;
}

export interface Scenario {
  /** Whatever differs from {@link QUIET}. */
  readonly parameters: Partial<ServersParameters>;
  readonly faults: readonly Omit<Fault, "unit">[];
  readonly calls: readonly Call[];
}

/** Three servers as users run them by default, on a good network and good disks, and nobody who asks for anything. */
export const QUIET: ServersParameters = {
  servers: 3,
  spares: 0,
  orderEveryMs: 0,
  clients: 0,
  keys: 1,
  faultyMs: 5_000,
  thinkMs: 100,
  readRate: 0.5,
  leaseRate: 0,
  staleRate: 0,
  maxStalenessMs: 1_000,
  stalledReadRate: 0,
  abandonRate: 0,
  requestTimeoutMs: 2_000,
  retryRate: 0,
  oldVersionRate: 0,
  sessionRate: 0,
  sessionTimeoutMs: 60_000,
  heartbeatIntervalMs: 50,
  electionTimeoutMs: 250,
  maxAppendBytes: 1024 * 1024,
  logCacheBytes: 1024 * 1024,
  lossRate: 0,
  duplicationRate: 0,
  minDelayMs: 0.2,
  maxDelayMs: 1,
  isOrdered: true,
  limboRate: 0,
  limboMs: 0,
  allowsQuiet: true,
  toldLossRate: 1,
  maxWriteMs: 3,
  maxReadMs: 1,
  driftRate: 0,
  lastingCuts: 0,
  lastingHang: false,
  lateAnswerRate: 0,
  snapshotAfterEntries: 0,
  snapshotKeepEntries: 10_000,
  snapshotChunkBytes: 256 * 1024,
  snapshotBytesPerSecond: 64 * 1024 * 1024,
  snapshotTimeoutMs: 10_000,
  keptStateRate: 0,
  everyMs: {},
};
