/** What the network does to a message: delay, reorder, double, hold back, lose; and who cannot reach whom. */

import type { NodeId, Random } from "@quorate/core";
import type { Parameters } from "./parameters.js";
import type { SimulatedTime } from "./simulated-time.js";

export class NetworkFaults {
  readonly #time: SimulatedTime;
  readonly #random: Random;
  readonly #parameters: Parameters;
  /** Directed links that carry nothing, as "from>to". */
  #blocked = new Set<string>();
  #isCalm = false;

  constructor(time: SimulatedTime, random: Random, parameters: Parameters) {
    this.#time = time;
    this.#random = random;
    this.#parameters = parameters;
  }

  /** Cuts each directed link between the servers with the given probability. */
  cut(ids: readonly NodeId[], probability: number): void {
    for (const from of ids) {
      for (const to of ids) {
        if (from !== to && this.#random.between(0, 1) < probability) this.#blocked.add(`${from}>${to}`);
      }
    }
  }

  /** Cuts the servers into two halves that cannot reach each other. */
  split(left: readonly NodeId[], right: readonly NodeId[]): void {
    for (const a of left) {
      for (const b of right) this.#blocked.add(`${a}>${b}`).add(`${b}>${a}`);
    }
  }

  heal(): void {
    this.#blocked = new Set();
  }

  /** No more losses from now on; delays remain. */
  calm(): void {
    this.heal();
    this.#isCalm = true;
  }

  deliver(from: NodeId, to: NodeId, handOver: () => void): void {
    const { lossRate, duplicationRate } = this.#parameters;
    if (this.#chance(lossRate)) return;
    this.#deliverOnce(from, to, handOver);
    if (this.#chance(duplicationRate)) this.#deliverOnce(from, to, handOver);
  }

  /** What is under way when a link is cut is lost with it. */
  #deliverOnce(from: NodeId, to: NodeId, handOver: () => void): void {
    const { minDelayMs, maxDelayMs, limboRate } = this.#parameters;
    const delayMs = this.#random.between(minDelayMs, maxDelayMs) * (this.#chance(limboRate) ? 10 : 1);
    this.#time.schedule(this.#time.now + delayMs, () => {
      if (!this.#blocked.has(`${from}>${to}`)) handOver();
    });
  }

  #chance(rate: number): boolean {
    return !this.#isCalm && this.#random.between(0, 1) < rate;
  }
}
