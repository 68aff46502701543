/**
 * One core with its disk: what a runtime does around a core, as single deeds that happen when the run says so. What was
 * asked to be written is pending until it is stored; a crash keeps some first part of it and forgets the rest.
 */

import {
  type AppendEntries,
  type AppendRange,
  type Effects,
  type Entry,
  encodeConfiguration,
  foundingConfiguration,
  type HardState,
  type Index,
  type Input,
  type Message,
  NOBODY,
  type NodeId,
  type PulledRange,
  Raft,
  type RestoredState,
  type TermRun,
  type Write,
} from "@quorate/core";
import type { Ledger } from "../ledger/index.js";

export const HEARTBEAT_INTERVAL_MS = 20;
export const ELECTION_TIMEOUT_MS = 100;

/** Where the effects of a core go. */
export interface Surroundings {
  readonly ledger: Ledger;
  /** How many entries one append carries at most. */
  readonly maxEntriesPerAppend: number;
  send(message: Message): void;
  onEffects(server: CoreServer, effects: Effects): void;
}

export class CoreServer {
  readonly id: NodeId;
  readonly name: string;
  /** This server's own clock, in milliseconds. */
  now = 0;
  /** When the core wants to be woken, by that clock. */
  deadline = 0;
  lives = 0;
  readonly #seed: number;
  readonly #surroundings: Surroundings;
  #raft: Raft | null = null;
  #isDirty = false;
  // The disk.
  #stored: Entry[];
  #hardState: HardState = { currentTerm: 1, votedFor: NOBODY };
  #pending: Write[] = [];
  /** The log that the core believes in: what is stored, and what is pending. */
  #log: Entry[] = [];

  constructor(id: NodeId, servers: number, seed: number, surroundings: Surroundings) {
    this.id = id;
    this.name = `n${id}`;
    this.#seed = seed;
    this.#surroundings = surroundings;
    this.#stored = [foundingEntry(servers)];
  }

  /** Null while it is down. */
  get raft(): Raft | null {
    return this.#raft;
  }

  get pendingWrites(): number {
    return this.#pending.length;
  }

  get lastIndex(): Index {
    return this.#log.length;
  }

  start(): void {
    if (this.#raft !== null) return;
    this.lives += 1;
    this.#log = this.#stored.slice();
    const restored = this.#restored();
    this.#raft = new Raft(
      {
        id: this.id,
        heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
        electionTimeoutMs: ELECTION_TIMEOUT_MS,
        seed: (this.#seed + 0x1000 * this.lives) | 0,
      },
      restored,
      this.now,
    );
    this.#surroundings.ledger.onStart(this.id, restored);
    this.#isDirty = true;
    this.drain();
  }

  #restored(): RestoredState {
    const termRuns: TermRun[] = [];
    const memberships: Entry[] = [];
    let term = 0;
    for (const entry of this.#stored) {
      if (entry.term !== term) termRuns.push({ firstIndex: entry.index, term: entry.term });
      if (entry.kind === "membership") memberships.push(entry);
      term = entry.term;
    }
    const compacted = { index: 0, term: 0 };
    return {
      hardState: this.#hardState,
      compacted,
      lastIndex: this.#stored.length,
      termRuns,
      memberships,
      snapshot: null,
    };
  }

  /** One fact, whose consequences are drawn later. */
  step(input: Input): void {
    if (this.#raft === null) return;
    this.#surroundings.ledger.onStep(this.id, input);
    this.#isDirty = true;
    this.#raft.step(input, this.now);
  }

  /** The consequences of all facts since the last time. */
  drain(): void {
    const raft = this.#raft;
    if (raft === null || !this.#isDirty) return;
    this.#isDirty = false;
    const effects = raft.drain();
    this.deadline = effects.deadline;
    if (effects.write !== null) this.#ask(effects.write);
    const { ledger } = this.#surroundings;
    ledger.onEffects(this.id, effects, raft);
    for (const message of effects.messages) {
      if (message.kind === "appendRange") this.#sendRange(message);
      else if (message.kind === "pulledRange") this.#sendPulled(message, raft);
      else if (message.kind !== "snapshotOrder") this.#send(message);
    }
    this.#surroundings.onEffects(this, effects);
  }

  #ask(write: Write): void {
    this.#pending.push(write);
    carryOut(write, this.#log);
  }

  #sendRange(range: AppendRange): void {
    let { prevLogIndex, prevLogTerm } = range;
    const { from, to, term, stream, lastIndex, leaderCommit } = range;
    do {
      const end = Math.min(lastIndex, prevLogIndex + this.#surroundings.maxEntriesPerAppend);
      const entries = this.#log.slice(prevLogIndex, end);
      const message: AppendEntries = {
        kind: "appendEntries",
        from,
        to,
        term,
        stream,
        prevLogIndex,
        prevLogTerm,
        leaderCommit,
        entries,
      };
      this.#send(message);
      const last = entries[entries.length - 1];
      if (last !== undefined) prevLogTerm = last.term;
      prevLogIndex = end;
    } while (prevLogIndex < lastIndex);
  }

  /** One page; nothing if the log is another one by now. */
  #sendPulled({ kind: _, lastIndex, ...head }: PulledRange, raft: Raft): void {
    const { prevLogIndex, prevLogTerm, lastLogIndex, lastLogTerm } = head;
    if (raft.termAt(prevLogIndex) !== prevLogTerm || raft.termAt(lastLogIndex) !== lastLogTerm) return;
    const end = Math.min(lastIndex, prevLogIndex + this.#surroundings.maxEntriesPerAppend);
    this.#send({ ...head, kind: "pulledEntries", entries: this.#log.slice(prevLogIndex, end) });
  }

  #send(message: Message): void {
    this.#surroundings.ledger.onWire(this.id, message);
    this.#surroundings.send(message);
  }

  /** The oldest `count` pending writes become durable; the core hears of it. */
  store(count: number): void {
    const done = this.#carryOut(count);
    if (done === null) return;
    this.#surroundings.ledger.onStored(this.id, done.seq);
    this.step({ kind: "persisted", seq: done.seq });
  }

  #carryOut(count: number): Write | null {
    const done = this.#pending.splice(0, count);
    for (const write of done) {
      if (write.hardState !== null) this.#hardState = write.hardState;
      carryOut(write, this.#stored);
    }
    return done[done.length - 1] ?? null;
  }

  /** The process dies; `surviving` of the pending writes have reached the disk. */
  crash(surviving: number): void {
    if (this.#raft === null) return;
    this.#carryOut(surviving);
    this.#pending = [];
    this.#raft = null;
    this.#surroundings.ledger.onCrash(this.id);
  }
}

function carryOut({ truncateFrom, append }: Write, log: Entry[]): void {
  if (truncateFrom !== null) log.length = Math.min(log.length, truncateFrom - 1);
  for (const entry of append) log.push(entry);
}

const foundingEntries = new Map<number, Entry>();

/** The first configuration, which is the same in all runs of that size. */
function foundingEntry(servers: number): Entry {
  const known = foundingEntries.get(servers);
  if (known !== undefined) return known;
  const voters = Array.from({ length: servers }, (_, place) => {
    const id = place + 1;
    return { id, name: `n${id}`, address: `n${id}` };
  });
  const entry: Entry = {
    index: 1,
    term: 1,
    kind: "membership",
    data: encodeConfiguration(foundingConfiguration(voters)),
  };
  foundingEntries.set(servers, entry);
  return entry;
}
