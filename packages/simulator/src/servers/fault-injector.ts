/** Carries out the faults of a run, each at its time, and takes back what is to end. */

import type { PeerMessage } from "@quorate/contracts";
import { NOBODY, Random } from "@quorate/core";
import { entryKey } from "../disk/index.js";
import type { Tally } from "../tally.js";
import type { DiskAccount } from "./disk-account.js";
import type { CrashPoint } from "./disk-timing.js";
import type { DurableMark } from "./durable-state.js";
import { durationText } from "./duration-text.js";
import type { FaultName } from "./fault-names.js";
import type { Fault } from "./faults.js";
import { LinkFaults } from "./link-faults.js";
import type { Machine } from "./machine.js";
import type { Network } from "./network.js";
import type { SimulatedTime } from "./simulated-time.js";
import { SnapshotFaults } from "./snapshot-faults.js";

export interface FaultTargets {
  readonly time: SimulatedTime;
  readonly network: Network;
  readonly machines: readonly Machine[];
  readonly account: DiskAccount;
  readonly tally: Tally<FaultName>;
  /** Whether the faulty time is over. */
  isOver(): boolean;
  onFault(fault: Fault, where: string, text: () => string): void;
  crash(machine: Machine, seed: number, restartAfterMs: number): void;
  onFeatureLevelsRaised(): void;
  /** The disk of a machine that is down holds nothing that counts any more. */
  onDiskLost(machine: Machine): void;
}

const CRASH_POINTS: readonly CrashPoint[] = ["before the write", "in the write", "after the write"];

export class FaultInjector {
  readonly #targets: FaultTargets;
  readonly #links: LinkFaults;
  readonly #snapshots: SnapshotFaults;

  constructor(targets: FaultTargets) {
    this.#targets = targets;
    const happened = this.#happened.bind(this);
    this.#links = new LinkFaults({ ...targets, isOver: () => targets.isOver(), happened });
    this.#snapshots = new SnapshotFaults({ ...targets, isOver: () => targets.isOver(), happened });
  }

  schedule(faults: readonly Fault[]): void {
    const { time, machines } = this.#targets;
    for (const fault of faults) {
      time.schedule(fault.atMs, () => {
        if (!this.#targets.isOver()) this.#inject(fault, machines[fault.server - 1] as Machine);
      });
    }
  }

  /** A message leaves its server. */
  onSent(message: PeerMessage): void {
    if (message.kind === "snapshotChunk" && !this.#targets.isOver()) this.#snapshots.onChunk(message);
  }

  #inject(fault: Fault, machine: Machine): void {
    const random = new Random(fault.seed);
    const { name } = fault;
    switch (name) {
      case "one-way cut":
      case "isolation":
      case "isolated leader":
      case "halves":
      case "bridge":
      case "chain":
      case "flapping link":
      case "swizzled links":
      case "clogged link":
        return this.#links.inject(fault, random);
      case "snapshot on demand":
      case "crash in a snapshot":
      case "failed snapshot":
      case "damaged snapshot":
      case "wiped snapshots":
      case "broken transfer":
        return this.#snapshots.inject(fault, machine, random);
      case "raised feature levels":
        return this.#raiseFeatureLevels(fault, machine);
      case "false alarm":
        return this.#alarm(fault, machine, random);
      case "pause":
      case "event-loop stall":
      case "suspended machine":
      case "clock jump":
      case "slow apply":
        return this.#onProcess(fault, name, machine);
      case "crash":
      case "crash in a write":
      case "restart storm":
        return this.#onLife(fault, name, machine, random);
      default:
        return this.#onDisk(fault, name, machine, random);
    }
  }

  #happened(fault: Fault, where: string, text: () => string): void {
    this.#targets.tally.add(fault.name);
    this.#targets.onFault(fault, where, text);
  }

  #raiseFeatureLevels(fault: Fault, machine: Machine): void {
    if (!machine.isRunning) return;
    this.#happened(fault, machine.name, () => "is asked to raise the feature levels");
    void machine.raiseFeatureLevels(fault.durationMs).then((isRaised) => {
      if (isRaised) this.#targets.onFeatureLevelsRaised();
    });
  }

  /** Mostly about whoever leads: about the others it means little. */
  #alarm(fault: Fault, machine: Machine, random: Random): void {
    const peer = random.between(0, 1) < 0.7 ? (machine.raft?.leaderId ?? NOBODY) : Math.ceil(random.between(0, 5));
    if (!machine.isRunning || peer === NOBODY) return;
    this.#happened(fault, machine.name, () => `hears that n${peer} has gone, which nobody looked into`);
    machine.alarm(peer);
  }

  // --- processes ---

  #onProcess(fault: Fault, name: FaultName, machine: Machine): void {
    const { clock } = machine;
    const { durationMs } = fault;
    if (clock === null) return;
    switch (name) {
      case "pause":
        this.#happened(fault, machine.name, () => `stands still for ${durationText(durationMs)}`);
        return clock.pauseFor(durationMs);
      case "event-loop stall":
        this.#happened(fault, machine.name, () => `its event loop is blocked for ${durationText(durationMs / 4)}`);
        return clock.run(() => clock.spend(durationMs / 4));
      case "suspended machine":
        this.#happened(fault, machine.name, () => `sleeps for ${durationText(durationMs)}, and its clock with it`);
        return clock.suspendFor(durationMs);
      case "clock jump":
        this.#happened(fault, machine.name, () => `its clock jumps ahead by ${durationText(durationMs)}`);
        return clock.jump(durationMs);
      default:
        this.#happened(fault, machine.name, () => `applies slowly for ${durationText(durationMs)}`);
        machine.slowApplyUntil = this.#targets.time.now + durationMs;
    }
  }

  #onLife(fault: Fault, name: FaultName, machine: Machine, random: Random): void {
    const { crash, machines } = this.#targets;
    const { durationMs } = fault;
    if (name === "restart storm") {
      this.#happened(fault, "", () => "all servers die at once, as in a power cut");
      for (const each of machines) crash(each, random.nextUint32(), random.between(0, durationMs));
      return;
    }
    if (!machine.isRunning) return;
    if (name === "crash") {
      this.#happened(fault, machine.name, () => `dies, and is started again after ${durationText(durationMs)}`);
      return crash(machine, random.nextUint32(), durationMs);
    }
    const at = CRASH_POINTS[Math.floor(random.between(0, CRASH_POINTS.length))] as CrashPoint;
    const seed = random.nextUint32();
    machine.diskTiming.crashInWrite(at, "log", 0, () => {
      if (this.#targets.isOver()) return;
      this.#happened(fault, machine.name, () => `dies ${at}, and is started again after ${durationText(durationMs)}`);
      crash(machine, seed, durationMs);
    });
  }

  // --- disks ---

  #onDisk(fault: Fault, name: FaultName, machine: Machine, random: Random): void {
    const { time, account } = this.#targets;
    const { durationMs } = fault;
    const { disk } = machine;
    switch (name) {
      case "slow disk":
        this.#happened(fault, machine.name, () => `its disk is slow for ${durationText(durationMs)}`);
        return machine.diskTiming.slowDownFor(durationMs);
      case "hanging disk":
        this.#happened(fault, machine.name, () => `its disk does nothing for ${durationText(durationMs)}`);
        return machine.diskTiming.hangFor(durationMs);
      case "full disk":
        this.#happened(fault, machine.name, () => `its disk is full for ${durationText(durationMs)}`);
        disk.isFull = true;
        time.schedule(time.now + durationMs, () => {
          disk.isFull = false;
        });
        return;
      case "failed write":
      case "failed fsync": {
        if (!machine.isRunning) return;
        const landed = random.between(0, 1) < 0.5;
        const kind = name === "failed write" ? "write" : "sync";
        this.#happened(fault, machine.name, () => `its next write fails${landed ? ", and is there all the same" : ""}`);
        machine.failuresToCome += 1;
        return disk.failNext({ kind, landed });
      }
      case "bit flip":
        if (account.mayLose(machine.id)) this.#flipBit(fault, machine, random);
        return;
      case "wiped disk":
        if (!account.mayLose(machine.id)) return;
        this.#happened(fault, machine.name, () => "dies, and comes back with a blank disk");
        this.#targets.crash(machine, random.nextUint32(), durationMs);
        account.lose(machine.id);
        disk.wipe();
        return this.#targets.onDiskLost(machine);
      default:
        return this.#rollBack(fault, machine, random);
    }
  }

  #flipBit(fault: Fault, machine: Machine, random: Random): void {
    const below = (count: number): number => Math.floor(random.between(0, count));
    const noticed = (["open", "read", undefined] as const)[below(3)];
    const lastIndex = machine.raft?.status().lastIndex ?? 0;
    // Mostly in a pack of entries, for most of what is stored is in them.
    const isInEntry = lastIndex > 0 && random.between(0, 1) < 0.6;
    const key = isInEntry ? entryKey(machine.disk.log, 1 + below(lastIndex)) : undefined;
    const noticedAt = noticed === undefined ? {} : { noticedAt: noticed };
    const flip = machine.disk.log.flipBit({ below, ...noticedAt, ...(key === undefined ? {} : { key }) });
    if (flip === null) return;
    this.#happened(fault, machine.name, () => "a bit of what is stored flips");
    this.#targets.account.lose(machine.id);
  }

  /** An older state comes back, if all that it forgets is known elsewhere: no Raft survives more than that. */
  #rollBack(fault: Fault, machine: Machine, random: Random): void {
    const { time, account } = this.#targets;
    if (!machine.isRunning) return;
    const snapshot = machine.disk.snapshot();
    const { durable, lives } = machine;
    time.schedule(time.now + fault.durationMs, () => {
      if (this.#targets.isOver() || machine.lives !== lives || !this.#isKnownElsewhere(machine, durable)) return;
      if (!account.mayLose(machine.id)) return;
      account.lose(machine.id);
      this.#happened(
        fault,
        machine.name,
        () => `dies, and comes back with the disk of ${durationText(fault.durationMs)} ago`,
      );
      this.#targets.crash(machine, random.nextUint32(), random.between(1, 200));
      machine.disk.rollBack(snapshot);
      this.#targets.onDiskLost(machine);
    });
  }

  /** Whether the machine has promised nothing since `then` but entries, and all others hold those. */
  #isKnownElsewhere(machine: Machine, then: DurableMark): boolean {
    const { durable, raft } = machine;
    const { currentTerm, votedFor, lastIndex, truncations } = durable;
    if (currentTerm !== then.currentTerm || votedFor !== then.votedFor || truncations !== then.truncations)
      return false;
    const others = this.#targets.machines.filter((other) => other !== machine);
    return (
      others.length > 0 &&
      others.every(
        (other) => other.durable.lastIndex >= lastIndex && other.raft?.termAt(lastIndex) === raft?.termAt(lastIndex),
      )
    );
  }
}
