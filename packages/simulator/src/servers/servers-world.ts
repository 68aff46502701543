/**
 * The world of servers: a cluster of production nodes, clients that propose and read, and faults, all under one fake
 * clock in one thread. When the faults stop, whatever majority can talk must get on, and all must agree in the end.
 */

import { PROTOCOL_VERSION } from "@quorate/codec";
import type { PeerMessage, RaftError } from "@quorate/contracts";
import { type NodeId, Random } from "@quorate/core";
import { commandOf } from "@quorate/runtime";
import { MemoryNetwork } from "@quorate/transport-memory";
import { describeMessage } from "../describe.js";
import { Ledger, type Violation } from "../ledger/index.js";
import type { RunReport, Script, Settle } from "../run.js";
import { Aftermath } from "./aftermath.js";
import { Clients } from "./clients.js";
import { describeError } from "./describe-error.js";
import { Dice } from "./dice.js";
import { FaultInjector } from "./fault-injector.js";
import { drawFaults, named } from "./faults.js";
import { Machine, type Surroundings } from "./machine.js";
import { Members } from "./members.js";
import { Network } from "./network.js";
import { drawOrders } from "./orders.js";
import { Outcomes } from "./outcomes.js";
import { Pump } from "./pump.js";
import { QUIET } from "./scenario.js";
import { drawServersParameters, type ServersParameters } from "./servers-parameters.js";
import { SimulatedTime } from "./simulated-time.js";
import { SnapshotRegisters } from "./snapshot-registers.js";
import { Spectator } from "./spectator.js";

/** What a full disk says, and nothing else does. */
const NO_SPACE = /no space left on device/i;

/** Errors with which a process may stop, or not open, once its disk was told to fail. */
const BLAMED_ON_DISK: ReadonlySet<string> = new Set([
  "STORAGE_FAILED",
  "STORAGE_CORRUPT",
  "STORAGE_UNAVAILABLE",
  "STORAGE_FORMAT",
  "FOREIGN_STORAGE",
  "NOT_BOOTSTRAPPED",
  "STORAGE_COMPACTED",
  // A server that forgot what it promised is told so by its leader.
  "INVARIANT_BROKEN",
]);

export class ServersWorld {
  readonly #script: Script;
  readonly #parameters: ServersParameters;
  readonly #dice: Dice;
  readonly #time = new SimulatedTime();
  readonly #spectator: Spectator;
  readonly #pump: Pump;
  readonly #ledger: Ledger;
  readonly #outcomes: Outcomes;
  readonly #network: Network;
  readonly #machines: readonly Machine[];
  readonly #clients: Clients;
  readonly #members: Members;
  readonly #injector: FaultInjector;
  /** By the number of the server that runs on it, or ran on it last. */
  readonly #machineOf = new Map<NodeId, Machine>();
  #isCalm = false;

  constructor(script: Script, settle: Settle, isTraced: boolean) {
    this.#script = script;
    const { seed, scenario } = script;
    const random = new Random(seed);
    const drawn = drawServersParameters(random);
    this.#parameters = scenario === undefined ? drawn : { ...QUIET, ...scenario.parameters };
    this.#dice = new Dice(random.nextUint32());
    this.#spectator = new Spectator(this.#time, isTraced, (...rivals) => this.#clients.compare(...rivals));
    this.#pump = new Pump(this.#time, this.#spectator, settle);
    const report = (violation: Violation): void => this.#spectator.violated(violation);
    this.#ledger = new Ledger({ onViolation: report, now: () => this.#time.now, commandOf });
    this.#outcomes = new Outcomes(report, () => this.#time.now);
    const without = new Set(script.without);
    this.#network = new Network(this.#time, this.#dice, this.#parameters, without, {
      onLost: (message, unit) => {
        this.#spectator.faults.add("loss");
        this.#spectator.note(`n${message.from}`, "lose", () => `to n${message.to}: ${describeMessage(message)}`, unit);
      },
      onDuplicated: () => this.#spectator.faults.add("duplicate"),
      onReordered: () => this.#spectator.faults.add("reordering"),
      onLimbo: () => this.#spectator.faults.add("limbo"),
      onUntold: () => this.#spectator.faults.add("untold loss"),
    });
    this.#machines = this.#makeMachines();
    this.#members = this.#makeMembers();
    this.#clients = this.#makeClients(without);
    this.#injector = this.#makeInjector();
    const faults = named(scenario?.faults ?? drawFaults(random, this.#parameters));
    this.#injector.schedule(faults.filter(({ unit }) => !without.has(unit)));
    this.#clients.schedule(scenario?.calls ?? []);
    if (scenario === undefined)
      this.#members.operator.schedule(drawOrders(random, this.#parameters).filter(({ unit }) => !without.has(unit)));
  }

  #makeMachines(): Machine[] {
    const { servers, spares } = this.#parameters;
    const names = Array.from({ length: servers }, (_, place) => `n${place + 1}`);
    const network = new MemoryNetwork({
      deliver: ({ message }, handOver) => this.#carry(message, handOver),
      announce: (gone, to, tell) => this.#tellLoss(gone.nodeId, to.nodeId, tell),
    });
    const surroundings: Surroundings = {
      time: this.#time,
      dice: this.#dice,
      parameters: this.#parameters,
      network,
      ledger: this.#ledger,
      onStep: (input) => this.#spectator.onStep(input),
      onEffects: (machine, effects) => {
        const { write, reads, proposals } = effects;
        if (write !== null || reads.length > 0 || proposals.length > 0) this.#pump.expectPromises();
        this.#spectator.onEffects(machine, effects, this.#machines);
        this.#members.onTurn(machine);
      },
      protocolVersionOf: (nodeId) => this.#machineOf.get(nodeId)?.program.version.protocolVersion ?? PROTOCOL_VERSION,
      onIdentity: (machine, nodeId) => this.#machineOf.set(nodeId, machine),
      join: (machine, request) => this.#members.joining.join(machine, request),
      onSent: (message) => {
        this.#spectator.onSent(message);
        this.#injector.onSent(message);
      },
      onApplied: (machine, committed, place) => {
        this.#pump.expectPromises();
        if (committed.command.isNewFormat) this.#spectator.situations.add("a command of the new format was applied");
        this.#outcomes.onApplied(machine.name, committed, place);
      },
      onTime: (machine, committed, expired) => {
        this.#pump.expectPromises();
        this.#outcomes.onTime(machine.name, committed, expired);
      },
      onStarting: (machine) => {
        this.#pump.expectPromises();
        const { isNew } = machine.program.version;
        const others = this.#machines.filter((each) => each.isRunning && each !== machine);
        if (others.some(({ program }) => program.version.isNew !== isNew))
          this.#spectator.situations.add("two versions of the program ran side by side");
        this.#spectator.note(
          machine.name,
          "start",
          () => `life ${machine.lives}${isNew ? "" : ", of the older version"}`,
        );
      },
      onStarted: (_machine, restored) => this.#spectator.snapshots.onStarted(restored),
      onRestored: (machine, state) => {
        this.#spectator.snapshots.onRestored();
        this.#outcomes.onRestored(machine.name, state);
      },
      onSnapshotCommitting: (machine, index, origin, registers) => {
        if (origin !== "taken" || !(registers instanceof SnapshotRegisters)) return;
        if (registers.handedOut !== null) this.#outcomes.onSnapshot(machine.name, index, registers.handedOut);
      },
      onSnapshotStored: (machine, origin) => {
        this.#spectator.snapshots.onStored(origin);
        this.#spectator.note(machine.name, "snapshot", () => `${origin}: it is durable`);
      },
      onWarning: (machine, warning) => {
        this.#spectator.snapshots.onWarning(warning);
        this.#spectator.note(machine.name, "warns", () => describeError(warning));
      },
      onStalledRead: () => this.#spectator.faults.add("stalled read"),
      onReadAgain: () => this.#spectator.situations.add("a lease was over before its reader"),
      onDiskRead: () => this.#spectator.situations.add("entries were read from the disk"),
      onAnswered: () => {
        this.#spectator.faults.add("late answer");
        this.#pump.expectPromises();
      },
      onDiskDone: () => {
        this.#pump.expectPromises();
      },
      onStopped: (machine, error, when) => this.#onStopped(machine, error, when),
    };
    const count = servers + spares;
    return Array.from({ length: count }, (_, place) => new Machine(place + 1, names, surroundings));
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
        this.#pump.expectPromises();
        this.#spectator.note(client, "asks", text, unit);
      },
      onAnswered: (client, text, unit, error) => {
        this.#spectator.note(client, "is told", text, unit);
        if (error?.code === "READ_TOO_STALE") this.#spectator.situations.add("a stale read was refused");
        if (error?.outcome === "unknown") this.#spectator.situations.add("an outcome was unknown");
        if (error?.outcome === "not-executed") this.#spectator.situations.add("a proposal was not executed");
      },
      onStaleRead: () => this.#spectator.situations.add("a stale read was answered at once"),
      onAbandoned: () => this.#spectator.faults.add("abandoned call"),
      onRetried: () => this.#spectator.faults.add("retry"),
      onRefused: ({ code }) => {
        if (code === "SESSION_EXPIRED_UNDER_WAY") this.#spectator.situations.add("a session had expired");
        if (code === "SEQUENCE_REUSED") this.#spectator.situations.add("a number was used twice");
      },
      onOddError: (error, asked) => this.#onOddError(error, asked),
    });
  }

  #onOddError(error: unknown, asked: string): void {
    this.#spectator.violated({
      property: "Typed errors",
      oracle: "servers/typed-errors",
      statement: "Whatever goes wrong, a caller gets a RaftError with a code.",
      facts: [`${asked} was asked for.`, `It failed with ${describeError(error)}.`],
    });
  }

  #makeInjector(): FaultInjector {
    return new FaultInjector({
      time: this.#time,
      network: this.#network,
      machines: this.#machines,
      account: this.#members.account,
      tally: this.#spectator.faults,
      isOver: () => this.#isCalm,
      onFault: (fault, where, text) => this.#spectator.note(where, fault.name, text, fault.unit),
      crash: (machine, seed, restartAfterMs) => this.#crash(machine, seed, restartAfterMs),
      onDiskLost: (machine) => this.#ledger.onDiskLost(machine.nodeId),
      onFeatureLevelsRaised: () => this.#spectator.situations.add("feature levels were raised"),
    });
  }

  #makeMembers(): Members {
    return new Members({
      time: this.#time,
      dice: this.#dice,
      parameters: this.#parameters,
      machines: this.#machines,
      network: this.#network,
      ledger: this.#ledger,
      spectator: this.#spectator,
      isOver: () => this.#isCalm,
      expectPromises: () => this.#pump.expectPromises(),
      crash: (machine, seed, restartAfterMs) => this.#crash(machine, seed, restartAfterMs),
      onOddError: (error, asked) => this.#onOddError(error, asked),
    });
  }

  // --- the run ---

  async run(): Promise<RunReport> {
    const { faultyMs, driftRate } = this.#parameters;
    if (driftRate > 0) this.#spectator.faults.add("clock drift");
    for (const machine of this.#machines) machine.start();
    this.#clients.start();
    await this.#pump.runUntil(() => this.#time.now >= faultyMs);
    this.#isCalm = true;
    if (this.#spectator.violation === null) await this.#makeAftermath().run();
    return this.#report();
  }

  #makeAftermath(): Aftermath {
    return new Aftermath({
      time: this.#time,
      dice: this.#dice,
      parameters: this.#parameters,
      calls: this.#script.scenario?.calls ?? [],
      network: this.#network,
      machines: this.#machines,
      account: this.#members.account,
      clients: this.#clients,
      outcomes: this.#outcomes,
      pump: this.#pump,
      spectator: this.#spectator,
      operator: this.#members.operator,
      settlement: this.#members.settlement,
    });
  }

  #carry(message: PeerMessage, handOver: () => void): void {
    const sender = this.#machineOf.get(message.from) as Machine;
    const machine = this.#machineOf.get(message.to) as Machine;
    this.#network.carry(message, sender.id, machine.id, (unit) => {
      machine.receive(() => {
        this.#spectator.note(machine.name, "receive", () => `from n${message.from}: ${describeMessage(message)}`, unit);
        // The answer to a proposal, unlike what cores say to each other, is for somebody who waits.
        if (message.kind === "proposeResult" || message.kind === "propose") this.#pump.expectPromises();
        handOver();
        if (message.kind === "timeoutNow") this.#members.operator.onTimeoutNow(sender);
      });
    });
  }

  #tellLoss(gone: NodeId, to: NodeId, tell: () => void): void {
    const [dead, machine] = [this.#machineOf.get(gone) as Machine, this.#machineOf.get(to) as Machine];
    this.#network.tellLoss(dead.id, dead.lives, machine.id, () => {
      machine.receive(() => {
        this.#spectator.note(machine.name, "hears", () => `that n${gone} has gone`);
        tell();
      });
    });
  }

  // --- lives ---

  #crash(machine: Machine, seed: number, restartAfterMs: number): void {
    this.#spectator.note(machine.name, "crash", () => "");
    this.#end(machine, seed);
    this.#time.schedule(this.#time.now + restartAfterMs, () => machine.start());
  }

  #end(machine: Machine, seed: number): void {
    const random = new Random(seed);
    machine.crash(() => {
      const survives = random.between(0, 1) < 0.5;
      if (!survives) this.#spectator.faults.add("lost write");
      return survives;
    });
    this.#pump.expectPromises();
    this.#spectator.onEnded(machine, this.#machines);
  }

  /** A process that stopped by itself is started again, unless its disk is lost: then people must act. */
  #onStopped(machine: Machine, error: RaftError, when: "opening" | "running"): void {
    this.#pump.expectPromises();
    this.#spectator.note(machine.name, "stops", () => `${when}: ${error.code}: ${error.message}`);
    this.#spectator.situations.add(when === "opening" ? "a server did not open" : "a server stopped for good");
    const isSentAway = this.#members.isSentAway(machine, error, when);
    const isOutdated = machine.program.isOutdated(error);
    if (isOutdated) this.#spectator.situations.add("a server was too old for the feature levels");
    if (isSentAway) machine.isInService = false;
    const isLost = this.#members.account.isLost(machine.id);
    const isFull = NO_SPACE.test(describeError(error));
    const isExpected =
      isSentAway || isOutdated || ((isLost || isFull || machine.failuresToCome > 0) && BLAMED_ON_DISK.has(error.code));
    if (!isFull && !isOutdated && !isSentAway) machine.failuresToCome = Math.max(0, machine.failuresToCome - 1);
    if (!isExpected) {
      this.#spectator.violated({
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
    const { lives } = machine;
    this.#time.schedule(this.#time.now + 1, () => {
      if (machine.lives !== lives) return;
      this.#end(machine, lives);
      if (!isLost) this.#time.schedule(this.#time.now + restartAfterMs, () => machine.start());
    });
  }

  #report(): RunReport {
    const { everyMs, ...parameters } = this.#parameters;
    const faults = Object.keys(everyMs).join(", ");
    return {
      script: this.#script,
      parameters: { ...parameters, faults },
      events: this.#pump.events,
      ...this.#spectator.report(),
    };
  }
}
