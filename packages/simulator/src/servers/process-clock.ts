/**
 * The clock of one process, which may be wrong: it drifts, jumps ahead, stands still while the machine is suspended.
 * While the process is paused or busy nothing of it runs; what fell due happens when it goes on. Once it has crashed
 * nothing of it ever runs again.
 */

import type { Cancel, Clock } from "@quorate/contracts";
import type { SimulatedTime } from "./simulated-time.js";

interface Timer {
  /** By this clock. */
  readonly atMs: number;
  readonly callback: () => void;
  cancel: Cancel;
}

export class ProcessClock implements Clock {
  readonly #time: SimulatedTime;
  /** How fast it runs: 1 is right. */
  readonly #rate: number;
  /** What jumps added, and suspensions took away, in milliseconds. */
  #offsetMs = 0;
  #pausedUntil = 0;
  /** Until when the process is at work on what it has begun: for the process, that is now. */
  #busyUntil = 0;
  /** What it shows while the machine sleeps. */
  #frozenAt: number | null = null;
  #suspensions = 0;
  #hasCrashed = false;
  readonly #timers = new Set<Timer>();

  constructor(time: SimulatedTime, rate: number) {
    this.#time = time;
    this.#rate = rate;
  }

  now(): number {
    return this.#frozenAt ?? Math.max(this.#time.now, this.#busyUntil) * this.#rate + this.#offsetMs;
  }

  wakeAt(atMs: number, callback: () => void): Cancel {
    const timer: Timer = { atMs, callback, cancel: () => undefined };
    this.#timers.add(timer);
    this.#arm(timer);
    return () => {
      this.#timers.delete(timer);
      timer.cancel();
    };
  }

  #arm(timer: Timer): void {
    // A little late, for the division is not exact, and a timer must not go off early for ever.
    timer.cancel = this.#time.schedule((timer.atMs - this.#offsetMs) / this.#rate + 1e-6, () => {
      this.#timers.delete(timer);
      this.run(timer.callback);
    });
  }

  soon(callback: () => void): Cancel {
    return this.#time.schedule(this.#time.now, () => this.run(callback));
  }

  /** Runs `callback` as part of the process: now, when it goes on, or never. */
  run(callback: () => void): void {
    if (this.#hasCrashed) return;
    const freeAt = Math.max(this.#pausedUntil, this.#busyUntil);
    if (this.#time.now < freeAt) this.#time.schedule(freeAt, () => this.run(callback));
    else callback();
  }

  /** What runs now takes this long: time goes on meanwhile, for this process and for all others. */
  spend(ms: number): void {
    this.#busyUntil = Math.max(this.#busyUntil, this.#time.now) + ms;
  }

  /** The process stands still, as under SIGSTOP. */
  pauseFor(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#time.now + ms);
  }

  /** The machine sleeps: the process stands still, and its clock with it. */
  suspendFor(ms: number): void {
    this.pauseFor(ms);
    this.#frozenAt = this.now();
    this.#suspensions += 1;
    this.#time.schedule(this.#time.now + ms, () => this.#wakeUp());
  }

  #wakeUp(): void {
    this.#suspensions -= 1;
    if (this.#suspensions > 0 || this.#frozenAt === null) return;
    const shownMs = this.#frozenAt;
    this.#frozenAt = null;
    this.#shift(shownMs - this.now());
  }

  /** Runs ahead all at once. */
  jump(ms: number): void {
    if (this.#frozenAt !== null) this.#frozenAt += ms;
    else this.#shift(ms);
  }

  #shift(ms: number): void {
    this.#offsetMs += ms;
    for (const timer of this.#timers) {
      timer.cancel();
      this.#arm(timer);
    }
  }

  crash(): void {
    this.#hasCrashed = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }
}
