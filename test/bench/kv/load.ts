/**
 * Callers in closed loops: each makes its next call when the last one is answered, and a few clients, each with its own
 * connections, serve all of them. They run in the process of the bench, never in that of a server.
 */

import { randomBytes, randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { KvClient } from "quorate-kv";
import { type CallFigures, CallLog } from "./calls.js";
import type { KvCluster } from "./cluster.js";

const VALUE_BYTES = 256;

const FILLERS = 256;
/** Made of chance, so that no storage makes less of them. */
const VALUES = Array.from({ length: 64 }, () => randomBytes(VALUE_BYTES));

/** The binary protocol of the store, or HTTP: both at the same address. */
export type Protocol = "kv" | "http";

export interface Clients {
  readonly count: number;
  readonly protocol: Protocol;
  /** Whom they ask first: the server at this place, or each of them another one. */
  readonly whom: number | "all";
}

export type Call = (client: KvClient) => Promise<unknown>;

/** Writes any of so many keys. */
export function put(keys: number): Call {
  return (client) => client.put(keyAt(randomInt(keys)), valueAt(randomInt(VALUES.length)));
}

/** Reads any of so many keys, all of which are there. */
export function get(keys: number, consistency: "linearizable" | "lease" | "stale"): Call {
  return async (client) => {
    const entry = await client.get(keyAt(randomInt(keys)), { consistency });
    if (entry?.value.length !== VALUE_BYTES) throw new Error("A get did not find what is there.");
  };
}

export class Load {
  readonly #clients: readonly KvClient[];
  readonly #loops: readonly Promise<void>[];
  #log: CallLog | null = null;
  #isStopped = false;

  constructor(clients: readonly KvClient[], callers: number, call: Call) {
    this.#clients = clients;
    this.#loops = Array.from({ length: callers }, (_, caller) => this.#loop(clientOf(clients, caller), call));
  }

  /** Takes down the calls that end within so many seconds from now. */
  async measure(seconds: number): Promise<CallFigures> {
    const log = new CallLog();
    this.#log = log;
    await sleep(1000 * seconds);
    this.#log = null;
    return log.figures();
  }

  /** Resolves when nothing of it is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#loops);
    await closeClients(this.#clients);
  }

  async #loop(client: KvClient, call: Call): Promise<void> {
    while (!this.#isStopped) {
      const startedAt = performance.now();
      try {
        await call(client);
        this.#log?.onSuccess(performance.now() - startedAt);
      } catch (error) {
        this.#log?.onError(error);
      }
    }
  }
}

/** Writes so many keys, each once, so that reads find something, and all programs are as hot as they get. */
export async function fill(cluster: KvCluster, keys: number): Promise<void> {
  const clients = openClients(cluster, { count: 1, protocol: "kv", whom: await cluster.settled() });
  let next = 0;
  const one = async (client: KvClient): Promise<void> => {
    while (next < keys) {
      const place = next;
      next += 1;
      await client.put(keyAt(place), valueAt(place % VALUES.length));
    }
  };
  await Promise.all(Array.from({ length: FILLERS }, (_, filler) => one(clientOf(clients, filler))));
  await closeClients(clients);
}

/** Each knows all servers. */
export function openClients({ urls }: KvCluster, { count, protocol, whom }: Clients): KvClient[] {
  const servers = urls.map((url) => url.replace(/^http:/, `${protocol}:`));
  return Array.from({ length: count }, (_, client) => {
    const first = (whom === "all" ? client : whom) % servers.length;
    return new KvClient({ servers: [...servers.slice(first), ...servers.slice(0, first)] });
  });
}

export async function closeClients(clients: readonly KvClient[]): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
}

/** Callers share clients evenly. */
export function clientOf(clients: readonly KvClient[], caller: number): KvClient {
  return clients[caller % clients.length] as KvClient;
}

export function keyAt(place: number): string {
  return `k/${String(place).padStart(6, "0")}`;
}

export function valueAt(place: number): Uint8Array {
  return VALUES[place] as Uint8Array;
}
