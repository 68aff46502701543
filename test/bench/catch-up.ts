/**
 * What it takes a server to come back that was away for a million entries, while the others go on working: three
 * processes on LevelDB, of which one starts late, and can be helped by a snapshot only.
 */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import getPort from "get-port";
import type { CatchUpNotice, CatchUpOrder, CatchUpTask } from "./catch-up-server.js";

const NAMES = ["n1", "n2", "n3"];
const SLOT_BYTES = 256;
const LOAD_IN_FLIGHT = 256;
/** While it is measured, the load is one that leaves room. */
const FOREGROUND_IN_FLIGHT = 16;
const BASELINE_MS = 3000;
/** Whoever is this close to the leader keeps up. */
const CAUGHT_UP_ENTRIES = 1000;

export interface CatchUpOptions {
  readonly entries: number;
  readonly stateMiB: number;
  readonly onProgress: (text: string) => void;
}

export interface CatchUpFigures {
  /** How far the late server was behind when it started, in entries. */
  readonly behindEntries: number;
  readonly stateMiB: number;
  /** From the start of the process until it kept up. */
  readonly seconds: number;
  readonly entriesPerSecond: number;
  /** Of the leader's proposals before the late server came, and while it caught up, in milliseconds. */
  readonly p99BeforeMs: number;
  readonly p99MeanwhileMs: number;
  /** How many terms were opened from its start on. */
  readonly elections: number;
  readonly servers: readonly {
    readonly name: string;
    readonly isLeader: boolean;
    readonly highestRssMiB: number;
    readonly longestLoopDelayMs: number;
  }[];
}

type Status = Extract<CatchUpNotice, { kind: "status" }>;

/** One server, and what it said of itself. */
class Server {
  readonly name: string;
  readonly #child: ChildProcess;
  status: Status | null = null;
  highestRssMiB = 0;
  longestLoopDelayMs = 0;
  #wake: () => void = () => undefined;
  #latenciesMs: readonly number[] | null = null;
  #failure: Error | null = null;

  constructor(task: CatchUpTask, onStatus: () => void) {
    this.name = task.id;
    this.#child = fork(fileURLToPath(new URL("./catch-up-server.ts", import.meta.url)), [JSON.stringify(task)]);
    this.#child.on("message", (notice: CatchUpNotice) => {
      if (notice.kind === "status") {
        this.status = notice;
        this.highestRssMiB = Math.max(this.highestRssMiB, notice.rssMiB);
        this.longestLoopDelayMs = Math.max(this.longestLoopDelayMs, notice.loopDelayMs);
        onStatus();
      } else {
        this.#latenciesMs = notice.latenciesMs;
        this.#wake();
      }
    });
    this.#child.once("exit", (code) => {
      this.#failure = new Error(`${this.name} ended with ${code}`);
      this.#wake();
    });
  }

  order(order: CatchUpOrder): void {
    this.#child.send(order);
  }

  /** Resolves with the latencies when the load that was ordered is over. */
  async loaded(): Promise<readonly number[]> {
    while (this.#latenciesMs === null) {
      if (this.#failure !== null) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const latenciesMs = this.#latenciesMs;
    this.#latenciesMs = null;
    return latenciesMs;
  }

  /** Forgets the extremes of before. */
  resetExtremes(): void {
    this.highestRssMiB = 0;
    this.longestLoopDelayMs = 0;
  }

  async close(): Promise<void> {
    if (this.#child.connected) this.order({ kind: "close" });
    if (this.#child.exitCode === null) await once(this.#child, "exit");
  }
}

export async function measureCatchUp({ entries, stateMiB, onProgress }: CatchUpOptions): Promise<CatchUpFigures> {
  const directory = await mkdtemp(join(tmpdir(), "quorate-bench-"));
  const members: Record<string, string> = {};
  for (const name of NAMES) members[name] = `127.0.0.1:${await getPort({ host: "127.0.0.1" })}`;
  const slots = Math.ceil((stateMiB * 2 ** 20) / SLOT_BYTES);
  const servers: Server[] = [];
  let onStatus: () => void = () => undefined;
  const start = (name: string): Server => {
    const task = { id: name, members, directory: join(directory, name), slots, slotBytes: SLOT_BYTES };
    const server = new Server(task, () => onStatus());
    servers.push(server);
    return server;
  };
  const until = (look: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      onStatus = () => {
        if (look()) resolve();
      };
    });
  try {
    start("n1");
    start("n2");
    await until(() => servers.some(({ status }) => status?.role === "leader"));
    const leader = servers.find(({ status }) => status?.role === "leader") as Server;
    onStatus = () => onProgress(`${leader.status?.appliedIndex ?? 0} of ${entries} entries`);
    leader.order({ kind: "load", entries, inFlight: LOAD_IN_FLIGHT });
    await leader.loaded();

    onProgress("the others at work");
    const before = await foreground(leader, () => pause(BASELINE_MS));
    for (const server of servers) server.resetExtremes();
    const { term, commitIndex } = leader.status as Status;
    const startedAt = performance.now();
    const late = start("n3");
    let seconds = 0;
    const meanwhile = await foreground(leader, async () => {
      await until(() => {
        onProgress(`the late server: ${late.status?.appliedIndex ?? 0} of ${leader.status?.commitIndex ?? 0} entries`);
        return isClose(late.status, leader.status);
      });
      seconds = (performance.now() - startedAt) / 1000;
    });
    return {
      behindEntries: commitIndex,
      stateMiB,
      seconds,
      entriesPerSecond: commitIndex / seconds,
      p99BeforeMs: percentile(before, 0.99),
      p99MeanwhileMs: percentile(meanwhile, 0.99),
      elections: Math.max(...servers.map(({ status }) => status?.term ?? 0)) - term,
      servers: servers.map(({ name, highestRssMiB, longestLoopDelayMs }) => {
        return { name, isLeader: name === leader.name, highestRssMiB, longestLoopDelayMs };
      }),
    };
  } finally {
    await Promise.allSettled(servers.map((server) => server.close()));
    await rm(directory, { recursive: true, force: true });
  }
}

function isClose(late: Status | null, leader: Status | null): boolean {
  return late !== null && leader !== null && late.appliedIndex >= leader.commitIndex - CAUGHT_UP_ENTRIES;
}

/** What the leader's proposals take while `deed` is under way. */
async function foreground(leader: Server, deed: () => Promise<void>): Promise<readonly number[]> {
  leader.order({ kind: "load", entries: null, inFlight: FOREGROUND_IN_FLIGHT });
  await deed();
  leader.order({ kind: "stop" });
  return leader.loaded();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}
