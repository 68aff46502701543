/** Concurrent clients that write new keys without a pause, and note what was acknowledged and when. */

import { KvError } from "../client/errors.js";
import { KvClient } from "../client.js";

export interface Gap {
  readonly fromMs: number;
  readonly ms: number;
}

export class Load {
  /** Every write that a server acknowledged. Nothing of it may be lost. */
  readonly acknowledged = new Map<string, string>();
  /** Writes of which no client knows whether they happened: both is allowed. */
  unknown = 0;
  /** Writes that certainly did not happen. */
  refused = 0;
  readonly #done: Promise<unknown>;
  readonly #startedAt = performance.now();
  #endedAt: number | null = null;
  #lastSuccessAt = performance.now();
  #longestGap: Gap = { fromMs: 0, ms: 0 };
  #isStopping = false;

  /** Each write may take `timeoutMs`: the longer, the less of them are in doubt. */
  constructor(servers: readonly string[], clients: number, timeoutMs = 5_000) {
    this.#done = Promise.all(Array.from({ length: clients }, (_, client) => this.#write(servers, client, timeoutMs)));
    // Whoever calls `stop` hears of a failure; until then it is nobody's.
    this.#done.catch(() => undefined);
  }

  get writesPerSecond(): number {
    return this.acknowledged.size / (((this.#endedAt ?? performance.now()) - this.#startedAt) / 1000);
  }

  /** The longest time between two acknowledged writes, of any client. */
  get longestGap(): Gap {
    return this.#longestGap;
  }

  /** From now on only gaps that are still open count. */
  resetGap(): void {
    this.#longestGap = { fromMs: 0, ms: 0 };
  }

  /** Lets every client finish what it has begun. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#done;
    this.#endedAt = performance.now();
  }

  async #write(servers: readonly string[], client: number, timeoutMs: number): Promise<void> {
    // Each client begins with another server, as behind a load balancer.
    const first = client % servers.length;
    const kv = new KvClient({ servers: [...servers.slice(first), ...servers.slice(0, first)], timeoutMs });
    for (let request = 0; !this.#isStopping; request += 1) {
      const key = `client-${client}/${String(request).padStart(7, "0")}`;
      const value = `value ${request} of client ${client}`;
      try {
        await kv.put(key, value);
        this.#onAcknowledged(key, value);
      } catch (error) {
        if (!(error instanceof KvError)) throw error;
        if (error.outcome === "unknown") this.unknown += 1;
        else this.refused += 1;
      }
    }
    await kv.close();
  }

  #onAcknowledged(key: string, value: string): void {
    const now = performance.now();
    this.acknowledged.set(key, value);
    const ms = now - this.#lastSuccessAt;
    if (ms > this.#longestGap.ms) this.#longestGap = { fromMs: this.#lastSuccessAt, ms };
    this.#lastSuccessAt = now;
  }
}
