/**
 * Parts of this server's log for those who pull it (see the core's chapter on catching up): one page for each request,
 * and the next one when it is asked for, so that nothing has to be held back here.
 */

import type { Entry, NodeId, PulledEntries, PulledRange, Raft } from "@quorate/core";
import { messageBytesOf } from "./log-cache.js";
import type { LogReader } from "./log-reader.js";

export interface PulledPagesOptions {
  readonly raft: Raft;
  readonly reader: LogReader;
  readonly maxAppendBytes: number;
  readonly send: (message: PulledEntries) => void;
  /** The log could not be read: this node cannot go on. */
  readonly onFailed: (cause: unknown) => void;
}

export class PulledPages {
  readonly #options: PulledPagesOptions;
  /** By asker, the newest order: an earlier one that is still being read is answered no more. */
  readonly #newest = new Map<NodeId, PulledRange>();

  constructor(options: PulledPagesOptions) {
    this.#options = options;
  }

  onOrder(order: PulledRange): void {
    const { reader, maxAppendBytes, onFailed } = this.#options;
    this.#newest.set(order.to, order);
    if (!this.#isWanted(order)) return;
    if (order.lastIndex === order.prevLogIndex) return this.#send(order, []);
    const page = reader.cached(order.prevLogIndex + 1, order.lastIndex, maxAppendBytes);
    if (page !== null) this.#send(order, page);
    else this.#read(order).catch(onFailed);
  }

  async #read(order: PulledRange): Promise<void> {
    const { reader, maxAppendBytes } = this.#options;
    const { prevLogIndex, lastIndex } = order;
    const page = await reader.read(prevLogIndex + 1, lastIndex, maxAppendBytes, () => this.#isWanted(order));
    if (page !== null) this.#send(order, fitting(page, maxAppendBytes));
  }

  /** Whether the log is still the one that was spoken of, or has that one as its beginning, and nothing of it is gone. */
  #isWanted(order: PulledRange): boolean {
    const { raft } = this.#options;
    const { to, prevLogIndex, prevLogTerm, lastLogIndex, lastLogTerm } = order;
    return (
      this.#newest.get(to) === order &&
      raft.termAt(prevLogIndex) === prevLogTerm &&
      raft.termAt(lastLogIndex) === lastLogTerm
    );
  }

  #send({ kind: _, lastIndex: __, ...head }: PulledRange, entries: readonly Entry[]): void {
    this.#options.send({ ...head, kind: "pulledEntries", entries });
  }
}

/** The first entries of a page, as many as one message takes, but at least one: the storage counts payloads alone. */
function fitting(page: readonly Entry[], maxBytes: number): readonly Entry[] {
  let count = 0;
  let sizeBytes = 0;
  for (const entry of page) {
    sizeBytes += messageBytesOf(entry);
    if (count > 0 && sizeBytes > maxBytes) break;
    count += 1;
  }
  return page.slice(0, count);
}
