/**
 * Why a history is not linearizable: its smallest part that still is not, and how far one gets with that.
 *
 * Leaving out an operation must not invent a contradiction: a read of 3 without the write of 3 would be one, and would
 * tell nothing. So each operation stays only together with its *reasons*: all earlier ones that may explain what it
 * saw, except those that were certainly overwritten before it began. (If all of them were, the last one stays, to
 * show that.) If the whole were linearizable, so would be each part that is closed in this way: its operations, in the
 * same order, see the same. What is found is therefore a contradiction of the whole history, and not of the cut.
 */

import { checkColumns, type Failure } from "./check.js";
import { columnsOfCalls } from "./history.js";
import type { Call, Model } from "./model.js";
import { Budget, type Limits } from "./search/budget.js";
import { InternedModel } from "./search/interned.js";
import { Search } from "./search/search.js";
import { timelineOf } from "./search/timeline.js";

/** What is shown of a failure. */
export interface Explanation<Operation> {
  /** As in the failure. */
  readonly partition: readonly string[];
  /** The smallest part of the failure that is not linearizable, in the order of invocation. */
  readonly calls: readonly Call<Operation>[];
  /** Whether nothing more can be left out. False if a limit was reached first. */
  readonly isMinimal: boolean;
  /** The longest row of `calls` (their places) that explains all that they saw, and the state after each. */
  readonly order: readonly number[];
  readonly states: readonly string[];
  /** The state before the first operation. */
  readonly initialState: string;
  /** The places of the calls that may come next in time, but contradict the state: there is no way on. */
  readonly stuck: readonly number[];
  /** `calls`, described. */
  readonly descriptions: readonly string[];
}

/**
 * Makes a failure as small as possible, and finds out how far an order of its operations can get.
 *
 * @throws RangeError if a limit is not a positive number.
 */
export function explain<State, Operation>(
  failure: Failure<Operation>,
  model: Model<State, Operation>,
  limits?: Limits,
): Explanation<Operation> {
  const budget = new Budget(limits);
  const all = failure.calls.toSorted((left, right) => left.invokedAt - right.invokedAt);
  const kept = new Shrinking(all, model, budget).run();
  const isMinimal = budget.exceeded === null;
  return { partition: failure.partition, isMinimal, ...progressOf(kept, model) };
}

class Shrinking<State, Operation> {
  readonly #calls: readonly Call<Operation>[];
  readonly #model: Model<State, Operation>;
  readonly #budget: Budget;
  readonly #reasons = new Map<number, readonly number[]>();

  constructor(calls: readonly Call<Operation>[], model: Model<State, Operation>, budget: Budget) {
    this.#calls = calls;
    this.#model = model;
    this.#budget = budget;
    this.#findPairs();
  }

  run(): Call<Operation>[] {
    let kept = this.#lastThatFail();
    // Once through each size is enough: what fails without some calls, fails with them.
    for (let size = kept.length >> 1; size >= 1 && this.#budget.exceeded === null; size >>= 1) {
      kept = this.#leaveOut(kept, size);
    }
    return kept.map((place) => this.#calls[place] as Call<Operation>);
  }

  /** The contradiction lies at the end: takes as many of the last calls, with their reasons, as are needed. */
  #lastThatFail(): number[] {
    const all = [...this.#calls.keys()];
    for (let count = 4; count < all.length; count *= 2) {
      const kept = this.#withReasons(all.slice(-count));
      if (kept.length * 2 < all.length && this.#fails(kept)) return kept;
    }
    return all;
  }

  /** Tries to leave out each run of `size` calls, with all that needs them, the oldest first. */
  #leaveOut(kept: readonly number[], size: number): number[] {
    let rest = [...kept];
    for (let at = 0; at < rest.length && this.#budget.exceeded === null; ) {
      const gone = this.#withNeedy(rest, new Set(rest.slice(at, at + size)));
      const candidate = rest.filter((place) => !gone.has(place));
      if (candidate.length > 0 && this.#fails(candidate)) rest = candidate;
      else at += size;
    }
    return rest;
  }

  #fails(places: readonly number[]): boolean {
    const calls = places.map((place) => this.#calls[place] as Call<Operation>);
    return checkColumns(columnsOfCalls(calls), this.#model, this.#budget).verdict === "not-linearizable";
  }

  #withReasons(places: readonly number[]): number[] {
    const kept = new Set(places);
    for (const place of kept) for (const reason of this.#reasonsOf(place)) kept.add(reason);
    return [...kept].sort((left, right) => left - right);
  }

  /** `gone`, and all of `places` that need something that is gone. */
  #withNeedy(places: readonly number[], gone: ReadonlySet<number>): ReadonlySet<number> {
    const all = new Set(gone);
    for (let size = -1; size !== all.size; ) {
      size = all.size;
      for (const place of places) if (this.#reasonsOf(place).some((reason) => all.has(reason))) all.add(place);
    }
    return all;
  }

  /** Of calls that make sense only together, each is the other's reason, and has no more. */
  #findPairs(): void {
    const lastOf = new Map<string | number, number>();
    for (const [place, { process, operation }] of this.#calls.entries()) {
      const last = lastOf.get(process);
      lastOf.set(process, place);
      if (last === undefined) continue;
      const previous = (this.#calls[last] as Call<Operation>).operation;
      if (!this.#model.completes?.(operation, previous)) continue;
      this.#reasons.set(place, [last]);
      this.#reasons.set(last, [place]);
    }
  }

  #reasonsOf(place: number): readonly number[] {
    const known = this.#reasons.get(place);
    if (known !== undefined) return known;
    const reasons = this.#findReasons(place);
    this.#reasons.set(place, reasons);
    return reasons;
  }

  #findReasons(place: number): readonly number[] {
    const observer = this.#calls[place] as Call<Operation>;
    const until = observer.returnedAt ?? Number.POSITIVE_INFINITY;
    let overwrittenUntil = Number.NEGATIVE_INFINITY;
    const found: number[] = [];
    for (const [earlier, { operation, invokedAt, returnedAt }] of this.#calls.entries()) {
      if (invokedAt >= until) break;
      if (earlier === place) continue;
      if (this.#mayExplain(observer.operation, operation)) found.push(earlier);
      const isBefore = returnedAt !== null && returnedAt < observer.invokedAt;
      if (isBefore && (this.#model.isOverwrite?.(operation) ?? false)) overwrittenUntil = invokedAt;
    }
    const standing = found.filter((earlier) => {
      const { returnedAt } = this.#calls[earlier] as Call<Operation>;
      return returnedAt === null || returnedAt >= overwrittenUntil;
    });
    return standing.length > 0 ? standing : found.slice(-1);
  }

  #mayExplain(observer: Operation, earlier: Operation): boolean {
    if (this.#model.explains !== undefined) return this.#model.explains(observer, earlier);
    return !(this.#model.isRead?.(earlier) ?? false);
  }
}

/** How many steps the search for the longest order may take. */
const PROGRESS_STEPS = 200_000;

function progressOf<State, Operation>(
  calls: readonly Call<Operation>[],
  model: Model<State, Operation>,
): Omit<Explanation<Operation>, "partition" | "isMinimal"> {
  const operations = calls.map(({ operation }) => operation);
  const columns = columnsOfCalls(calls);
  const places = Int32Array.from(operations.keys());
  const timeline = timelineOf(columns, places, columns.byReturn, () => false, new Int32Array(calls.length));
  const budget = new Budget({ stepLimit: PROGRESS_STEPS });
  const { order } = new Search(timeline, new InternedModel(model, operations), budget, true).run();
  let state = model.init();
  const initialState = describeState(model, state);
  const states = order.map((place) => {
    state = model.step(state, operations[place] as Operation) as State;
    return describeState(model, state);
  });
  const descriptions = operations.map((operation) => model.describe?.(operation) ?? JSON.stringify(operation));
  return { calls, order, states, initialState, stuck: nextInTime(calls, new Set(order)), descriptions };
}

function describeState<State, Operation>(model: Model<State, Operation>, state: State): string {
  return model.describeState?.(state) ?? JSON.stringify(state);
}

/** The calls that are not done, and began before the first of them returned: one of these must come next. */
function nextInTime<Operation>(calls: readonly Call<Operation>[], done: ReadonlySet<number>): number[] {
  const waiting = calls.flatMap((call, place) => (done.has(place) ? [] : [{ call, place }]));
  const ends = waiting.map(({ call }) => call.returnedAt ?? Number.POSITIVE_INFINITY);
  const until = ends.reduce((first, end) => Math.min(first, end), Number.POSITIVE_INFINITY);
  return waiting.filter(({ call }) => call.returnedAt !== null && call.invokedAt <= until).map(({ place }) => place);
}
