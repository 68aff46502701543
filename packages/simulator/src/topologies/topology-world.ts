/**
 * A few cores whose links break for good at one moment, and then neither heal nor lose anything: the production core, a
 * network that takes a little while, disks that do. Whoever can talk with a majority must come to lead, and go on.
 */

import { type Effects, type NodeId, Random, type RoleName, type Term } from "@quorate/core";
import TinyQueue from "tinyqueue";
import { CoreServer, ELECTION_TIMEOUT_MS } from "../cores/core-server.js";
import { foundingEntry } from "../cores/founding.js";
import type { Parcel } from "../cores/snapshot-transfer.js";
import { Ledger, type Violation } from "../ledger/index.js";
import type { TopologyCase } from "./cases.js";
import { canSend } from "./graphs.js";

/** In election timeouts: until when something must be committed, … */
export const FIRST_COMMIT_BOUND = 12;
/** … how long things may take to settle then, and how long nobody else may come to lead after that. */
const SETTLING_TIMEOUTS = 3;
export const REIGN_TIMEOUTS = 5;

/** How much longer it may take, in election timeouts, where all were quiet: that is how much longer they wait. */
const QUIET_TIMEOUTS = 4;

/** How often whoever leads gets something to commit; the first time as soon as it leads. */
const PROPOSAL_INTERVAL_MS = ELECTION_TIMEOUT_MS / 2;
const [MIN_LATENCY_MS, MAX_LATENCY_MS] = [0.5, 2];
const DISK_MS = 1;
const SETUP_LIMIT_MS = 100 * ELECTION_TIMEOUT_MS;

export interface TopologyOutcome {
  /** From the moment when the links broke, in election timeouts; null if nothing was committed in time. */
  readonly firstCommit: number | null;
  /** How many leaders there were from then on, up to the end. */
  readonly elections: number;
  /** What went wrong; null if nothing did. */
  readonly problem: string | null;
}

interface Proposed {
  readonly index: number;
  readonly term: Term;
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly to: NodeId;
  /** Null: its disk is done. */
  readonly message: Parcel | null;
}

/**
 * Runs one case, and says when the first commit was. The same case and seed give the same outcome. With `isQuiet` the links
 * break when nobody has wanted anything for a while, and nobody notices but by messages that stay away.
 */
export function runTopology(topology: TopologyCase, seed = 0, isQuiet = false): TopologyOutcome {
  return new TopologyWorld(topology, seed, isQuiet).run();
}

class TopologyWorld {
  readonly #case: TopologyCase;
  readonly #isQuiet: boolean;
  readonly #random: Random;
  readonly #servers: readonly CoreServer[];
  readonly #events = new TinyQueue<Event>([], (a, b) => a.at - b.at || a.order - b.order);
  readonly #roles: RoleName[] = [];
  /** Whose timers ring; all if null. */
  #awake: NodeId | null = null;
  /** What arrives. */
  #carries: (message: Parcel) => boolean = () => true;
  #now = 0;
  #order = 0;
  #nextProposalAt = 0;
  #requests = 0;
  #elections = 0;
  #lastCommitAt: number | null = null;
  /** By leader, a proposal that is not committed yet. */
  readonly #proposed = new Map<NodeId, Proposed>();
  #violation: Violation | null = null;

  constructor(topology: TopologyCase, seed: number, isQuiet: boolean) {
    const { size, graph, leader, other } = topology;
    this.#case = topology;
    this.#isQuiet = isQuiet;
    this.#random = new Random((seed * 0x9e3779b1 + graph * 64 + leader * 8 + other) | 0);
    const surroundings = {
      ledger: new Ledger({
        onViolation: (violation) => {
          this.#violation ??= violation;
        },
        now: () => this.#now,
      }),
      maxEntriesPerAppend: 4,
      chunks: 1,
      allowsQuiet: isQuiet,
      send: (parcel: Parcel) => this.#send(parcel),
      onEffects: (server: CoreServer, effects: Effects) => this.#onEffects(server, effects),
    };
    this.#servers = Array.from(
      { length: size },
      (_, place) => new CoreServer(place + 1, foundingEntry(size), this.#random.nextUint32(), surroundings),
    );
  }

  run(): TopologyOutcome {
    try {
      for (const server of this.#servers) server.start();
      this.#prepare();
      const brokeAt = this.#breakLinks();
      const since = (at: number): number => (at - brokeAt) / ELECTION_TIMEOUT_MS;
      const bound = FIRST_COMMIT_BOUND + (this.#isQuiet ? QUIET_TIMEOUTS : 0);
      const limit = brokeAt + bound * ELECTION_TIMEOUT_MS;
      if (!this.#runUntil(() => this.#lastCommitAt !== null, limit))
        return this.#outcome(null, `nothing was committed within ${bound} election timeouts`);
      const firstCommit = since(this.#now);
      this.#runFor(SETTLING_TIMEOUTS * ELECTION_TIMEOUT_MS);
      return this.#outcome(firstCommit, this.#reign());
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return this.#outcome(null, error.stack ?? error.message);
    }
  }

  /** Entries are committed in every election timeout, under one leader. */
  #reign(): string | null {
    const before = this.#elections;
    for (let timeouts = 0; timeouts < REIGN_TIMEOUTS; timeouts += 1) {
      this.#lastCommitAt = null;
      this.#runFor(ELECTION_TIMEOUT_MS);
      if (this.#lastCommitAt === null) return "commits stopped";
    }
    return this.#elections > before ? "another leader was elected" : null;
  }

  #outcome(firstCommit: number | null, problem: string | null): TopologyOutcome {
    const broken = this.#violation;
    const breach = broken === null ? null : `${broken.statement} ${broken.facts.join(" ")}`;
    return { firstCommit, elections: this.#elections, problem: breach ?? problem };
  }

  // --- before the links break ---

  #prepare(): void {
    const { leader, past, other } = this.#case;
    this.#elect(past === "rival" ? other : leader);
    if (this.#isQuiet) this.#mustRun(() => this.#servers.every(({ raft }) => raft?.isQuiet === true));
    if (past === "ahead") {
      this.#propose(leader, 1);
      // It arrives, and the leader never hears of that.
      this.#carries = ({ kind, to }) => kind !== "appendEntriesResult" && (kind !== "appendEntries" || to === other);
      this.#runFor(2 * MAX_LATENCY_MS + DISK_MS);
    } else if (past === "rival") {
      this.#propose(other, 2);
      this.#carries = ({ kind, from, to }) => kind !== "appendEntries" && from !== other && to !== other;
      this.#awake = leader;
      const isLeading = (): boolean => this.#server(leader).raft?.role === "leader";
      this.#mustRun(
        () => isLeading() && this.#servers.every(({ id, raft }) => id === other || raft?.leaderId === leader),
      );
    } else if (past === "behind") {
      this.#propose(leader, 2);
      this.#carries = ({ from, to }) => from !== other && to !== other;
      const rest = this.#servers.filter(({ id }) => id !== other);
      this.#mustRun(() => rest.every(({ raft }) => raft?.commitIndex === 4));
      for (const server of rest) {
        server.takeSnapshot(0);
        server.drain();
      }
    }
  }

  /** Everybody follows `leader`, and has what it has. */
  #elect(leader: NodeId): void {
    this.#awake = leader;
    const isDone = ({ raft }: CoreServer): boolean => raft?.leaderId === leader && raft.commitIndex === 2;
    this.#mustRun(() => this.#servers.every(isDone));
  }

  #mustRun(isSo: () => boolean): void {
    if (!this.#runUntil(isSo, this.#now + SETUP_LIMIT_MS)) throw new Error("the servers did not come to their past");
  }

  /** What is under way on a broken link is lost. The moment. */
  #breakLinks(): number {
    const { size, graph } = this.#case;
    // What the past held back is not made up for.
    const under = [...this.#events.data].filter(({ message }) => message === null || this.#carries(message));
    this.#events.data = under;
    this.#events.length = under.length;
    this.#carries = ({ from, to }) => canSend(size, graph, from, to);
    this.#awake = null;
    this.#elections = 0;
    this.#proposed.clear();
    this.#lastCommitAt = null;
    this.#nextProposalAt = this.#now;
    return this.#now;
  }

  // --- time ---

  /** False if it is not so by `limit`. */
  #runUntil(isSo: () => boolean, limit: number): boolean {
    while (!isSo()) {
      if (this.#violation !== null) return true;
      if (!this.#next(limit)) return false;
    }
    return true;
  }

  #runFor(ms: number): void {
    this.#runUntil(() => false, this.#now + ms);
  }

  /** The next thing that happens; false if nothing does up to `limit`, which it is then. */
  #next(limit: number): boolean {
    const ringing = this.#nextTimer();
    const event = this.#events.peek();
    const [eventAt, timerAt] = [event?.at ?? Number.POSITIVE_INFINITY, ringing?.deadline ?? Number.POSITIVE_INFINITY];
    const proposalAt = this.#awake === null ? this.#nextProposalAt : Number.POSITIVE_INFINITY;
    const at = Math.min(eventAt, timerAt, proposalAt);
    this.#now = Math.max(this.#now, Math.min(at, limit));
    if (at > limit) return false;
    if (at === proposalAt) {
      this.#nextProposalAt = this.#now + PROPOSAL_INTERVAL_MS;
      for (const id of this.#leaders) this.#propose(id, 1);
    } else if (at === eventAt) {
      this.#arrive(this.#events.pop() as Event);
    } else if (ringing !== undefined) {
      this.#step(ringing, { kind: "tick" });
    }
    return true;
  }

  #nextTimer(): CoreServer | undefined {
    let first: CoreServer | undefined;
    for (const server of this.#servers) {
      const isAwake = this.#awake === null || server.id === this.#awake;
      if (isAwake && server.deadline < (first?.deadline ?? Number.POSITIVE_INFINITY)) first = server;
    }
    return first;
  }

  #arrive({ to, message }: Event): void {
    const server = this.#server(to);
    if (message === null) {
      server.now = this.#now;
      server.store(server.pendingWrites);
      server.drain();
    } else if (this.#carries(message)) {
      server.now = this.#now;
      if (message.kind === "snapshotChunk") server.onChunk(message, false);
      else if (message.kind === "snapshotChunkResult") server.onChunkResult(message);
      else server.step({ kind: "receive", message });
      server.drain();
    }
  }

  #step(server: CoreServer, input: Parameters<CoreServer["step"]>[0]): void {
    server.now = this.#now;
    server.step(input);
    server.drain();
  }

  #propose(id: NodeId, count: number): void {
    this.#requests += 1;
    const commands = Array.from({ length: count }, () => Uint8Array.of(this.#requests >>> 8, this.#requests));
    this.#step(this.#server(id), { kind: "propose", proposalId: this.#requests, commands });
  }

  // --- what follows ---

  #send(message: Parcel): void {
    if (!this.#carries(message)) return;
    const at = this.#now + this.#random.between(MIN_LATENCY_MS, MAX_LATENCY_MS);
    this.#push(at, message.to, message);
  }

  #push(at: number, to: NodeId, message: Parcel | null): void {
    this.#order += 1;
    this.#events.push({ at, order: this.#order, to, message });
  }

  #onEffects(server: CoreServer, { write, proposals }: Effects): void {
    const { id, raft } = server;
    if (raft === null) return;
    if (write !== null) this.#push(this.#now + DISK_MS, id, null);
    if (raft.role === "leader" && this.#roles[id] !== "leader") {
      this.#elections += 1;
      this.#nextProposalAt = this.#now;
    }
    this.#roles[id] = raft.role;
    const { role, currentTerm, commitIndex } = raft;
    const isMeant = ({ term }: Proposed): boolean => role === "leader" && term === currentTerm;
    const waiting = this.#proposed.get(id);
    if (waiting === undefined || !isMeant(waiting)) {
      this.#proposed.delete(id);
      for (const outcome of proposals)
        if (outcome.accepted) this.#proposed.set(id, { index: outcome.firstIndex, term: outcome.term });
    } else if (commitIndex >= waiting.index) {
      this.#proposed.delete(id);
      this.#lastCommitAt = this.#now;
    }
  }

  get #leaders(): NodeId[] {
    return this.#servers.flatMap(({ id, raft }) => (raft?.role === "leader" ? [id] : []));
  }

  #server(id: NodeId): CoreServer {
    return this.#servers[id - 1] as CoreServer;
  }
}
