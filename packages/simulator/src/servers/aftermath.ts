/**
 * After the faults: what must come true once they have stopped. A majority that can talk executes a command, all that
 * can be reached apply it, what clients saw fits together, nothing is counted that is over, and everybody closes.
 */

import { NOBODY } from "@quorate/core";
import { check, explain, kvAppend } from "@quorate/linearizability";
import { type Clients, keyName } from "./clients.js";
import { describeError } from "./describe-error.js";
import type { Dice } from "./dice.js";
import type { DiskAccount } from "./disk-account.js";
import type { Machine } from "./machine.js";
import type { Network } from "./network.js";
import type { Operator } from "./operator.js";
import type { Outcomes } from "./outcomes.js";
import type { Pump } from "./pump.js";
import type { Call } from "./scenario.js";
import type { ServersParameters } from "./servers-parameters.js";
import type { Settlement } from "./settlement.js";
import type { SimulatedTime } from "./simulated-time.js";
import type { Spectator } from "./spectator.js";

/** Time enough for any number of split votes that will ever be seen, in election timeouts. */
const PROGRESS_LIMIT = 60;

/** The share of runs that go on until all timeouts have passed. */
const LINGER_RATE = 0.15;
/** What nodes allow by default. */
const DEFAULT_TIMEOUT_MS = 5_000;

/** A limit that is the same on every machine. */
const MOST_CHECKER_STEPS = 200_000;

export interface AftermathOptions {
  readonly time: SimulatedTime;
  readonly dice: Dice;
  readonly parameters: ServersParameters;
  readonly calls: readonly Call[];
  readonly network: Network;
  readonly machines: readonly Machine[];
  readonly account: DiskAccount;
  readonly clients: Clients;
  readonly outcomes: Outcomes;
  readonly pump: Pump;
  readonly spectator: Spectator;
  readonly operator: Operator;
  /** Null where members stay who they are. */
  readonly settlement: Settlement | null;
}

export class Aftermath {
  readonly #time: SimulatedTime;
  readonly #dice: Dice;
  readonly #parameters: ServersParameters;
  readonly #calls: readonly Call[];
  readonly #network: Network;
  readonly #machines: readonly Machine[];
  readonly #account: DiskAccount;
  readonly #clients: Clients;
  readonly #outcomes: Outcomes;
  readonly #pump: Pump;
  readonly #spectator: Spectator;
  readonly #operator: Operator;
  readonly #settlement: Settlement | null;
  readonly #calmAt: number;
  /** The machine whose disk hangs while the others must get on. */
  #hanging: Machine | null = null;

  constructor(options: AftermathOptions) {
    this.#time = options.time;
    this.#dice = options.dice;
    this.#parameters = options.parameters;
    this.#calls = options.calls;
    this.#network = options.network;
    this.#machines = options.machines;
    this.#account = options.account;
    this.#clients = options.clients;
    this.#outcomes = options.outcomes;
    this.#pump = options.pump;
    this.#spectator = options.spectator;
    this.#operator = options.operator;
    this.#settlement = options.settlement;
    this.#calmAt = options.time.now;
  }

  async run(): Promise<void> {
    await this.#recover();
    this.#checkHistory();
    if (this.#dice.roll("request", 0, 1) < LINGER_RATE) await this.#linger();
    await this.#close();
  }

  get #isBroken(): boolean {
    return this.#spectator.violation !== null;
  }

  /** The faults stop, and whatever majority can talk gets on; all who can be reached agree. */
  async #recover(): Promise<void> {
    if (this.#isBroken) return;
    this.#spectator.note("", "calm", () => "the faults stop; links are mended, servers are started, disks work");
    this.#clients.stop();
    this.#network.calm();
    this.#network.mendAll();
    for (const machine of this.#machines) {
      machine.disk.endFaults();
      machine.diskTiming.release();
    }
    const limitMs = PROGRESS_LIMIT * this.#parameters.electionTimeoutMs;
    this.#hangOne(limitMs);
    const connected = this.#connectedMajority();
    this.#cutOthers(connected);
    for (const machine of this.#machines) {
      machine.slowApplyUntil = 0;
      if (!this.#account.isLost(machine.id)) machine.start();
    }
    const deadline = this.#time.now + limitMs;
    let isAnswered = false;
    const ask = (turn: number): void => {
      if (isAnswered || this.#time.now >= deadline) return;
      const machine = connected[turn % connected.length] as Machine;
      const again = (): void => void this.#time.schedule(this.#time.now + 100, () => ask(turn + 1));
      void this.#clients
        .request(machine, "append", keyName(0), this.#parameters.electionTimeoutMs * 4)
        .then((isDone) => {
          isAnswered ||= isDone;
          again();
        });
    };
    ask(0);
    if (this.#settlement !== null) this.#tend(this.#settlement, deadline);
    await this.#pump.runUntil(() => (isAnswered && this.#haveConverged()) || this.#time.now >= deadline);
    const isStuck = !(isAnswered && this.#haveConverged());
    if (!this.#isBroken && isStuck && !this.#areFoundersAwaited(connected)) this.#stuck(connected, isAnswered, limitMs);
    this.#hanging?.diskTiming.release();
    await this.#readEverything(deadline + limitMs);
  }

  #tend(settlement: Settlement, deadline: number): void {
    if (this.#time.now >= deadline) return;
    settlement.tend();
    const { electionTimeoutMs } = this.#parameters;
    this.#time.schedule(this.#time.now + electionTimeoutMs / 2, () => this.#tend(settlement, deadline));
  }

  /** A cluster gets on without one server whose disk does nothing, if the others are a majority. */
  #hangOne(durationMs: number): void {
    const { lastingHang } = this.#parameters;
    const lost = this.#machines.filter(({ id }) => this.#account.isLost(id)).length;
    if (!lastingHang || this.#machines.length - lost - 1 <= this.#machines.length / 2) return;
    const healthy = this.#machines.filter(({ id }) => !this.#account.isLost(id));
    const hanging = healthy.find(({ raft }) => raft?.role === "leader") ?? (healthy[0] as Machine);
    this.#hanging = hanging;
    hanging.diskTiming.hangFor(2 * durationMs);
    this.#spectator.faults.add("hanging disk");
    this.#spectator.note(hanging.name, "hanging disk", () => "from now on its disk does nothing");
  }

  /** A majority of servers whose disks hold what they should, and work. */
  #connectedMajority(): readonly Machine[] {
    // Where members change, all links are mended, and nobody knows beforehand who is to be a majority.
    if (this.#settlement !== null) return this.#machines;
    const rotation = this.#dice.seedFor("request", 0) % this.#machines.length;
    const rotated = [...this.#machines.slice(rotation), ...this.#machines.slice(0, rotation)];
    const healthy = rotated.filter((machine) => machine !== this.#hanging && !this.#account.isLost(machine.id));
    return healthy.slice(0, Math.floor(this.#machines.length / 2) + 1);
  }

  #cutOthers(connected: readonly Machine[]): void {
    const { lastingCuts } = this.#parameters;
    for (const from of this.#machines) {
      for (const to of this.#machines) {
        if (from === to || (connected.includes(from) && connected.includes(to))) continue;
        if (this.#dice.roll("loss", from.id, to.id, 1) < lastingCuts) this.#network.cut(from.id, to.id);
      }
    }
  }

  /**
   * Whether one of them may not take part yet: its disk was blank when it first met the cluster, which has lived, and too few
   * of the other founders can tell whether it is the disk of that server (PITFALLS M18).
   */
  #areFoundersAwaited(connected: readonly Machine[]): boolean {
    return connected.some((machine) => (machine.status()?.awaitedFounders.length ?? 0) > 0);
  }

  /** Whoever can be reached by everybody has applied everything. */
  #haveConverged(): boolean {
    if (this.#parameters.lastingCuts > 0) return true;
    const settlement = this.#settlement;
    if (settlement !== null && settlement.unfinished !== null) return false;
    const length = this.#outcomes.length;
    return this.#machines.every(
      (machine) =>
        machine === this.#hanging ||
        this.#account.isLost(machine.id) ||
        settlement?.mustHaveAll(machine) === false ||
        machine.appliedLength === length,
    );
  }

  #stuck(connected: readonly Machine[], isAnswered: boolean, limitMs: number): void {
    const said = this.#machines.map((machine) => {
      const { name, raft } = machine;
      if (raft === null) return `${name} is down`;
      const leader = raft.leaderId === NOBODY ? "no leader" : `leader n${raft.leaderId}`;
      return `${name} is ${raft.role} in term ${raft.currentTerm} with ${leader}, commit index ${raft.commitIndex}, ${machine.appliedLength} commands applied`;
    });
    const reason = this.#settlement?.unfinished ?? null;
    const unfinished = reason === null ? [] : [reason];
    this.#spectator.violated({
      property: "Progress",
      oracle: isAnswered ? "servers/convergence" : "servers/progress",
      statement: `Once the faults stop, a majority that can talk executes a command, and all that can be reached apply it, within ${PROGRESS_LIMIT} election timeouts.`,
      facts: [
        `The faults stopped ${limitMs.toFixed(0)} ms ago; ${connected.map(({ name }) => name).join(", ")} could talk to each other${this.#parameters.lastingCuts > 0 ? "" : ", and all others with them"}.`,
        `${isAnswered ? "A command was executed" : "No command was executed"}; ${[...unfinished, ...said].join("; ")}.`,
      ],
    });
  }

  /** What every register holds in the end, for the check of the whole history. */
  async #readEverything(deadline: number): Promise<void> {
    if (this.#isBroken || this.#parameters.lastingCuts > 0) return;
    let left = 0;
    for (let key = 0; key < this.#parameters.keys; key += 1) {
      for (const machine of this.#machines) {
        if (!machine.isRunning) continue;
        left += 1;
        void this.#clients.request(machine, "get", keyName(key), 5_000).then(() => {
          left -= 1;
        });
      }
    }
    await this.#pump.runUntil(() => left === 0 || this.#time.now >= deadline);
  }

  /** Whether what all clients saw fits with one copy of each register, on which requests happen one after another. */
  #checkHistory(): void {
    if (this.#isBroken) return;
    const model = kvAppend();
    const limits = { stepLimit: MOST_CHECKER_STEPS };
    const { verdict, failure } = check(this.#clients.history, model, limits);
    if (verdict === "unknown") this.#spectator.situations.add("a history was too hard to check");
    if (failure === null) return;
    const { calls, descriptions, order, states, initialState, stuck } = explain(failure, model, limits);
    const told = (place: number): string => `process ${calls[place]?.process}: ${descriptions[place]}`;
    this.#spectator.violated({
      property: "Linearizability",
      oracle: "servers/linearizability",
      statement: "Clients see one copy of the data, on which each request happens at one moment while it is under way.",
      facts: [
        `On register ${failure.partition.join(", ")}, in the order in which they began: ${calls.map((_, place) => told(place)).join("; ")}.`,
        `The longest row that explains what was read is ${order.map(told).join(", then ") || "empty"}; the register holds ${states.at(-1) ?? initialState} then, which does not explain ${stuck.map(told).join(", nor ")}.`,
      ],
    });
  }

  /** Once nobody waits any more, and all timeouts have passed, no server counts anything as under way. */
  async #linger(): Promise<void> {
    if (this.#isBroken) return;
    const asked = this.#calls.map(({ timeoutMs }) => timeoutMs);
    const longestMs = Math.max(DEFAULT_TIMEOUT_MS, this.#parameters.requestTimeoutMs, ...asked);
    // Clocks may run slow; and clients with sessions go on asking until they know.
    const end = this.#time.now + 1.5 * longestMs;
    const atLast = this.#time.now + 15 * longestMs;
    const isOver = (): boolean => this.#time.now >= end && this.#clients.pending + this.#clients.attempts === 0;
    await this.#pump.runUntil(() => isOver() || this.#time.now >= atLast);
    if (this.#isBroken) return;
    for (const machine of this.#machines) {
      const status = machine.status();
      if (status === null || status.fatal !== null) continue;
      const { pendingProposals, pendingReads, pendingBytes } = status;
      if (pendingProposals === 0 && pendingReads === 0 && pendingBytes === 0) continue;
      this.#spectator.violated({
        property: "Counters",
        oracle: "servers/counters",
        statement: "What a server counts as under way is under way.",
        facts: [
          `No client has asked for anything in the last ${(end - this.#calmAt).toFixed(0)} ms, and all timeouts have passed.`,
          `${machine.name} counts ${pendingProposals} proposals and ${pendingReads} reads, and ${pendingBytes} bytes for them.`,
        ],
      });
    }
  }

  /** Every promise settles, at the latest when its server closes. */
  async #close(): Promise<void> {
    if (this.#isBroken) return;
    let open = 0;
    for (const machine of this.#machines) {
      open += 1;
      void machine.close().then(
        () => {
          open -= 1;
        },
        (error: unknown) => this.#notClosed(`${machine.name} failed to close with ${describeError(error)}`),
      );
    }
    const deadline = this.#time.now + 20_000;
    const pending = (): number => this.#clients.pending + this.#operator.calls.pending;
    await this.#pump.runUntil(() => (open === 0 && pending() === 0) || this.#time.now >= deadline);
    if (open > 0) this.#notClosed(`${open} servers did not close within 20 s`);
    if (this.#operator.calls.pending > 0) this.#notClosed(`${this.#operator.calls.pending} orders were never answered`);
    if (this.#clients.pending > 0) this.#notClosed(`${this.#clients.pending} requests were never answered`);
  }

  #notClosed(fact: string): void {
    this.#spectator.violated({
      property: "Every promise settles",
      oracle: "servers/settles",
      statement: "close() ends in good time, and every request is answered by then.",
      facts: ["All servers were told to close.", `${fact}.`],
    });
  }
}
