/**
 * Stretches in which somebody works against whoever leads, on a network that is orderly otherwise. What comes of it takes
 * too many deeds, each at its moment, for chance alone to hit upon it.
 *
 * - Short reigns: whoever comes to lead is soon cut off from most of the others, with something new, and those before
 *   come back. So there are logs that contradict each other, of several terms, and links that let some see what others
 *   do not.
 * - A siege: the leader first loses all those whom it can do without; when one of them has lost patience, the others,
 *   some of which forget it in a crash. What was on the way before arrives then. A leader that trusts in its lease does
 *   not know yet.
 * - A replacement: while one of the voters is away, all others are replaced. It does not know those who are now its like.
 */

import { type Index, NOBODY, type NodeId, type Term } from "@quorate/core";
import type { Action, Wish } from "./actions.js";
import type { CoreServer } from "./core-server.js";
import type { Flight, UnderWay } from "./flight.js";
import type { Draw } from "./wishes.js";

/** For how many deeds whoever comes to lead leads, at most, where reigns are short. */
const MAX_REIGN = 30;

interface Siege {
  readonly leader: NodeId;
  /** Those without whom the leader is no leader. */
  readonly loyal: readonly NodeId[];
  readonly lost: readonly NodeId[];
}

interface Replacement {
  readonly leader: NodeId;
  /** The configuration from which it started. */
  readonly version: Index;
}

interface Reigning {
  readonly id: NodeId;
  readonly term: Term;
}

export class Intrigue {
  readonly #draw: Draw;
  readonly #servers: readonly CoreServer[];
  readonly #flight: Flight;
  #areReignsShort = false;
  /** Leaders up to this term had their time. */
  #deposedTerm: Term = 0;
  #reignLeft = 0;
  #siege: Siege | null = null;
  #replacement: Replacement | null = null;
  /** What stays on the way for longer than all else. */
  readonly #held = new Set<UnderWay>();

  constructor(draw: Draw, servers: readonly CoreServer[], flight: Flight) {
    this.#draw = draw;
    this.#servers = servers;
    this.#flight = flight;
  }

  get isOn(): boolean {
    return this.#areReignsShort || this.#siege !== null || this.#replacement !== null;
  }

  end(): void {
    this.#areReignsShort = false;
    this.#siege = null;
    this.#replacement = null;
    this.#held.clear();
  }

  /** Whether all but the one who is away were replaced, and whoever did it may go now. */
  get isReplaced(): boolean {
    if (this.#replacement === null) return false;
    const { leader, version } = this.#replacement;
    const raft = this.#servers[leader - 1]?.raft ?? null;
    if (raft === null || raft.configurationIndex <= version || raft.configuration.target !== null) return false;
    return raft.configuration.outgoingVoters.length === 0;
  }

  /** Nothing if nobody leads. */
  beginReplacement(): Action[] {
    const leader = this.#newestLeader()?.id;
    const raft = this.#servers[(leader ?? 0) - 1]?.raft ?? null;
    if (leader === undefined || raft === null) return [];
    this.#replacement = { leader, version: raft.configurationIndex };
    const others = raft.configuration.voters.flatMap(({ id, isWitness }) => (id === leader || isWitness ? [] : [id]));
    const newcomer: Wish = { id: NOBODY, role: "voter", priority: 0 };
    const away = this.#draw.chance(0.8) ? others.slice(this.#draw.below(others.length)).slice(0, 1) : [];
    const stays = away.map((id): Wish => ({ id, role: "voter", priority: 0 }));
    const members = stays.length > 0 ? [...stays, newcomer, newcomer] : [newcomer];
    const rest = this.#servers.flatMap(({ id }) => (away.includes(id) ? [] : [id]));
    const change: Action = { kind: "change", server: leader, isStale: false, members, isLate: false };
    return [{ kind: "heal" }, ...cutsBetween(away, rest), change];
  }

  beginReigns(): Action[] {
    this.#areReignsShort = true;
    this.#reignLeft = this.#draw.below(MAX_REIGN);
    return [{ kind: "heal" }];
  }

  /** Nothing if nobody leads. */
  beginSiege(): Action[] {
    const leader = this.#newestLeader()?.id;
    if (leader === undefined) return [];
    const others: NodeId[] = [];
    for (const { id } of this.#servers) {
      if (id !== leader) others.splice(this.#draw.below(others.length + 1), 0, id);
    }
    const needed = Math.floor(this.#servers.length / 2);
    const lost = others.slice(needed);
    this.#siege = { leader, loyal: others.slice(0, needed), lost };
    this.#hold(({ message }) => message.to !== leader && this.#draw.chance(0.5));
    const deeds: Action[] = [{ kind: "heal" }, ...cutsBetween([leader], lost)];
    if (this.#draw.chance(0.2)) deeds.push({ kind: "transfer", server: leader, to: this.#pick(others), isLate: false });
    return deeds;
  }

  /** What is done next, if anything is. */
  deeds(): Action[] {
    if (this.#areReignsShort) {
      const deposal = this.#depose();
      if (deposal.length > 0) return deposal;
      if (this.#draw.chance(0.01)) return this.#upset();
      if (this.#held.size > 0 && this.#draw.chance(0.02)) return this.#release();
    } else if (this.#siege !== null) {
      const { leader } = this.#siege;
      this.#hold(({ message }) => message.kind === "timeoutNow" && message.from === leader);
      const isImpatient = (id: NodeId): boolean => this.#servers[id - 1]?.raft?.role === "preCandidate";
      if (this.#siege.lost.some(isImpatient) && this.#draw.chance(0.1)) return this.#strike(this.#siege);
    }
    return [];
  }

  /** The oldest message that may arrive. */
  oldest(): UnderWay | undefined {
    for (let age = this.#flight.size - 1; age >= 0; age -= 1) {
      const underWay = this.#flight.at(age);
      if (!this.#held.has(underWay)) return underWay;
    }
    return undefined;
  }

  // --- short reigns ---

  #depose(): Action[] {
    const newest = this.#newestLeader();
    if (newest === undefined || newest.term <= this.#deposedTerm) return [];
    this.#reignLeft -= 1;
    if (this.#reignLeft >= 0) return [];
    this.#deposedTerm = newest.term;
    this.#reignLeft = this.#draw.below(MAX_REIGN);
    if (this.#draw.chance(0.5)) this.#hold(({ message }) => message.from === newest.id);
    const deeds: Action[] = [];
    if (this.#draw.chance(0.5)) deeds.push({ kind: "propose", server: newest.id, commands: 1, isLate: false });
    if (this.#draw.chance(0.7)) deeds.push({ kind: "heal" });
    const thoroughness = 0.4 + 0.06 * this.#draw.below(11);
    const others = this.#servers.flatMap(({ id }) => (id === newest.id ? [] : [id]));
    deeds.push(...cutsBetween([newest.id], others).filter(() => this.#draw.chance(thoroughness)));
    return deeds;
  }

  /** Someone loses the newest leader, or its own memory; or both. */
  #upset(): Action[] {
    const { id } = this.#pick(this.#servers);
    const leader = this.#newestLeader()?.id ?? id;
    const cuts = leader !== id && this.#draw.chance(0.7) ? cutsBetween([leader], [id]) : [];
    return cuts.length === 0 || this.#draw.chance(0.5) ? [...cuts, ...this.#restart(id)] : cuts;
  }

  // --- sieges ---

  #strike({ leader, loyal }: Siege): Action[] {
    this.#siege = null;
    this.#areReignsShort = false;
    const deeds = cutsBetween([leader], loyal);
    for (const id of loyal) if (this.#draw.chance(0.4)) deeds.push(...this.#restart(id));
    return [...deeds, ...this.#release()];
  }

  // --- both ---

  #newestLeader(): Reigning | undefined {
    let newest: Reigning | undefined;
    for (const { id, raft } of this.#servers) {
      if (raft?.role === "leader" && raft.currentTerm > (newest?.term ?? 0)) newest = { id, term: raft.currentTerm };
    }
    return newest;
  }

  #restart(id: NodeId): Action[] {
    const writes = this.#draw.below((this.#servers[id - 1]?.pendingWrites ?? 0) + 1);
    return [
      { kind: "crash", server: id, writes, isLate: false },
      { kind: "start", server: id },
    ];
  }

  #hold(isHeld: (underWay: UnderWay) => boolean): void {
    for (let age = 0; age < this.#flight.size; age += 1) {
      const underWay = this.#flight.at(age);
      if (isHeld(underWay)) this.#held.add(underWay);
    }
  }

  /** What was held back arrives, in any order, and for each server in one turn. */
  #release(): Action[] {
    const messages: UnderWay[] = [];
    for (const underWay of this.#held) messages.splice(this.#draw.below(messages.length + 1), 0, underWay);
    this.#held.clear();
    messages.sort((one, other) => one.message.to - other.message.to);
    return messages.map((message, place) => {
      const isLate = messages[place + 1]?.message.to === message.message.to;
      return { kind: "deliver", message, isLate };
    });
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#draw.below(from.length)] as T;
  }
}

/** All links, in both directions. */
function cutsBetween(side: readonly NodeId[], others: readonly NodeId[]): Action[] {
  return side.flatMap((from) =>
    others.flatMap((to): Action[] => [
      { kind: "cut", from, to },
      { kind: "cut", from: to, to: from },
    ]),
  );
}
