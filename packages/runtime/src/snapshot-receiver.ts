/**
 * Takes in a snapshot that a leader sends, or, as long as there is none, whoever was asked for entries that are gone (§7;
 * PITFALLS S2, S7, S9, S10, S16).
 *
 * One at a time, from the start to its end: what does not go on where the last chunk ended is answered with the place
 * that is wanted. Heartbeats do not end it, nor does a new leader, who may send the same one on. It is told as whole when it
 * is durable, and has the size and the checksum that the leader named.
 */

import {
  type Clock,
  RaftError,
  type SnapshotChunk,
  type SnapshotChunkResult,
  type SnapshotStorage,
  type SnapshotWriter,
  type StoredSnapshot,
} from "@quorate/contracts";
import { type Index, NOBODY, type NodeId, type Raft, type SnapshotPoint, type Term } from "@quorate/core";
import { decodeSnapshotHeader } from "./snapshot-header.js";

/** What may wait to be written, in bytes, besides one chunk: leaders send less ahead, and what is dropped comes again. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** For which part of `snapshotTimeoutMs` a transfer counts as under way: what got lost has been sent again by then. */
const PATIENCE_PART = 1 / 2;

/** Who sends, and as which order. */
export interface SnapshotSource {
  readonly from: NodeId;
  readonly term: Term;
  readonly stream: number;
}

export interface SnapshotReceiverOptions {
  readonly nodeId: NodeId;
  readonly clusterId: string;
  readonly raft: Raft;
  readonly clock: Clock;
  readonly storage: SnapshotStorage;
  /** How long a transfer may take without getting on, in milliseconds. */
  readonly snapshotTimeoutMs: number;
  /** Whether another one could be put in place now; if not, the leader is not answered, and asks again. */
  readonly canInstall: () => boolean;
  /** The snapshot is whole and durable. Must not throw. */
  readonly onWhole: (stored: StoredSnapshot, source: SnapshotSource) => void;
  /** What it contains is committed here already. */
  readonly onKnown: (point: SnapshotPoint, source: SnapshotSource) => void;
  readonly send: (result: SnapshotChunkResult) => void;
  readonly onWarning: (error: unknown) => void;
}

/** What is being received, as it can be seen. */
export interface IncomingSnapshot {
  readonly from: NodeId;
  readonly index: Index;
  readonly sizeBytes: number;
  readonly receivedBytes: number;
}

interface Incoming {
  /** Of whoever sent last. */
  source: SnapshotSource;
  /** The first chunk: which snapshot it is. */
  readonly first: SnapshotChunk;
  readonly point: SnapshotPoint;
  writer: SnapshotWriter | null;
  /** When it last got on. */
  takenAt: number;
  waiting: Uint8Array[];
  waitingBytes: number;
  /** What was taken in, written or not. */
  takenBytes: number;
  writtenBytes: number;
  isWriting: boolean;
  phase: "receiving" | "committing" | "whole";
}

export class SnapshotReceiver {
  readonly #options: SnapshotReceiverOptions;
  #incoming: Incoming | null = null;
  #isStopped = false;

  constructor(options: SnapshotReceiverOptions) {
    this.#options = options;
  }

  get incoming(): IncomingSnapshot | null {
    const incoming = this.#incoming;
    if (incoming === null || incoming.phase === "whole") return null;
    const { source, first, writtenBytes } = incoming;
    return { from: source.from, index: first.place.index, sizeBytes: first.sizeBytes, receivedBytes: writtenBytes };
  }

  onChunk(chunk: SnapshotChunk): void {
    const { raft, canInstall } = this.#options;
    const incoming = this.#incoming;
    if (chunk.term !== raft.currentTerm || !this.#isHeard(chunk)) return;
    if (incoming !== null && isSame(incoming.first, chunk)) {
      incoming.source = sourceOf(chunk);
      this.#add(incoming, chunk);
      return;
    }
    // A late chunk of an order that was replaced; or the last one is still being put in place.
    if (incoming !== null && (incoming.phase === "committing" || isOlder(chunk, incoming.source))) return;
    if (!canInstall()) return;
    if (chunk.offset === 0) this.#begin(chunk);
    else this.#answer(chunk, sourceOf(chunk), 0);
  }

  /**
   * Who leads is for heartbeats and appends to say; whoever leads sends it again. Without a leader it comes from whom
   * entries were asked of; but another one does not take the place of what is well under way, or nothing would come to
   * an end where several are asked in turn.
   */
  #isHeard(chunk: SnapshotChunk): boolean {
    const { raft, clock, snapshotTimeoutMs } = this.#options;
    if (raft.leaderId !== NOBODY) return raft.leaderId === chunk.from;
    const incoming = this.#incoming;
    if (incoming?.phase !== "receiving" || clock.now() - incoming.takenAt > PATIENCE_PART * snapshotTimeoutMs)
      return raft.pulledFrom === chunk.from;
    return incoming.source.from === chunk.from || (raft.pulledFrom === chunk.from && isSame(incoming.first, chunk));
  }

  /** Entries were appended and committed past it: it is no longer wanted (PITFALLS S7). To be called in every turn. */
  dropIfKnown(): void {
    const incoming = this.#incoming;
    if (incoming?.phase !== "receiving" || incoming.point.index > this.#options.raft.commitIndex) return;
    this.#abort(incoming);
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#incoming !== null) this.#abort(this.#incoming);
  }

  #begin(chunk: SnapshotChunk): void {
    const { raft, clusterId, onKnown } = this.#options;
    const source = sourceOf(chunk);
    let point: SnapshotPoint;
    try {
      const header = decodeSnapshotHeader(chunk.header, chunk.place);
      if (header.clusterId !== clusterId)
        throw new RaftError("FOREIGN_STORAGE", "A snapshot of another cluster came in.");
      point = header.point;
    } catch (error) {
      this.#refuse(chunk, source, error);
      return;
    }
    if (point.index <= raft.commitIndex) {
      onKnown(point, source);
      return;
    }
    if (this.#incoming !== null) this.#abort(this.#incoming);
    const incoming: Incoming = {
      source,
      // Not the payload: it may be a view of a larger array.
      first: { ...chunk, header: new Uint8Array(chunk.header), data: new Uint8Array(0) },
      point,
      writer: null,
      takenAt: this.#options.clock.now(),
      waiting: [],
      waitingBytes: 0,
      takenBytes: 0,
      writtenBytes: 0,
      isWriting: false,
      phase: "receiving",
    };
    this.#incoming = incoming;
    this.#add(incoming, chunk);
  }

  #add(incoming: Incoming, { offset, data }: SnapshotChunk): void {
    const { first, phase, source, takenBytes } = incoming;
    if (phase === "whole") {
      // It is in place, but the leader has not heard of it.
      this.#options.onKnown(incoming.point, source);
      return;
    }
    const isEnd = offset + data.length === first.sizeBytes;
    const isNext = phase === "receiving" && offset === takenBytes && (data.length > 0 || isEnd);
    if (!isNext || offset + data.length > first.sizeBytes || incoming.waitingBytes > MAX_WAITING_BYTES) {
      this.#answer(first, source, incoming.writtenBytes);
      return;
    }
    incoming.takenAt = this.#options.clock.now();
    incoming.takenBytes += data.length;
    incoming.waitingBytes += data.length;
    incoming.waiting.push(data);
    if (!incoming.isWriting) this.#write(incoming).catch((error: unknown) => this.#fail(incoming, error));
  }

  /** Writes what waits, and commits the snapshot when it is whole. */
  async #write(incoming: Incoming): Promise<void> {
    const { storage, onWhole } = this.#options;
    const { first } = incoming;
    incoming.isWriting = true;
    incoming.writer ??= await this.#create(storage, incoming);
    const { writer } = incoming;
    for (let data = incoming.waiting.shift(); data !== undefined; data = incoming.waiting.shift()) {
      if (!this.#isCurrent(incoming)) return;
      if (data.length > 0) await writer.write(data);
      if (!this.#isCurrent(incoming)) return;
      incoming.waitingBytes -= data.length;
      incoming.writtenBytes += data.length;
      this.#answer(first, incoming.source, incoming.writtenBytes);
    }
    incoming.isWriting = false;
    if (incoming.writtenBytes < first.sizeBytes || !this.#isCurrent(incoming)) return;
    incoming.phase = "committing";
    const stored = await writer.commit({ sizeBytes: first.sizeBytes, checksum: first.checksum });
    if (!this.#isCurrent(incoming)) return;
    incoming.phase = "whole";
    onWhole(stored, incoming.source);
  }

  async #create(storage: SnapshotStorage, incoming: Incoming): Promise<SnapshotWriter> {
    const { place, header } = incoming.first;
    const writer = await storage.create(place, header);
    if (!this.#isCurrent(incoming)) await writer.abort();
    return writer;
  }

  #isCurrent(incoming: Incoming): boolean {
    return this.#incoming === incoming && !this.#isStopped;
  }

  #fail(incoming: Incoming, error: unknown): void {
    if (!this.#isCurrent(incoming)) return;
    this.#abort(incoming);
    this.#refuse(incoming.first, incoming.source, error);
  }

  #abort(incoming: Incoming): void {
    this.#incoming = null;
    incoming.waiting = [];
    incoming.writer?.abort().catch((error: unknown) => {
      if (!this.#isStopped) this.#options.onWarning(error);
    });
  }

  #refuse({ place }: SnapshotChunk, source: SnapshotSource, error: unknown): void {
    this.#options.onWarning(error);
    this.#send(source, place, 0, false);
  }

  #answer({ place }: SnapshotChunk, source: SnapshotSource, nextOffset: number): void {
    this.#send(source, place, nextOffset, true);
  }

  #send(
    { from: to, term, stream }: SnapshotSource,
    place: SnapshotChunk["place"],
    nextOffset: number,
    isAccepted: boolean,
  ): void {
    const { nodeId, send } = this.#options;
    send({ kind: "snapshotChunkResult", from: nodeId, to, term, stream, place, nextOffset, isAccepted });
  }
}

/** What a server answers that cannot take in any snapshot. */
export function refusalOf({ from, to, term, stream, place }: SnapshotChunk): SnapshotChunkResult {
  return {
    kind: "snapshotChunkResult",
    from: to,
    to: from,
    term,
    stream,
    place,
    nextOffset: 0,
    isAccepted: false,
  };
}

function sourceOf({ from, term, stream }: SnapshotChunk): SnapshotSource {
  return { from, term, stream };
}

function isSame(one: SnapshotChunk, other: SnapshotChunk): boolean {
  return (
    one.place.index === other.place.index &&
    one.place.term === other.place.term &&
    one.sizeBytes === other.sizeBytes &&
    one.checksum === other.checksum
  );
}

function isOlder(chunk: SnapshotChunk, { term, stream }: SnapshotSource): boolean {
  return chunk.term < term || (chunk.term === term && chunk.stream < stream);
}
