/**
 * The world of cores: bare cores, in an order of events that no clock would give. Messages fall into limbo, from which
 * mostly the newest come back and, now and then, very old ones; clocks run as they like; disks finish when they like.
 *
 * A run is a list of actions, each of which can be left out. Afterwards the faults stop, and whatever quorum can talk
 * must get on.
 */

import { type Effects, type Input, NOBODY, type NodeId, type Raft, Random } from "@quorate/core";
import { describeMessage, describeWrite } from "../describe.js";
import { Digest } from "../digest.js";
import { Ledger, type Violation } from "../ledger/index.js";
import type { RunReport, Script } from "../run.js";
import { Tally } from "../tally.js";
import { Trace } from "../trace.js";
import { type Action, decodeAction, encodeAction } from "./actions.js";
import { Chooser } from "./chooser.js";
import { CoreServer, ELECTION_TIMEOUT_MS, type Surroundings } from "./core-server.js";
import { type CoresParameters, drawCoresParameters } from "./cores-parameters.js";
import { Flight, MAX_SERVERS, type UnderWay } from "./flight.js";
import { foundingEntry } from "./founding.js";
import { Observer } from "./observer.js";
import { AT_REST, type Patient, Recovery } from "./recovery.js";
import type { CarriedChunk, Parcel } from "./snapshot-transfer.js";
import { membersFor } from "./wishes.js";

const FAULTS = [
  "duplicate",
  "late message",
  "loss",
  "clock drift",
  "crash",
  "crash in a write",
  "cut",
  "snapshot failure",
] as const;

/** How far back in the queue a message counts as late. */
const LATE_AGE = 20;

export class CoresWorld implements Patient {
  /** By id, from 1 on. */
  readonly servers: CoreServer[] = [];
  readonly flight: Flight;
  readonly parameters: CoresParameters;
  readonly waitingReads = new Map<number, CoreServer>();
  readonly waitingTransfers = new Map<number, CoreServer>();
  readonly #script: Script;
  readonly #random: Random;
  readonly ledger: Ledger;
  readonly #isTraced: boolean;
  readonly #trace: Trace;
  readonly #digest = new Digest();
  readonly #faults = new Tally<(typeof FAULTS)[number]>(FAULTS);
  readonly #observer: Observer;
  readonly #surroundings: Surroundings;
  /** What happened, for a script that replays it; null unless it is kept. */
  readonly #actions: string[] | null;
  #violation: Violation | null = null;
  #events = 0;
  #coreSteps = 0;
  #commands = 0;
  #requests = 0;
  #unit: string | null = null;

  constructor(script: Script, isTraced: boolean) {
    this.#script = script;
    this.#random = new Random(script.seed);
    this.parameters = drawCoresParameters(this.#random);
    this.#isTraced = isTraced;
    this.#trace = new Trace(isTraced);
    this.#actions = isTraced ? [] : null;
    this.#observer = new Observer(this.servers, (...noted) => this.note(...noted));
    this.ledger = new Ledger({
      onViolation: (violation) => this.violated(violation),
      now: () => this.#events,
      electionTimeoutMs: ELECTION_TIMEOUT_MS,
      formatTime: (events) => `event ${events}`,
    });
    const { servers, maxEntriesPerAppend, chunks, allowsQuiet } = this.parameters;
    this.flight = new Flight();
    this.#surroundings = {
      ledger: this.ledger,
      maxEntriesPerAppend,
      chunks,
      allowsQuiet,
      send: (parcel) => this.#onSend(parcel),
      onEffects: (server, effects) => this.#onEffects(server, effects),
    };
    const founding = foundingEntry(servers);
    for (let id = 1; id <= servers; id += 1)
      this.servers.push(new CoreServer(id, founding, this.#random.nextUint32(), this.#surroundings));
  }

  get isBroken(): boolean {
    return this.#violation !== null;
  }

  violated(violation: Violation): void {
    if (this.#violation === null) this.note("", "violation", () => violation.statement);
    this.#violation ??= violation;
  }

  run(): RunReport {
    for (const server of [...this.servers]) this.#guarded(server, () => server.start());
    if (this.#script.actions === null) this.#explore();
    else this.#replay(this.#script.actions);
    return this.#report();
  }

  #explore(): void {
    const chooser = new Chooser(this.#random, this.parameters, this.servers, this.flight);
    for (let count = 0; count < this.parameters.actions && !this.isBroken; count += 1) {
      this.perform(chooser.next());
      const last = 4 * count > this.parameters.actions ? chooser.farewell() : null;
      if (last === null) continue;
      this.perform(last);
      break;
    }
    this.perform({ kind: "recover" });
  }

  #replay(actions: readonly string[]): void {
    for (const text of actions) {
      const action = decodeAction(text, this.flight);
      if (action !== null && !this.isBroken) this.perform(action);
    }
  }

  /** One action of the script if it ends well, or not at all; if a rule breaks on the way, the deeds up to there. */
  #recover(): void {
    const before = this.#actions?.length ?? 0;
    // What was late comes now.
    for (const server of [...this.servers]) this.#guarded(server, () => server.drain());
    new Recovery(this, new Random(this.#script.seed + 1)).run();
    if (this.#actions === null || (this.#violation !== null && !AT_REST.includes(this.#violation.oracle))) return;
    this.#actions.length = before;
    this.#actions.push(encodeAction({ kind: "recover" }));
  }

  // --- deeds ---

  /** Nothing happens any more once a rule is broken. */
  perform(action: Action): void {
    if (this.isBroken) return;
    if (action.kind === "recover") return this.#recover();
    this.#events += 1;
    if (this.#actions !== null) {
      this.#unit = encodeAction(action);
      this.#actions.push(this.#unit);
    }
    switch (action.kind) {
      case "deliver":
      case "copy":
      case "lose":
        return this.#onMessage(action.kind, action.message, action.isLate);
      case "elapse":
        for (const server of this.servers) if (server.id !== action.except) this.#pass(server, action.ms, false);
        return;
      case "heal":
        this.note("", "heal", () => "all links carry messages again");
        return this.flight.heal();
      case "cut":
        this.#faults.add("cut");
        this.note(`n${action.from}`, "cut", () => `nothing reaches n${action.to} from here any more`);
        return this.flight.cut(action.from, action.to);
      default:
        return this.#performOn(this.servers[action.server - 1], action);
    }
  }

  #performOn(server: CoreServer | undefined, action: Extract<Action, { readonly server: NodeId }>): void {
    // It has not joined in a run that was made shorter.
    if (server === undefined) return;
    switch (action.kind) {
      case "tick":
        this.#faults.add("clock drift");
        this.note(server.name, "clock", () => `runs ahead by ${action.ms} ms`);
        return this.#pass(server, action.ms, action.isLate);
      case "store":
        return this.#store(server, action.writes, action.isLate);
      case "crash":
        return this.#crash(server, action.writes);
      case "start":
        return this.#start(server);
      case "propose":
        return this.#propose(server, action.commands, action.isLate);
      case "read":
        this.#requests += 1;
        this.note(
          server.name,
          "read",
          () => `request ${this.#requests}${action.isLease ? ", for which a lease will do" : ""}`,
        );
        if (server.raft !== null) this.waitingReads.set(this.#requests, server);
        return this.#step(server, { kind: "read", readId: this.#requests, isLease: action.isLease }, action.isLate);
      case "change":
        return this.#change(server, action);
      case "transfer":
        this.#requests += 1;
        this.note(
          server.name,
          "transfer",
          () => `to ${action.to === NOBODY ? "anybody" : `n${action.to}`} (${this.#requests})`,
        );
        if (server.raft !== null) this.waitingTransfers.set(this.#requests, server);
        return this.#step(
          server,
          { kind: "transferLeadership", transferId: this.#requests, to: action.to },
          action.isLate,
        );
      case "snapshot":
        return this.#takeSnapshot(server, action.kept, action.isLate);
      case "fail":
        return this.#failSnapshot(server, action.to, action.isLate);
      case "suspect":
        this.note(server.name, "suspect", () => `its connection with n${action.peer} has ended`);
        return this.#step(server, { kind: "suspect", peer: action.peer }, action.isLate);
    }
  }

  #onMessage(kind: "deliver" | "copy" | "lose", underWay: UnderWay, isLate: boolean): void {
    const { message } = underWay;
    const age = this.flight.ageOf(underWay);
    // Crowded out since it was chosen.
    if (age === this.flight.size) return;
    if (age >= LATE_AGE) this.#faults.add("late message");
    if (kind === "copy") this.#faults.add("duplicate");
    else this.flight.removeAt(age);
    if (kind === "lose") {
      this.#faults.add("loss");
      this.note(`n${message.from}`, "lose", () => `to n${message.to}: ${describeMessage(message)}`);
      return;
    }
    const receiver = this.servers[message.to - 1];
    if (receiver === undefined || receiver.raft === null) return;
    if (this.#isTraced) this.note(receiver.name, "receive", () => `from n${message.from}: ${describeMessage(message)}`);
    if (message.kind === "snapshotChunk") this.#onChunk(receiver, receiver.raft, message, isLate);
    else if (message.kind === "snapshotChunkResult") receiver.onChunkResult(message);
    else this.#step(receiver, { kind: "receive", message }, isLate);
  }

  #onChunk(server: CoreServer, raft: Raft, chunk: CarriedChunk, isLate: boolean): void {
    this.#coreSteps += 1;
    this.#guarded(server, () => {
      const { commitIndex, currentTerm } = raft;
      if (!server.onChunk(chunk, isLate)) return;
      this.#observer.saw("a snapshot arrived");
      if (chunk.place.index <= commitIndex) this.#observer.saw("a snapshot came that added nothing");
      if (chunk.term < currentTerm) this.#observer.saw("a snapshot came whose leader was deposed");
      if (!isLate) server.drain();
    });
  }

  #change(server: CoreServer, { members, isStale, isLate }: Extract<Action, { readonly kind: "change" }>): void {
    if (server.raft === null) return;
    this.#requests += 1;
    const { configuration, configurationIndex } = server.raft;
    const wanted = membersFor(members, configuration, MAX_SERVERS - this.servers.length);
    const basedOn = isStale ? configurationIndex - 1 : configurationIndex;
    this.note(server.name, "change", () => {
      const list = wanted.map(({ name, role, priority }) => `${name} as ${role}${priority ? ` (${priority})` : ""}`);
      return `${list.join(", ") || "nobody"}; based on entry ${basedOn} (change ${this.#requests})`;
    });
    this.#step(server, { kind: "changeMembers", changeId: this.#requests, basedOn, members: wanted }, isLate);
  }

  #takeSnapshot(server: CoreServer, kept: number, isLate: boolean): void {
    if (server.raft === null || server.appliedIndex <= server.snapshotIndex) return;
    this.#coreSteps += 1;
    this.#observer.saw("a snapshot was taken");
    this.note(server.name, "snapshot", () => `up to entry ${server.appliedIndex}, and ${kept} entries stay`);
    this.#guarded(server, () => {
      server.takeSnapshot(kept);
      if (!isLate) server.drain();
    });
  }

  #failSnapshot(server: CoreServer, to: NodeId, isLate: boolean): void {
    if (server.raft === null) return;
    this.#coreSteps += 1;
    this.#guarded(server, () => {
      if (!server.failSnapshot(to)) return;
      this.#faults.add("snapshot failure");
      this.note(server.name, "fail", () => `to n${to}`);
      if (!isLate) server.drain();
    });
  }

  #pass(server: CoreServer, ms: number, isLate: boolean): void {
    server.now += ms;
    if (server.raft === null || server.now < server.deadline) return;
    this.#step(server, { kind: "tick" }, isLate);
  }

  #store(server: CoreServer, writes: number, isLate: boolean): void {
    if (server.raft === null || server.pendingWrites === 0) return;
    this.#coreSteps += 1;
    this.note(
      server.name,
      "store",
      () => `${Math.min(writes, server.pendingWrites)} of ${server.pendingWrites} writes are durable`,
    );
    this.#guarded(server, () => {
      server.store(writes);
      if (!isLate) server.drain();
    });
  }

  #crash(server: CoreServer, writes: number): void {
    if (server.raft === null) return;
    this.#faults.add("crash");
    const lost = server.pendingWrites - Math.min(writes, server.pendingWrites);
    if (server.pendingWrites > 0) this.#faults.add("crash in a write");
    if (lost > 0) this.#observer.saw("a crash lost writes");
    if (server.hasUntold) this.#observer.saw("a crash kept a snapshot that its core never heard of");
    if (server.raft.isQuiet && server.raft.role === "leader") this.#observer.saw("a leader died in a quiet");
    this.note(server.name, "crash", () => (lost === 0 ? "nothing was unwritten" : `${lost} pending writes are lost`));
    server.crash(writes);
    for (const waiting of [this.waitingReads, this.waitingTransfers])
      for (const [request, asked] of waiting) if (asked === server) waiting.delete(request);
    this.#observer.onDown(server);
  }

  #start(server: CoreServer): void {
    if (server.raft !== null) return;
    this.note(server.name, "start", () => `life ${server.lives + 1}`);
    this.#guarded(server, () => {
      if (server.start()) this.#observer.saw("a server started with a snapshot that its log knew nothing of");
    });
  }

  #propose(server: CoreServer, count: number, isLate: boolean): void {
    if (server.raft === null) return;
    const commands: Uint8Array[] = [];
    for (let made = 0; made < count; made += 1) {
      this.#commands += 1;
      commands.push(bytesOf(this.#commands));
    }
    this.#requests += 1;
    this.note(server.name, "propose", () => `${count} commands`);
    this.#step(server, { kind: "propose", proposalId: this.#requests, commands }, isLate);
  }

  #step(server: CoreServer, input: Input, isLate: boolean): void {
    if (server.raft === null) return;
    this.#coreSteps += 1;
    this.#digest.add(server.id);
    this.#observer.onStep(server, input);
    this.#guarded(server, () => {
      server.step(input);
      if (!isLate) server.drain();
    });
  }

  /** A core that finds that safety is lost has found what we are looking for. */
  #guarded(server: CoreServer, deed: () => void): void {
    try {
      deed();
    } catch (error) {
      this.violated({
        property: "No core stops",
        oracle: "cores/no-core-stops",
        statement: "As long as disks keep what they promised, no core may find that safety is lost, or fail.",
        facts: [
          `${server.name} threw at event ${this.#events}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
          "Nothing but delays, losses, duplicates, crashes and restarts was done to it.",
        ],
      });
    }
  }

  // --- what follows ---

  #onSend(parcel: Parcel): void {
    this.#digest.add(parcel.to * 0x100 + parcel.term);
    this.flight.add(parcel);
  }

  #onEffects(server: CoreServer, effects: Effects): void {
    const { write, reads, transfers, messages, applyTo } = effects;
    this.#digest.add(messages.length * 0x10000 + applyTo);
    if (write !== null) {
      this.#digest.add(write.seq);
      if (this.#isTraced) this.note(server.name, "write", () => describeWrite(write));
    }
    for (const { readId } of reads) this.waitingReads.delete(readId);
    for (const { transferId, result } of transfers) {
      this.waitingTransfers.delete(transferId);
      this.note(server.name, "is told", () => `request ${transferId}: ${result}`);
    }
    if (this.#isTraced) this.#noteChanges(server, effects);
    this.#observer.onEffects(server, effects);
    if (server.raft !== null) this.#welcome(server.raft.configuration.nextId - 1);
  }

  #noteChanges({ name }: CoreServer, { changes }: Effects): void {
    for (const outcome of changes) {
      this.note(name, "is told", () => {
        const { changeId } = outcome;
        if (outcome.accepted) return `change ${changeId} is accepted, at entry ${outcome.index}`;
        return `change ${changeId} is refused: ${outcome.refusal}, for ${outcome.reason}`;
      });
    }
  }

  /** Whoever is given an id gets a machine with a blank disk. */
  #welcome(lastId: NodeId): void {
    while (this.servers.length < lastId) {
      const id = this.servers.length + 1;
      const seed = this.#script.seed ^ Math.imul(id, 0x9e3779b1);
      const server = new CoreServer(id, null, seed, this.#surroundings);
      this.servers.push(server);
      this.#start(server);
    }
  }

  note(where: string, kind: string, text: () => string): void {
    const server = this.servers?.find(({ name }) => name === where);
    this.#trace.add(server?.now ?? 0, where, kind, text, this.#unit, this.#events);
  }

  #report(): RunReport {
    const { seed, without } = this.#script;
    return {
      script: { seed, world: "cores", actions: this.#actions ?? this.#script.actions, without },
      parameters: { ...this.parameters },
      violation: this.#violation,
      events: this.#events,
      coreSteps: this.#coreSteps,
      simulatedMs: Math.max(...this.servers.map(({ now }) => now)),
      faults: this.#faults.counts,
      situations: this.#observer.counts,
      hash: this.#digest.toString(),
      trace: this.#trace.events,
    };
  }
}

function bytesOf(number: number): Uint8Array {
  return Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number);
}
