/**
 * Tells the cluster where clients reach this server, so that the others can send them here while this server leads.
 *
 * It is a command in the log: every server knows then, also one that starts later, and a server that is at the same
 * address as before has nothing to say.
 */

import { RaftError } from "quorate";
import type { KvNode } from "./node.js";
import type { KvStore } from "./store.js";

export interface AnnouncerOptions {
  readonly node: KvNode;
  readonly store: KvStore;
  readonly server: string;
  /** Where clients reach it: `http://host:port`. */
  readonly url: string;
  readonly timeoutMs: number;
}

/** Nothing depends on it: until it is said, requests are passed on to the leader. */
const RETRY_MS = 2000;

export class Announcer {
  readonly #options: AnnouncerOptions;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** Says it, as often as it takes. To be called when this server has caught up. */
  async announce(): Promise<void> {
    const { node, store, server, url, timeoutMs } = this.#options;
    if (this.#isClosed || store.addressOf(server) === url) return;
    try {
      await node.propose({ type: "announce", server, url }, { timeoutMs });
    } catch (error) {
      // Without a leader, or on a server that is stopped, there is nobody to tell.
      if (!(error instanceof RaftError)) throw error;
    }
    if (this.#isClosed || store.addressOf(server) === url) return;
    this.#timer = setTimeout(() => void this.announce(), RETRY_MS);
    this.#timer.unref();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }
}
