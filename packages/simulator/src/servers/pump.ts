/**
 * The pump: lets one event of simulated time after the other happen, and promises go on in between.
 */

import type { Settle } from "../run.js";
import type { SimulatedTime } from "./simulated-time.js";
import type { Spectator } from "./spectator.js";

/** Far more than a moment ever needs: what goes on for longer goes on for ever. */
const MOST_EVENTS_AT_ONCE = 20_000;

const EVENTS_PER_SETTLE = 16;

export class Pump {
  readonly #time: SimulatedTime;
  readonly #spectator: Spectator;
  readonly #settle: Settle;
  #events = 0;
  #hasPromises = false;
  /** The moment of the last event, and how many events there were before it. */
  #moment = -1;
  #momentBegan = 0;

  constructor(time: SimulatedTime, spectator: Spectator, settle: Settle) {
    this.#time = time;
    this.#spectator = spectator;
    this.#settle = settle;
  }

  get events(): number {
    return this.#events;
  }

  /** Something has happened that may have made a promise ready. */
  expectPromises(): void {
    this.#hasPromises = true;
  }

  /** Until it is over, or something broke, or nothing is left to happen. */
  async runUntil(isOver: () => boolean): Promise<void> {
    await this.#settleAll();
    while (!isOver() && this.#spectator.violation === null && (this.#time.runNext() || (await this.#runOn()))) {
      this.#events += 1;
      this.#checkRest();
      this.#spectator.onEvent();
      if (this.#hasPromises || this.#events % EVENTS_PER_SETTLE === 0) await this.#settleAll();
    }
  }

  /** Nothing is left to happen, unless some promise goes on that changes that. */
  async #runOn(): Promise<boolean> {
    await this.#settleAll();
    return this.#time.runNext();
  }

  /**
   * Promises go on only where something may have made one ready, and now and then, for it takes a turn of the real event
   * loop. What is overlooked goes on a little late, and in the same way on every machine.
   */
  async #settleAll(): Promise<void> {
    this.#hasPromises = false;
    await this.#settle();
  }

  #checkRest(): void {
    if (this.#time.now !== this.#moment) {
      this.#moment = this.#time.now;
      this.#momentBegan = this.#events;
    }
    const count = this.#events - this.#momentBegan;
    if (count < MOST_EVENTS_AT_ONCE) return;
    this.#spectator.violated({
      property: "Rest",
      oracle: "servers/rest",
      statement: "A server whose time has not come rests; it does not ask for one turn after the other.",
      facts: [
        `Time stood still at ${this.#moment} ms.`,
        `${count} events happened at that moment, and more were to come.`,
      ],
    });
  }
}
