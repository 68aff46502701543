/**
 * The world of servers: a cluster of production nodes, clients that propose and read, and faults, all under one fake
 * clock in one thread. When the faults stop, whatever majority can talk must get on, and all must agree in the end.
 */

import { PROTOCOL_VERSION } from "@quorate/codec";
import type { PeerMessage, RaftError } from "@quorate/contracts";
import { foundingConfiguration, type NodeId, Random } from "@quorate/core";
import { commandOf } from "@quorate/runtime";
import { MemoryNetwork } from "@quorate/transport-memory";
import { describeMessage } from "../describe.js";
import { Ledger, type Violation } from "../ledger/index.js";
import type { RunReport, Script, Settle } from "../run.js";
import { Aftermath } from "./aftermath.js";
import { Clients } from "./clients.js";
import { ClusterView } from "./cluster-view.js";
import { describeError } from "./describe-error.js";
import { Dice } from "./dice.js";
import { DiskAccount } from "./disk-account.js";
import { durationText } from "./duration-text.js";
import { FaultInjector } from "./fault-injector.js";
import { drawFaults, named } from "./faults.js";
import { Joining } from "./joining.js";
import { Machine, type Surroundings } from "./machine.js";
import { MemberOutcomes } from "./member-outcomes.js";
import { situationsBetween } from "./member-situations.js";
import { Network } from "./network.js";
import { Operator } from "./operator.js";
import { drawOrders } from "./orders.js";
import { Outcomes } from "./outcomes.js";
import { Pump } from "./pump.js";
import { QUIET } from "./scenario.js";
import { drawServersParameters, type ServersParameters } from "./servers-parameters.js";
import { Settlement } from "./settlement.js";
import { SimulatedTime } from "./simulated-time.js";
import { SnapshotRegisters } from "./snapshot-registers.js";
import { Spectator } from "./spectator.js";

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
  readonly #account: DiskAccount;
  readonly #injector: FaultInjector;
  readonly #view: ClusterView;
  readonly #memberOutcomes: MemberOutcomes;
  readonly #operator: Operator;
  readonly #joining: Joining;
  /** By the number of the server that runs on it, or ran on it last. */
  readonly #machineOf = new Map<NodeId, Machine>();
  /** Who has stopped because it was removed. */
  readonly #removed = new Set<NodeId>();
  /** The last configuration that was committed. */
  #configurationIndex = 0;
  #configuration = foundingConfiguration([]);
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
    });
    this.#machines = this.#makeMachines();
    this.#view = new ClusterView(this.#machines, () => this.#ledger.committedConfiguration);
    this.#account = new DiskAccount((id, lost) => this.#isBearable(id, lost));
    this.#memberOutcomes = new MemberOutcomes(report);
    this.#operator = this.#makeOperator();
    this.#joining = this.#makeJoining();
    this.#clients = this.#makeClients(without);
    this.#injector = this.#makeInjector();
    const faults = named(scenario?.faults ?? drawFaults(random, this.#parameters));
    this.#injector.schedule(faults.filter(({ unit }) => !without.has(unit)));
    this.#clients.schedule(scenario?.calls ?? []);
    if (scenario === undefined)
      this.#operator.schedule(drawOrders(random, this.#parameters).filter(({ unit }) => !without.has(unit)));
  }

  #makeMachines(): Machine[] {
    const { servers, spares } = this.#parameters;
    const names = Array.from({ length: servers }, (_, place) => `n${place + 1}`);
    const network = new MemoryNetwork({ deliver: ({ message }, handOver) => this.#carry(message, handOver) });
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
        if (spares > 0) this.#onTurn(machine);
      },
      protocolVersionOf: (nodeId) => this.#machineOf.get(nodeId)?.program.version.protocolVersion ?? PROTOCOL_VERSION,
      onIdentity: (machine, nodeId) => this.#machineOf.set(nodeId, machine),
      join: (machine, request) => this.#joining.join(machine, request),
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
      account: this.#account,
      tally: this.#spectator.faults,
      isOver: () => this.#isCalm,
      onFault: (fault, where, text) => this.#spectator.note(where, fault.name, text, fault.unit),
      crash: (machine, seed, restartAfterMs) => this.#crash(machine, seed, restartAfterMs),
      onDiskLost: (machine) => this.#ledger.onDiskLost(machine.nodeId),
      onFeatureLevelsRaised: () => this.#spectator.situations.add("feature levels were raised"),
    });
  }

  #makeOperator(): Operator {
    return new Operator({
      time: this.#time,
      parameters: this.#parameters,
      view: this.#view,
      account: this.#account,
      outcomes: this.#memberOutcomes,
      tally: this.#spectator.faults,
      isOver: () => this.#isCalm,
      saw: (situation) => this.#spectator.situations.add(situation),
      note: (...noted) => this.#noteOfOperator(...noted),
      crash: (machine, seed, restartAfterMs) => this.#crash(machine, seed, restartAfterMs),
      cutOff: (machine, durationMs) => this.#cutOff(machine, durationMs),
      wipe: (machine) => {
        machine.disk.wipe();
        if (machine.nodeId > 0) this.#ledger.onDiskLost(machine.nodeId);
      },
      onOddError: (error, asked) => this.#onOddError(error, asked),
    });
  }

  #makeJoining(): Joining {
    return new Joining({
      time: this.#time,
      dice: this.#dice,
      parameters: this.#parameters,
      view: this.#view,
      operator: this.#operator,
      outcomes: this.#memberOutcomes,
      isOver: () => this.#isCalm,
      saw: (situation) => this.#spectator.situations.add(situation),
      note: (...noted) => this.#noteOfOperator(...noted),
      crash: (machine, seed, restartAfterMs) => this.#crash(machine, seed, restartAfterMs),
    });
  }

  #noteOfOperator(where: string, kind: string, text: () => string, unit = ""): void {
    this.#pump.expectPromises();
    this.#spectator.note(where, kind, text, unit);
  }

  #cutOff(machine: Machine, durationMs: number): void {
    const links = this.#machines.filter((other) => other !== machine);
    this.#spectator.note(machine.name, "cut off", () => `for ${durationText(durationMs)}`);
    for (const { id } of links) {
      this.#network.cut(machine.id, id);
      this.#network.cut(id, machine.id);
    }
    this.#time.schedule(this.#time.now + durationMs, () => {
      for (const { id } of this.#isCalm ? [] : links) {
        this.#network.mend(machine.id, id);
        this.#network.mend(id, machine.id);
      }
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
      account: this.#account,
      clients: this.#clients,
      outcomes: this.#outcomes,
      pump: this.#pump,
      spectator: this.#spectator,
      operator: this.#operator,
      settlement:
        this.#parameters.spares === 0
          ? null
          : new Settlement({ view: this.#view, operator: this.#operator, account: this.#account }),
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
        if (message.kind === "timeoutNow") this.#operator.onTimeoutNow(sender);
      });
    });
  }

  // --- members ---

  #onTurn(machine: Machine): void {
    this.#view.onTurn(machine);
    const { index, configuration } = this.#ledger.committedConfiguration;
    if (index > this.#configurationIndex) {
      this.#configurationIndex = index;
      this.#memberOutcomes.onCommitted(index, configuration);
      for (const situation of situationsBetween(this.#configuration, configuration, machine.nodeId))
        this.#spectator.situations.add(situation);
      this.#configuration = configuration;
    }
    if (machine.raft?.role === "leader") this.#operator.onLeaderTurn(machine);
  }

  #isBearable(id: number, lost: ReadonlySet<number>): boolean {
    const { servers, spares } = this.#parameters;
    const machine = this.#machines[id - 1] as Machine;
    if (spares === 0) return lost.size < Math.floor((servers - 1) / 2);
    return this.#view.isMember(machine) && this.#operator.isQuiet && this.#view.canLose(machine, lost);
  }

  /** Whether the server was told for good that it does not belong; what is to be seen of that. */
  #isSentAway(machine: Machine, { code }: RaftError, when: "opening" | "running"): boolean {
    const { situations } = this.#spectator;
    if (code === "REMOVED" && this.#view.isRemoved(machine)) {
      situations.add(
        this.#removed.has(machine.nodeId)
          ? "a removed server was started again, and stopped"
          : "a removed server stopped",
      );
      this.#removed.add(machine.nodeId);
      return true;
    }
    if (code === "FOREIGN_INCARNATION" && this.#account.isLost(machine.id)) {
      situations.add("a server came back with a blank disk, and was refused");
      return true;
    }
    if (code !== "INVALID_MEMBERS" || when !== "opening" || machine.entrance !== "joins") return false;
    situations.add("a joiner was refused, for its place is taken");
    return true;
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
    const isSentAway = this.#isSentAway(machine, error, when);
    const isOutdated = machine.program.isOutdated(error);
    if (isOutdated) this.#spectator.situations.add("a server was too old for the feature levels");
    if (isSentAway) machine.isInService = false;
    const isLost = this.#account.isLost(machine.id);
    const isFull = describeError(error).includes(NO_SPACE);
    const isExpected =
      isSentAway || isOutdated || ((isLost || isFull || machine.failuresToCome > 0) && BLAMED_ON_DISK.has(error.code));
    if (!isFull && !isOutdated) machine.failuresToCome = Math.max(0, machine.failuresToCome - 1);
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
