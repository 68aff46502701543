/**
 * The world of servers: a cluster of production nodes, clients that propose and read, and faults, all under one fake
 * clock in one thread. When the faults stop, whatever majority can talk must get on, and all must agree in the end.
 */

import { type PeerMessage, RaftError } from "@quorate/contracts";
import { type Effects, type Input, NOBODY, Random } from "@quorate/core";
import { check, explain, kvAppend } from "@quorate/linearizability";
import { MemoryNetwork } from "@quorate/transport-memory";
import { describeMessage, describeWrite } from "../describe.js";
import { Digest } from "../digest.js";
import { Ledger, type Violation } from "../ledger/index.js";
import type { RunReport, Script, Settle } from "../run.js";
import { Tally } from "../tally.js";
import { Trace } from "../trace.js";
import { Clients } from "./clients.js";
import { Dice } from "./dice.js";
import { DiskAccount } from "./disk-account.js";
import { FaultInjector } from "./fault-injector.js";
import { drawFaults, FAULTS, type FaultName, named } from "./faults.js";
import { Machine, type Surroundings } from "./machine.js";
import { Network } from "./network.js";
import { Outcomes } from "./outcomes.js";
import { QUIET } from "./scenario.js";
import { drawServersParameters, type ServersParameters } from "./servers-parameters.js";
import { SimulatedTime } from "./simulated-time.js";

const STEADY_FAULTS = [
  "loss",
  "duplicate",
  "reordering",
  "limbo",
  "lost write",
  "clock drift",
  "abandoned call",
  "retry",
] as const;

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
  "a server stopped for good",
  "a server did not open",
  "entries were read from the disk",
  "all servers were down",
  "a history was too hard to check",
] as const;

type Situation = (typeof SITUATIONS)[number];

/** Time enough for any number of split votes that will ever be seen, in election timeouts. */
const PROGRESS_LIMIT = 60;

/** Far more than a moment ever needs: what goes on for longer goes on for ever. */
const MOST_EVENTS_AT_ONCE = 20_000;

const EVENTS_PER_SETTLE = 16;

/** The share of runs that go on until all timeouts have passed. */
const LINGER_RATE = 0.15;
/** What nodes allow by default. */
const DEFAULT_TIMEOUT_MS = 5_000;

/** A limit that is the same on every machine. */
const MOST_CHECKER_STEPS = 200_000;

/** What a full disk says, and nothing else does. */
const NO_SPACE = "No space left on device";

/** Errors with which a process may stop, or not open, once its disk was told to fail. */
const BLAMED_ON_DISK: ReadonlySet<string> = new Set([
  "STORAGE_FAILED",
  "STORAGE_CORRUPT",
  "STORAGE_UNAVAILABLE",
  "STORAGE_FORMAT",
  "FOREIGN_STORAGE",
  "NOT_BOOTSTRAPPED",
  // A server that forgot what it promised is told so by its leader.
  "INVARIANT_BROKEN",
]);

export class ServersWorld {
  readonly #script: Script;
  readonly #settle: Settle;
  readonly #parameters: ServersParameters;
  readonly #dice: Dice;
  readonly #time = new SimulatedTime();
  readonly #digest = new Digest();
  readonly #ledger: Ledger;
  readonly #outcomes: Outcomes;
  readonly #network: Network;
  readonly #machines: readonly Machine[];
  readonly #clients: Clients;
  readonly #account: DiskAccount;
  readonly #injector: FaultInjector;
  readonly #trace: Trace;
  readonly #faults = new Tally<FaultName | (typeof STEADY_FAULTS)[number]>([...STEADY_FAULTS, ...FAULTS]);
  readonly #situations = new Tally<Situation>(SITUATIONS);
  readonly #roles: string[] = [];
  #violation: Violation | null = null;
  #events = 0;
  #hasPromises = false;
  /** The moment of the last event, and how many events there were before it. */
  #moment = -1;
  #momentBegan = 0;
  #coreSteps = 0;
  #isCalm = false;
  #calmAt = 0;
  /** The machine whose disk hangs while the others must get on. */
  #hanging: Machine | null = null;
  #isClosing = false;

  constructor(script: Script, settle: Settle, isTraced: boolean) {
    this.#script = script;
    this.#settle = settle;
    const { seed, scenario } = script;
    const random = new Random(seed);
    const drawn = drawServersParameters(random);
    this.#parameters = scenario === undefined ? drawn : { ...QUIET, ...scenario.parameters };
    this.#dice = new Dice(random.nextUint32());
    this.#trace = new Trace(isTraced);
    const report = (violation: Violation): void => this.#violated(violation);
    this.#ledger = new Ledger({ onViolation: report, now: () => this.#time.now });
    this.#outcomes = new Outcomes(report);
    const without = new Set(script.without);
    this.#network = new Network(this.#time, this.#dice, this.#parameters, without, {
      onLost: (message, unit) => {
        this.#faults.add("loss");
        this.#note(`n${message.from}`, "lose", () => `to n${message.to}: ${describeMessage(message)}`, unit);
      },
      onDuplicated: () => this.#faults.add("duplicate"),
      onReordered: () => this.#faults.add("reordering"),
      onLimbo: () => this.#faults.add("limbo"),
    });
    this.#machines = this.#makeMachines();
    this.#account = new DiskAccount(this.#machines.length);
    this.#clients = this.#makeClients(without);
    this.#injector = this.#makeInjector();
    const faults = named(scenario?.faults ?? drawFaults(random, this.#parameters));
    this.#injector.schedule(faults.filter(({ unit }) => !without.has(unit)));
    this.#clients.schedule(scenario?.calls ?? []);
  }

  #makeMachines(): Machine[] {
    const names = Array.from({ length: this.#parameters.servers }, (_, place) => `n${place + 1}`);
    const network = new MemoryNetwork({ deliver: ({ message }, handOver) => this.#carry(message, handOver) });
    const surroundings: Surroundings = {
      time: this.#time,
      dice: this.#dice,
      parameters: this.#parameters,
      network,
      ledger: this.#ledger,
      onStep: (machine, input) => this.#onStep(machine, input),
      onEffects: (machine, effects) => this.#onEffects(machine, effects),
      onSent: (machine, message) => this.#onSent(machine, message),
      onApplied: (machine, committed, place) => {
        this.#hasPromises = true;
        this.#outcomes.onApplied(machine.name, committed, place);
      },
      onStarting: (machine) => {
        this.#hasPromises = true;
        this.#note(machine.name, "start", () => `life ${machine.lives}`);
      },
      onDiskRead: () => this.#situations.add("entries were read from the disk"),
      onDiskDone: () => {
        this.#hasPromises = true;
      },
      onStopped: (machine, error, when) => this.#onStopped(machine, error, when),
    };
    return names.map((_, place) => new Machine(place + 1, names, surroundings));
  }

  #makeClients(without: ReadonlySet<string>): Clients {
    return new Clients({
      time: this.#time,
      dice: this.#dice,
      parameters: this.#parameters,
      machines: this.#machines,
      outcomes: this.#outcomes,
      without,
      onAsked: (client, text, unit) => {
        this.#hasPromises = true;
        this.#note(client, "asks", text, unit);
      },
      onAnswered: (client, text, unit, error) => {
        this.#note(client, "is told", text, unit);
        if (error?.outcome === "unknown") this.#situations.add("an outcome was unknown");
        if (error?.outcome === "not-executed") this.#situations.add("a proposal was not executed");
      },
      onAbandoned: () => this.#faults.add("abandoned call"),
      onRetried: () => this.#faults.add("retry"),
      onOddError: (error, asked) =>
        this.#violated({
          property: "Typed errors",
          oracle: "servers/typed-errors",
          statement: "Whatever goes wrong, a caller gets a RaftError with a code.",
          facts: [`${asked} was asked for.`, `It failed with ${describeError(error)}.`],
        }),
    });
  }

  #makeInjector(): FaultInjector {
    return new FaultInjector({
      time: this.#time,
      network: this.#network,
      machines: this.#machines,
      account: this.#account,
      tally: this.#faults,
      isOver: () => this.#isCalm,
      onFault: (fault, where, text) => this.#note(where, fault.name, text, fault.unit),
      crash: (machine, seed, restartAfterMs) => this.#crash(machine, seed, restartAfterMs),
      onDiskLost: (machine) => this.#ledger.onDiskLost(machine.id),
    });
  }

  // --- the run ---

  async run(): Promise<RunReport> {
    const { faultyMs } = this.#parameters;
    if (this.#parameters.driftRate > 0) this.#faults.add("clock drift");
    for (const machine of this.#machines) machine.start();
    this.#clients.start();
    await this.#runUntil(() => this.#time.now >= faultyMs);
    await this.#recover();
    this.#checkHistory();
    if (this.#dice.roll("request", 0, 1) < LINGER_RATE) await this.#linger();
    await this.#close();
    return this.#report();
  }

  async #runUntil(isOver: () => boolean): Promise<void> {
    await this.#settleAll();
    while (!isOver() && this.#violation === null && this.#time.runNext()) {
      this.#events += 1;
      this.#checkRest();
      this.#digest.add(this.#time.now);
      if (this.#hasPromises || this.#events % EVENTS_PER_SETTLE === 0) await this.#settleAll();
    }
  }

  /**
   * Promises go on only where something may have made one ready, and now and then, for it takes a turn of the real event
   * loop. What is overlooked goes on a little late, and in the same way on every machine.
   */
  async #settleAll(): Promise<void> {
    this.#hasPromises = false;
    await this.#settle();
  }

  #checkRest(): void {
    if (this.#time.now !== this.#moment) {
      this.#moment = this.#time.now;
      this.#momentBegan = this.#events;
    }
    const count = this.#events - this.#momentBegan;
    if (count < MOST_EVENTS_AT_ONCE) return;
    this.#violated({
      property: "Rest",
      oracle: "servers/rest",
      statement: "A server whose time has not come rests; it does not ask for one turn after the other.",
      facts: [
        `Time stood still at ${this.#moment} ms.`,
        `${count} events happened at that moment, and more were to come.`,
      ],
    });
  }

  #carry(message: PeerMessage, handOver: () => void): void {
    this.#network.carry(message, (unit) => {
      const machine = this.#machines[message.to - 1] as Machine;
      machine.receive(() => {
        this.#note(machine.name, "receive", () => `from n${message.from}: ${describeMessage(message)}`, unit);
        // The answer to a proposal, unlike what cores say to each other, is for somebody who waits.
        if (message.kind === "proposeResult" || message.kind === "propose") this.#hasPromises = true;
        handOver();
      });
    });
  }

  // --- what is seen ---

  #onStep(_machine: Machine, _input: Input): void {
    this.#coreSteps += 1;
  }

  #onEffects(machine: Machine, { write, messages, applyTo, reads, proposals }: Effects): void {
    if (write !== null || reads.length > 0 || proposals.length > 0) this.#hasPromises = true;
    this.#digest.add(machine.id * 0x1000 + messages.length);
    this.#digest.add(applyTo);
    if (write !== null) {
      if (write.truncateFrom !== null) this.#situations.add("entries were truncated");
      this.#note(machine.name, "write", () => describeWrite(write));
    }
    for (const { ready } of reads) if (!ready) this.#situations.add("a read was refused");
    this.#onRole(machine);
  }

  #onSent(_machine: Machine, message: PeerMessage): void {
    if (message.kind === "propose") this.#situations.add("a proposal was passed on");
    if (message.kind === "appendEntriesResult" && !message.success) this.#situations.add("an append was refused");
  }

  #onRole(machine: Machine): void {
    const { raft, id } = machine;
    const before = this.#roles[id];
    if (raft === null || raft.role === before) return;
    const { role, currentTerm } = raft;
    this.#roles[id] = role;
    this.#note(machine.name, "becomes", () => `${role} (term ${currentTerm})`);
    if (before === "candidate" && role === "follower") this.#situations.add("a candidate lost");
    if (before === "leader") this.#situations.add("a leader stepped down");
    if (role !== "leader") return;
    this.#situations.add("a leader was elected");
    if (this.#machines.some((other) => other !== machine && other.raft?.role === "leader"))
      this.#situations.add("two servers believed they led");
  }

  // --- lives ---

  #crash(machine: Machine, seed: number, restartAfterMs: number): void {
    this.#note(machine.name, "crash", () => "");
    this.#end(machine, seed);
    this.#time.schedule(this.#time.now + restartAfterMs, () => machine.start());
  }

  #end(machine: Machine, seed: number): void {
    const random = new Random(seed);
    machine.crash(() => {
      const survives = random.between(0, 1) < 0.5;
      if (!survives) this.#faults.add("lost write");
      return survives;
    });
    this.#hasPromises = true;
    this.#roles[machine.id] = "down";
    if (this.#machines.every(({ isRunning }) => !isRunning)) this.#situations.add("all servers were down");
  }

  /** A process that stopped by itself is started again, unless its disk is lost: then people must act. */
  #onStopped(machine: Machine, error: RaftError, when: "opening" | "running"): void {
    if (this.#isClosing && error.code === "CLOSED") return;
    this.#hasPromises = true;
    this.#note(machine.name, "stops", () => `${when}: ${error.code}: ${error.message}`);
    this.#situations.add(when === "opening" ? "a server did not open" : "a server stopped for good");
    const isLost = this.#account.isLost(machine.id);
    const isFull = describeError(error).includes(NO_SPACE);
    const isExpected = (isLost || isFull || machine.failuresToCome > 0) && BLAMED_ON_DISK.has(error.code);
    if (!isFull) machine.failuresToCome = Math.max(0, machine.failuresToCome - 1);
    if (!isExpected) {
      this.#violated({
        property: "No server stops",
        oracle: "servers/no-server-stops",
        statement: "As long as its disk keeps what it promised, no server stops by itself or refuses to open.",
        facts: [
          `${machine.name} stopped while ${when}, with ${describeError(error)}.`,
          `Its disk was told neither to fail nor to forget; ${machine.name} is in life ${machine.lives}.`,
        ],
      });
      return;
    }
    const restartAfterMs = 200 + 800 * this.#dice.roll("life", machine.id, machine.lives, 1);
    this.#time.schedule(this.#time.now + 1, () => {
      this.#end(machine, machine.lives);
      if (isLost) return;
      this.#time.schedule(this.#time.now + restartAfterMs, () => {
        machine.start();
      });
    });
  }

  // --- after the faults ---

  async #recover(): Promise<void> {
    if (this.#violation !== null) return;
    this.#isCalm = true;
    this.#calmAt = this.#time.now;
    this.#note("", "calm", () => "the faults stop; links are mended, servers are started, disks work");
    this.#clients.stop();
    this.#network.calm();
    this.#network.mendAll();
    for (const machine of this.#machines) {
      machine.disk.isFull = false;
      machine.releaseDisk();
    }
    const limitMs = PROGRESS_LIMIT * this.#parameters.electionTimeoutMs;
    this.#hangOne(limitMs);
    const connected = this.#connectedMajority();
    this.#cutOthers(connected);
    for (const machine of this.#machines) {
      machine.slowDiskUntil = 0;
      machine.slowApplyUntil = 0;
      if (!this.#account.isLost(machine.id)) machine.start();
    }
    const deadline = this.#time.now + limitMs;
    let isAnswered = false;
    const ask = (turn: number): void => {
      if (isAnswered || this.#time.now >= deadline) return;
      const machine = connected[turn % connected.length] as Machine;
      const again = (): void => void this.#time.schedule(this.#time.now + 100, () => ask(turn + 1));
      void this.#clients.request(machine, "append", "x", this.#parameters.electionTimeoutMs * 4).then((isDone) => {
        isAnswered ||= isDone;
        again();
      });
    };
    ask(0);
    await this.#runUntil(() => (isAnswered && this.#haveConverged()) || this.#time.now >= deadline);
    if (this.#violation === null && !(isAnswered && this.#haveConverged())) this.#stuck(connected, isAnswered, limitMs);
    this.#hanging?.releaseDisk();
    await this.#readEverything(deadline + limitMs);
  }

  /** A cluster gets on without one server whose disk does nothing, if the others are a majority. */
  #hangOne(durationMs: number): void {
    const { lastingHang } = this.#parameters;
    const lost = this.#machines.filter(({ id }) => this.#account.isLost(id)).length;
    if (!lastingHang || this.#machines.length - lost - 1 <= this.#machines.length / 2) return;
    const healthy = this.#machines.filter(({ id }) => !this.#account.isLost(id));
    const hanging = healthy.find(({ raft }) => raft?.role === "leader") ?? (healthy[0] as Machine);
    this.#hanging = hanging;
    hanging.hangDiskFor(2 * durationMs);
    this.#faults.add("hanging disk");
    this.#note(hanging.name, "hanging disk", () => "from now on its disk does nothing");
  }

  /** A majority of servers whose disks hold what they should, and work. */
  #connectedMajority(): readonly Machine[] {
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

  /** Whoever can be reached by everybody has applied everything. */
  #haveConverged(): boolean {
    if (this.#parameters.lastingCuts > 0) return true;
    const length = this.#outcomes.length;
    return this.#machines.every(
      (machine) => machine === this.#hanging || this.#account.isLost(machine.id) || machine.appliedLength === length,
    );
  }

  #stuck(connected: readonly Machine[], isAnswered: boolean, limitMs: number): void {
    const said = this.#machines.map((machine) => {
      const { name, raft } = machine;
      if (raft === null) return `${name} is down`;
      const leader = raft.leaderId === NOBODY ? "no leader" : `leader n${raft.leaderId}`;
      return `${name} is ${raft.role} in term ${raft.currentTerm} with ${leader}, commit index ${raft.commitIndex}, ${machine.appliedLength} commands applied`;
    });
    this.#violated({
      property: "Progress",
      oracle: isAnswered ? "servers/convergence" : "servers/progress",
      statement: `Once the faults stop, a majority that can talk executes a command, and all that can be reached apply it, within ${PROGRESS_LIMIT} election timeouts.`,
      facts: [
        `The faults stopped ${limitMs.toFixed(0)} ms ago; ${connected.map(({ name }) => name).join(", ")} could talk to each other${this.#parameters.lastingCuts > 0 ? "" : ", and all others with them"}.`,
        `${isAnswered ? "A command was executed" : "No command was executed"}; ${said.join("; ")}.`,
      ],
    });
  }

  /** What every register holds in the end, for the check of the whole history. */
  async #readEverything(deadline: number): Promise<void> {
    if (this.#violation !== null || this.#parameters.lastingCuts > 0) return;
    let left = 0;
    for (let key = 0; key < this.#parameters.keys; key += 1) {
      for (const machine of this.#machines) {
        if (!machine.isRunning) continue;
        left += 1;
        void this.#clients.request(machine, "get", String.fromCharCode(120 + key), 5_000).then(() => {
          left -= 1;
        });
      }
    }
    await this.#runUntil(() => left === 0 || this.#time.now >= deadline);
  }

  /** Whether what all clients saw fits with one copy of each register, on which requests happen one after another. */
  #checkHistory(): void {
    if (this.#violation !== null) return;
    const model = kvAppend();
    const limits = { stepLimit: MOST_CHECKER_STEPS };
    const { verdict, failure } = check(this.#clients.history, model, limits);
    if (verdict === "unknown") this.#situations.add("a history was too hard to check");
    if (failure === null) return;
    const { calls, descriptions, order, states, initialState, stuck } = explain(failure, model, limits);
    const told = (place: number): string => `process ${calls[place]?.process}: ${descriptions[place]}`;
    this.#violated({
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
    if (this.#violation !== null) return;
    const asked = (this.#script.scenario?.calls ?? []).map(({ timeoutMs }) => timeoutMs);
    const longestMs = Math.max(DEFAULT_TIMEOUT_MS, this.#parameters.requestTimeoutMs, ...asked);
    // Clocks may run slow.
    const end = this.#time.now + 1.5 * longestMs;
    await this.#runUntil(() => this.#time.now >= end);
    if (this.#violation !== null) return;
    for (const machine of this.#machines) {
      const status = machine.status();
      if (status === null || status.fatal !== null) continue;
      const { pendingProposals, pendingReads, pendingBytes } = status;
      if (pendingProposals === 0 && pendingReads === 0 && pendingBytes === 0) continue;
      this.#violated({
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
    if (this.#violation !== null) return;
    this.#isClosing = true;
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
    await this.#runUntil(() => (open === 0 && this.#clients.pending === 0) || this.#time.now >= deadline);
    if (open > 0) this.#notClosed(`${open} servers did not close within 20 s`);
    if (this.#clients.pending > 0) this.#notClosed(`${this.#clients.pending} requests were never answered`);
  }

  #notClosed(fact: string): void {
    this.#violated({
      property: "Every promise settles",
      oracle: "servers/settles",
      statement: "close() ends in good time, and every request is answered by then.",
      facts: ["All servers were told to close.", `${fact}.`],
    });
  }

  // --- the report ---

  #violated(violation: Violation): void {
    if (this.#violation !== null) return;
    this.#violation = violation;
    this.#note("", "violation", () => `${violation.property}: ${violation.statement}`);
  }

  #note(where: string, kind: string, text: () => string, unit: string | null = null): void {
    this.#trace.add(this.#time.now, where, kind, text, unit === "" ? null : unit);
  }

  #report(): RunReport {
    const { everyMs, ...parameters } = this.#parameters;
    const faults = Object.keys(everyMs).join(", ");
    return {
      script: this.#script,
      parameters: { ...parameters, faults },
      violation: this.#violation,
      events: this.#events,
      coreSteps: this.#coreSteps,
      simulatedMs: this.#time.now,
      faults: this.#faults.counts,
      situations: this.#situations.counts,
      hash: this.#digest.toString(),
      trace: this.#trace.events,
    };
  }
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = error instanceof RaftError ? `${error.code}: ` : "";
  const cause = error.cause === undefined ? "" : ` (because of ${describeError(error.cause)})`;
  return `${code}${error.message}${cause}`;
}
