/**
 * The machine meter: how much CPU time something took, and how much others took meanwhile, so that figures of a busy
 * machine can be told from those of a quiet one. Linux tells in `/proc`; elsewhere the meter says null.
 */

import { readdirSync, readFileSync } from "node:fs";

/** The ids of processes that are watched, by the name of their group, as `leader`. */
export type Watched = Readonly<Record<string, readonly number[]>>;

export interface Usage {
  readonly seconds: number;
  /** Of this process and all that it started. */
  readonly ownCpuSeconds: number | null;
  /** Cores that everybody else took, and what the host took away. */
  readonly foreignCores: number | null;
  /** CPU seconds of each group of processes that was watched. */
  readonly watched: Readonly<Record<string, number>> | null;
}

/** What `/proc` counts CPU time in: USER_HZ, which is 100 on every platform that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Ticks that were not idle, and not waiting for the disk; what the host took away counts. Guests are in `user`. */
export function busyTicks(procStat: string): number {
  const [line = ""] = procStat.split("\n", 1);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(/\s+/).slice(1).map(Number);
  return user + nice + system + irq + softirq + steal;
}

export interface ProcessTicks {
  readonly pid: number;
  readonly parent: number;
  /** Of its own, and of children that have ended. */
  readonly ticks: number;
}

/** Of `/proc/PID/stat`. A program's name, in brackets, may contain anything. */
export function processTicks(procPidStat: string): ProcessTicks {
  const pid = Number.parseInt(procPidStat, 10);
  const fields = procPidStat.slice(procPidStat.lastIndexOf(")") + 2).split(" ");
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { pid, parent: Number(fields[1]), ticks };
}

/** Ticks of `root` and of all that descend from it. */
export function ticksOfTree(processes: readonly ProcessTicks[], root: number): number {
  const children = new Map<number, ProcessTicks[]>();
  for (const each of processes) children.set(each.parent, [...(children.get(each.parent) ?? []), each]);
  const sum = (each: ProcessTicks): number =>
    (children.get(each.pid) ?? []).reduce((total, child) => total + sum(child), each.ticks);
  return processes.filter(({ pid }) => pid === root).reduce((total, each) => total + sum(each), 0);
}

interface Reading {
  readonly busy: number;
  readonly own: number;
  readonly watched: Readonly<Record<string, number>>;
}

export class Meter {
  readonly #watched: Watched;
  readonly #startedAt = performance.now();
  readonly #start: Reading | null;

  constructor(watched: Watched = {}) {
    this.#watched = watched;
    this.#start = read(watched);
  }

  stop(): Usage {
    const end = read(this.#watched);
    const seconds = (performance.now() - this.#startedAt) / 1000;
    if (end === null || this.#start === null)
      return { seconds, ownCpuSeconds: null, foreignCores: null, watched: null };
    const start = this.#start;
    const own = end.own - start.own;
    const foreign = Math.max(0, end.busy - start.busy - own);
    const watched = Object.entries(end.watched).map(([group, ticks]) => {
      return [group, (ticks - (start.watched[group] ?? 0)) / TICKS_PER_SECOND];
    });
    return {
      seconds,
      ownCpuSeconds: own / TICKS_PER_SECOND,
      foreignCores: foreign / TICKS_PER_SECOND / seconds,
      watched: Object.fromEntries(watched),
    };
  }
}

function read(watched: Watched): Reading | null {
  try {
    const busy = busyTicks(readFileSync("/proc/stat", "utf8"));
    const processes = readProcesses();
    const groups = Object.entries(watched).map(([group, pids]) => {
      return [group, pids.reduce((sum, pid) => sum + ticksOfTree(processes, pid), 0)];
    });
    return { busy, own: ticksOfTree(processes, process.pid), watched: Object.fromEntries(groups) };
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function readProcesses(): ProcessTicks[] {
  const found: ProcessTicks[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      found.push(processTicks(readFileSync(`/proc/${name}/stat`, "utf8")));
    } catch (error) {
      // It has ended since its name was read.
      if (!isMissing(error)) throw error;
    }
  }
  return found;
}

function isMissing(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return code === "ENOENT" || code === "ESRCH";
}
