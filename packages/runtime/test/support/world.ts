/**
 * Time that a test owns: nothing happens but what was scheduled here, in order, and what promises then make ready. The
 * clock stands still while code runs, and moves when a test says so.
 */

import type { Cancel, Clock } from "@quorate/contracts";

interface Event {
  readonly at: number;
  readonly run: () => void;
  isCancelled: boolean;
}

export class World {
  now = 0;
  readonly #events: Event[] = [];

  readonly clock: Clock = {
    now: () => this.now,
    wakeAt: (atMs, callback) => this.schedule(Math.max(atMs, this.now), callback),
    soon: (callback) => this.schedule(this.now, callback),
  };

  /** What is scheduled and not cancelled. */
  get pending(): number {
    return this.#events.filter(({ isCancelled }) => !isCancelled).length;
  }

  schedule(at: number, run: () => void): Cancel {
    const event: Event = { at, run, isCancelled: false };
    let place = this.#events.length;
    while (place > 0 && (this.#events[place - 1] as Event).at > at) place -= 1;
    this.#events.splice(place, 0, event);
    return () => {
      event.isCancelled = true;
    };
  }

  /** Time passes in which no code runs: what was due is late. */
  stall(ms: number): void {
    this.now += ms;
  }

  /** Runs all that is due within `ms`. */
  async run(ms: number): Promise<void> {
    const end = this.now + ms;
    await settle();
    while (await this.#runNext(end));
    this.now = Math.max(this.now, end);
  }

  /** Runs until `isSo`, for `limitMs` at most; throws if it never is. */
  async until(isSo: () => boolean, limitMs = 10_000): Promise<void> {
    const end = this.now + limitMs;
    await settle();
    while (!isSo()) {
      if (!(await this.#runNext(end))) throw new Error(`not so within ${limitMs} ms: ${isSo.toString()}`);
    }
  }

  /** Runs until `promise` settles. */
  async finish<Value>(promise: Promise<Value>, limitMs = 10_000): Promise<Value> {
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    promise.then(over, over);
    await this.until(() => isOver, limitMs);
    return promise;
  }

  /** Runs until `promise` rejects, and returns the reason. */
  async failure(promise: Promise<unknown>, limitMs = 10_000): Promise<unknown> {
    try {
      await this.finish(promise, limitMs);
    } catch (error) {
      return error;
    }
    throw new Error("it did not fail");
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
