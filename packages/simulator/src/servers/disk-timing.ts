/** When the disk of one machine does what it is asked for: soon, late, after it has hung, or not before a crash. */

import type { DiskOperation } from "../disk/index.js";
import type { Dice } from "./dice.js";
import type { DiskPart } from "./machine-disk.js";
import type { ServersParameters } from "./servers-parameters.js";
import type { SimulatedTime } from "./simulated-time.js";

/** What happens to a write of the disk. */
export type CrashPoint = "before the write" | "in the write" | "after the write";

interface CrashPlan {
  readonly at: CrashPoint;
  /** What it waits for: a write to that part. */
  readonly part: DiskPart;
  readonly crash: () => void;
  hasBegun: boolean;
  /** How many writes, of that part or another, go well from there on. */
  spared: number;
}

export interface DiskTimingOptions {
  readonly time: SimulatedTime;
  readonly dice: Dice;
  readonly parameters: ServersParameters;
  /** Whose disk it is. */
  readonly id: number;
  /** The disk has answered. */
  onDone(): void;
}

export class DiskTiming {
  readonly #options: DiskTimingOptions;
  #slowUntil = 0;
  /** What a disk that hangs is to do once it no longer does; null while it works. */
  #hung: (() => void)[] | null = null;
  #hangs = 0;
  #operations = 0;
  #crashPlan: CrashPlan | null = null;

  constructor(options: DiskTimingOptions) {
    this.#options = options;
  }

  slowDownFor(durationMs: number): void {
    this.#slowUntil = this.#options.time.now + durationMs;
  }

  /** The disk does nothing for a while. */
  hangFor(durationMs: number): void {
    this.#hung ??= [];
    this.#hangs += 1;
    const hang = this.#hangs;
    const { time } = this.#options;
    time.schedule(time.now + durationMs, () => {
      if (this.#hangs === hang) this.release();
    });
  }

  /** The disk works again, at its best, and does what it was asked for meanwhile. */
  release(): void {
    const hung = this.#hung ?? [];
    this.#hung = null;
    this.#hangs += 1;
    this.#slowUntil = 0;
    for (const complete of hung) complete();
  }

  /** Calls `crash` when the disk next writes to `part`, or `spared` writes later. */
  crashInWrite(at: CrashPoint, part: DiskPart, spared: number, crash: () => void): void {
    this.#crashPlan = { at, part, spared, crash, hasBegun: false };
  }

  /** The process has died in another way. */
  forgetCrash(): void {
    this.#crashPlan = null;
  }

  /** Decides when `done` is called. */
  onOperation({ kind }: DiskOperation, part: DiskPart, done: () => void): void {
    const complete = (): void => {
      if (this.#hung !== null) {
        this.#hung.push(complete);
        return;
      }
      this.#options.onDone();
      done();
    };
    const { time } = this.#options;
    const isWrite = kind === "sync" || kind === "write";
    const atMs = time.now + this.#latencyMs(isWrite);
    const point = isWrite ? this.#takeCrash(part) : null;
    if (point === null) {
      time.schedule(atMs, complete);
      return;
    }
    if (point.at === "before the write") time.schedule(time.now, point.crash);
    if (point.at === "in the write") time.schedule((time.now + atMs) / 2, point.crash);
    time.schedule(atMs, () => {
      complete();
      // The write is durable, and the process has no time to hear of it.
      if (point.at === "after the write") point.crash();
    });
  }

  #takeCrash(part: DiskPart): CrashPlan | null {
    const plan = this.#crashPlan;
    if (plan === null) return null;
    plan.hasBegun ||= plan.part === part;
    if (!plan.hasBegun) return null;
    plan.spared -= 1;
    if (plan.spared >= 0) return null;
    this.#crashPlan = null;
    return plan;
  }

  #latencyMs(isWrite: boolean): number {
    const { time, dice, parameters, id } = this.#options;
    this.#operations += 1;
    const mostMs = isWrite ? parameters.maxWriteMs : parameters.maxReadMs;
    const usualMs = mostMs * dice.roll("disk", id, this.#operations);
    if (time.now >= this.#slowUntil) return usualMs;
    return usualMs + 2 * parameters.electionTimeoutMs * dice.roll("disk", id, -this.#operations);
  }
}
