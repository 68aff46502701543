/**
 * After the faults: links heal, or most of them; every server runs; disks and clocks behave. A majority that can talk
 * must then elect a leader and commit something new, however the rest of the cluster is cut off (PITFALLS E16).
 */

import { NOBODY, type NodeId, type Random } from "@quorate/core";
import type { Violation } from "../ledger/index.js";
import type { Action } from "./actions.js";
import { type CoreServer, ELECTION_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS } from "./core-server.js";
import type { CoresParameters } from "./cores-parameters.js";
import type { Flight } from "./flight.js";

/** Time enough for any number of split votes that will ever be seen. */
const LIMIT_MS = 40 * ELECTION_TIMEOUT_MS;
/** Which check it is. */
export const PROGRESS = "cores/progress";

const ROUND_MS = HEARTBEAT_INTERVAL_MS / 4;

/** The world that is to recover. */
export interface Patient {
  readonly servers: readonly CoreServer[];
  readonly flight: Flight;
  readonly parameters: CoresParameters;
  readonly isBroken: boolean;
  /** Reads without an answer, with the server that was asked. */
  readonly waitingReads: ReadonlyMap<number, CoreServer>;
  perform(action: Action): void;
  violated(violation: Violation): void;
}

export class Recovery {
  readonly #world: Patient;
  readonly #random: Random;
  /** A majority, all of whose links carry messages. */
  readonly #connected: readonly NodeId[];
  /** The last thing that was proposed. */
  #target: { readonly index: number; readonly term: number } | null = null;

  constructor(world: Patient, random: Random) {
    this.#world = world;
    this.#random = random;
    const ids = world.servers.map(({ id }) => id);
    const rotation = Math.floor(random.between(0, ids.length));
    const rotated = [...ids.slice(rotation), ...ids.slice(0, rotation)];
    this.#connected = rotated.slice(0, Math.floor(ids.length / 2) + 1);
  }

  run(): void {
    const { servers, parameters } = this.#world;
    this.#world.flight.capacity = Number.POSITIVE_INFINITY;
    this.#world.perform({ kind: "heal" });
    if (parameters.lastingCuts > 0) this.#cut(parameters.lastingCuts);
    for (const { id } of servers) this.#world.perform({ kind: "start", server: id });
    if (!this.#runUntil(() => this.#isDone())) return this.#stuck();
    // Whoever can only hear its leader, and not be heard, waits for as long as that leader lives.
    if (parameters.lastingCuts === 0 && !this.#runUntil(() => this.#world.waitingReads.size === 0)) this.#unanswered();
  }

  /** False if it is not so in good time. */
  #runUntil(isSo: () => boolean): boolean {
    for (let ms = 0; ms < LIMIT_MS && !this.#world.isBroken; ms += ROUND_MS) {
      if (isSo()) return true;
      this.#round();
    }
    return this.#world.isBroken;
  }

  #unanswered(): void {
    const [first] = this.#world.waitingReads;
    if (first === undefined) return;
    const [readId, { name }] = first;
    this.#world.violated({
      property: "Every question is answered",
      oracle: "cores/read-answered",
      statement: "Each read is answered, with an index or with a refusal, as long as its server lives (PITFALLS Q3).",
      facts: [
        `${name} was asked for read ${readId}, and has not crashed since.`,
        `${LIMIT_MS / ELECTION_TIMEOUT_MS} election timeouts after the faults stopped, all could talk to each other, and it was not answered.`,
      ],
    });
  }

  #cut(rate: number): void {
    const isConnected = (id: NodeId): boolean => this.#connected.includes(id);
    for (const { id: from } of this.#world.servers) {
      for (const { id: to } of this.#world.servers) {
        if (from === to || (isConnected(from) && isConnected(to))) continue;
        if (this.#random.between(0, 1) < rate) this.#world.perform({ kind: "cut", from, to });
      }
    }
  }

  #round(): void {
    const { flight, servers } = this.#world;
    for (let left = flight.size; left > 0 && flight.size > 0; left -= 1) {
      this.#world.perform({ kind: "deliver", message: flight.at(flight.size - 1), isLate: false });
    }
    for (const { id, pendingWrites } of servers) {
      if (pendingWrites > 0) this.#world.perform({ kind: "store", server: id, writes: pendingWrites, isLate: false });
    }
    this.#propose();
    this.#world.perform({ kind: "elapse", ms: ROUND_MS, except: NOBODY });
  }

  /** Whoever leads gets something to commit, once in each term. */
  #propose(): void {
    for (const { id, raft } of this.#world.servers) {
      if (raft === null || raft.role !== "leader") continue;
      if (this.#target !== null && this.#target.term >= raft.currentTerm) continue;
      this.#world.perform({ kind: "propose", server: id, commands: 1, isLate: false });
      const server = this.#world.servers[id - 1];
      this.#target = { index: server?.lastIndex ?? 0, term: raft.currentTerm };
    }
  }

  #isDone(): boolean {
    const target = this.#target;
    if (target === null) return false;
    return this.#world.servers.some(
      ({ raft }) => raft !== null && raft.commitIndex >= target.index && raft.termAt(target.index) === target.term,
    );
  }

  #stuck(): void {
    const said = this.#connected.map((id) => {
      const raft = this.#world.servers[id - 1]?.raft ?? null;
      if (raft === null) return `n${id} is down`;
      const leader = raft.leaderId === NOBODY ? "no leader" : `leader n${raft.leaderId}`;
      return `n${id} is ${raft.role} in term ${raft.currentTerm} with ${leader} and commit index ${raft.commitIndex}`;
    });
    this.#world.violated({
      property: "Progress",
      oracle: PROGRESS,
      statement: `Once the faults stop, a majority that can talk commits something new within ${LIMIT_MS / ELECTION_TIMEOUT_MS} election timeouts.`,
      facts: [
        `The faults stopped; ${this.#connected.map((id) => `n${id}`).join(", ")} could talk to each other, and their disks and clocks behaved.`,
        `${LIMIT_MS / ELECTION_TIMEOUT_MS} election timeouts later: ${said.join("; ")}.`,
      ],
    });
  }
}
