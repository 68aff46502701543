/**
 * Time in a simulation: a queue of what is to happen, and a clock that jumps from one event to the next. Events of one
 * moment happen in the order in which they were asked for, so that a run replays.
 */

import type { Cancel } from "@quorate/contracts";
import TinyQueue from "tinyqueue";

interface Event {
  readonly atMs: number;
  readonly order: number;
  callback: (() => void) | null;
}

export class SimulatedTime {
  #now = 0;
  #order = 0;
  readonly #queue = new TinyQueue<Event>([], (left, right) => left.atMs - right.atMs || left.order - right.order);

  get now(): number {
    return this.#now;
  }

  schedule(atMs: number, callback: () => void): Cancel {
    this.#order += 1;
    const event: Event = { atMs: Math.max(atMs, this.#now), order: this.#order, callback };
    this.#queue.push(event);
    return () => {
      event.callback = null;
    };
  }

  /** Lets the next event happen; false when there is none. What was cancelled is no event. */
  runNext(): boolean {
    let event = this.#queue.pop();
    while (event !== undefined && event.callback === null) event = this.#queue.pop();
    if (event === undefined) return false;
    this.#now = event.atMs;
    event.callback?.();
    return true;
  }
}
