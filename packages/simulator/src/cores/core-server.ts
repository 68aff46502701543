/**
 * One core with its disk: what a runtime does around a core, as single deeds that happen when the run says so. What was
 * asked to be written is pending until it is stored; a crash keeps some first part of it and forgets the rest.
 */

import type { SnapshotChunkResult } from "@quorate/contracts";
import {
  type AppendEntries,
  type AppendRange,
  type Effects,
  type Entry,
  type HardState,
  type Index,
  type Input,
  type Message,
  NOBODY,
  type NodeId,
  type PulledRange,
  Raft,
  type RestoredState,
  type SnapshotOrder,
  type SnapshotPoint,
  type Write,
} from "@quorate/core";
import type { Ledger } from "../ledger/index.js";
import { CoreLog } from "./core-log.js";
import { type CarriedChunk, IncomingSnapshot, type Parcel, SnapshotTransfer } from "./snapshot-transfer.js";

export const HEARTBEAT_INTERVAL_MS = 20;
export const ELECTION_TIMEOUT_MS = 100;

/** Where the effects of a core go. */
export interface Surroundings {
  readonly ledger: Ledger;
  /** How many entries one append carries at most. */
  readonly maxEntriesPerAppend: number;
  /** In how many chunks a snapshot is sent. */
  readonly chunks: number;
  /** Whether the servers take part in quiets. */
  readonly allowsQuiet: boolean;
  send(parcel: Parcel): void;
  onEffects(server: CoreServer, effects: Effects): void;
}

/** What is asked of the disk: a write, or that the log be cut behind a snapshot. */
type Asked = Write | { readonly seq: null; readonly compactTo: Index };

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
  readonly #stored: CoreLog;
  #hardState: HardState;
  #snapshot: SnapshotPoint | null = null;
  #pending: Asked[] = [];
  /** The log that the core believes in: what is stored, and what is pending. */
  #log: CoreLog;
  /** What the core said last may be applied. */
  #appliedIndex: Index = 0;
  /** By receiver. */
  readonly #transfers = new Map<NodeId, SnapshotTransfer>();
  #incoming = new IncomingSnapshot();
  /** Snapshots that are durable, of which the core is yet to hear. */
  #untold: Extract<Input, { readonly kind: "snapshotInstalled" }>[] = [];

  /** `founding` is null for a server with a blank disk, which waits to be fed. */
  constructor(id: NodeId, founding: Entry | null, seed: number, surroundings: Surroundings) {
    this.id = id;
    this.name = `n${id}`;
    this.#seed = seed;
    this.#surroundings = surroundings;
    this.#stored = new CoreLog({ index: 0, term: 0 }, founding === null ? [] : [founding]);
    this.#hardState = { currentTerm: founding === null ? 0 : founding.term, votedFor: NOBODY };
    this.#log = this.#stored;
  }

  /** Null while it is down. */
  get raft(): Raft | null {
    return this.#raft;
  }

  get pendingWrites(): number {
    return this.#pending.length;
  }

  get lastIndex(): Index {
    return this.#log.lastIndex;
  }

  /** What a snapshot would stand for. */
  get appliedIndex(): Index {
    return this.#appliedIndex;
  }

  get snapshotIndex(): Index {
    return this.#snapshot?.index ?? 0;
  }

  /** Whether a snapshot is durable of which the core knows nothing. */
  get hasUntold(): boolean {
    return this.#untold.length > 0;
  }

  /** To whom it sends, or has sent, a snapshot. */
  get receivers(): readonly NodeId[] {
    return [...this.#transfers.keys()];
  }

  /** Whether it finds a snapshot of which its log knows nothing. */
  start(): boolean {
    if (this.#raft !== null) return false;
    this.lives += 1;
    const isBehind = this.#snapshot !== null && !this.#stored.holds(this.#snapshot);
    this.#log = this.#stored.copy();
    const restored: RestoredState = {
      hardState: this.#hardState,
      ...this.#stored.describe(),
      snapshot: this.#snapshot,
    };
    this.#raft = new Raft(
      {
        id: this.id,
        heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
        electionTimeoutMs: ELECTION_TIMEOUT_MS,
        // Where leases are tried, all clocks run alike.
        maxClockDrift: 0,
        allowsQuiet: this.#surroundings.allowsQuiet,
        seed: (this.#seed + 0x1000 * this.lives) | 0,
      },
      restored,
      this.now,
    );
    this.#appliedIndex = this.snapshotIndex;
    this.#surroundings.ledger.onStart(this.id, restored);
    this.#isDirty = true;
    this.drain();
    return isBehind;
  }

  /** One fact, whose consequences are drawn later. */
  step(input: Input): void {
    if (this.#raft === null) return;
    const isDue = input.kind === "tick" || input.kind === "persisted";
    if (isDue && this.#untold.length > 0) this.#tell();
    this.#take(this.#raft, input);
  }

  #take(raft: Raft, input: Input): void {
    this.#surroundings.ledger.onStep(this.id, input, this.now);
    this.#isDirty = true;
    raft.step(input, this.now);
  }

  /** The core hears of what became durable before. */
  #tell(): void {
    const untold = this.#untold;
    this.#untold = [];
    for (const input of untold) if (this.#raft !== null) this.#take(this.#raft, input);
  }

  /** The consequences of all facts since the last time. */
  drain(): void {
    const raft = this.#raft;
    if (raft === null || !this.#isDirty) return;
    this.#isDirty = false;
    const effects = raft.drain();
    this.deadline = effects.deadline;
    this.#appliedIndex = effects.applyTo;
    if (effects.write !== null) {
      this.#pending.push(effects.write);
      this.#log.carryOut(effects.write);
    }
    const { ledger } = this.#surroundings;
    ledger.onEffects(this.id, effects, raft);
    for (const message of effects.messages) {
      if (message.kind === "appendRange") this.#sendRange(message);
      else if (message.kind === "pulledRange") this.#sendPulled(message, raft);
      else if (message.kind === "snapshotOrder") this.#sendSnapshot(message);
      else this.#send(message);
    }
    this.#surroundings.onEffects(this, effects);
  }

  #sendRange(range: AppendRange): void {
    let { prevLogIndex, prevLogTerm } = range;
    const { from, to, term, stream, lastIndex, leaderCommit } = range;
    do {
      const end = Math.min(lastIndex, prevLogIndex + this.#surroundings.maxEntriesPerAppend);
      const entries = this.#log.between(prevLogIndex, end);
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
    this.#send({ ...head, kind: "pulledEntries", entries: this.#log.between(prevLogIndex, end) });
  }

  #send(message: Message): void {
    this.#surroundings.ledger.onWire(this.id, message);
    this.#surroundings.send(message);
  }

  /** The oldest `count` pending writes become durable; the core hears of it. */
  store(count: number): void {
    const seq = this.#carryOut(count);
    if (seq === null) return;
    this.#surroundings.ledger.onStored(this.id, seq);
    this.step({ kind: "persisted", seq });
  }

  /** The last write that was carried out, if one was. */
  #carryOut(count: number): number | null {
    let last: number | null = null;
    for (const asked of this.#pending.splice(0, count)) {
      if (asked.seq === null) {
        this.#stored.compactTo(asked.compactTo);
        continue;
      }
      if (asked.hardState !== null) this.#hardState = asked.hardState;
      this.#stored.carryOut(asked);
      last = asked.seq;
    }
    return last;
  }

  /** The process dies; `surviving` of the pending writes have reached the disk. */
  crash(surviving: number): void {
    if (this.#raft === null) return;
    this.#carryOut(surviving);
    this.#pending = [];
    this.#untold = [];
    this.#transfers.clear();
    this.#incoming = new IncomingSnapshot();
    this.#raft = null;
    this.#surroundings.ledger.onCrash(this.id);
  }

  // --- snapshots ---

  /** A snapshot of what is applied is durable; all but the last `kept` entries before it may go, when the disk likes. */
  takeSnapshot(kept: number): void {
    const raft = this.#raft;
    const index = this.#appliedIndex;
    if (raft === null || index <= this.snapshotIndex) return;
    const term = raft.termAt(index);
    // A leader's snapshot has come meanwhile.
    if (raft.snapshotIndex >= index) return;
    if (typeof term === "string") throw new Error(`entry ${index} is applied, but ${term} what is known of the log`);
    this.#keep({ index, term, membership: raft.configurationAt(index) }, "taken");
    const compactTo = Math.max(raft.compacted.index, index - kept);
    this.step({ kind: "compact", snapshotIndex: index, compactTo });
    this.#log.compactTo(compactTo);
    this.#pending.push({ seq: null, compactTo });
  }

  #keep(snapshot: SnapshotPoint, origin: "taken" | "received"): void {
    if (snapshot.index <= this.snapshotIndex) return;
    this.#snapshot = snapshot;
    this.#surroundings.ledger.onSnapshotStored(this.id, snapshot, origin);
  }

  #sendSnapshot(order: SnapshotOrder): void {
    if (this.#snapshot === null) throw new Error(`a snapshot is to be sent to n${order.to}, but there is none`);
    const transfer = new SnapshotTransfer(order, this.#snapshot, this.#surroundings.chunks);
    this.#transfers.set(order.to, transfer);
    this.#surroundings.send(transfer.chunk(0));
  }

  /** A chunk arrives. True if with it the snapshot is whole; the core is told now, or with the next fact. */
  onChunk(chunk: CarriedChunk, isLate: boolean): boolean {
    const result = this.#incoming.take(chunk);
    this.#surroundings.send(result);
    if (chunk.offset + chunk.data.length < chunk.sizeBytes || result.nextOffset < chunk.sizeBytes) return false;
    const { from, term, stream, snapshot } = chunk;
    this.#keep(snapshot, "received");
    this.#untold.push({ kind: "snapshotInstalled", from, term, stream, snapshot });
    if (!isLate) this.#tell();
    return true;
  }

  onChunkResult(result: SnapshotChunkResult): void {
    const transfer = this.#transfers.get(result.from);
    if (transfer === undefined || this.#raft === null) return;
    if (!isWanted(transfer, this.#raft)) {
      this.#transfers.delete(result.from);
      return;
    }
    const next = transfer.next(result);
    if (next !== null) this.#surroundings.send(next);
  }

  /** The sending of a snapshot to `to` comes to nothing, if there is one. */
  failSnapshot(to: NodeId): boolean {
    const transfer = this.#transfers.get(to);
    if (transfer === undefined) return false;
    this.#transfers.delete(to);
    const { term, stream } = transfer.order;
    this.step({ kind: "snapshotFailed", to, term, stream });
    return true;
  }
}

/** Nobody sends on in another term, or where somebody else leads: two who do would never come to an end (PITFALLS S10). */
function isWanted({ order }: SnapshotTransfer, { currentTerm, role, leaderId }: Raft): boolean {
  return order.term === currentTerm && (role === "leader" || leaderId === NOBODY);
}
