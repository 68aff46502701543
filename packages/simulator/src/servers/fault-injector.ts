/** Carries out the faults of a run, each at its time, and takes back what is to end. */

import type { NodeId } from "@quorate/core";
import { Random } from "@quorate/core";
import { entryKey } from "../disk/index.js";
import type { Tally } from "../tally.js";
import type { DiskAccount } from "./disk-account.js";
import type { Fault, FaultName } from "./faults.js";
import type { CrashPoint, DurableMark, Machine } from "./machine.js";
import type { Network } from "./network.js";
import type { SimulatedTime } from "./simulated-time.js";

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
  /** The disk of a machine that is down holds nothing that counts any more. */
  onDiskLost(machine: Machine): void;
}

const CRASH_POINTS: readonly CrashPoint[] = ["before the write", "in the write", "after the write"];

export class FaultInjector {
  readonly #targets: FaultTargets;

  constructor(targets: FaultTargets) {
    this.#targets = targets;
  }

  schedule(faults: readonly Fault[]): void {
    const { time, machines } = this.#targets;
    for (const fault of faults) {
      time.schedule(fault.atMs, () => {
        if (!this.#targets.isOver()) this.#inject(fault, machines[fault.server - 1] as Machine);
      });
    }
  }

  #inject(fault: Fault, machine: Machine): void {
    const random = new Random(fault.seed);
    const { name } = fault;
    switch (name) {
      case "one-way cut":
      case "isolation":
      case "halves":
      case "bridge":
      case "chain":
      case "flapping link":
      case "swizzled links":
      case "clogged link":
        return this.#onLinks(fault, name, random);
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

  // --- links ---

  #onLinks(fault: Fault, name: FaultName, random: Random): void {
    const { network, time, machines } = this.#targets;
    const ids = machines.map(({ id }) => id);
    if (ids.length === 1) return;
    const { server, durationMs } = fault;
    const others = ids.filter((id) => id !== server);
    const other = others[Math.floor(random.between(0, others.length))] as NodeId;
    const [from, to] = random.between(0, 1) < 0.5 ? [server, other] : [other, server];
    switch (name) {
      case "clogged link":
        this.#happened(fault, `n${from}`, () => `what is sent to n${to} is held back for ${ms(durationMs)}`);
        return network.clog(from, to, durationMs);
      case "one-way cut":
        return this.#cut(fault, `n${from} → n${to} carries nothing`, [[from, to]]);
      case "isolation":
        return this.#cut(fault, `n${server} is cut off`, both(pairs([server], others)));
      case "halves": {
        const left = ids.filter(() => random.between(0, 1) < 0.5);
        const right = ids.filter((id) => !left.includes(id));
        return this.#cut(fault, `${names(left)} and ${names(right)} are cut apart`, both(pairs(left, right)));
      }
      case "bridge": {
        const left = others.filter((_, place) => place % 2 === 0);
        const right = others.filter((_, place) => place % 2 === 1);
        const text = `only n${server} can talk with all; ${names(left)} and ${names(right)} are cut apart`;
        return this.#cut(fault, text, both(pairs(left, right)));
      }
      case "chain": {
        const order = shuffled(ids, random);
        const apart = pairs(order, order).filter(([a, b]) => Math.abs(order.indexOf(a) - order.indexOf(b)) > 1);
        return this.#cut(fault, `a chain: ${order.map((id) => `n${id}`).join(" – ")}`, apart);
      }
      case "flapping link": {
        this.#happened(fault, `n${from}`, () => `the link to n${to} comes and goes for ${ms(durationMs)}`);
        const periodMs = random.between(10, 300);
        const until = time.now + durationMs;
        const flap = (): void => {
          if (time.now >= until || this.#targets.isOver()) return;
          this.#cutFor([[from, to]], periodMs / 2);
          time.schedule(time.now + periodMs, flap);
        };
        return flap();
      }
      default: {
        this.#happened(fault, "", () => `links are cut one after the other, and mended in another order`);
        for (const link of shuffled(pairs(ids, ids), random)) {
          if (link[0] === link[1]) continue;
          time.schedule(time.now + random.between(0, durationMs / 2), () => {
            if (!this.#targets.isOver()) this.#cutFor([link], random.between(0, durationMs / 2));
          });
        }
      }
    }
  }

  #cut(fault: Fault, text: string, links: readonly (readonly [NodeId, NodeId])[]): void {
    this.#happened(fault, "", () => `${text} for ${ms(fault.durationMs)}`);
    this.#cutFor(links, fault.durationMs);
  }

  #cutFor(links: readonly (readonly [NodeId, NodeId])[], durationMs: number): void {
    const { network, time } = this.#targets;
    for (const [from, to] of links) network.cut(from, to);
    time.schedule(time.now + durationMs, () => {
      // When the faulty time is over all links were mended, and some cut for good.
      if (!this.#targets.isOver()) for (const [from, to] of links) network.mend(from, to);
    });
  }

  // --- processes ---

  #onProcess(fault: Fault, name: FaultName, machine: Machine): void {
    const { clock } = machine;
    const { durationMs } = fault;
    if (clock === null) return;
    switch (name) {
      case "pause":
        this.#happened(fault, machine.name, () => `stands still for ${ms(durationMs)}`);
        return clock.pauseFor(durationMs);
      case "event-loop stall":
        this.#happened(fault, machine.name, () => `its event loop is blocked for ${ms(durationMs / 4)}`);
        return clock.run(() => clock.spend(durationMs / 4));
      case "suspended machine":
        this.#happened(fault, machine.name, () => `sleeps for ${ms(durationMs)}, and its clock with it`);
        return clock.suspendFor(durationMs);
      case "clock jump":
        this.#happened(fault, machine.name, () => `its clock jumps ahead by ${ms(durationMs)}`);
        return clock.jump(durationMs);
      default:
        this.#happened(fault, machine.name, () => `applies slowly for ${ms(durationMs)}`);
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
      this.#happened(fault, machine.name, () => `dies, and is started again after ${ms(durationMs)}`);
      return crash(machine, random.nextUint32(), durationMs);
    }
    const at = CRASH_POINTS[Math.floor(random.between(0, CRASH_POINTS.length))] as CrashPoint;
    const seed = random.nextUint32();
    machine.crashInWrite(at, () => {
      if (this.#targets.isOver()) return;
      this.#happened(fault, machine.name, () => `dies ${at}, and is started again after ${ms(durationMs)}`);
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
        this.#happened(fault, machine.name, () => `its disk is slow for ${ms(durationMs)}`);
        machine.slowDiskUntil = time.now + durationMs;
        return;
      case "hanging disk":
        this.#happened(fault, machine.name, () => `its disk does nothing for ${ms(durationMs)}`);
        return machine.hangDiskFor(durationMs);
      case "full disk":
        this.#happened(fault, machine.name, () => `its disk is full for ${ms(durationMs)}`);
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
    // Mostly in an entry, for there are most of them.
    const key = lastIndex > 0 && random.between(0, 1) < 0.6 ? entryKey(1 + below(lastIndex)) : undefined;
    try {
      const noticedAt = noticed === undefined ? {} : { noticedAt: noticed };
      const flip = machine.disk.flipBit({ below, ...noticedAt, ...(key === undefined ? {} : { key }) });
      if (flip === null) return;
    } catch {
      // That entry is not stored yet.
      return;
    }
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
      this.#happened(fault, machine.name, () => `dies, and comes back with the disk of ${ms(fault.durationMs)} ago`);
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

function ms(duration: number): string {
  return `${duration.toFixed(0)} ms`;
}

function names(ids: readonly NodeId[]): string {
  return ids.length === 0 ? "nobody" : ids.map((id) => `n${id}`).join(", ");
}

function pairs(left: readonly NodeId[], right: readonly NodeId[]): (readonly [NodeId, NodeId])[] {
  return left.flatMap((from) => right.map((to) => [from, to] as const));
}

function both(links: readonly (readonly [NodeId, NodeId])[]): (readonly [NodeId, NodeId])[] {
  return links.flatMap(([from, to]) => [[from, to] as const, [to, from] as const]);
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const rest = [...items];
  const order: T[] = [];
  while (rest.length > 0) order.push(...rest.splice(Math.floor(random.between(0, rest.length)), 1));
  return order;
}
