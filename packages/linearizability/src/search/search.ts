/**
 * The search for a linearization: Wing and Gong's, as improved by Lowe ("Testing for linearizability", 2017).
 *
 * Calls are linearized one after another. The known call that returned first of those that wait (the *base*) must be
 * linearized before anything that was invoked after its return; so only calls invoked before that return may come
 * next. Each of them is tried in turn, the base first ("just in time"); where none leads on, the configuration is
 * remembered as failed, and the search goes back.
 *
 * Two things keep it narrow. A read that is legal now is linearized now: it changes nothing, so no later moment can
 * be better. And calls of unknown outcome come last, and only where they change something: with fewer of them used,
 * everything else stays possible.
 */

import { type CompiledModel, ILLEGAL, NOTHING } from "../model.js";
import type { Budget } from "./budget.js";
import { FailedConfigurations } from "./failed.js";
import { Lookahead } from "./lookahead.js";
import type { Timeline } from "./timeline.js";
import { UnknownClasses, UsedSets } from "./unknowns.js";

export interface Found {
  readonly verdict: "linearizable" | "not-linearizable" | "unknown";
  /** Calls, by their place among those given: a linearization, or the longest beginning of one that was found. */
  readonly order: readonly number[];
  /** The known call that no linearization can reach, by its place: the first return at which all is contradictory. */
  readonly stuckAt: number | null;
}

/** What is tried next in a configuration. */
const READS = 0;
const BASE = 1;
const OTHERS = 2;
const UNKNOWN = 3;
const DONE = 4;

export class Search {
  readonly #timeline: Timeline;
  readonly #model: CompiledModel;
  readonly #budget: Budget;
  readonly #known: number;
  readonly #isRead: Uint8Array;

  // The configuration: the first known call that waits, what is linearized beyond it, the state, what unknown is used.
  #base = 0;
  readonly #isLinearized: Uint8Array;
  readonly #mask: Int32Array;
  #state: number;
  #used = 0;

  // The known calls that wait, linked in the order of their invocation; the last place is the head.
  readonly #next: Int32Array;
  readonly #previous: Int32Array;

  // What was linearized, one after another: known calls, and unknown ones as ~unknown. And for each what was before.
  #depth = 0;
  readonly #taken: Int32Array;
  readonly #stateBefore: Int32Array;
  readonly #usedBefore: Int32Array;
  readonly #phase: Uint8Array;
  readonly #cursor: Int32Array;

  readonly #classes: UnknownClasses;
  readonly #usedSets: UsedSets;
  readonly #failed: FailedConfigurations;
  readonly #isWanted = new Set<number>();
  readonly #lookahead: Lookahead | null;

  // The state that the chosen next call leads to.
  #nextState = ILLEGAL;
  #farthest = 0;
  #best: Int32Array | null;
  #bestDepth = 0;

  /** `keepsBest`: also remember the longest order found, which takes time. */
  constructor(timeline: Timeline, model: CompiledModel, budget: Budget, keepsBest = false) {
    const known = timeline.known.length;
    const depth = known + timeline.unknown.length + 1;
    const words = Math.max(1, Math.ceil(timeline.slots / 32));
    this.#timeline = timeline;
    this.#model = model;
    this.#budget = budget;
    this.#known = known;
    this.#isRead = Uint8Array.from(timeline.known, (place) => (model.isRead(place) ? 1 : 0));
    this.#isLinearized = new Uint8Array(known + 1);
    this.#mask = new Int32Array(words);
    this.#state = model.initialState;
    this.#next = new Int32Array(known + 1);
    this.#previous = new Int32Array(known + 1);
    this.#taken = new Int32Array(depth);
    this.#stateBefore = new Int32Array(depth);
    this.#usedBefore = new Int32Array(depth);
    this.#phase = new Uint8Array(depth);
    this.#cursor = new Int32Array(depth);
    this.#classes = new UnknownClasses(timeline, model);
    this.#usedSets = new UsedSets(timeline.unknown.length);
    this.#failed = new FailedConfigurations(known, words, this.#usedSets);
    this.#lookahead = model.lookahead === undefined ? null : new Lookahead(timeline, model.lookahead);
    this.#best = keepsBest ? new Int32Array(depth) : null;
    this.#linkCalls();
  }

  run(): Found {
    const memoryBytes = (): number =>
      this.#failed.memoryBytes + this.#usedSets.memoryBytes + (this.#model.memoryBytes?.() ?? 0);
    while (this.#base < this.#known) {
      const chosen = this.#choose();
      if (chosen !== this.#known) {
        this.#take(chosen);
        if (!this.#budget.step(memoryBytes)) return this.#found("unknown");
        if (this.#isHopeless() || this.#failed.has(this.#base, this.#state, this.#used, this.#mask)) this.#undo();
      } else {
        if (this.#phase[this.#depth] === UNKNOWN) this.#failed.add(this.#base, this.#state, this.#used, this.#mask);
        if (this.#depth === 0) return this.#found("not-linearizable");
        this.#undo();
      }
    }
    return this.#found("linearizable");
  }

  #isHopeless(): boolean {
    if (this.#lookahead === null) return false;
    const observer = this.#lookahead.unreachable(this.#state, this.#base, this.#isLinearized, this.#classes);
    // Without that call there might have been a way: what contradicts itself reaches as far as its return.
    if (observer > this.#farthest) this.#farthest = observer;
    return observer !== NOTHING;
  }

  #found(verdict: Found["verdict"]): Found {
    const taken = this.#best === null || verdict === "linearizable" ? this.#taken : this.#best;
    const depth = taken === this.#taken ? this.#depth : this.#bestDepth;
    const { known, unknown } = this.#timeline;
    const order = Array.from(taken.subarray(0, depth), (call) => (call >= 0 ? known[call] : unknown[~call]) as number);
    return { verdict, order, stuckAt: verdict === "linearizable" ? null : (known[this.#farthest] as number) };
  }

  #linkCalls(): void {
    const head = this.#known;
    let last = head;
    for (const call of this.#timeline.byInvocation) {
      this.#next[last] = call;
      this.#previous[call] = last;
      last = call;
    }
    this.#next[last] = head;
    this.#previous[head] = last;
  }

  /** The next call to try from here, leaving the state after it in `#nextState`; `#known` if there is none. */
  #choose(): number {
    const depth = this.#depth;
    if (this.#phase[depth] === READS) {
      const read = this.#legalRead();
      if (read !== this.#known) {
        // Nothing else needs trying. The configuration is not worth remembering either: the one after it is.
        this.#phase[depth] = DONE;
        return read;
      }
      this.#phase[depth] = BASE;
    }
    if (this.#phase[depth] === BASE) {
      this.#phase[depth] = OTHERS;
      this.#cursor[depth] = this.#next[this.#known] as number;
      if (this.#isRead[this.#base] === 0 && this.#isLegal(this.#base)) return this.#base;
    }
    if (this.#phase[depth] === OTHERS) {
      const other = this.#legalOther();
      if (other !== this.#known) return other;
      this.#phase[depth] = UNKNOWN;
      this.#cursor[depth] = 0;
    }
    return this.#phase[depth] === UNKNOWN ? this.#usefulUnknown() : this.#known;
  }

  #isLegal(call: number): boolean {
    this.#nextState = this.#model.step(this.#state, this.#timeline.known[call] as number);
    return this.#nextState !== ILLEGAL;
  }

  #legalRead(): number {
    const { invokedAt, returnedAt } = this.#timeline;
    const until = returnedAt[this.#base] as number;
    const head = this.#known;
    for (let call = this.#next[head] as number; call !== head; call = this.#next[call] as number) {
      if ((invokedAt[call] as number) > until) break;
      if (this.#isRead[call] === 1 && this.#isLegal(call)) return call;
    }
    return head;
  }

  #legalOther(): number {
    const { invokedAt, returnedAt } = this.#timeline;
    const until = returnedAt[this.#base] as number;
    const head = this.#known;
    for (let call = this.#cursor[this.#depth] as number; call !== head; call = this.#next[call] as number) {
      if ((invokedAt[call] as number) > until) break;
      if (this.#isRead[call] === 1 || call === this.#base || !this.#isLegal(call)) continue;
      this.#cursor[this.#depth] = this.#next[call] as number;
      return call;
    }
    this.#cursor[this.#depth] = head;
    return head;
  }

  /** An unknown call that may lead on, as `~unknown`. */
  #usefulUnknown(): number {
    const classes = this.#classes;
    const until = this.#timeline.returnedAt[this.#base] as number;
    let index = this.#cursor[this.#depth] as number;
    if (index >= classes.count) return this.#known;
    const isHinted = this.#model.hints !== undefined;
    if (isHinted) this.#findWanted(until);
    for (; index < classes.count; index += 1) {
      if (isHinted && !this.#isWanted.has(classes.gives[index] as number)) continue;
      const unknown = classes.next(index, until);
      if (unknown === NOTHING || !this.#isUseful(unknown)) continue;
      this.#cursor[this.#depth] = index + 1;
      return ~unknown;
    }
    this.#cursor[this.#depth] = index;
    return this.#known;
  }

  /** It changes the state, and would not lead to the same without the unknown call right before it. */
  #isUseful(unknown: number): boolean {
    const place = this.#timeline.unknown[unknown] as number;
    this.#nextState = this.#model.step(this.#state, place);
    if (this.#nextState === ILLEGAL || this.#nextState === this.#state) return false;
    const last = this.#depth - 1;
    if (last < 0 || (this.#taken[last] as number) >= 0) return true;
    return this.#model.step(this.#stateBefore[last] as number, place) !== this.#nextState;
  }

  /** What the calls that may come next lack, and what the unknown calls lack that could give it. */
  #findWanted(until: number): void {
    const { invokedAt, known } = this.#timeline;
    const hints = this.#model.hints as NonNullable<CompiledModel["hints"]>;
    const head = this.#known;
    this.#isWanted.clear();
    for (let call = this.#next[head] as number; call !== head; call = this.#next[call] as number) {
      if ((invokedAt[call] as number) > until) break;
      this.#isWanted.add(hints.wants(this.#state, known[call] as number));
    }
    const { unknown } = this.#timeline;
    this.#classes.addWanted(this.#isWanted, until, (call) => hints.wants(this.#state, unknown[call] as number));
  }

  #take(call: number): void {
    const depth = this.#depth;
    this.#taken[depth] = call;
    this.#stateBefore[depth] = this.#state;
    this.#usedBefore[depth] = this.#used;
    this.#state = this.#nextState;
    if (call < 0) {
      this.#classes.use(~call);
      this.#used = this.#usedSets.with(this.#used, ~call);
    } else {
      const next = this.#next[call] as number;
      const previous = this.#previous[call] as number;
      this.#next[previous] = next;
      this.#previous[next] = previous;
      this.#isLinearized[call] = 1;
      if (call === this.#base) this.#advance();
      else this.#setSlot(call);
    }
    this.#depth = depth + 1;
    this.#phase[depth + 1] = READS;
  }

  #undo(): void {
    if (this.#best !== null && this.#depth > this.#bestDepth) this.#keepBest(this.#best);
    const depth = this.#depth - 1;
    const call = this.#taken[depth] as number;
    this.#depth = depth;
    this.#state = this.#stateBefore[depth] as number;
    this.#used = this.#usedBefore[depth] as number;
    if (call < 0) {
      this.#classes.giveBack(~call);
      return;
    }
    if (call < this.#base) this.#goBackTo(call);
    else this.#clearSlot(call);
    this.#isLinearized[call] = 0;
    this.#next[this.#previous[call] as number] = call;
    this.#previous[this.#next[call] as number] = call;
  }

  #keepBest(best: Int32Array): void {
    best.set(this.#taken.subarray(0, this.#depth));
    this.#bestDepth = this.#depth;
  }

  /** The base is linearized: the next one that waits takes its place. */
  #advance(): void {
    let base = this.#base + 1;
    for (; this.#isLinearized[base] === 1; base += 1) this.#clearSlot(base);
    this.#base = base;
    if (base > this.#farthest) this.#farthest = base;
  }

  #goBackTo(base: number): void {
    for (let call = base + 1; call < this.#base; call += 1) this.#setSlot(call);
    this.#base = base;
  }

  #setSlot(call: number): void {
    const slot = this.#timeline.slotOf[call] as number;
    this.#mask[slot >> 5] = (this.#mask[slot >> 5] as number) | (1 << (slot & 31));
  }

  #clearSlot(call: number): void {
    const slot = this.#timeline.slotOf[call] as number;
    this.#mask[slot >> 5] = (this.#mask[slot >> 5] as number) & ~(1 << (slot & 31));
  }
}
