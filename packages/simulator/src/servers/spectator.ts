/**
 * The spectator: sees everything that happens, counts it, remembers it if somebody wants to read it, and holds the first
 * rule that was broken.
 */

import type { PeerMessage } from "@quorate/contracts";
import type { Effects, Input } from "@quorate/core";
import { describeWrite } from "../describe.js";
import { Digest } from "../digest.js";
import type { Violation } from "../ledger/index.js";
import type { RunReport } from "../run.js";
import { Tally } from "../tally.js";
import { Trace } from "../trace.js";
import { FAULTS, type FaultName, STEADY_FAULTS, type SteadyFaultName } from "./fault-names.js";
import type { Machine } from "./machine.js";
import { MEMBER_SITUATIONS } from "./member-situations.js";
import { ORDERS, type OrderName } from "./orders.js";
import type { SimulatedTime } from "./simulated-time.js";
import { SNAPSHOT_SITUATIONS, SnapshotSituations } from "./snapshot-situations.js";

const SITUATIONS = [
  "a leader was elected",
  "two servers believed they led",
  "a leader stepped down",
  "a candidate lost",
  "entries were truncated",
  "an append was refused",
  "a proposal was passed on",
  "an outcome was unknown",
  "a proposal was not executed",
  "a read was refused",
  "a lease vouched for a read",
  "a lease was over before its reader",
  "a stale read was answered at once",
  "a stale read was refused",
  "a session had expired",
  "a number was used twice",
  "a server stopped for good",
  "a server did not open",
  "entries were read from the disk",
  "two versions of the program ran side by side",
  "feature levels were raised",
  "a server was too old for the feature levels",
  "a command of the new format was applied",
  "all servers were down",
  "a leader called a quiet",
  "a leader ended a quiet",
  "a leader died in a quiet",
  "a follower ended a quiet for itself",
  "a server campaigned out of a quiet",
  "a history was too hard to check",
  ...SNAPSHOT_SITUATIONS,
  ...MEMBER_SITUATIONS,
] as const;

type Situation = (typeof SITUATIONS)[number];

export class Spectator {
  readonly faults = new Tally<FaultName | SteadyFaultName | OrderName>([...STEADY_FAULTS, ...FAULTS, ...ORDERS]);
  readonly situations = new Tally<Situation>(SITUATIONS);
  readonly snapshots = new SnapshotSituations((situation) => this.situations.add(situation));
  readonly #time: SimulatedTime;
  readonly #trace: Trace;
  readonly #digest = new Digest();
  /** By server: what it was last seen to be. */
  readonly #roles: string[] = [];
  /** By server: whether it took part in a quiet. */
  readonly #quiets: boolean[] = [];
  readonly #onRivals: (leader: Machine, former: Machine) => void;
  #violation: Violation | null = null;
  #coreSteps = 0;

  /** `onRivals` is told of a leader that was elected while another still believes that it leads. */
  constructor(time: SimulatedTime, isTraced: boolean, onRivals: (leader: Machine, former: Machine) => void) {
    this.#time = time;
    this.#onRivals = onRivals;
    this.#trace = new Trace(isTraced);
  }

  /** The first one; what comes after it may only follow from it. */
  get violation(): Violation | null {
    return this.#violation;
  }

  violated(violation: Violation): void {
    if (this.#violation !== null) return;
    this.#violation = violation;
    this.note("", "violation", () => `${violation.property}: ${violation.statement}`);
  }

  note(where: string, kind: string, text: () => string, unit: string | null = null): void {
    this.#trace.add(this.#time.now, where, kind, text, unit === "" ? null : unit);
  }

  onEvent(): void {
    this.#digest.add(this.#time.now);
  }

  onStep(input: Input): void {
    this.#coreSteps += 1;
    this.snapshots.onStep(input);
  }

  onEffects(machine: Machine, effects: Effects, machines: readonly Machine[]): void {
    const { write, messages, applyTo, reads } = effects;
    this.snapshots.onEffects(effects);
    this.#digest.add(machine.id * 0x1000 + messages.length);
    this.#digest.add(applyTo);
    if (write !== null) {
      if (write.truncateFrom !== null) this.situations.add("entries were truncated");
      this.note(machine.name, "write", () => describeWrite(write));
    }
    for (const outcome of reads) {
      if (!outcome.ready) this.situations.add("a read was refused");
      else if (outcome.lease !== undefined) this.situations.add("a lease vouched for a read");
    }
    this.#onQuiet(machine, effects);
    this.#onRole(machine, machines);
  }

  #onQuiet({ raft, id, name }: Machine, { messages }: Effects): void {
    if (raft === null || raft.isQuiet === (this.#quiets[id] ?? false)) return;
    const { isQuiet, role } = raft;
    this.#quiets[id] = isQuiet;
    this.note(name, isQuiet ? "falls quiet" : "wakes up", () => "");
    if (role === "leader") this.situations.add(isQuiet ? "a leader called a quiet" : "a leader ended a quiet");
    else if (role === "preCandidate") this.situations.add("a server campaigned out of a quiet");
    else if (messages.some((message) => message.kind === "heartbeatResult" && message.round === 0))
      this.situations.add("a follower ended a quiet for itself");
  }

  onSent(message: PeerMessage): void {
    if (message.kind === "adminRequest") this.situations.add("an order was passed on");
    if (message.kind === "propose") this.situations.add("a proposal was passed on");
    this.snapshots.onSent(message);
    if (message.kind === "appendEntriesResult" && !message.success) this.situations.add("an append was refused");
  }

  onEnded(machine: Machine, machines: readonly Machine[]): void {
    if (this.#roles[machine.id] === "leader" && this.#quiets[machine.id])
      this.situations.add("a leader died in a quiet");
    this.#roles[machine.id] = "down";
    this.#quiets[machine.id] = false;
    if (machines.every(({ isRunning }) => !isRunning)) this.situations.add("all servers were down");
  }

  #onRole(machine: Machine, machines: readonly Machine[]): void {
    const { raft, id } = machine;
    const before = this.#roles[id];
    if (raft === null || raft.role === before) return;
    const { role, currentTerm } = raft;
    this.#roles[id] = role;
    this.note(machine.name, "becomes", () => `${role} (term ${currentTerm})`);
    if (before === "candidate" && role === "follower") this.situations.add("a candidate lost");
    if (before === "leader") this.situations.add("a leader stepped down");
    if (role !== "leader") return;
    this.situations.add("a leader was elected");
    const former = machines.find((other) => other !== machine && other.raft?.role === "leader");
    if (former === undefined) return;
    this.situations.add("two servers believed they led");
    this.#onRivals(machine, former);
  }

  /** What it has seen. */
  report(): Pick<RunReport, "violation" | "coreSteps" | "simulatedMs" | "faults" | "situations" | "hash" | "trace"> {
    return {
      violation: this.#violation,
      coreSteps: this.#coreSteps,
      simulatedMs: this.#time.now,
      faults: this.faults.counts,
      situations: this.situations.counts,
      hash: this.#digest.toString(),
      trace: this.#trace.events,
    };
  }
}
