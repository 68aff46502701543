/**
 * Time that a test owns, and processes that can die in it: nothing happens but what was scheduled here, in order, and
 * what promises then make ready.
 */

import type { Cancel, Clock } from "quorate";

interface Event {
  readonly at: number;
  readonly run: () => void;
  isCancelled: boolean;
}

/** The clock of one process. When it dies, nothing that it has scheduled happens. */
export class ProcessClock implements Clock {
  readonly #world: World;
  isDead = false;

  constructor(world: World) {
    this.#world = world;
  }

  now(): number {
    return this.#world.now;
  }

  wakeAt(atMs: number, callback: () => void): Cancel {
    return this.#world.schedule(Math.max(atMs, this.#world.now), () => {
      if (!this.isDead) callback();
    });
  }

  soon(callback: () => void): Cancel {
    return this.wakeAt(this.#world.now, callback);
  }
}

export class World {
  now = 0;
  readonly #events: Event[] = [];

  schedule(at: number, run: () => void): Cancel {
    const event: Event = { at, run, isCancelled: false };
    let place = this.#events.length;
    while (place > 0 && (this.#events[place - 1] as Event).at > at) place -= 1;
    this.#events.splice(place, 0, event);
    return () => {
      event.isCancelled = true;
    };
  }

  /** Runs all that is due within `ms`. */
  async run(ms: number): Promise<void> {
    const end = this.now + ms;
    await settle();
    while (await this.#runNext(end));
    this.now = Math.max(this.now, end);
  }

  /** Runs until `isSo`, for `limitMs` at most; throws if it never is. */
  async until(isSo: () => boolean, limitMs = 60_000): Promise<void> {
    const end = this.now + limitMs;
    await settle();
    while (!isSo()) {
      if (!(await this.#runNext(end))) throw new Error(`not so within ${limitMs} ms: ${isSo.toString()}`);
    }
  }

  /** Runs until `promise` settles. */
  async finish<Value>(promise: Promise<Value>, limitMs?: number): Promise<Value> {
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    promise.then(over, over);
    await this.until(() => isOver, limitMs);
    return promise;
  }

  async #runNext(end: number): Promise<boolean> {
    const next = this.#events[0];
    if (next === undefined || next.at > end) return false;
    this.#events.shift();
    this.now = Math.max(this.now, next.at);
    if (!next.isCancelled) {
      next.run();
      await settle();
    }
    return true;
  }
}

/** Lets everything run that promises have made ready. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
