/**
 * After the faults: links heal, or most of them; every server runs; disks and clocks behave. A majority that can talk
 * must then elect a leader and commit something new, however the rest of the cluster is cut off (PITFALLS E16). Where all
 * can talk, everything that was begun must end: changes of members, snapshots, transfers, reads.
 */

import { type Configuration, membersOf, NOBODY, type NodeId, type Random } from "@quorate/core";
import { describeConfiguration } from "../describe.js";
import type { Ledger, Violation } from "../ledger/index.js";
import type { Action } from "./actions.js";
import { type CoreServer, ELECTION_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS } from "./core-server.js";
import type { CoresParameters } from "./cores-parameters.js";
import type { Flight } from "./flight.js";

/** Time enough for any number of split votes that will ever be seen. */
const LIMIT_MS = 40 * ELECTION_TIMEOUT_MS;
/** Which checks these are. */
const PROGRESS = "cores/progress";
const CONVERGENCE = "cores/convergence";
const ANSWERS = "cores/read-answered";
export const AT_REST: readonly string[] = [PROGRESS, CONVERGENCE, ANSWERS];

const ROUND_MS = HEARTBEAT_INTERVAL_MS / 4;
/** After so long without a sign of it, the sending of a snapshot is given up. */
const SNAPSHOT_ROUNDS = ELECTION_TIMEOUT_MS / ROUND_MS;
const TIMEOUTS = LIMIT_MS / ELECTION_TIMEOUT_MS;

/** The world that is to recover. */
export interface Patient {
  readonly servers: readonly CoreServer[];
  readonly flight: Flight;
  readonly ledger: Ledger;
  readonly parameters: CoresParameters;
  readonly isBroken: boolean;
  /** Requests without an answer, with the server that was asked. */
  readonly waitingReads: ReadonlyMap<number, CoreServer>;
  readonly waitingTransfers: ReadonlyMap<number, CoreServer>;
  perform(action: Action): void;
  violated(violation: Violation): void;
}

export class Recovery {
  readonly #world: Patient;
  readonly #random: Random;
  /** Whose links carry messages to each other: a quorum. */
  #connected: readonly NodeId[] = [];
  /** Whether nobody asks for anything more: what was lost must be made up for all the same (PITFALLS R14). */
  readonly #isQuiet: boolean;
  /** The last thing that was proposed, or is in the log of whoever leads. */
  #target: { readonly index: number; readonly term: number } | null = null;
  /** By sender, receiver and stream: how long a snapshot has been under way. */
  readonly #rounds = new Map<string, number>();

  constructor(world: Patient, random: Random) {
    this.#world = world;
    this.#random = random;
    this.#isQuiet = random.between(0, 1) < 0.3;
  }

  run(): void {
    const { servers, parameters } = this.#world;
    this.#world.flight.capacity = Number.POSITIVE_INFINITY;
    this.#world.perform({ kind: "heal" });
    for (const { id } of [...servers]) this.#world.perform({ kind: "start", server: id });
    this.#connected = this.#connect();
    if (parameters.lastingCuts > 0) this.#cut(parameters.lastingCuts);
    if (!this.#runUntil(() => this.#isDone())) return this.#stuck();
    // Whoever can only hear its leader, and not be heard, waits for as long as that leader lives.
    if (parameters.lastingCuts > 0) return;
    if (!this.#runUntil(() => this.#unsettled() === null)) return this.#diverged();
    if (!this.#runUntil(() => this.#world.waitingReads.size === 0)) this.#unanswered();
  }

  /** False if it is not so in good time. */
  #runUntil(isSo: () => boolean): boolean {
    for (let ms = 0; ms < LIMIT_MS && !this.#world.isBroken; ms += ROUND_MS) {
      if (isSo()) return true;
      this.#round();
    }
    return this.#world.isBroken;
  }

  // --- who can talk ---

  /**
   * Just so many that they are a majority in each configuration that may come to be in force: the one that is committed,
   * those of others that may be yet, and where these lead to. Drawn at random, or those who know the least: one of them
   * has everything, and must be let get on. Everybody if there are witnesses, for one of these may be the only one of a
   * majority that has the newest entry, and it cannot lead.
   */
  #connect(): readonly NodeId[] {
    const { servers, ledger } = this.#world;
    const { index, configuration } = ledger.committedConfiguration;
    const later = servers.flatMap(({ raft }) => (raft !== null && raft.configurationIndex > index ? [raft] : []));
    const possible = [configuration, ...later.map((raft) => raft.configuration)];
    const members = possible.flatMap((each) => membersOf(each));
    const all = [...new Set(members.map(({ id }) => id))].sort((a, b) => a - b);
    if (members.some(({ isWitness }) => isWitness === true)) return all;
    const lastIndex = (id: NodeId): number => this.#world.servers[id - 1]?.lastIndex ?? 0;
    const order = this.#shuffled(all);
    if (this.#random.between(0, 1) < 0.5) order.sort((a, b) => lastIndex(a) - lastIndex(b));
    const sets = possible.flatMap(voterSetsOf);
    const connected: NodeId[] = [];
    // Whoever makes no difference is left out.
    for (const id of order) {
      const isNeeded = sets.some((set) => set.includes(id) && !isMajority(connected, set));
      if (isNeeded) connected.push(id);
    }
    return connected;
  }

  #shuffled(ids: readonly NodeId[]): NodeId[] {
    const shuffled: NodeId[] = [];
    for (const id of ids) shuffled.splice(Math.floor(this.#random.between(0, shuffled.length + 1)), 0, id);
    return shuffled;
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

  // --- what goes on ---

  #round(): void {
    const { flight, servers } = this.#world;
    for (let left = flight.size; left > 0 && flight.size > 0; left -= 1) {
      this.#world.perform({ kind: "deliver", message: flight.at(flight.size - 1), isLate: false });
    }
    for (const { id, pendingWrites } of servers) {
      if (pendingWrites > 0) this.#world.perform({ kind: "store", server: id, writes: pendingWrites, isLate: false });
    }
    this.#giveUpSnapshots();
    this.#propose();
    this.#world.perform({ kind: "elapse", ms: ROUND_MS, except: NOBODY });
  }

  /** Whoever leads gets something to commit, once in each term; or what it has must do. */
  #propose(): void {
    for (const { id, raft } of this.#world.servers) {
      if (raft === null || raft.role !== "leader" || raft.transferTo !== NOBODY) continue;
      if (this.#target !== null && this.#target.term >= raft.currentTerm) continue;
      if (!this.#isQuiet) this.#world.perform({ kind: "propose", server: id, commands: 1, isLate: false });
      const server = this.#world.servers[id - 1];
      this.#target = { index: server?.lastIndex ?? 0, term: raft.currentTerm };
    }
  }

  /** Every order ends (PITFALLS S5): a runtime whose snapshot gets no answer says so. */
  #giveUpSnapshots(): void {
    for (const { id, raft } of this.#world.servers) {
      for (const { id: to, state, nextIndex } of raft?.followers ?? []) {
        if (state !== "snapshot") continue;
        const key = `${id}>${to}@${nextIndex}`;
        const rounds = (this.#rounds.get(key) ?? 0) + 1;
        this.#rounds.set(key, rounds % SNAPSHOT_ROUNDS);
        if (rounds === SNAPSHOT_ROUNDS) this.#world.perform({ kind: "fail", server: id, to, isLate: false });
      }
    }
  }

  #isDone(): boolean {
    const target = this.#target;
    if (target === null) return false;
    return this.#world.servers.some(
      ({ raft }) => raft !== null && raft.commitIndex >= target.index && this.#isThere(raft.termAt(target.index)),
    );
  }

  #isThere(term: number | string): boolean {
    return term === this.#target?.term || term === "compacted";
  }

  /** What is still to come; null if nothing is. Asked often: put in words when there is somebody to read them. */
  #unsettled(): (() => string) | null {
    const { servers, ledger, waitingTransfers } = this.#world;
    const { configuration } = ledger.committedConfiguration;
    const { voters, outgoingVoters, learners, target } = configuration;
    const said = (): string => `${describeConfiguration(configuration)} are in force`;
    if (outgoingVoters.length > 0 || target !== null) return () => `The change of members is not done: ${said()}`;
    let leads = false;
    for (const { id, name, raft } of servers) {
      if (raft?.role !== "leader") continue;
      if (!voters.some((voter) => voter.id === id)) return () => `${name} leads, and is no voter any more: ${said()}`;
      leads = true;
    }
    if (!leads) return () => `None of the voters leads: ${said()}`;
    for (const { id } of [...voters, ...learners]) {
      const commitIndex = servers[id - 1]?.raft?.commitIndex ?? 0;
      if (commitIndex < (this.#target?.index ?? 0))
        return () => `n${id} is a member, and knows no more than entry ${commitIndex} to be committed`;
    }
    const [waiting] = waitingTransfers;
    if (waiting === undefined) return null;
    return () => `${waiting[1].name} was asked to hand over (${waiting[0]}), and has not answered`;
  }

  // --- what is said when it does not end well ---

  #unanswered(): void {
    const [first] = this.#world.waitingReads;
    if (first === undefined) return;
    const [readId, { name }] = first;
    this.#world.violated({
      property: "Every question is answered",
      oracle: ANSWERS,
      statement: "Each read is answered, with an index or with a refusal, as long as its server lives (PITFALLS Q3).",
      facts: [
        `${name} was asked for read ${readId}, and has not crashed since.`,
        `${TIMEOUTS} election timeouts after the faults stopped, all could talk to each other, and it was not answered.`,
      ],
    });
  }

  #diverged(): void {
    this.#world.violated({
      property: "Progress",
      oracle: CONVERGENCE,
      statement: `Once the faults stop and all can talk, within ${TIMEOUTS} election timeouts changes of members are done, everybody who belongs to the cluster has all of its log, and a voter leads.`,
      facts: [
        `The faults stopped, and ${this.#describe(this.#world.servers.map(({ id }) => id))}.`,
        `${this.#unsettled()?.() ?? "Everything is done"}, ${TIMEOUTS} election timeouts later.`,
      ],
    });
  }

  #stuck(): void {
    this.#world.violated({
      property: "Progress",
      oracle: PROGRESS,
      statement: `Once the faults stop, a majority that can talk commits something new within ${TIMEOUTS} election timeouts.`,
      facts: [
        `The faults stopped; ${this.#connected.map((id) => `n${id}`).join(", ")} could talk to each other, and their disks and clocks behaved.`,
        `${TIMEOUTS} election timeouts later: ${this.#describe(this.#connected)}.`,
      ],
    });
  }

  #describe(ids: readonly NodeId[]): string {
    const said = ids.map((id) => {
      const raft = this.#world.servers[id - 1]?.raft ?? null;
      if (raft === null) return `n${id} is down`;
      const leader = raft.leaderId === NOBODY ? "no leader" : `leader n${raft.leaderId}`;
      return `n${id} is ${raft.role} in term ${raft.currentTerm} with ${leader}, commit index ${raft.commitIndex} and a log up to ${raft.lastIndex}, and follows ${describeConfiguration(raft.configuration)}`;
    });
    return said.join("; ");
  }
}

/** Each set of which a majority may be needed, now or when the change that is under way goes on. */
function voterSetsOf({ voters, outgoingVoters, target }: Configuration): (readonly NodeId[])[] {
  return [voters.map(({ id }) => id), outgoingVoters.map(({ id }) => id), target?.voters ?? []];
}

function isMajority(ids: readonly NodeId[], set: readonly NodeId[]): boolean {
  return 2 * set.filter((id) => ids.includes(id)).length > set.length;
}
