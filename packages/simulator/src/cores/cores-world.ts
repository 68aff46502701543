/**
 * The world of cores: bare cores, in an order of events that no clock would give. Messages fall into limbo, from which
 * mostly the newest come back and, now and then, very old ones; clocks run as they like; disks finish when they like.
 *
 * A run is a list of actions, each of which can be left out. Afterwards the faults stop, and whatever quorum can talk
 * must get on.
 */

import { type Effects, type Input, type Message, type NodeId, Random } from "@quorate/core";
import { describeMessage, describeWrite } from "../describe.js";
import { Digest } from "../digest.js";
import { Ledger, type Violation } from "../ledger/index.js";
import type { RunReport, Script } from "../run.js";
import { Tally } from "../tally.js";
import { Trace } from "../trace.js";
import { type Action, decodeAction, encodeAction } from "./actions.js";
import { Chooser } from "./chooser.js";
import { CoreServer, type Surroundings } from "./core-server.js";
import { type CoresParameters, drawCoresParameters } from "./cores-parameters.js";
import { Flight, type UnderWay } from "./flight.js";
import { type Patient, PROGRESS, Recovery } from "./recovery.js";

const FAULTS = ["duplicate", "late message", "loss", "clock drift", "crash", "crash in a write", "cut"] as const;

const SITUATIONS = [
  "a leader was elected",
  "two servers believed they led",
  "a leader stepped down",
  "a candidate lost",
  "entries were truncated",
  "a leader began with entries that were not committed",
  "an append was refused",
  "a message of a term gone by arrived",
  "a proposal was refused",
  "a read was confirmed",
  "a read was refused",
  "a crash lost writes",
  "all servers were down",
] as const;

/** How far back in the queue a message counts as late. */
const LATE_AGE = 20;

export class CoresWorld implements Patient {
  readonly servers: readonly CoreServer[];
  readonly flight: Flight;
  readonly parameters: CoresParameters;
  readonly waitingReads = new Map<number, CoreServer>();
  readonly #script: Script;
  readonly #random: Random;
  readonly #ledger: Ledger;
  readonly #isTraced: boolean;
  readonly #trace: Trace;
  readonly #digest = new Digest();
  readonly #faults = new Tally<(typeof FAULTS)[number]>(FAULTS);
  readonly #situations = new Tally<(typeof SITUATIONS)[number]>(SITUATIONS);
  /** What happened, for a script that replays it; null unless it is kept. */
  readonly #actions: string[] | null;
  /** What each server was last seen to be. */
  readonly #roles: string[] = [];
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
    this.#ledger = new Ledger({
      onViolation: (violation) => this.violated(violation),
      now: () => this.#events,
      formatTime: (events) => `event ${events}`,
    });
    const { servers, maxEntriesPerAppend } = this.parameters;
    this.flight = new Flight(servers);
    const surroundings: Surroundings = {
      ledger: this.#ledger,
      maxEntriesPerAppend,
      send: (message) => this.#onSend(message),
      onEffects: (server, effects) => this.#onEffects(server, effects),
    };
    const ids = Array.from({ length: servers }, (_, place) => place + 1);
    this.servers = ids.map((id) => new CoreServer(id, servers, this.#random.nextUint32(), surroundings));
  }

  get isBroken(): boolean {
    return this.#violation !== null;
  }

  violated(violation: Violation): void {
    if (this.#violation === null) this.note("", "violation", () => violation.statement);
    this.#violation ??= violation;
  }

  run(): RunReport {
    for (const server of this.servers) this.#guarded(server, () => server.start());
    if (this.#script.actions === null) this.#explore();
    else this.#replay(this.#script.actions);
    return this.#report();
  }

  #explore(): void {
    const chooser = new Chooser(this.#random, this.parameters, this.servers, this.flight);
    for (let count = 0; count < this.parameters.actions && !this.isBroken; count += 1) this.perform(chooser.next());
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
    new Recovery(this, new Random(this.#script.seed + 1)).run();
    if (this.#actions === null || (this.isBroken && this.#violation?.oracle !== PROGRESS)) return;
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
        return this.#performOn(this.servers[action.server - 1] as CoreServer, action);
    }
  }

  #performOn(server: CoreServer, action: Extract<Action, { readonly server: NodeId }>): void {
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
        this.note(server.name, "read", () => `request ${this.#requests}`);
        if (server.raft !== null) this.waitingReads.set(this.#requests, server);
        return this.#step(server, { kind: "read", readId: this.#requests }, action.isLate);
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
    const receiver = this.servers[message.to - 1] as CoreServer;
    if (receiver.raft === null) return;
    if (message.term < receiver.raft.currentTerm) this.#situations.add("a message of a term gone by arrived");
    if (this.#isTraced) this.note(receiver.name, "receive", () => `from n${message.from}: ${describeMessage(message)}`);
    this.#step(receiver, { kind: "receive", message }, isLate);
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
    if (lost > 0) this.#situations.add("a crash lost writes");
    this.note(server.name, "crash", () => (lost === 0 ? "nothing was unwritten" : `${lost} pending writes are lost`));
    server.crash(writes);
    for (const [readId, asked] of this.waitingReads) if (asked === server) this.waitingReads.delete(readId);
    this.#roles[server.id] = "down";
    if (this.servers.every(({ raft }) => raft === null)) this.#situations.add("all servers were down");
  }

  #start(server: CoreServer): void {
    if (server.raft !== null) return;
    this.note(server.name, "start", () => `life ${server.lives + 1}`);
    this.#guarded(server, () => server.start());
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

  #onSend(message: Message): void {
    this.#digest.add(message.to * 0x100 + message.term);
    this.flight.add(message);
  }

  #onEffects(server: CoreServer, effects: Effects): void {
    const { write, proposals, reads, messages, applyTo } = effects;
    this.#digest.add(messages.length * 0x10000 + applyTo);
    if (write !== null) {
      this.#digest.add(write.seq);
      if (write.truncateFrom !== null) this.#situations.add("entries were truncated");
      if (this.#isTraced) this.note(server.name, "write", () => describeWrite(write));
    }
    for (const { accepted } of proposals) if (!accepted) this.#situations.add("a proposal was refused");
    for (const { readId, ready } of reads) {
      this.waitingReads.delete(readId);
      this.#situations.add(ready ? "a read was confirmed" : "a read was refused");
    }
    for (const message of messages) {
      if (message.kind === "appendEntriesResult" && !message.success) this.#situations.add("an append was refused");
    }
    this.#onRole(server);
  }

  #onRole(server: CoreServer): void {
    const { raft, id } = server;
    if (raft === null) return;
    const before = this.#roles[id];
    const { role, currentTerm } = raft;
    if (role === before) return;
    this.#roles[id] = role;
    this.note(server.name, "becomes", () => `${role} (term ${currentTerm})`);
    if (before === "candidate" && role === "follower") this.#situations.add("a candidate lost");
    if (before === "leader") this.#situations.add("a leader stepped down");
    if (role !== "leader") return;
    this.#situations.add("a leader was elected");
    if (this.servers.some((other) => other !== server && other.raft?.role === "leader"))
      this.#situations.add("two servers believed they led");
    if (raft.commitIndex < server.lastIndex - 1)
      this.#situations.add("a leader began with entries that were not committed");
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
      situations: this.#situations.counts,
      hash: this.#digest.toString(),
      trace: this.#trace.events,
    };
  }
}

function bytesOf(number: number): Uint8Array {
  return Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number);
}
