/**
 * Time in a simulation: a queue of what is to happen, and a clock that jumps from one event to the next. Events of one
 * moment happen in the order in which they were asked for, so that a seed replays.
 */

import type { Cancel, Clock } from "@quorate/contracts";
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

  /** Lets the next event happen; false when there is none. */
  runNext(): boolean {
    const event = this.#queue.pop();
    if (event === undefined) return false;
    this.#now = event.atMs;
    event.callback?.();
    return true;
  }
}

/**
 * The clock of one process. While the process is paused nothing of it runs, as under SIGSTOP; what fell due happens
 * when it goes on. Once it has crashed nothing of it ever runs again.
 */
export class ProcessClock implements Clock {
  readonly #time: SimulatedTime;
  #pausedUntil = 0;
  #hasCrashed = false;

  constructor(time: SimulatedTime) {
    this.#time = time;
  }

  now(): number {
    return this.#time.now;
  }

  wakeAt(atMs: number, callback: () => void): Cancel {
    return this.#time.schedule(atMs, () => this.run(callback));
  }

  soon(callback: () => void): Cancel {
    return this.wakeAt(this.#time.now, callback);
  }

  /** Runs `callback` as part of the process: now, when it goes on, or never. */
  run(callback: () => void): void {
    if (this.#hasCrashed) return;
    if (this.#time.now < this.#pausedUntil) this.#time.schedule(this.#pausedUntil, () => this.run(callback));
    else callback();
  }

  pauseUntil(atMs: number): void {
    this.#pausedUntil = atMs;
  }

  crash(): void {
    this.#hasCrashed = true;
  }
}
