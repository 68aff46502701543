/** What a seed decides in the world of servers: how many there are, the load, and how hostile their surroundings. */

import type { Random } from "@quorate/core";
import { FAULTS, type FaultName } from "./fault-names.js";

export interface ServersParameters {
  readonly servers: number;
  /** Machines besides, on which servers may join, and the mean time between two orders of an operator; 0 without one. */
  readonly spares: number;
  readonly orderEveryMs: number;
  readonly clients: number;
  readonly keys: number;
  /** How long faults happen, in simulated milliseconds. */
  readonly faultyMs: number;
  /** The mean pause of a client between two requests. */
  readonly thinkMs: number;
  /** The share of requests that are reads, and of those that nobody waits for. */
  readonly readRate: number;
  /** The shares of reads for which a lease will do, and those that may be old. */
  readonly leaseRate: number;
  readonly staleRate: number;
  /** How old those may be. */
  readonly maxStalenessMs: number;
  /** The share of queries that take so long that a lease may be over when they are done. */
  readonly stalledReadRate: number;
  readonly abandonRate: number;
  /** How long a client waits for an answer. */
  readonly requestTimeoutMs: number;
  /** Whether what became of an unknown outcome is asked again. */
  readonly retryRate: number;
  /** The share of processes that run an older version of the program, while that is possible. */
  readonly oldVersionRate: number;
  /** The share of clients that have sessions of their own, and retry in them on any server. */
  readonly sessionRate: number;
  /** How long sessions live unused. */
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  readonly maxAppendBytes: number;
  readonly logCacheBytes: number;
  // The network.
  readonly lossRate: number;
  readonly duplicationRate: number;
  /** Every message takes a delay between these two. */
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** Whether messages of a link stay in order. */
  readonly isOrdered: boolean;
  /** The share of messages that are held back for up to as long: past an election, or several. */
  readonly limboRate: number;
  readonly limboMs: number;
  /** Whether servers take part in quiets. */
  readonly allowsQuiet: boolean;
  /** When a process ends: the share of the others that hear of it. */
  readonly toldLossRate: number;
  // Machines.
  readonly maxWriteMs: number;
  readonly maxReadMs: number;
  /** The share of commands for which the state machine answers with a promise. */
  readonly lateAnswerRate: number;
  /** After how many entries a snapshot is taken, at the latest; 0 if none ever is. */
  readonly snapshotAfterEntries: number;
  readonly snapshotKeepEntries: number;
  readonly snapshotChunkBytes: number;
  readonly snapshotBytesPerSecond: number;
  readonly snapshotTimeoutMs: number;
  /** The share of servers whose state machine keeps its state on a disk of its own. */
  readonly keptStateRate: number;
  /** By how much the clocks run fast or slow, at most. */
  readonly driftRate: number;
  /** The share of links between the connected majority and the others that stay cut when the faults stop. */
  readonly lastingCuts: number;
  /** Whether the disk of one server, the leader if there is one, hangs when the faults stop (PITFALLS P8). */
  readonly lastingHang: boolean;
  /** The mean time between two faults of each kind that is switched on, in milliseconds. */
  readonly everyMs: Readonly<Partial<Record<FaultName, number>>>;
}

/**
 * How much faster the fastest clock may run than the slowest, as a ratio: what servers are told, so that it is true.
 * Above it, if only by what arithmetic loses.
 */
export function maxClockDriftOf({ driftRate }: ServersParameters): number {
  return (1 + driftRate) / (1 - driftRate) - 1 + 1e-9;
}

/** Most runs have snapshots, of a few entries each, so that there are many. */
function drawSnapshots(random: Random, electionTimeoutMs: number): Pick<ServersParameters, SnapshotParameter> {
  const isOn = (rate = 0.5): boolean => random.between(0, 1) < rate;
  const pick = <T>(...from: T[]): T => from[Math.floor(random.between(0, from.length))] as T;
  return {
    snapshotAfterEntries: isOn(0.75) ? pick(3, 6, 6, 12, 30) : 0,
    snapshotKeepEntries: pick(1, 1, 1, 5, 30),
    snapshotChunkBytes: pick(30, 150, 150, 1_000),
    snapshotBytesPerSecond: pick(4_000, 20_000, 64 * 1024 * 1024),
    snapshotTimeoutMs: pick(2, 5, 10) * electionTimeoutMs,
    keptStateRate: pick(0, 0, 0.5, 1),
  };
}

/** They reach to the end of the log, nearly, and take their time. */
const TRIED_SNAPSHOTS: Partial<ServersParameters> = {
  snapshotAfterEntries: 4,
  snapshotKeepEntries: 1,
  snapshotChunkBytes: 100,
  snapshotBytesPerSecond: 10_000,
};

type SnapshotParameter =
  | "snapshotAfterEntries"
  | "snapshotKeepEntries"
  | "snapshotChunkBytes"
  | "snapshotBytesPerSecond"
  | "snapshotTimeoutMs"
  | "keptStateRate";
/** The share of runs in which an operator changes members. */
const MEMBERS_RATE = 0.25;

/** Draws everything anew for each seed, and switches a random subset of the faults on. */
export function drawServersParameters(random: Random): ServersParameters {
  const isOn = (rate = 0.5): boolean => random.between(0, 1) < rate;
  const whole = (low: number, high: number): number => Math.floor(random.between(low, high + 1));
  const pick = <T>(...from: T[]): T => from[whole(0, from.length - 1)] as T;
  const electionTimeoutMs = pick(100, 250, 250, 500);
  const minDelayMs = random.between(0.1, 2);
  const faultyMs = random.between(3, 11) * electionTimeoutMs;
  const everyMs: Partial<Record<FaultName, number>> = {};
  // A few kinds at a time: with all of them at once nothing works long enough to go wrong.
  const share = pick(0, 0.1, 0.2, 0.3);
  for (const name of FAULTS) if (isOn(share)) everyMs[name] = faultyMs / random.between(0.5, 6);
  // Leases, and ages, mean something as long as clocks run nearly alike; the first of these hides time, the other adds it.
  const canAge = everyMs["suspended machine"] === undefined;
  const canLease = canAge && everyMs["clock jump"] === undefined;
  const leaseRate = canLease && isOn(0.6) ? random.between(0.1, 0.9) : 0;
  // What tries leases is one leader after the other that is cut off, clocks that differ, the next leader quick to write,
  // and clients who ask all the time.
  const triesLeases = leaseRate > 0 && isOn(0.2);
  if (triesLeases) everyMs["isolated leader"] = random.between(1.5, 4) * electionTimeoutMs;
  const oldVersionRate = isOn(0.3) ? random.between(0.1, 0.9) : 0;
  if (oldVersionRate > 0) everyMs["raised feature levels"] = faultyMs / random.between(0.5, 3);
  const changesMembers = isOn(MEMBERS_RATE);
  const allowsQuiet = isOn(0.7);
  // What tries quiets is clients who ask seldom.
  const triesQuiet = allowsQuiet && !triesLeases && isOn(0.25);
  // What tries snapshots is many servers that fall behind, one after the other, and what is sent to them breaks off.
  const triesSnapshots = !triesLeases && !triesQuiet && isOn(0.15);
  if (triesSnapshots) {
    everyMs["isolation"] = random.between(2, 4) * electionTimeoutMs;
    everyMs["broken transfer"] = random.between(1, 4) * electionTimeoutMs;
    if (isOn()) everyMs["damaged snapshot"] = faultyMs / 2;
  }
  const slowestMs = triesLeases ? electionTimeoutMs / 10 : electionTimeoutMs;
  return {
    servers: pick(1, 2, 3, 3, 3, 3, 4, 5, 5),
    spares: changesMembers ? whole(1, 3) : 0,
    orderEveryMs: changesMembers ? random.between(0.25, 2) * electionTimeoutMs : 0,
    clients: triesQuiet ? whole(1, 2) : whole(1, 6),
    keys: whole(1, 4),
    // Members that change have more to do afterwards, and so less time before.
    faultyMs: (changesMembers ? 0.6 : 1) * (triesQuiet ? 3 : 1) * faultyMs,
    thinkMs: triesQuiet
      ? random.between(2, 10) * electionTimeoutMs
      : triesLeases || triesSnapshots
        ? random.between(2, 15)
        : random.between(5, 120),
    readRate: triesLeases ? random.between(0.4, 0.8) : random.between(0.1, 0.6),
    abandonRate: isOn() ? random.between(0, 0.3) : 0,
    requestTimeoutMs: random.between(1, 10) * electionTimeoutMs,
    retryRate: isOn() ? random.between(0, 0.5) : 0,
    sessionRate: isOn() ? random.between(0.2, 1) : 0,
    sessionTimeoutMs: pick(electionTimeoutMs, 4 * electionTimeoutMs, 20 * electionTimeoutMs, 60_000),
    heartbeatIntervalMs: electionTimeoutMs / 5,
    electionTimeoutMs,
    maxAppendBytes: pick(1, 60, 1024, 1024 * 1024),
    logCacheBytes: pick(1, 400, 1024 * 1024),
    lossRate: isOn() ? random.between(0, 0.2) : 0,
    duplicationRate: isOn() ? random.between(0, 0.2) : 0,
    minDelayMs,
    maxDelayMs: minDelayMs + random.between(0.1, 0.15) * slowestMs * random.between(0, 1),
    isOrdered: isOn(),
    limboRate: isOn() ? random.between(0, 0.05) : 0,
    limboMs: random.between(1, 12) * electionTimeoutMs,
    allowsQuiet,
    toldLossRate: isOn() ? random.between(0, 1) : 1,
    maxWriteMs: random.between(0.1, 0.15) * slowestMs * random.between(0, 1),
    maxReadMs: random.between(0.1, 10),
    driftRate: triesLeases ? random.between(0.1, 0.3) : isOn() ? random.between(0, 0.2) : 0,
    // Where members change, whoever is cut off for good may be just whom the change needs.
    lastingCuts: isOn(0.4) && !changesMembers ? random.between(0.3, 1) : 0,
    lastingHang: isOn(0.2) && !changesMembers,
    lateAnswerRate: isOn(0.25) ? random.between(0, 0.5) : 0,
    everyMs,
    leaseRate,
    staleRate: canAge && isOn(0.4) ? random.between(0.1, 0.6) : 0,
    maxStalenessMs: random.between(0.1, 6) * electionTimeoutMs,
    stalledReadRate: isOn(0.3) ? random.between(0, 0.1) : 0,
    ...drawSnapshots(random, electionTimeoutMs),
    ...(triesSnapshots ? TRIED_SNAPSHOTS : {}),
    oldVersionRate,
  };
}
