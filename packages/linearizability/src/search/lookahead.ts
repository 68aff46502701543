/**
 * Turning back early: some reads tell so much that a state which does not lead to the next of them can be left at once,
 * long before the search arrives there.
 */

import { type CompiledModel, NOTHING } from "../model.js";
import type { Timeline } from "./timeline.js";
import type { UnknownClasses } from "./unknowns.js";

export class Lookahead {
  readonly #timeline: Timeline;
  readonly #model: NonNullable<CompiledModel["lookahead"]>;
  /** For each known call the first one from it on, in the order of returns, that sees. */
  readonly #nextObserver: Int32Array;
  /** For each place the known call that stands there, or ~unknown. */
  readonly #callAt: Int32Array;

  constructor(timeline: Timeline, model: NonNullable<CompiledModel["lookahead"]>) {
    const { known, unknown } = timeline;
    this.#timeline = timeline;
    this.#model = model;
    this.#nextObserver = new Int32Array(known.length + 1).fill(known.length);
    for (let call = known.length - 1; call >= 0; call -= 1) {
      const later = this.#nextObserver[call + 1] as number;
      this.#nextObserver[call] = model.sees(known[call] as number) ? call : later;
    }
    const last = Math.max(known.reduce(max, -1), unknown.reduce(max, -1));
    this.#callAt = new Int32Array(last + 1);
    for (const [call, place] of known.entries()) this.#callAt[place] = call;
    for (const [call, place] of unknown.entries()) this.#callAt[place] = ~call;
  }

  /** The next known call that sees, if no way leads from `state` to it; else `NOTHING`. */
  unreachable(state: number, base: number, isLinearized: Uint8Array, classes: UnknownClasses): number {
    const { known, returnedAt, invokedAt, unknownInvokedAt } = this.#timeline;
    let observer = this.#nextObserver[base] as number;
    while (isLinearized[observer] === 1) observer = this.#nextObserver[observer + 1] as number;
    if (observer === known.length) return NOTHING;
    const until = returnedAt[observer] as number;
    const isHopeless = this.#model.isHopeless(state, known[observer] as number, (place) => {
      const call = this.#callAt[place] as number;
      if (call < 0) return (unknownInvokedAt[~call] as number) < until && !classes.isUsed(~call);
      return (invokedAt[call] as number) < until && isLinearized[call] === 0;
    });
    return isHopeless ? observer : NOTHING;
  }
}

function max(left: number, right: number): number {
  return Math.max(left, right);
}
