/** Three servers of the store as processes on this machine, in a temporary directory. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import getPort from "get-port";
import type { ClusterStatus } from "../client/types.js";
import { KvClient } from "../client.js";
import { type SpawnedServer, spawnServer } from "../spawn.js";

const POLL_MS = 5;
const NAMES = ["n1", "n2", "n3"];

type Scheme = "http" | "kv";

export interface LeaderOptions {
  /** A server that does not count: it is dead or paused. */
  readonly without?: string;
  readonly withinMs: number;
}

export class DemoCluster {
  readonly directory: string;
  readonly #members: Readonly<Record<string, string>>;
  readonly #http: Readonly<Record<string, string>>;
  readonly #scheme: Scheme;
  readonly #running = new Map<string, SpawnedServer>();

  private constructor(
    directory: string,
    members: Record<string, string>,
    http: Record<string, string>,
    scheme: Scheme,
  ) {
    this.directory = directory;
    this.#members = members;
    this.#http = http;
    this.#scheme = scheme;
  }

  /** Its clients speak the protocol that `scheme` stands for. */
  static async start(scheme: Scheme = "kv"): Promise<DemoCluster> {
    const directory = await mkdtemp(join(tmpdir(), "quorate-demo-"));
    const members: Record<string, string> = {};
    const http: Record<string, string> = {};
    for (const name of NAMES) {
      members[name] = `127.0.0.1:${await getPort({ host: "127.0.0.1" })}`;
      http[name] = `127.0.0.1:${await getPort({ host: "127.0.0.1" })}`;
    }
    const cluster = new DemoCluster(directory, members, http, scheme);
    try {
      await Promise.all(NAMES.map((name) => cluster.startServer(name)));
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  get names(): readonly string[] {
    return NAMES;
  }

  urlOf(name: string): string {
    return `${this.#scheme}://${this.#http[name]}`;
  }

  /** Where clients find all servers, running or not. */
  get urls(): string[] {
    return NAMES.map((name) => this.urlOf(name));
  }

  get runningUrls(): string[] {
    return NAMES.filter((name) => this.#running.has(name)).map((name) => this.urlOf(name));
  }

  async startServer(name: string): Promise<void> {
    const server = await spawnServer({
      id: name,
      directory: join(this.directory, name),
      members: this.#members,
      http: this.#http[name] as string,
    });
    this.#running.set(name, server);
  }

  /** SIGKILL ends the process between two instructions, as a crash does; SIGTERM shuts it down in good order. */
  async end(name: string, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const server = this.#running.get(name);
    this.#running.delete(name);
    await server?.stop(signal);
  }

  /** SIGSTOP: the process does nothing until {@link resume}, and does not know it. */
  pause(name: string): void {
    this.#running.get(name)?.process.kill("SIGSTOP");
  }

  resume(name: string): void {
    this.#running.get(name)?.process.kill("SIGCONT");
  }

  /** What one server knows; null if it does not answer. */
  async statusOf(name: string): Promise<ClusterStatus | null> {
    const client = new KvClient({ servers: [this.urlOf(name)], timeoutMs: 2_000 });
    return client.cluster().catch(() => null);
  }

  /** Waits until a server leads and all others know it; leaves `without` out of both. */
  async leader({ without, withinMs }: LeaderOptions): Promise<{ name: string; term: number }> {
    return this.poll(withinMs, "no leader was elected", async () => {
      const asked = [...this.#running.keys()].filter((name) => name !== without);
      const statuses = await Promise.all(asked.map((name) => this.statusOf(name)));
      const name = statuses[0]?.leader?.name;
      const term = statuses[0]?.term ?? 0;
      const isAgreed = statuses.every((status) => status?.leader?.name === name && status?.term === term);
      return typeof name === "string" && name !== without && isAgreed ? { name, term } : null;
    });
  }

  /** Asks until there is an answer. Rejects with `complaint` when the time is over. */
  async poll<Answer>(withinMs: number, complaint: string, ask: () => Promise<Answer | null>): Promise<Answer> {
    const until = performance.now() + withinMs;
    while (performance.now() < until) {
      const answer = await ask();
      if (answer !== null) return answer;
      await sleep(POLL_MS);
    }
    throw new Error(`${complaint} within ${withinMs / 1000} s`);
  }

  /** Ends every process and removes the data. */
  async stop(): Promise<void> {
    await Promise.all(
      [...this.#running.values()].map((server) => {
        server.process.kill("SIGCONT");
        return server.stop("SIGTERM");
      }),
    );
    await rm(this.directory, { recursive: true, force: true });
  }
}
