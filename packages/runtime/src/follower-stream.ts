/**
 * What one follower is still to be sent: the orders of the core, filled with payloads, cut into frames, and held back
 * while too much is under way without an answer (PITFALLS F6).
 *
 * The core numbers its attempts to feed a follower (`stream`). An order of another stream replaces what is left of the
 * one before; so does a leadership that ended. Whatever was being read for it is then dropped.
 */

import type { AppendEntries, AppendEntriesResult, AppendRange, Entry, Index, NodeId, Raft, Term } from "@quorate/core";
import { messageBytesOf } from "./log-cache.js";
import type { LogReader } from "./log-reader.js";

const NO_ENTRIES: readonly Entry[] = [];
const NO_DATA = new Uint8Array(0);

export interface FollowerStreamOptions {
  readonly raft: Raft;
  readonly reader: LogReader;
  readonly maxAppendBytes: number;
  readonly maxInflightBytes: number;
  readonly maxInflightMessages: number;
  /** Whether that server keeps no payloads of commands: then none are sent. */
  readonly isWitness: (id: NodeId) => boolean;
  readonly send: (message: AppendEntries) => void;
  /** The log could not be read: this node cannot go on. */
  readonly onFailed: (cause: unknown) => void;
}

/** A frame that is under way. */
interface Frame {
  readonly lastIndex: Index;
  readonly sizeBytes: number;
}

export class FollowerStream {
  readonly #options: FollowerStreamOptions;
  readonly #from: NodeId;
  readonly #to: NodeId;
  #term: Term = 0;
  #stream = 0;
  /** What goes next, and the term of the entry before it. */
  #nextIndex: Index = 1;
  #prevTerm: Term = 0;
  /** The end of what is ordered; below `#nextIndex` when all of it was sent. */
  #lastIndex: Index = 0;
  #inflight: Frame[] = [];
  #inflightBytes = 0;
  /** What goes next, if it is at hand already: read from the storage, or waiting for room. */
  #page: readonly Entry[] | null = null;
  #isReading = false;
  /** Changes with every stream, so that a read which was begun for an earlier one is told apart. */
  #generation = 0;

  constructor(options: FollowerStreamOptions, from: NodeId, to: NodeId) {
    this.#options = options;
    this.#from = from;
    this.#to = to;
  }

  get inflightBytes(): number {
    return this.#inflightBytes;
  }

  /** The first index that is ordered and not sent yet; `Infinity` if there is none. */
  get unsentIndex(): Index {
    return this.#nextIndex <= this.#lastIndex ? this.#nextIndex : Number.POSITIVE_INFINITY;
  }

  /** Takes in an order: a probe goes at once, entries as there is room. */
  onOrder(order: AppendRange): void {
    if (order.term !== this.#term || order.stream !== this.#stream) this.#open(order.term, order.stream);
    if (order.lastIndex === order.prevLogIndex) {
      this.#send(order.prevLogIndex, order.prevLogTerm, NO_ENTRIES);
      return;
    }
    // An order that does not go on where the last one ended starts where the follower is known to agree.
    if (this.#nextIndex > this.#lastIndex || order.prevLogIndex !== this.#lastIndex) {
      this.#restart(order.prevLogIndex + 1, order.prevLogTerm);
    }
    this.#lastIndex = order.lastIndex;
    this.pump();
  }

  /** Takes in an answer: what it acknowledges is no longer under way. */
  onResult({ term, stream, success, matchIndex }: AppendEntriesResult): void {
    if (!success || term !== this.#term || stream !== this.#stream) return;
    let done = 0;
    for (const frame of this.#inflight) {
      if (frame.lastIndex > matchIndex) break;
      this.#inflightBytes -= frame.sizeBytes;
      done += 1;
    }
    this.#inflight.splice(0, done);
  }

  /** Sends what there is to send and room for. */
  pump(): void {
    const { maxAppendBytes, maxInflightBytes, maxInflightMessages, reader } = this.#options;
    while (this.#nextIndex <= this.#lastIndex && !this.#isReading) {
      if (!this.#isCurrent()) return this.#open(0, 0);
      if (this.#inflightBytes >= maxInflightBytes || this.#inflight.length >= maxInflightMessages) return;
      this.#page ??= reader.cached(this.#nextIndex, this.#lastIndex, maxAppendBytes);
      if (this.#page === null) {
        // It was slower than the log may wait for: the core finds out, and sends it a snapshot (PITFALLS S14).
        if (this.#nextIndex <= this.#options.raft.compacted.index) return this.#open(0, 0);
        this.#read().catch(this.#options.onFailed);
        return;
      }
      if (!this.#sendFrame(this.#page)) return;
    }
  }

  /** Sends the first of `page`, as many as fit into one frame. False if there is no room for them. */
  #sendFrame(page: readonly Entry[]): boolean {
    const { maxAppendBytes, maxInflightBytes, isWitness } = this.#options;
    let count = 0;
    let sizeBytes = 0;
    for (const entry of page) {
      const more = messageBytesOf(entry);
      if (count > 0 && sizeBytes + more > maxAppendBytes) break;
      sizeBytes += more;
      count += 1;
    }
    if (this.#inflightBytes > 0 && this.#inflightBytes + sizeBytes > maxInflightBytes) return false;
    const entries = count === page.length ? page : page.slice(0, count);
    const last = entries[count - 1] as Entry;
    this.#send(this.#nextIndex - 1, this.#prevTerm, isWitness(this.#to) ? entries.map(bared) : entries);
    this.#inflight.push({ lastIndex: last.index, sizeBytes });
    this.#inflightBytes += sizeBytes;
    this.#restart(last.index + 1, last.term);
    if (count < page.length) this.#page = page.slice(count);
    return true;
  }

  async #read(): Promise<void> {
    const generation = this.#generation;
    const { reader, raft, maxAppendBytes } = this.#options;
    this.#isReading = true;
    const firstIndex = this.#nextIndex;
    const isWanted = (): boolean =>
      generation === this.#generation && this.#isCurrent() && firstIndex > raft.compacted.index;
    const page = await reader.read(firstIndex, this.#lastIndex, maxAppendBytes, isWanted);
    if (generation !== this.#generation) return;
    this.#isReading = false;
    if (firstIndex === this.#nextIndex) this.#page = page;
    this.pump();
  }

  /** Whether the leadership that ordered all this goes on; then its log only grows. */
  #isCurrent(): boolean {
    const { raft } = this.#options;
    return raft.role === "leader" && raft.currentTerm === this.#term;
  }

  #open(term: Term, stream: number): void {
    this.#term = term;
    this.#stream = stream;
    this.#generation += 1;
    this.#isReading = false;
    this.#restart(1, 0);
    this.#lastIndex = 0;
    this.#inflight = [];
    this.#inflightBytes = 0;
  }

  #restart(nextIndex: Index, prevTerm: Term): void {
    this.#nextIndex = nextIndex;
    this.#prevTerm = prevTerm;
    this.#page = null;
  }

  #send(prevLogIndex: Index, prevLogTerm: Term, entries: readonly Entry[]): void {
    const { raft, send } = this.#options;
    send({
      kind: "appendEntries",
      from: this.#from,
      to: this.#to,
      term: this.#term,
      stream: this.#stream,
      prevLogIndex,
      prevLogTerm,
      leaderCommit: raft.commitIndex,
      entries,
    });
  }
}

function bared(entry: Entry): Entry {
  return entry.kind === "command" ? { ...entry, data: NO_DATA } : entry;
}
