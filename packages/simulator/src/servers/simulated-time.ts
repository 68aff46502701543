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
  readonly #later = new TinyQueue<Event>([], (left, right) => left.atMs - right.atMs || left.order - right.order);
  /** What was asked for at this very moment, which is most: it comes after whatever else was due. */
  #soon: Event[] = [];
  #nextSoon = 0;

  get now(): number {
    return this.#now;
  }

  schedule(atMs: number, callback: () => void): Cancel {
    this.#order += 1;
    const event: Event = { atMs: Math.max(atMs, this.#now), order: this.#order, callback };
    if (event.atMs === this.#now) this.#soon.push(event);
    else this.#later.push(event);
    return () => {
      event.callback = null;
    };
  }

  /** Lets the next event happen; false when there is none. What was cancelled is no event. */
  runNext(): boolean {
    let event = this.#next();
    while (event !== undefined && event.callback === null) event = this.#next();
    if (event === undefined) return false;
    this.#now = event.atMs;
    event.callback?.();
    return true;
  }

  #next(): Event | undefined {
    const soon = this.#soon[this.#nextSoon];
    if (soon === undefined) {
      if (this.#soon.length > 0) this.#soon = [];
      this.#nextSoon = 0;
      return this.#later.pop();
    }
    if ((this.#later.peek()?.atMs ?? Number.POSITIVE_INFINITY) <= soon.atMs) return this.#later.pop();
    this.#nextSoon += 1;
    return soon;
  }
}
