/** Whole servers in this process: Raft over TCP, LevelDB in temporary directories, and HTTP. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import { expect } from "vitest";
import { KvClient } from "../src/client.js";
import { type KvServer, startServer } from "../src/serve.js";
import { freeAddresses } from "./free-addresses.js";

const clusters: Cluster[] = [];
const errors: unknown[] = [];

/** Servers on one machine, whose disks outlive them. */
export class Cluster {
  readonly servers = new Map<string, KvServer>();
  readonly #directory: string;
  readonly #members: Readonly<Record<string, string>>;
  readonly #httpPorts = new Map<string, number>();

  private constructor(directory: string, members: Readonly<Record<string, string>>) {
    this.#directory = directory;
    this.#members = members;
  }

  static async start(count: number): Promise<Cluster> {
    const addresses = await freeAddresses(count);
    const members = Object.fromEntries(addresses.map((address, i) => [`n${i + 1}`, address]));
    const cluster = new Cluster(await mkdtemp(join(tmpdir(), "quorate-kv-")), members);
    clusters.push(cluster);
    await Promise.all(Object.keys(members).map((id) => cluster.start(id)));
    return cluster;
  }

  async start(id: string): Promise<KvServer> {
    const server = await startServer({
      ...{ id, members: this.#members, directory: join(this.#directory, id), requestTimeoutMs: 1500 },
      http: { host: "127.0.0.1", port: this.#httpPorts.get(id) ?? 0 },
      onError: (error) => errors.push(error),
    });
    this.#httpPorts.set(id, Number(new URL(server.httpUrl).port));
    this.servers.set(id, server);
    return server;
  }

  async stop(id: string): Promise<void> {
    const server = this.servers.get(id);
    this.servers.delete(id);
    await server?.close();
  }

  /** Where to find all servers, those that are stopped as well. */
  get urls(): string[] {
    return [...this.#httpPorts.values()].map((port) => `http://127.0.0.1:${port}`);
  }

  client(): KvClient {
    return new KvClient({ servers: this.urls });
  }

  /** The name of the leader, once the servers that run agree on one. */
  async leader(): Promise<string> {
    for (;;) {
      const names = await Promise.all([...this.servers.values()].map(leaderOf));
      const [name = ""] = names;
      if (names.every((each) => each === name) && this.servers.has(name)) return name;
      await turnOfTheLoop();
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.servers.keys()].map((id) => this.stop(id)));
    await rm(this.#directory, { recursive: true });
  }
}

/** The leader that a server knows, as soon as it knows one. */
function leaderOf({ node }: KvServer): Promise<string> {
  return new Promise((resolve) => {
    const unsubscribe = node.subscribe("leader", ({ leaderName }) => {
      if (leaderName === null) return;
      resolve(leaderName);
      setImmediate(() => unsubscribe());
    });
  });
}

/** To be called after each test: ends what it started. None of the servers may have met an error. */
export async function closeClusters(): Promise<void> {
  for (const cluster of clusters.splice(0)) await cluster.close();
  expect(errors.splice(0)).toEqual([]);
}
