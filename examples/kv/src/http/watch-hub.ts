/**
 * WatchHub: hands the store's history to everyone who watches, as server-sent events.
 *
 * A watcher owns no queue. It has a position in the shared history, and is given what follows as fast as its connection
 * takes it; so a slow one costs one message and a socket buffer, however much is written. One that takes nothing for
 * too long is cut off: it can resume from the last revision it saw, on any server, while the history still has it.
 */

import type { Writable } from "node:stream";
import type { RevisionRecord } from "../history.js";
import type { KvStore } from "../store.js";
import { eventToJson } from "./encoding.js";

export interface WatchHubOptions {
  /** How often an open watch is told how far it has come; default 10 000. */
  readonly keepAliveMs?: number;
  /** The most watches at a time; default 1000. */
  readonly maxWatches?: number;
}

export interface WatchRequest {
  /** Only keys that start with it. */
  readonly prefix: string;
  /** The first revision to be delivered is the one after. */
  readonly afterRevision: number;
}

/** One turn hands out so many bytes to one watcher, then lets others, and the cluster, have theirs. */
const TURN_BYTES = 256 * 1024;
/** What a record costs that is passed over, for the same budget. */
const SKIPPED_RECORD_BYTES = 64;
/** A watcher is cut off when it takes nothing while this share of the history is written anew, */
const STALLED_HISTORY_SHARE = 1 / 8;
/** or for so many keep-alive periods. */
const STALLED_PERIODS = 2;

export class WatchHub {
  readonly #store: KvStore;
  readonly #maxWatches: number;
  readonly #watches = new Set<Watch>();
  readonly #keepAlive: NodeJS.Timeout;
  readonly #stopListening: () => void;
  #turn: NodeJS.Immediate | null = null;

  constructor(store: KvStore, { keepAliveMs = 10_000, maxWatches = 1000 }: WatchHubOptions = {}) {
    this.#store = store;
    this.#maxWatches = maxWatches;
    this.#stopListening = store.onWrite(() => this.#schedule());
    this.#keepAlive = setInterval(() => this.#onKeepAlive(), keepAliveMs);
    this.#keepAlive.unref();
  }

  get isFull(): boolean {
    return this.#watches.size >= this.#maxWatches;
  }

  get size(): number {
    return this.#watches.size;
  }

  /** Serves a watch on `output`, whose headers are out, until either side ends it. */
  open(output: Writable, request: WatchRequest): void {
    const watch = new Watch(this.#store, output, request, () => this.#schedule());
    this.#watches.add(watch);
    output.once("close", () => this.#watches.delete(watch));
    watch.greet();
    this.#schedule();
  }

  /** Ends every watch with a last comment. Their clients resume, here or elsewhere. */
  endAll(reason: string): void {
    for (const watch of this.#watches) watch.end(reason);
  }

  close(): void {
    this.#stopListening();
    clearInterval(this.#keepAlive);
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#turn = null;
    this.endAll("this server is shutting down");
  }

  /** One turn serves all watches, after however many commands were applied in this one. */
  #schedule(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = null;
      for (const watch of this.#watches) watch.pump();
    });
  }

  #onKeepAlive(): void {
    for (const watch of this.#watches) watch.onKeepAlive();
  }
}

class Watch {
  readonly #store: KvStore;
  readonly #output: Writable;
  readonly #prefix: string;
  readonly #wantTurn: () => void;
  /** Everything up to here was written, or is not wanted. */
  #revision: number;
  /** Since when the connection takes nothing, in events and bytes of history; `null` while it does. */
  #stalledAt: { readonly totalEvents: number; readonly totalBytes: number } | null = null;
  #stalledPeriods = 0;
  #isEnded = false;

  constructor(store: KvStore, output: Writable, { prefix, afterRevision }: WatchRequest, wantTurn: () => void) {
    this.#store = store;
    this.#output = output;
    this.#prefix = prefix;
    this.#revision = afterRevision;
    this.#wantTurn = wantTurn;
  }

  /** Says where the watch starts, so that its client can resume even before the first event. */
  greet(): void {
    this.#write(`retry: 1000\n${progress(this.#revision)}`);
  }

  /** Writes what the history has for this watch, as far as the connection and one turn's budget go. */
  pump(): void {
    if (this.#isEnded) return;
    if (this.#stalledAt !== null) return this.#checkStall(this.#stalledAt);
    const { history } = this.#store;
    for (let budgetBytes = TURN_BYTES; this.#stalledAt === null; ) {
      if (this.#revision < history.forgottenRevision) return this.end("the history moved past this watch");
      const record = history.next(this.#revision);
      if (record === undefined) return;
      if (budgetBytes <= 0) return this.#wantTurn();
      this.#revision = record.revision;
      budgetBytes -= this.#writeRecord(record) + SKIPPED_RECORD_BYTES;
    }
  }

  onKeepAlive(): void {
    if (this.#isEnded) return;
    if (this.#stalledAt === null) {
      const isCurrent = this.#store.history.next(this.#revision) === undefined;
      // Nothing of what is older was wanted: a client that resumes need not start further back.
      if (isCurrent) this.#revision = Math.max(this.#revision, this.#store.revision);
      this.#write(progress(this.#revision));
    } else if (++this.#stalledPeriods >= STALLED_PERIODS) {
      this.#cutOff();
    }
  }

  end(reason: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#output.end(`: ${reason}\n\n`);
  }

  #writeRecord({ revision, events }: RevisionRecord): number {
    const wanted = events.filter(({ key }) => key.startsWith(this.#prefix)).map(eventToJson);
    if (wanted.length === 0) return 0;
    const message = `id: ${revision}\ndata: ${JSON.stringify({ revision, events: wanted })}\n\n`;
    this.#write(message);
    return message.length;
  }

  #write(text: string): void {
    if (this.#output.write(text) || this.#stalledAt !== null) return;
    this.#stalledAt = this.#store.history.totals;
    this.#stalledPeriods = 0;
    this.#output.once("drain", () => {
      this.#stalledAt = null;
      this.#wantTurn();
    });
  }

  #checkStall(stalledAt: { readonly totalEvents: number; readonly totalBytes: number }): void {
    const { totals, limits } = this.#store.history;
    const missedEvents = totals.totalEvents - stalledAt.totalEvents;
    const missedBytes = totals.totalBytes - stalledAt.totalBytes;
    const isTooMuch =
      missedEvents > limits.maxEvents * STALLED_HISTORY_SHARE || missedBytes > limits.maxBytes * STALLED_HISTORY_SHARE;
    if (isTooMuch) this.#cutOff();
  }

  /** Drops the connection at once: whatever is still buffered for it would wait for a reader that does not read. */
  #cutOff(): void {
    this.#isEnded = true;
    this.#output.destroy();
  }
}

/** A comment for people and for `KvClient`, and an id for browsers, which remember it without an event. */
function progress(revision: number): string {
  return `: progress ${revision}\nid: ${revision}\n\n`;
}
