/** Measures one case of a closed loop against a cluster that is filled: what parts `kv` and `reads` have in common. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Column, Figures, PartOption, Row, Settings, Turn } from "../frame/part.js";
import { KvCluster } from "./cluster.js";
import { type Call, type Clients, fill, Load, openClients } from "./load.js";

export const CALLERS = [1, 16, 64, 256];
/** Before anything counts: connections and sessions are opened meanwhile. */
const SETTLING_MS = 500;

export interface Case {
  readonly row: Row;
  readonly callers: number;
  readonly call: Call;
  readonly clients: Clients;
}

export const COLUMNS: readonly Column[] = [
  { key: "callsPerSecond", title: "calls/s", meaning: "calls that succeeded" },
  { key: "p50Ms", title: "p50 ms", meaning: "half of them took so long at most, as their callers saw it" },
  { key: "p99Ms", title: "p99 ms", meaning: "99 of 100 took so long at most" },
  { key: "maxMs", title: "max ms", meaning: "the one that took longest" },
  { key: "errors", title: "errors", meaning: "calls that failed" },
  { key: "perCpuSecond", title: "calls/CPU s", meaning: "calls in a second of the CPU time of all three servers" },
  { key: "leaderCores", title: "leader's cores", meaning: "cores that the leader took" },
  { key: "followersCores", title: "followers' cores", meaning: "cores that the two others took together" },
  { key: "loadCores", title: "load's cores", meaning: "cores that the callers took, in a process of their own" },
];

export const ONLY_CALLERS: PartOption = {
  name: "callers",
  meaning: "only with so many callers; 0: with 1, 16, 64 and 256",
  usual: 0,
  quick: 64,
};

export const CLIENTS: PartOption = {
  name: "clients",
  meaning: "how many clients, each with its own connections, the callers share at most",
  usual: 1,
  quick: 1,
};

export const KEYS: PartOption = { name: "keys", meaning: "how many keys there are", usual: 100_000, quick: 2000 };

/** A cluster that holds all keys. */
export async function openFilled(settings: Settings, say: (text: string) => void): Promise<KvCluster> {
  const cluster = await KvCluster.start(settings);
  say("writing every key once");
  await fill(cluster, keysOf(settings));
  return cluster;
}

/** How many clients so many callers share. */
export function clientsFor(callers: number, { numbers }: Settings): number {
  return Math.min(callers, numbers[CLIENTS.name] ?? CLIENTS.usual);
}

export function keysOf({ numbers }: Settings): number {
  return numbers[KEYS.name] ?? KEYS.usual;
}

/** What happened on the servers' disks during a case. */
export interface Writing {
  /** Entries that the leader's log gained. */
  readonly entries: number;
  /** Null where the system does not tell. */
  readonly diskBytes: number | null;
}

export async function measureCase(
  cluster: KvCluster,
  turn: Turn,
  { row, callers, call, clients }: Case,
  valuesOf: (writing: Writing) => Readonly<Record<string, number>> = () => ({}),
): Promise<void> {
  const leader = await cluster.settled();
  const load = new Load(openClients(cluster, clients), callers, call);
  await sleep(SETTLING_MS);
  const deed = async (): Promise<Figures> => {
    const before = await cluster.statuses();
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    const { successes, errors, firstError, ...latencies } = await load.measure(turn.seconds);
    const seconds = (performance.now() - startedAt) / 1000;
    const { user, system } = process.cpuUsage(cpuBefore);
    const after = await cluster.statuses();
    if (firstError !== null) turn.say(`${errors} errors, the first of them: ${firstError}`);
    const bytes = after.map(
      ({ diskBytes }, place) => (diskBytes ?? Number.NaN) - (before[place]?.diskBytes ?? Number.NaN),
    );
    const diskBytes = bytes.reduce((sum, each) => sum + each, 0);
    const entries = (after[leader]?.lastIndex ?? 0) - (before[leader]?.lastIndex ?? 0);
    return {
      operations: successes,
      values: {
        callsPerSecond: successes / seconds,
        ...latencies,
        errors,
        loadCores: (user + system) / 1e6 / seconds,
        ...valuesOf({ entries, diskBytes: Number.isNaN(diskBytes) ? null : diskBytes }),
      },
    };
  };
  try {
    await turn.measure(row, deed, cluster.watched(leader));
  } finally {
    await load.stop();
  }
}
