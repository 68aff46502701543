/**
 * Calls of unknown outcome, which may take effect at any time after their invocation, or never.
 *
 * Calls that are the same in all but their time form a class, and are used in the order of their invocation: which of
 * them took effect makes no difference. Sets of used calls have numbers, so that a configuration holds one integer
 * however many such calls there are.
 */

import type { CompiledModel } from "../model.js";
import { NOTHING } from "../model.js";
import type { Timeline } from "./timeline.js";

/** The unknown calls of a timeline, class by class. */
export class UnknownClasses {
  readonly count: number;
  /** What the calls of each class give, or `NOTHING`. */
  readonly gives: Int32Array;
  /** How many of each class are used. */
  readonly #used: Int32Array;
  /** Unknown calls, by their number in the timeline, each class in one run. */
  readonly #members: Int32Array;
  readonly #starts: Int32Array;
  readonly #classOf: Int32Array;
  readonly #isUsed: Uint8Array;
  readonly #timeline: Timeline;

  constructor(timeline: Timeline, model: CompiledModel) {
    this.#timeline = timeline;
    const runs = new Map<number, number[]>();
    timeline.unknown.forEach((place, unknown) => {
      const name = model.classOf === undefined ? unknown : model.classOf(place);
      const run = runs.get(name);
      if (run === undefined) runs.set(name, [unknown]);
      else run.push(unknown);
    });
    const classes = [...runs.values()];
    this.count = classes.length;
    this.#members = Int32Array.from(classes.flat());
    this.#starts = new Int32Array(this.count + 1);
    this.#classOf = new Int32Array(timeline.unknown.length);
    this.#isUsed = new Uint8Array(timeline.unknown.length);
    this.gives = new Int32Array(this.count);
    this.#used = new Int32Array(this.count);
    classes.forEach((run, index) => {
      this.#starts[index + 1] = (this.#starts[index] as number) + run.length;
      this.gives[index] = model.hints?.gives(timeline.unknown[run[0] as number] as number) ?? NOTHING;
      for (const unknown of run) this.#classOf[unknown] = index;
    });
  }

  /** The next call of the class that is not used and was invoked before `time`, or `NOTHING`. */
  next(index: number, time: number): number {
    const at = (this.#starts[index] as number) + (this.#used[index] as number);
    if (at >= (this.#starts[index + 1] as number)) return NOTHING;
    const unknown = this.#members[at] as number;
    return (this.#timeline.unknownInvokedAt[unknown] as number) < time ? unknown : NOTHING;
  }

  /** Adds to `wanted` what those calls want that give what is wanted, and so on: a chain of them may be needed. */
  addWanted(wanted: Set<number>, time: number, wants: (unknown: number) => number): void {
    wanted.delete(NOTHING);
    for (let size = -1; size !== wanted.size; ) {
      size = wanted.size;
      for (let index = 0; index < this.count && size > 0; index += 1) {
        if (!wanted.has(this.gives[index] as number)) continue;
        const next = this.next(index, time);
        if (next !== NOTHING) wanted.add(wants(next));
      }
      wanted.delete(NOTHING);
    }
  }

  isUsed(unknown: number): boolean {
    return this.#isUsed[unknown] === 1;
  }

  use(unknown: number): void {
    this.#isUsed[unknown] = 1;
    const index = this.#classOf[unknown] as number;
    this.#used[index] = (this.#used[index] as number) + 1;
  }

  giveBack(unknown: number): void {
    this.#isUsed[unknown] = 0;
    const index = this.#classOf[unknown] as number;
    this.#used[index] = (this.#used[index] as number) - 1;
  }
}

/** Sets of unknown calls, numbered: 0 is the empty one. */
export class UsedSets {
  readonly #words: number;
  readonly #calls: number;
  readonly #successors = new Map<number, number>();
  readonly #numbers = new Map<string, number>();
  #pool: Int32Array;
  #count = 1;

  constructor(calls: number) {
    this.#calls = calls;
    this.#words = Math.ceil(calls / 32);
    this.#pool = new Int32Array(Math.max(1, this.#words) * 16);
  }

  get memoryBytes(): number {
    return this.#pool.byteLength + this.#count * (128 + 8 * this.#words);
  }

  /** The number of `set` with `call`, which it does not hold. */
  with(set: number, call: number): number {
    const name = set * this.#calls + call;
    const known = this.#successors.get(name);
    if (known !== undefined) return known;
    const number = this.#make(set, call);
    this.#successors.set(name, number);
    return number;
  }

  /** Whether all calls of `part` are in `whole`. */
  isPart(part: number, whole: number): boolean {
    if (part === 0 || part === whole) return true;
    const partStart = part * this.#words;
    const wholeStart = whole * this.#words;
    for (let word = 0; word < this.#words; word += 1) {
      if (((this.#pool[partStart + word] as number) & ~(this.#pool[wholeStart + word] as number)) !== 0) return false;
    }
    return true;
  }

  #make(set: number, call: number): number {
    if ((this.#count + 1) * this.#words > this.#pool.length) {
      const pool = new Int32Array(this.#pool.length * 2);
      pool.set(this.#pool);
      this.#pool = pool;
    }
    const words = this.#pool.slice(set * this.#words, (set + 1) * this.#words);
    words[call >> 5] = (words[call >> 5] as number) | (1 << (call & 31));
    const name = words.join();
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#count;
    this.#pool.set(words, number * this.#words);
    this.#numbers.set(name, number);
    this.#count += 1;
    return number;
  }
}
