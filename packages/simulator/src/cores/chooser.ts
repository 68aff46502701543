/**
 * Draws what happens next. In orderly stretches the network, the disks and the clocks behave, or nothing would ever be
 * elected; in wild ones anything happens. What is drawn is single deeds, so that a shortened run is made of the same.
 */

import { NOBODY, type NodeId, type Random } from "@quorate/core";
import type { Action } from "./actions.js";
import { type CoreServer, ELECTION_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS } from "./core-server.js";
import type { CoresParameters } from "./cores-parameters.js";
import { type Flight, MAX_SERVERS, type UnderWay } from "./flight.js";
import { Intrigue } from "./intrigue.js";
import { type Draw, drawWishes } from "./wishes.js";

/** How many actions a stretch of one kind lasts at most. */
const MAX_STRETCH = 120;
/** A quiet comes after a while, and then has to last. */
const MAX_REST = 500;
/** In that many actions the others elect another, or not yet. */
const MAX_BETRAYAL = 60;
/** It takes some time until the next one leads. */
const MAX_INTRIGUE = 500;

type Kind =
  | "deliver"
  | "burst"
  | "duplicate"
  | "lose"
  | "elapse"
  | "store"
  | "propose"
  | "read"
  | "crash"
  | "storm"
  | "cut"
  | "isolate"
  | "change"
  | "transfer"
  | "snapshot"
  | "fail"
  | "suspect";

const KINDS: readonly Kind[] = [
  "deliver",
  "elapse",
  "store",
  "propose",
  "burst",
  "duplicate",
  "lose",
  "read",
  "crash",
  "storm",
  "cut",
  "isolate",
  "change",
  "transfer",
  "snapshot",
  "fail",
  "suspect",
];

/** What operators and the state machine do, in good times too. */
const OPERATIONS = ["change", "transfer", "snapshot"] as const satisfies readonly Kind[];

export class Chooser {
  readonly #random: Random;
  readonly #parameters: CoresParameters;
  readonly #servers: readonly CoreServer[];
  readonly #flight: Flight;
  readonly #totalWeight: number;
  readonly #operationWeight: number;
  /** Deeds that belong together, and come next. */
  #queue: Action[] = [];
  #isOrderly = true;
  /** Whether nobody wants anything in this stretch. */
  #isRest = false;
  /** A leader that was cut off at rest, and may not know it yet. */
  #betrayed: CoreServer | null = null;
  /** Whose clock stands still in this stretch. */
  #frozen: NodeId = NOBODY;
  #stretch = MAX_STRETCH;
  readonly #draws: Draw = { chance: (rate) => this.#chance(rate), below: (end) => this.#below(end) };
  readonly #intrigue: Intrigue;

  constructor(random: Random, parameters: CoresParameters, servers: readonly CoreServer[], flight: Flight) {
    this.#random = random;
    this.#parameters = parameters;
    this.#servers = servers;
    this.#flight = flight;
    this.#intrigue = new Intrigue(this.#draws, servers, flight);
    this.#totalWeight = KINDS.reduce((sum, kind) => sum + parameters[kind], 0);
    this.#operationWeight = OPERATIONS.reduce((sum, kind) => sum + parameters[kind], 0);
  }

  next(): Action {
    const queued = this.#queue.shift();
    if (queued !== undefined) return queued;
    this.#stretch -= 1;
    if (this.#stretch < 0) {
      this.#beginStretch();
    }
    return this.#isOrderly ? this.#orderly() : this.#wild();
  }

  /**
   * Now and then the faults stop when a leader has just made a configuration, most of all a joint one, which only some
   * know, or nobody else; or when all but one were replaced: the last thing is that it dies. Null if things go on.
   */
  farewell(): Action | null {
    for (const { id, raft, pendingWrites } of this.#servers) {
      if (raft?.role !== "leader" || (raft.configurationIndex <= raft.commitIndex && !this.#intrigue.isReplaced))
        continue;
      const weight = raft.configuration.outgoingVoters.length > 0 ? 5 : 1;
      if (this.#chance(weight * this.#parameters.leaveAmidChange))
        return { kind: "crash", server: id, writes: pendingWrites, isLate: false };
    }
    return null;
  }

  #beginStretch(): void {
    this.#isOrderly = this.#chance(this.#parameters.orderlyRate);
    this.#stretch = this.#below(MAX_STRETCH);
    this.#frozen = NOBODY;
    if (this.#isRest && this.#endRest()) return;
    this.#intrigue.end();
    if (!this.#isOrderly) return;
    if (this.#chance(this.#parameters.rests)) this.#rest();
    else if (this.#chance(this.#parameters.intrigue)) this.#beginIntrigue();
    else if (this.#chance(this.#parameters.coup)) this.#coup();
    else if (this.#chance(0.7)) this.#queue.push({ kind: "heal" }, ...this.#starts());
  }

  /** What a quiet is bad for is the end of whoever leads. Whether the rest goes on. */
  #endRest(): boolean {
    if (this.#betrayed !== null) {
      this.#queue.push({
        kind: "read",
        server: this.#betrayed.id,
        isLease: this.#parameters.leaseRate > 0,
        isLate: false,
      });
      this.#betrayed = null;
      this.#isRest = false;
      return false;
    }
    const leader = this.#servers.find(({ raft }) => raft?.role === "leader");
    if (leader?.raft?.isQuiet === true && this.#chance(0.3)) return this.#betray(leader);
    if (leader !== undefined && this.#chance(0.4)) this.#queue.unshift(this.#crash(leader));
    this.#isRest = false;
    return false;
  }

  /** It is cut off, and the others have a hint; before long somebody asks it, as if it still led. */
  #betray(leader: CoreServer): boolean {
    this.#isOrderly = true;
    this.#stretch = this.#below(MAX_BETRAYAL);
    this.#queue.push(...this.#cuts(new Set([leader.id])), ...this.#suspicionsOf(leader));
    this.#betrayed = leader;
    return true;
  }

  #rest(): void {
    this.#isRest = true;
    this.#stretch = this.#below(MAX_REST);
    this.#queue.push({ kind: "heal" }, ...this.#starts());
  }

  /** The leader is cut off with something new; its clock stands still, so that it goes on believing that it leads. */
  #coup(): void {
    const leader = this.#servers.find(({ raft }) => raft?.role === "leader");
    if (leader === undefined) return;
    this.#stretch = MAX_STRETCH;
    // A lease rests on clocks that go on.
    if (this.#parameters.leaseRate === 0) this.#frozen = leader.id;
    this.#queue.push({ kind: "heal" }, ...this.#cuts(new Set([leader.id])));
    if (this.#chance(0.7)) this.#queue.push({ kind: "propose", server: leader.id, commands: 1, isLate: false });
  }

  #beginIntrigue(): void {
    this.#stretch = this.#below(MAX_INTRIGUE);
    this.#queue.push(...this.#starts(), ...this.#drawIntrigue());
  }

  #drawIntrigue(): Action[] {
    if (this.#chance(this.#parameters.replacements)) return this.#intrigue.beginReplacement();
    return this.#chance(this.#parameters.sieges) ? this.#intrigue.beginSiege() : this.#intrigue.beginReigns();
  }

  /** The oldest message first; then the disks; then time. */
  #orderly(): Action {
    this.#queue.push(...this.#intrigue.deeds());
    const deed = this.#queue.shift();
    if (deed !== undefined) return deed;
    const oldest = this.#intrigue.oldest();
    if (oldest !== undefined && !this.#chance(0.05)) {
      return { kind: "deliver", message: oldest, isLate: this.#isLate() };
    }
    const writing = this.#servers.find(({ pendingWrites }) => pendingWrites > 0);
    if (writing !== undefined && !this.#chance(0.05)) {
      return { kind: "store", server: writing.id, writes: writing.pendingWrites, isLate: false };
    }
    if (this.#isRest) return { kind: "elapse", ms: this.#below(HEARTBEAT_INTERVAL_MS * 2) + 1, except: NOBODY };
    // Where leaders come and go, time must pass.
    const calm = this.#intrigue.isOn ? 0.3 : 1;
    if (this.#chance(0.3 * calm)) return this.#propose();
    if (this.#chance(calm * this.#parameters.leaseRate)) return this.#read(this.#pickLeader());
    if (this.#operationWeight > 0 && this.#chance(0.02 * this.#operationWeight))
      return this.#operate(this.#draw(OPERATIONS, this.#operationWeight));
    return { kind: "elapse", ms: this.#below(HEARTBEAT_INTERVAL_MS * 2) + 1, except: this.#frozen };
  }

  #wild(): Action {
    const kind = this.#draw(KINDS, this.#totalWeight);
    switch (kind) {
      case "deliver":
      case "duplicate":
      case "lose":
        if (this.#flight.size === 0) return this.#elapse();
        return this.#fromLimbo(kind === "duplicate" ? "copy" : kind);
      case "elapse":
        return this.#elapse();
      case "burst":
        return this.#burst(this.#pick(this.#servers).id);
      case "store": {
        const server = this.#pick(this.#servers);
        const writes = 1 + this.#below(Math.max(1, server.pendingWrites));
        return { kind, server: server.id, writes, isLate: this.#isLate() };
      }
      case "propose":
        return this.#propose();
      case "read":
        return this.#read(this.#pick(this.#servers));
      case "crash":
        return this.#crash(this.#pick(this.#servers));
      case "storm":
        this.#queue.push(...this.#servers.map((server) => this.#crash(server)), ...this.#starts());
        return this.#queue.shift() as Action;
      case "cut":
        return this.#cut();
      case "isolate":
        return this.#isolate();
      case "change":
      case "transfer":
      case "snapshot":
        return this.#operate(kind);
      case "fail":
        return this.#fail();
      case "suspect": {
        const server = this.#pick(this.#servers).id;
        return { kind, server, peer: this.#pick(this.#servers).id, isLate: this.#isLate() };
      }
    }
  }

  #draw<Of extends Kind>(kinds: readonly Of[], totalWeight: number): Of {
    let left = this.#random.between(0, totalWeight);
    for (const kind of kinds) {
      left -= this.#parameters[kind];
      if (left < 0) return kind;
    }
    return kinds[0] as Of;
  }

  #operate(kind: (typeof OPERATIONS)[number]): Action {
    const isLate = this.#isLate();
    if (kind === "snapshot") {
      const kept = this.#below(this.#parameters.keptEntries + 1);
      return { kind, server: this.#pick(this.#servers).id, kept, isLate };
    }
    const { id: server, raft } = this.#pickLeader();
    if (kind === "transfer") {
      const to = this.#chance(0.3) ? NOBODY : this.#pick(this.#servers).id;
      return { kind, server, to, isLate };
    }
    if (raft === null) return this.#elapse();
    const room = MAX_SERVERS - this.#servers.length;
    const members = drawWishes(raft.configuration, this.#parameters.priorities, room, this.#draws);
    return { kind, server, isStale: this.#chance(0.05), members, isLate };
  }

  #fail(): Action {
    const sending = this.#servers.filter(({ receivers }) => receivers.length > 0);
    if (sending.length === 0) return this.#elapse();
    const server = this.#pick(sending);
    return { kind: "fail", server: server.id, to: this.#pick(server.receivers), isLate: this.#isLate() };
  }

  /** Mostly whoever believes that it leads. */
  #pickLeader(): CoreServer {
    const leaders = this.#servers.filter(({ raft }) => raft?.role === "leader");
    return this.#pick(leaders.length > 0 && !this.#chance(0.1) ? leaders : this.#servers);
  }

  /** Mostly one of the newest; now and then a very old one. */
  #fromLimbo(kind: "deliver" | "copy" | "lose"): Action {
    let age = 1;
    for (let power = this.#parameters.limboPower; power > 0; power -= 1) age *= this.#random.between(0, 1);
    const message = this.#flight.at(Math.floor(age * this.#flight.size));
    return { kind, message, isLate: this.#isLate() };
  }

  /** What is under way to one server, in any order, and in one turn. */
  #burst(to: NodeId): Action {
    const most = 2 + this.#below(5);
    const messages: UnderWay[] = [];
    for (let age = 0; age < this.#flight.size && messages.length < most; age += 1) {
      const underWay = this.#flight.at(age);
      if (underWay.message.to === to && this.#chance(0.5)) messages.push(underWay);
    }
    if (this.#chance(0.5)) messages.reverse();
    for (const [place, message] of messages.entries()) {
      this.#queue.push({ kind: "deliver", message, isLate: place < messages.length - 1 });
    }
    return this.#queue.shift() ?? this.#elapse();
  }

  #elapse(): Action {
    if (!this.#chance(this.#parameters.drift)) {
      return { kind: "elapse", ms: this.#below(HEARTBEAT_INTERVAL_MS) + 1, except: NOBODY };
    }
    const server = this.#pick(this.#servers).id;
    return { kind: "tick", server, ms: this.#below(3 * ELECTION_TIMEOUT_MS) + 1, isLate: this.#isLate() };
  }

  #propose(): Action {
    const server = this.#pickLeader();
    return { kind: "propose", server: server.id, commands: 1 + this.#below(3), isLate: this.#isLate() };
  }

  #read({ id: server }: CoreServer): Action {
    return { kind: "read", server, isLease: this.#chance(this.#parameters.leaseRate), isLate: this.#isLate() };
  }

  /** A crashed server is started again sooner or later; one that is down is started now. */
  #crash(server: CoreServer): Action {
    if (server.raft === null) return { kind: "start", server: server.id };
    if (this.#chance(this.#parameters.toldLosses)) this.#queue.push(...this.#suspicionsOf(server));
    if (this.#chance(0.5)) this.#queue.push({ kind: "start", server: server.id });
    return { kind: "crash", server: server.id, writes: this.#below(server.pendingWrites + 1), isLate: false };
  }

  #suspicionsOf({ id: peer }: CoreServer): Action[] {
    const others = this.#servers.filter(({ id }) => id !== peer);
    return others.map(({ id: server }) => ({ kind: "suspect", server, peer, isLate: false }));
  }

  #starts(): Action[] {
    return this.#servers.map(({ id }) => ({ kind: "start", server: id }));
  }

  #cut(): Action {
    if (this.#servers.length === 1 || this.#chance(0.3)) return { kind: "heal" };
    const from = this.#pick(this.#servers).id;
    const others = this.#servers.filter(({ id }) => id !== from);
    return { kind: "cut", from, to: this.#pick(others).id };
  }

  /** One server, or any side, is cut off from the others in both directions. */
  #isolate(): Action {
    if (this.#chance(0.3)) return { kind: "heal" };
    const leader = this.#servers.find(({ raft }) => raft?.role === "leader");
    const alone = leader !== undefined && this.#chance(0.5) ? leader : this.#pick(this.#servers);
    const side = new Set<NodeId>([alone.id]);
    if (this.#chance(0.5)) for (const { id } of this.#servers) if (this.#chance(0.4)) side.add(id);
    this.#queue.push(...this.#cuts(side));
    return { kind: "heal" };
  }

  #cuts(side: ReadonlySet<NodeId>): Action[] {
    const cuts: Action[] = [];
    for (const { id: from } of this.#servers) {
      for (const { id: to } of this.#servers) if (side.has(from) !== side.has(to)) cuts.push({ kind: "cut", from, to });
    }
    return cuts;
  }

  #isLate(): boolean {
    return this.#chance(this.#parameters.lateRate);
  }

  #chance(rate: number): boolean {
    return this.#random.between(0, 1) < rate;
  }

  #below(end: number): number {
    return Math.floor(this.#random.between(0, end));
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)] as T;
  }
}
