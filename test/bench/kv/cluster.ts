/** Three servers of the key-value store, each a process with its own LevelDB, to be loaded, stalled and killed. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import getPort from "get-port";
import type { Watched } from "../frame/meter.js";
import type { Settings } from "../frame/part.js";
import { profilingArguments } from "../frame/profile.js";
import type { KvNotice, KvOrder, KvRequest, KvStatus, KvTask } from "./protocol.js";

/** As `tsc -b` leaves it, as users run it. */
const PROGRAM = fileURLToPath(new URL("../dist/kv/server.js", import.meta.url));
const HOST = "127.0.0.1";
const NAMES = ["n1", "n2", "n3"];
const SETTLED_WITHIN_MS = 60_000;
const POLL_MS = 20;
/** So near to each other they are when the cluster counts as settled. */
const SETTLED_ENTRIES = 1000;

interface Waiting {
  readonly resolve: (status: KvStatus) => void;
  readonly reject: (error: Error) => void;
}

class KvProcess {
  readonly task: KvTask;
  readonly listening: Promise<string>;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;

  constructor(task: KvTask, profiles: string | null) {
    this.task = task;
    const execArgv = profilingArguments(profiles, task.id);
    this.#child = fork(PROGRAM, [JSON.stringify(task)], { execArgv });
    this.#ended = once(this.#child, "exit").then(([code, signal]) => this.#fail(`it ended with ${code ?? signal}`));
    this.listening = new Promise((resolve, reject) => {
      this.#child.on("message", (notice: KvNotice) => {
        if (notice.kind === "listening") resolve(notice.url);
        else this.#settle(notice.call)?.resolve(notice.status);
      });
      void this.#ended.then(() => reject(new Error(`${task.id} did not start`)));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  ask(order: KvOrder): Promise<KvStatus> {
    const call = this.#calls;
    this.#calls += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject });
      this.#send({ call, order });
    });
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  async close(): Promise<void> {
    if (this.#child.connected) this.#send({ close: true });
    await this.#ended;
  }

  #send(request: KvRequest): void {
    this.#child.send(request);
  }

  #settle(call: number): Waiting | undefined {
    const waiting = this.#waiting.get(call);
    this.#waiting.delete(call);
    return waiting;
  }

  #fail(why: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(`${this.task.id}: ${why}`));
    this.#waiting.clear();
  }
}

export class KvCluster {
  readonly #directory: string;
  readonly #profiles: string | null;
  readonly #processes: KvProcess[];
  /** Of the servers, by their places. */
  readonly urls: readonly string[];

  private constructor(directory: string, profiles: string | null, processes: KvProcess[], urls: readonly string[]) {
    this.#directory = directory;
    this.#profiles = profiles;
    this.#processes = processes;
    this.urls = urls;
  }

  /** Resolves when there is a leader. */
  static async start({ directory: parent, profiles }: Pick<Settings, "directory" | "profiles">): Promise<KvCluster> {
    const directory = await mkdtemp(join(parent, "kv-"));
    const members: Record<string, string> = {};
    for (const id of NAMES) members[id] = `${HOST}:${await getPort({ host: HOST })}`;
    const processes: KvProcess[] = [];
    for (const id of NAMES) {
      const http = { host: HOST, port: await getPort({ host: HOST }) };
      processes.push(new KvProcess({ id, members, directory: join(directory, id), http }, profiles));
    }
    try {
      const urls = await Promise.all(processes.map(({ listening }) => listening));
      const cluster = new KvCluster(directory, profiles, processes, urls);
      await cluster.settled();
      return cluster;
    } catch (error) {
      await Promise.all(processes.map((each) => each.kill()));
      throw error;
    }
  }

  get places(): number[] {
    return this.#processes.map((_, place) => place);
  }

  /** For the machine meter. */
  watched(leader: number): Watched {
    const pids = this.#processes.map(({ pid }) => pid);
    return {
      leader: pids.filter((_, place) => place === leader),
      followers: pids.filter((_, place) => place !== leader),
    };
  }

  statuses(): Promise<KvStatus[]> {
    return Promise.all(this.#processes.map((each) => each.ask({ kind: "status" })));
  }

  /** The newest term that any of them knows. */
  async term(): Promise<number> {
    return Math.max(...(await this.statuses()).map(({ term }) => term));
  }

  /** Waits until all agree on who leads, and are up with the others; resolves with the leader's place. */
  async settled(): Promise<number> {
    const until = performance.now() + SETTLED_WITHIN_MS;
    while (performance.now() < until) {
      const statuses = await this.statuses();
      const leader = statuses.findIndex(({ role }) => role === "leader");
      const beliefs = new Set(statuses.map(({ term, leaderName }) => `${term} ${leaderName}`));
      const applied = statuses.map(({ appliedIndex }) => appliedIndex);
      const isLevel = Math.max(...applied) - Math.min(...applied) < SETTLED_ENTRIES;
      if (leader !== -1 && beliefs.size === 1 && isLevel) return leader;
      await sleep(POLL_MS);
    }
    throw new Error(`the servers did not settle within ${SETTLED_WITHIN_MS / 1000} s`);
  }

  /** Ends the process of a server between two instructions. */
  async kill(place: number): Promise<void> {
    await this.#processes[place]?.kill();
  }

  /** Starts one again that was killed. */
  async restart(place: number): Promise<void> {
    const { task } = this.#processes[place] as KvProcess;
    this.#processes[place] = new KvProcess(task, this.#profiles);
    await this.#processes[place]?.listening;
  }

  /** Resolves when the stall is over. */
  async stall(place: number, timeMs: number): Promise<void> {
    await this.#processes[place]?.ask({ kind: "stall", timeMs });
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((each) => each.close()));
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 3 });
  }
}
