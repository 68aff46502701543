/**
 * A small world of bare cores for the ledger to watch: links that lose, double and reorder, disks that finish writes
 * when they like, crashes that keep any first part of what was under way, several facts to a turn. All from one seed.
 */

import {
  type AppendRange,
  type Effects,
  type Entry,
  encodeConfiguration,
  foundingConfiguration,
  type Input,
  type Message,
  type NodeId,
  type PulledRange,
  Raft,
  Random,
  type RestoredState,
  type TermRun,
  type Write,
} from "@quorate/core";
import type { Ledger } from "../../src/ledger/index.js";

const HEARTBEAT_INTERVAL_MS = 20;
const ELECTION_TIMEOUT_MS = 100;

/** One server: its process, if it runs, and its disk. */
class Server {
  readonly id: NodeId;
  raft: Raft | null = null;
  lives = 0;
  deadline = 0;
  requests = 0;
  /** The log as asked for. */
  entries: Entry[];
  #durable: { hardState: { currentTerm: number; votedFor: NodeId }; entries: Entry[] };
  pending: Write[] = [];
  /** Stored, and not told to the core yet. */
  untold = 0;
  /** Until then its process stands still, or its disk does. */
  pausedUntil = 0;
  stalledUntil = 0;

  constructor(id: NodeId, founding: Entry) {
    this.id = id;
    this.entries = [founding];
    this.#durable = { hardState: { currentTerm: 1, votedFor: 0 }, entries: [founding] };
  }

  ask(write: Write): void {
    apply(this.entries, write);
    this.pending.push(write);
  }

  store(count: number): number {
    for (const write of this.pending.splice(0, count)) {
      apply(this.#durable.entries, write);
      if (write.hardState !== null) this.#durable.hardState = write.hardState;
      this.untold = write.seq;
    }
    return this.untold;
  }

  restore(): RestoredState {
    const { hardState, entries } = this.#durable;
    this.pending = [];
    this.untold = 0;
    this.entries = [...entries];
    const termRuns: TermRun[] = [];
    for (const { index, term } of entries) {
      if (termRuns[termRuns.length - 1]?.term !== term) termRuns.push({ firstIndex: index, term });
    }
    const memberships = entries.filter(({ kind }) => kind === "membership");
    return {
      hardState,
      compacted: { index: 0, term: 0 },
      lastIndex: entries.length,
      termRuns,
      memberships,
      snapshot: null,
    };
  }
}

function apply(entries: Entry[], { truncateFrom, append }: Write): void {
  if (truncateFrom !== null) entries.length = truncateFrom - 1;
  entries.push(...append);
}

export interface RandomClusterOptions {
  readonly size: number;
  readonly seed: number;
  /** Null to measure what the rest costs. */
  readonly ledger: Ledger | null;
  /** 0: a good day. 1: everything at once. */
  readonly trouble: number;
}

export class RandomCluster {
  now = 0;
  steps = 0;
  crashes = 0;
  readonly #servers: Server[] = [];
  readonly #random: Random;
  readonly #ledger: Ledger | null;
  readonly #trouble: number;
  #inFlight: Message[] = [];
  /** Copies of old messages, which come back now and then. */
  readonly #limbo: Message[] = [];
  /** Messages cannot pass to or from this server. */
  #cutOff: NodeId = 0;

  constructor({ size, seed, ledger, trouble }: RandomClusterOptions) {
    this.#random = new Random(seed);
    this.#ledger = ledger;
    this.#trouble = trouble;
    const voters = Array.from({ length: size }, (_, place) => ({
      id: place + 1,
      name: `n${place + 1}`,
      address: `n${place + 1}:1`,
    }));
    const founding: Entry = {
      index: 1,
      term: 1,
      kind: "membership",
      data: encodeConfiguration(foundingConfiguration(voters)),
    };
    for (const { id } of voters) {
      const server = new Server(id, founding);
      this.#servers.push(server);
      this.#start(server);
    }
  }

  get leader(): Raft | null {
    return this.#servers.find(({ raft }) => raft?.role === "leader")?.raft ?? null;
  }

  #below(limit: number): number {
    return this.#random.nextUint32() % limit;
  }

  #chance(probability: number): boolean {
    return this.#random.nextUint32() < probability * 0x1_0000_0000;
  }

  #start(server: Server): void {
    const restored = server.restore();
    server.lives += 1;
    server.raft = new Raft(
      {
        id: server.id,
        seed: server.id * 1000 + server.lives,
        heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
        electionTimeoutMs: ELECTION_TIMEOUT_MS,
      },
      restored,
      this.now,
    );
    this.#ledger?.onStart(server.id, restored);
    this.#drain(server, server.raft);
  }

  /** Something happens. */
  act(): void {
    this.now += this.#below(3) * 0.25;
    const server = this.#servers[this.#below(this.#servers.length)] as Server;
    const { raft } = server;
    if (raft === null) {
      if (this.#chance(0.2)) this.#start(server);
      return;
    }
    if (server.pausedUntil > this.now) return;
    const kind = this.#below(100);
    if (kind < 45) for (let count = 1 + this.#inFlight.length / 10; count > 0; count -= 1) this.#deliver();
    else if (kind < 70) this.#store(server, raft);
    else if (kind < 78) this.#turn(server, raft, { kind: "tick" });
    else if (kind < 97) this.#ask(server, raft);
    else if (this.#chance(0.4 * this.#trouble)) this.#disturb(server);
  }

  #deliver(): void {
    if (this.#inFlight.length === 0) return;
    const place = this.#chance(0.2 * this.#trouble) ? this.#below(this.#inFlight.length) : 0;
    const message = this.#inFlight[place] as Message;
    const server = this.#servers[message.to - 1] as Server;
    if (server.pausedUntil > this.now) return;
    const stays = this.#chance(0.1 * this.#trouble);
    if (!stays) this.#inFlight.splice(place, 1);
    const isCut = server.id === this.#cutOff || message.from === this.#cutOff;
    if (!isCut && !this.#chance(0.05 * this.#trouble)) this.#receive(server, message);
  }

  #receive(server: Server, message: Message): void {
    if (server.raft !== null) this.#turn(server, server.raft, { kind: "receive", message });
  }

  /** The disk finishes some; the core is told now, or later. */
  #store(server: Server, raft: Raft): void {
    if (server.stalledUntil > this.now) return;
    if (server.pending.length > 0) {
      const stored = server.store(1 + this.#below(2));
      this.#ledger?.onStored(server.id, stored);
    }
    if (server.untold === 0 || this.#chance(0.2)) return;
    const seq = server.untold;
    server.untold = 0;
    this.#turn(server, raft, { kind: "persisted", seq });
  }

  #ask(server: Server, raft: Raft): void {
    server.requests += 1;
    const asked = server.requests;
    if (this.#chance(0.4)) this.#turn(server, raft, { kind: "read", readId: asked });
    else {
      const commands = Array.from({ length: 1 + this.#below(3) }, () =>
        Uint8Array.of(server.id, asked, this.#below(256)),
      );
      this.#turn(server, raft, { kind: "propose", proposalId: asked, commands });
    }
  }

  #disturb(server: Server): void {
    switch (this.#below(10)) {
      case 0:
        return this.#cut(this.#servers.find(({ raft }) => raft?.role === "leader") ?? server);
      case 1:
        server.pausedUntil = this.now + this.#below(600);
        return;
      case 2:
        server.stalledUntil = this.now + this.#below(600);
        return;
      case 3:
        // Everybody loses patience.
        this.now += ELECTION_TIMEOUT_MS * this.#below(3);
        return;
      case 4:
      case 5:
      case 6:
        this.#crash(server);
        return;
      default:
        this.#comeBack();
    }
  }

  /** Nobody hears it until the next cut, and its disk may be slow as well; or all links are whole again. */
  #cut(server: Server): void {
    this.#cutOff = this.#chance(0.5) ? server.id : 0;
    if (this.#chance(0.5)) server.stalledUntil = this.now + 500;
  }

  /** Any first part of the writes under way survives. The disk may say so, or it is seen at the next start. */
  #crash(server: Server): void {
    const seq = server.store(this.#below(server.pending.length + 1));
    if (seq > 0 && this.#chance(0.5)) this.#ledger?.onStored(server.id, seq);
    server.raft = null;
    this.crashes += 1;
    this.#ledger?.onCrash(server.id);
  }

  /** Out of limbo: mostly something recent. */
  #comeBack(): void {
    const age = (this.#below(1000) / 1000) ** 3;
    const message = this.#limbo[this.#limbo.length - 1 - Math.floor(age * this.#limbo.length)];
    if (message !== undefined) this.#receive(this.#servers[message.to - 1] as Server, message);
  }

  #turn(server: Server, raft: Raft, input: Input): void {
    this.steps += 1;
    this.#ledger?.onStep(server.id, input);
    raft.step(input, this.now);
    if (!this.#chance(0.1)) this.#drain(server, raft);
  }

  #drain(server: Server, raft: Raft): void {
    const effects: Effects = raft.drain();
    this.#ledger?.onEffects(server.id, effects, raft);
    if (effects.write !== null) server.ask(effects.write);
    for (const message of effects.messages) {
      if (message.kind === "appendRange") this.#fill(server, message);
      else if (message.kind === "pulledRange") this.#fillPulled(server, message, raft);
      else if (message.kind !== "snapshotOrder") this.#send(server, message);
    }
  }

  #fill(server: Server, { kind: _, lastIndex, ...head }: AppendRange): void {
    let { prevLogIndex, prevLogTerm } = head;
    do {
      const end = Math.min(lastIndex, prevLogIndex + 4);
      const entries = server.entries.slice(prevLogIndex, end);
      this.#send(server, { ...head, kind: "appendEntries", prevLogIndex, prevLogTerm, entries });
      prevLogIndex = end;
      prevLogTerm = entries[entries.length - 1]?.term ?? prevLogTerm;
    } while (prevLogIndex < lastIndex);
  }

  #fillPulled(server: Server, { kind: _, lastIndex, ...head }: PulledRange, raft: Raft): void {
    if (raft.termAt(head.lastLogIndex) !== head.lastLogTerm) return;
    const entries = server.entries.slice(head.prevLogIndex, Math.min(lastIndex, head.prevLogIndex + 4));
    this.#send(server, { ...head, kind: "pulledEntries", entries });
  }

  #send(server: Server, message: Message): void {
    this.#ledger?.onWire(server.id, message);
    if (this.#chance(0.3)) this.#limbo.push(message);
    this.#inFlight.push(message);
    if (this.#inFlight.length > 500) this.#inFlight.splice(0, 100);
  }
}
