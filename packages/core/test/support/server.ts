/**
 * One core with its disk: what a runtime does around a core, written out as single steps that a test takes when it
 * wants to. A write is finished only when the test says so.
 */

import {
  type AppendRange,
  type Effects,
  type Entry,
  type Input,
  type Message,
  type NodeId,
  type OutgoingMessage,
  type PulledRange,
  Raft,
  type RaftStatus,
  type SnapshotOrder,
  type SnapshotPoint,
  type Term,
} from "../../src/index.js";
import { Disk, type DiskContent } from "./disk.js";
import { bytes, logOf } from "./entries.js";

export const HEARTBEAT_INTERVAL_MS = 20;
export const ELECTION_TIMEOUT_MS = 100;

export interface ServerOptions extends DiskContent {
  /** 1 if not given. */
  readonly id?: NodeId;
  readonly seed?: number;
  /** The level of commands that this server understands; another one from the next start on. */
  readonly applicationLevel?: number;
  readonly maxClockDrift?: number;
  readonly allowsQuiet?: boolean;
}

export class Server {
  readonly id: NodeId;
  readonly disk: Disk;
  /** The moment of the next step, in milliseconds. */
  now: number;
  raft: Raft;
  /** What the last drain brought. */
  effects: Effects;
  /** How often this server has started. */
  lives = 0;
  applicationLevel: number;
  readonly #seed: number;
  allowsQuiet: boolean;
  readonly #clock: { readonly maxClockDrift?: number };

  constructor(options: ServerOptions, now = 0) {
    this.id = options.id ?? 1;
    this.#seed = options.seed ?? this.id;
    this.applicationLevel = options.applicationLevel ?? 1;
    this.allowsQuiet = options.allowsQuiet ?? false;
    this.#clock = options.maxClockDrift === undefined ? {} : { maxClockDrift: options.maxClockDrift };
    this.disk = new Disk(options);
    this.now = now;
    this.raft = this.#start();
    this.effects = this.drain();
  }

  #start(): Raft {
    // Another seed in each life, as a runtime that draws it at start would give.
    const seed = this.#seed + 1000 * this.lives;
    const isNew = this.lives === 0;
    this.lives += 1;
    const timing = { heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS, electionTimeoutMs: ELECTION_TIMEOUT_MS };
    const { id, applicationLevel, allowsQuiet } = this;
    const options = { id, seed, applicationLevel, allowsQuiet, ...timing, ...this.#clock };
    return new Raft(options, { ...this.disk.restore(), isNew }, this.now);
  }

  /** Stops and starts again. Of the outstanding writes the oldest `completing` made it to the disk. */
  restart(completing = 0): Effects {
    this.disk.crash(completing);
    this.raft = this.#start();
    return this.drain();
  }

  get status(): RaftStatus {
    return this.raft.status();
  }

  /** The terms of the log, entry by entry. */
  get terms(): Term[] {
    return this.disk.entries.map(({ term }) => term);
  }

  step(input: Input): void {
    this.raft.step(input, this.now);
  }

  /** Draws the consequences, and hands the write among them to the disk. */
  drain(): Effects {
    this.effects = this.raft.drain();
    if (this.effects.write !== null) this.disk.submit(this.effects.write);
    return this.effects;
  }

  /** One turn: the facts, then their consequences. */
  turn(...inputs: readonly Input[]): Effects {
    for (const input of inputs) this.step(input);
    return this.drain();
  }

  receive(...messages: readonly Message[]): Effects {
    return this.turn(...messages.map((message) => ({ kind: "receive", message }) as const));
  }

  propose(...texts: readonly string[]): Effects {
    return this.turn({
      kind: "propose",
      proposalId: 1,
      commands: texts.map(bytes),
    });
  }

  read(readId = 1): Effects {
    return this.turn({ kind: "read", readId });
  }

  /** Lets `ms` go by, then ticks. */
  after(ms: number): Effects {
    this.now += ms;
    return this.turn({ kind: "tick" });
  }

  /** Waits for the moment that the core named, then ticks. */
  wake(): Effects {
    this.now = Math.max(this.now, this.effects.deadline);
    return this.turn({ kind: "tick" });
  }

  /** Finishes the oldest `count` outstanding writes, or all of them. */
  persist(count = this.disk.pending.length): Effects {
    const seq = this.disk.complete(count);
    return seq === null ? this.drain() : this.turn({ kind: "persisted", seq });
  }

  /** The append or the snapshot that the order stands for. */
  fill(order: OutgoingMessage): Travelling {
    if (order.kind === "snapshotOrder") {
      const { snapshot } = this.disk;
      if (snapshot === null) throw new Error(`n${this.id} has no snapshot to send`);
      return { ...order, kind: "snapshot", snapshot };
    }
    if (order.kind !== "appendRange" && order.kind !== "pulledRange") return order;
    const start = order.prevLogIndex - this.disk.compacted.index;
    const entries = this.disk.entries.slice(start, order.lastIndex - this.disk.compacted.index);
    return order.kind === "appendRange" ? appendOf(order, entries) : pageOf(order, entries);
  }

  /** Takes a snapshot of all that may be applied, and forgets what it covers, but for the last `keep` entries. */
  compact(keep = 0): Effects {
    const index = this.effects.applyTo;
    const term = this.raft.termAt(index);
    if (typeof term === "number" && index > this.raft.snapshotIndex)
      this.disk.saveSnapshot({ index, term, membership: this.raft.configurationAt(index) });
    const snapshotIndex = Math.min(index, this.disk.snapshot?.index ?? 0);
    const compactTo = Math.max(0, snapshotIndex - keep);
    const effects = this.turn({ kind: "compact", snapshotIndex, compactTo });
    this.disk.compactTo(compactTo);
    return effects;
  }
}

/** A snapshot on its way, in one piece: from its order until it is whole and durable at its receiver. */
export interface SnapshotTransfer extends Omit<SnapshotOrder, "kind"> {
  readonly kind: "snapshot";
  readonly snapshot: SnapshotPoint;
}

/** What goes over the network. */
export type Travelling = Message | SnapshotTransfer;

function appendOf({ kind: _, lastIndex: __, ...head }: AppendRange, entries: readonly Entry[]): Message {
  return { kind: "appendEntries", ...head, entries };
}

function pageOf({ kind: _, lastIndex: __, ...head }: PulledRange, entries: readonly Entry[]): Message {
  return { kind: "pulledEntries", ...head, entries };
}

/** A server in a cluster of `voters`, whose log has the given terms, and that has voted for nobody in the last one. */
export function serverWith(
  log: readonly Term[],
  { voters = 3, ...options }: ServerOptions & { voters?: number | NodeId[] } = {},
): Server {
  return new Server({ entries: logOf(log, voters, options.compacted?.index), ...options });
}
