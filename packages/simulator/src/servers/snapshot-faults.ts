/** Faults around snapshots: crashes at each step of taking or receiving one, disks that fail, damage, people. */

import type { SnapshotChunk } from "@quorate/contracts";
import { Random } from "@quorate/core";
import type { DiskAccount } from "./disk-account.js";
import type { CrashPoint } from "./disk-timing.js";
import { durationText } from "./duration-text.js";
import type { Fault } from "./faults.js";
import type { Machine } from "./machine.js";
import type { Network } from "./network.js";
import type { SimulatedTime } from "./simulated-time.js";

export interface SnapshotFaultTargets {
  readonly time: SimulatedTime;
  readonly network: Network;
  readonly machines: readonly Machine[];
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
  /** What happens to the next snapshot that is sent, once it is on its way. */
  #waiting: Fault[] = [];

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
      case "wiped snapshots":
        return this.#wipe(fault, machine, random);
      case "damaged snapshot":
        if (random.between(0, 1) < 0.5) return this.#damage(fault, machine, random);
        this.#waiting.push(fault);
        return;
      default:
        this.#waiting.push(fault);
    }
  }

  /** A piece of a snapshot leaves its server: the first one, or a later one. */
  onChunk(chunk: SnapshotChunk): void {
    const name = chunk.offset === 0 ? "damaged snapshot" : "broken transfer";
    const fault = this.#waiting.find((each) => each.name === name);
    if (fault === undefined) return;
    this.#waiting = this.#waiting.filter((each) => each !== fault);
    const random = new Random(fault.seed);
    const [sender, receiver] = [chunk.from, chunk.to].map((id) =>
      this.#targets.machines.find(({ nodeId }) => nodeId === id),
    );
    if (sender === undefined || receiver === undefined) return;
    if (name === "damaged snapshot") this.#damage(fault, sender, random);
    else this.#breakOff(fault, sender, receiver, random);
  }

  /** In the midst of it one of the two dies, or they cannot reach each other. */
  #breakOff(fault: Fault, sender: Machine, receiver: Machine, random: Random): void {
    const { time, network, crash, happened, isOver } = this.#targets;
    const { durationMs } = fault;
    const chance = random.between(0, 1);
    if (chance < 0.5) {
      const dying = chance < 0.25 ? sender : receiver;
      happened(fault, dying.name, () => `dies in the midst of a snapshot, for ${durationText(durationMs)}`);
      // Not in the midst of a turn.
      time.schedule(time.now, () => crash(dying, fault.seed, durationMs));
      return;
    }
    const links = [
      [sender.id, receiver.id],
      [receiver.id, sender.id],
    ] as const;
    happened(
      fault,
      sender.name,
      () => `loses ${receiver.name} in the midst of a snapshot, for ${durationText(durationMs)}`,
    );
    for (const [from, to] of links) network.cut(from, to);
    time.schedule(time.now + durationMs, () => {
      if (!isOver()) for (const [from, to] of links) network.mend(from, to);
    });
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
