/** A cluster under measurement: each server in a process of its own, on this machine. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import getPort from "get-port";
import type { Tuning } from "quorate";
import type { Watched } from "../frame/meter.js";
import type { Settings } from "../frame/part.js";
import { profilingArguments } from "../frame/profile.js";
import type { Answers, Notice, Order, Request, ServerStatus, ServerTask, ServerUsage } from "./protocol.js";

/** As `tsc -b` leaves it: servers are measured as users run them, without a compiler in their process. */
const PROGRAM = fileURLToPath(new URL("../dist/servers/server.js", import.meta.url));

/** Whoever measures wants to know how long a proposal took, and not that it took too long. */
const PROPOSE_TIMEOUT_MS = 120_000;

export interface ClusterOptions {
  readonly servers?: number;
  /** Default 1. */
  readonly stateMiB?: number;
  /** Default 256. */
  readonly commandBytes?: number;
  /** Beyond the defaults. */
  readonly tuning?: Tuning;
}

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

/** One server, and what it said of itself. */
export class Server {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #onNews: () => void;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  /** From the call of `openNode` until it resolved, in milliseconds; null before. */
  openMs: number | null = null;
  /** From the call of `openNode` until a leader was known, in milliseconds; null before. */
  leaderMs: number | null = null;
  role = "unknown";
  leaderName: string | null = null;
  failure: Error | null = null;

  constructor(task: ServerTask, profiles: string | null, onNews: () => void) {
    this.name = task.id;
    this.#onNews = onNews;
    this.#child = fork(PROGRAM, [JSON.stringify(task)], { execArgv: profilingArguments(profiles, task.id) });
    this.#child.on("message", (notice: Notice) => this.#onNotice(notice));
    this.#child.once("exit", (code) => this.#fail(new Error(`${this.name} ended with ${code}`)));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  #onNotice(notice: Notice): void {
    if (notice.kind === "open") this.openMs = notice.atMs;
    else if (notice.kind === "role") {
      this.role = notice.role;
      this.leaderName = notice.leaderName;
      if (notice.leaderName !== null) this.leaderMs ??= notice.atMs;
    } else {
      const waiting = this.#waiting.get(notice.call);
      this.#waiting.delete(notice.call);
      if (notice.kind === "answer") waiting?.resolve(notice.answer as never);
      else waiting?.reject(new Error(`${this.name}: ${notice.message}`));
    }
    this.#onNews();
  }

  #fail(error: Error): void {
    this.failure = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.#onNews();
  }

  ask<Kind extends Order["kind"]>(order: Extract<Order, { kind: Kind }>): Promise<Answers[Kind]> {
    if (this.failure !== null) return Promise.reject(this.failure);
    const call = this.#calls;
    this.#calls += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject });
      this.#send({ call, order });
    });
  }

  #send(request: Request): void {
    this.#child.send(request);
  }

  status(): Promise<ServerStatus> {
    return this.ask({ kind: "status" });
  }

  usage(): Promise<ServerUsage> {
    return this.ask({ kind: "usage" });
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    if (this.#child.connected) this.#send({ close: true });
    await ended;
  }
}

export class Cluster {
  readonly #options: Required<ClusterOptions>;
  readonly #directory: string;
  readonly #members: Readonly<Record<string, string>>;
  readonly #profiles: string | null;
  readonly #servers = new Map<string, Server>();
  readonly #looks = new Set<() => void>();

  private constructor(
    options: Required<ClusterOptions>,
    directory: string,
    members: Readonly<Record<string, string>>,
    profiles: string | null,
  ) {
    this.#options = options;
    this.#directory = directory;
    this.#members = members;
    this.#profiles = profiles;
  }

  /** Nothing runs yet. */
  static async make({ directory, profiles }: Settings, options: ClusterOptions = {}): Promise<Cluster> {
    const whole = { servers: 3, stateMiB: 1, commandBytes: 256, tuning: {}, ...options };
    const members: Record<string, string> = {};
    for (let place = 1; place <= whole.servers; place += 1)
      members[`n${place}`] = `127.0.0.1:${await getPort({ host: "127.0.0.1" })}`;
    return new Cluster(whole, await mkdtemp(join(directory, "cluster-")), members, profiles);
  }

  /** All servers, and a leader. */
  static async start(settings: Settings, options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = await Cluster.make(settings, options);
    for (const name of cluster.names) cluster.open(name);
    await cluster.settled();
    return cluster;
  }

  get names(): string[] {
    return Object.keys(this.#members);
  }

  get servers(): readonly Server[] {
    return [...this.#servers.values()];
  }

  /** Starts a server, for the first time or again. */
  open(name: string): Server {
    const { stateMiB, commandBytes } = this.#options;
    const tuning = { proposeTimeoutMs: PROPOSE_TIMEOUT_MS, ...this.#options.tuning };
    const directory = join(this.#directory, name);
    const task: ServerTask = { id: name, members: this.#members, directory, stateMiB, commandBytes, tuning };
    const server = new Server(task, this.#profiles, () => {
      for (const look of this.#looks) look();
    });
    this.#servers.set(name, server);
    return server;
  }

  /** Resolves when `look` says so; it is asked at every news. Rejects if a server ends meanwhile. */
  until(look: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const again = (): void => {
        const failed = this.servers.find(({ failure }) => failure !== null);
        if (failed === undefined && !look()) return;
        this.#looks.delete(again);
        if (failed?.failure) reject(failed.failure);
        else resolve();
      };
      this.#looks.add(again);
      again();
    });
  }

  /** Resolves with the leader when all that run are open and agree upon it. */
  async settled(): Promise<Server> {
    const leads = (): Server | undefined => this.servers.find(({ role }) => role === "leader");
    await this.until(() => {
      const leader = leads();
      return leader !== undefined && this.servers.every(({ leaderName }) => leaderName === leader.name);
    });
    return leads() as Server;
  }

  get leader(): Server {
    const found = this.servers.find(({ role }) => role === "leader");
    if (found === undefined) throw new Error("nobody leads");
    return found;
  }

  get followers(): Server[] {
    return this.servers.filter(({ role }) => role !== "leader");
  }

  /** For the machine meter. */
  get watched(): Watched {
    return { leader: [this.leader.pid], followers: this.followers.map(({ pid }) => pid) };
  }

  /** Stops a server, which can be opened again. */
  async stop(name: string): Promise<void> {
    const server = this.#servers.get(name);
    this.#servers.delete(name);
    await server?.close();
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.names.map((name) => this.stop(name)));
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 3 });
  }
}
