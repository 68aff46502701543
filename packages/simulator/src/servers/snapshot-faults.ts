/** Faults around snapshots: crashes at each step of taking or receiving one, disks that fail, damage, people. */

import type { Random } from "@quorate/core";
import type { DiskAccount } from "./disk-account.js";
import type { CrashPoint } from "./disk-timing.js";
import { durationText } from "./duration-text.js";
import type { Fault } from "./faults.js";
import type { Machine } from "./machine.js";

export interface SnapshotFaultTargets {
  readonly account: DiskAccount;
  /** Whether the faulty time is over. */
  isOver(): boolean;
  happened(fault: Fault, where: string, text: () => string): void;
  crash(machine: Machine, seed: number, restartAfterMs: number): void;
  onDiskLost(machine: Machine): void;
}

const CRASH_POINTS: readonly CrashPoint[] = ["before the write", "in the write", "after the write"];

/** To take a snapshot, and to cut the log behind it, takes about so many writes. */
const MOST_STEPS = 12;

export class SnapshotFaults {
  readonly #targets: SnapshotFaultTargets;

  constructor(targets: SnapshotFaultTargets) {
    this.#targets = targets;
  }

  inject(fault: Fault, machine: Machine, random: Random): void {
    switch (fault.name) {
      case "snapshot on demand":
        return this.#take(fault, machine);
      case "crash in a snapshot":
        return this.#crash(fault, machine, random);
      case "failed snapshot":
        return this.#fail(fault, machine, random);
      case "damaged snapshot":
        return this.#damage(fault, machine, random);
      default:
        return this.#wipe(fault, machine, random);
    }
  }

  #take(fault: Fault, machine: Machine): void {
    if (!machine.isRunning) return;
    this.#targets.happened(fault, machine.name, () => "is asked for a snapshot");
    void machine.takeSnapshot();
  }

  #crash(fault: Fault, machine: Machine, random: Random): void {
    if (!machine.isRunning) return;
    const below = (count: number): number => Math.floor(random.between(0, count));
    const at = CRASH_POINTS[below(CRASH_POINTS.length)] as CrashPoint;
    const step = below(MOST_STEPS);
    const seed = random.nextUint32();
    const { durationMs } = fault;
    machine.diskTiming.crashInWrite(at, "snapshots", step, () => {
      if (this.#targets.isOver()) return;
      const where = `${at} number ${step + 1} of a snapshot`;
      this.#targets.happened(fault, machine.name, () => `dies ${where}, and is back after ${durationText(durationMs)}`);
      this.#targets.crash(machine, seed, durationMs);
    });
  }

  #fail(fault: Fault, machine: Machine, random: Random): void {
    const kind = (["write", "write", "sync", "read"] as const)[Math.floor(random.between(0, 4))] as "write";
    const landed = random.between(0, 1) < 0.5;
    this.#targets.happened(fault, machine.name, () => `its next ${kind} of a snapshot fails`);
    // Where that is met at a start, it does not open.
    machine.failuresToCome += 1;
    machine.disk.snapshots.failNext({ kind, landed });
  }

  /** A server that has a damaged snapshot does not start again, but goes on while it runs. */
  #damage(fault: Fault, machine: Machine, random: Random): void {
    if (!this.#targets.account.mayLose(machine.id)) return;
    const below = (count: number): number => Math.floor(random.between(0, count));
    const part = below(3) === 0 ? "head" : "body";
    if (!machine.disk.snapshots.flipBit(below, part)) return;
    this.#targets.happened(fault, machine.name, () => `a bit of its snapshot flips, in the ${part}`);
    this.#targets.account.lose(machine.id);
  }

  #wipe(fault: Fault, machine: Machine, random: Random): void {
    const { account, crash, onDiskLost } = this.#targets;
    if (!account.mayLose(machine.id)) return;
    this.#targets.happened(fault, machine.name, () => "dies, and comes back without its snapshots");
    crash(machine, random.nextUint32(), fault.durationMs);
    account.lose(machine.id);
    machine.disk.snapshots.wipe();
    onDiskLost(machine);
  }
}
