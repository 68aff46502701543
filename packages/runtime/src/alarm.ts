/** The one timer of a node. Rings at the time it was last set to, or earlier: whoever is woken looks at the time. */

import type { Cancel, Clock } from "@quorate/contracts";

export class Alarm {
  readonly #clock: Clock;
  readonly #onRing: () => void;
  #ringsAt = Number.POSITIVE_INFINITY;
  #cancel: Cancel | null = null;

  constructor(clock: Clock, onRing: () => void) {
    this.#clock = clock;
    this.#onRing = onRing;
  }

  /** A deadline that moves away costs nothing: the alarm rings early, once, and is then set anew. */
  set(atMs: number): void {
    if (atMs >= this.#ringsAt) return;
    this.#cancel?.();
    this.#ringsAt = atMs;
    this.#cancel = this.#clock.wakeAt(atMs, () => {
      this.#ringsAt = Number.POSITIVE_INFINITY;
      this.#cancel = null;
      this.#onRing();
    });
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#ringsAt = Number.POSITIVE_INFINITY;
  }
}
