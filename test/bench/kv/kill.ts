/**
 * The death of a leader under load: sixteen callers write without a pause, and a probe begins every 5 ms whatever became
 * of those before it. Both ask all servers in turn, the dead one too. What counts is the longest time without a write
 * that succeeded, of whichever caller, that ended after the kill.
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { KvClient } from "quorate-kv";
import { longestGapMs } from "./calls.js";
import type { KvCluster } from "./cluster.js";
import { clientOf, closeClients, keyAt, openClients, valueAt } from "./load.js";

const CALLERS = 16;
const PROBE_EVERY_MS = 5;
const CALLER_TIMEOUT_MS = 1000;
const PROBE_TIMEOUT_MS = 2000;
const BEFORE_MS = 1500;
/** The load goes on for so long after the kill, at least: another election may follow the first. */
const AFTER_MS = 4000;
/** All is well again when so many writes have succeeded within a second. */
const WELL_WRITES = 100;
const WELL_WITHIN_MS = 60_000;

export interface KillFigures {
  readonly gapMs: number;
  /** Writes of which their callers were told that they failed, or that nothing is known of them. */
  readonly failedWrites: number;
  /** Terms that came until all was well. */
  readonly terms: number;
}

class Attempts {
  readonly successesMs: number[] = [];
  failed = 0;
  isStopped = false;

  async put(client: KvClient, place: number, timeoutMs: number): Promise<void> {
    try {
      await client.put(keyAt(place), valueAt(0), { timeoutMs });
      this.successesMs.push(performance.now());
    } catch {
      this.failed += 1;
    }
  }

  get areWell(): boolean {
    const last = this.successesMs.at(-WELL_WRITES);
    return last !== undefined && performance.now() - last < 1000;
  }
}

/** Kills the leader, waits until all is well, and starts the server again. */
export async function killLeader(cluster: KvCluster): Promise<KillFigures> {
  const leader = await cluster.settled();
  const termBefore = await cluster.term();
  const clients = openClients(cluster, { count: cluster.urls.length, protocol: "kv", whom: "all" });
  const attempts = new Attempts();
  const load = [probe(clients, attempts), ...cycle(CALLERS, (caller) => call(clients, caller, attempts))];
  await sleep(BEFORE_MS);
  const killedAtMs = performance.now();
  await cluster.kill(leader);
  await sleep(AFTER_MS);
  while (!attempts.areWell) {
    if (performance.now() - killedAtMs > WELL_WITHIN_MS) throw new Error("no writes for a minute after the kill");
    await sleep(100);
  }
  attempts.isStopped = true;
  await Promise.all(load);
  await closeClients(clients);
  await cluster.restart(leader);
  await cluster.settled();
  const gapMs = longestGapMs(attempts.successesMs, killedAtMs);
  return { gapMs, failedWrites: attempts.failed, terms: (await cluster.term()) - termBefore };
}

function cycle<Value>(count: number, one: (place: number) => Value): Value[] {
  return Array.from({ length: count }, (_, place) => one(place));
}

async function call(clients: readonly KvClient[], caller: number, attempts: Attempts): Promise<void> {
  for (let turn = 0; !attempts.isStopped; turn += 1)
    await attempts.put(clientOf(clients, caller), caller * 1000 + (turn % 1000), CALLER_TIMEOUT_MS);
}

/** Resolves when it is stopped and every probe has ended. */
async function probe(clients: readonly KvClient[], attempts: Attempts): Promise<void> {
  const probes: Promise<void>[] = [];
  for (let turn = 0; !attempts.isStopped; turn += 1) {
    probes.push(attempts.put(clientOf(clients, turn), turn % 1000, PROBE_TIMEOUT_MS));
    await sleep(PROBE_EVERY_MS);
  }
  await Promise.all(probes);
}
