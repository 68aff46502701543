/** A load that is made inside a server: so many clients at once, each of which waits for its answer. */

import { percentile } from "../frame/spread.js";
import type { LoadFigures, LoadOrder } from "./protocol.js";

const FIRST_CAPACITY = 2 ** 16;
/** Of longer loads the newest latencies are kept. */
const MAX_LATENCIES = 2 ** 21;

/** Latencies in milliseconds, in a row without objects. */
class Latencies {
  #values = new Float64Array(FIRST_CAPACITY);
  #count = 0;

  add(ms: number): void {
    if (this.#count === this.#values.length && this.#count < MAX_LATENCIES) {
      const wider = new Float64Array(2 * this.#count);
      wider.set(this.#values);
      this.#values = wider;
    }
    this.#values[this.#count % this.#values.length] = ms;
    this.#count += 1;
  }

  get count(): number {
    return this.#count;
  }

  sorted(): Float64Array {
    return this.#values.slice(0, Math.min(this.#count, this.#values.length)).sort();
  }
}

export class Load {
  readonly #propose: () => Promise<unknown>;
  #isStopped = false;

  constructor(propose: () => Promise<unknown>) {
    this.#propose = propose;
  }

  stop(): void {
    this.#isStopped = true;
  }

  async run({ clients, entries = Number.POSITIVE_INFINITY, seconds = Number.POSITIVE_INFINITY }: LoadOrder) {
    const latencies = new Latencies();
    let taken = 0;
    this.#isStopped = false;
    const startedAt = performance.now();
    const until = startedAt + seconds * 1000;
    const client = async (): Promise<void> => {
      for (let now = performance.now(); now < until && taken < entries && !this.#isStopped; ) {
        taken += 1;
        await this.#propose();
        const doneAt = performance.now();
        latencies.add(doneAt - now);
        now = doneAt;
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
    return figures(latencies, (performance.now() - startedAt) / 1000);
  }
}

function figures(latencies: Latencies, seconds: number): LoadFigures {
  const sorted = latencies.sorted();
  const [p50Ms, p99Ms, maxMs] = [0.5, 0.99, 1].map((part) => percentile(sorted, part)) as [number, number, number];
  return { operations: latencies.count, seconds, p50Ms, p99Ms, maxMs };
}
