/**
 * Servers under full load whose event loops stand still again and again, each for itself, as when a garbage collection
 * or a state machine takes its time. A leader that is only late must stay the leader.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { longestGapMs } from "./calls.js";
import type { KvCluster } from "./cluster.js";
import { clientOf, closeClients, keyAt, openClients, valueAt } from "./load.js";

const STALL_MS = 100;
/** Between two stalls of a server, drawn anew each time: so that those of several come together in every way. */
const LEAST_REST_MS = 100;
const MOST_REST_MS = 700;
const CLIENTS = 4;
const CALLERS = 64;
const KEYS = 10_000;
const TOLD_EVERY_MS = 5000;

export interface StallFigures {
  readonly elections: number;
  /** Of all servers. */
  readonly stalls: number;
  readonly writesPerSecond: number;
  readonly failedWrites: number;
  /** The longest time without a successful write. */
  readonly gapMs: number;
}

/** `onProgress` is told now and then how long it takes yet, in seconds, and how many elections there were. */
export async function stallServers(
  cluster: KvCluster,
  seconds: number,
  onProgress: (secondsLeft: number, elections: number) => void,
): Promise<StallFigures> {
  const clients = openClients(cluster, { count: CLIENTS, protocol: "kv", whom: await cluster.settled() });
  const firstTerm = await cluster.term();
  const startedAtMs = performance.now();
  const untilMs = startedAtMs + 1000 * seconds;
  const isOver = (): boolean => performance.now() >= untilMs;
  const successesMs: number[] = [];
  let stalls = 0;
  let failedWrites = 0;

  const stall = async (place: number): Promise<void> => {
    while (!isOver()) {
      await sleep(LEAST_REST_MS + Math.random() * (MOST_REST_MS - LEAST_REST_MS));
      await cluster.stall(place, STALL_MS);
      stalls += 1;
    }
  };
  const write = async (caller: number): Promise<void> => {
    for (let turn = 0; !isOver(); turn += 1) {
      try {
        await clientOf(clients, caller).put(keyAt((caller + turn * CALLERS) % KEYS), valueAt(0));
        successesMs.push(performance.now());
      } catch {
        failedWrites += 1;
      }
    }
  };
  const tell = async (): Promise<void> => {
    while (!isOver()) {
      await sleep(Math.min(TOLD_EVERY_MS, Math.max(0, untilMs - performance.now())));
      onProgress(Math.max(0, untilMs - performance.now()) / 1000, (await cluster.term()) - firstTerm);
    }
  };
  await Promise.all([
    tell(),
    ...cluster.places.map(stall),
    ...Array.from({ length: CALLERS }, (_, each) => write(each)),
  ]);
  await closeClients(clients);
  const elections = (await cluster.term()) - firstTerm;
  const gapMs = longestGapMs(successesMs, startedAtMs);
  return { elections, stalls, writesPerSecond: successesMs.length / seconds, failedWrites, gapMs };
}
