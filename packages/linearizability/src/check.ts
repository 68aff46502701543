/** `check`: is a history linearizable? */

import {
  type Columns,
  callsAt,
  columnsOf,
  columnsOfCalls,
  type HistoryEvent,
  type HistoryOperation,
} from "./history.js";
import type { Call, Model } from "./model.js";
import { Budget, type Limit, type Limits } from "./search/budget.js";
import { InternedModel } from "./search/interned.js";
import { type Partition, partitionsOf } from "./search/partition.js";
import { type Found, Search } from "./search/search.js";
import { timelineOf } from "./search/timeline.js";

export type Verdict = "linearizable" | "not-linearizable" | "unknown";

export interface CheckResult<Operation> {
  readonly verdict: Verdict;
  /** How many operations were looked at: all but those that failed. */
  readonly operations: number;
  /** How many parts they fell into, each checked by itself. */
  readonly partitions: number;
  /** How many steps the search took. */
  readonly steps: number;
  /** Which limit was reached, if the verdict is "unknown". */
  readonly limit: Limit | null;
  /** Where it fails, if the verdict is "not-linearizable". */
  readonly failure: Failure<Operation> | null;
}

/** A part of a history that is not linearizable. */
export interface Failure<Operation> {
  /** The part of the object, or the parts that operations join; empty if the object has no parts. */
  readonly partition: readonly string[];
  /** The operations on it. What was invoked after the first return that contradicts them is left out. */
  readonly calls: readonly Call<Operation>[];
}

/**
 * Checks a history of events.
 *
 * @throws HistoryError if the events are no history, or not one of that model.
 * @throws RangeError if a limit is not a positive number.
 */
export function check<State>(
  history: readonly HistoryEvent[],
  model: Model<State, HistoryOperation>,
  limits?: Limits,
): CheckResult<HistoryOperation> {
  return checkColumns(columnsOf(history), model, new Budget(limits));
}

/**
 * Checks operations of any kind, given with the times at which they were under way.
 *
 * @throws RangeError if a limit is not a positive number.
 */
export function checkCalls<State, Operation>(
  calls: readonly Call<Operation>[],
  model: Model<State, Operation>,
  limits?: Limits,
): CheckResult<Operation> {
  return checkColumns(columnsOfCalls(calls), model, new Budget(limits));
}

/** `check`, of columns, and within what is left of `budget`. */
export function checkColumns<State, Operation>(
  columns: Columns<Operation>,
  model: Model<State, Operation>,
  budget: Budget,
): CheckResult<Operation> {
  const partitions = partitionsOf(columns, model);
  const scratch = new Int32Array(columns.operations.length);
  let verdict: Verdict = "linearizable";
  let limit: Limit | null = null;
  let failure: Failure<Operation> | null = null;
  for (const partition of partitions) {
    const found = checkPartition(columns, partition, model, budget, scratch);
    if (found.verdict === "linearizable") continue;
    verdict = found.verdict;
    if (found.verdict === "not-linearizable") {
      failure = failureOf(columns, partition, found);
      break;
    }
    // Another part may still show that it is not linearizable, unless time or steps are up.
    limit = budget.exceeded;
    if (limit !== "memory") break;
  }
  if (failure !== null) limit = null;
  else if (limit !== null) verdict = "unknown";
  const { steps } = budget;
  return { verdict, operations: columns.operations.length, partitions: partitions.length, steps, limit, failure };
}

function checkPartition<State, Operation>(
  columns: Columns<Operation>,
  partition: Partition,
  model: Model<State, Operation>,
  budget: Budget,
  scratch: Int32Array,
): Found {
  const decision = model.decide?.(callsAt(columns, partition.calls)) ?? null;
  if (decision !== null) {
    if (!budget.spend(partition.calls.length)) return { verdict: "unknown", order: [], stuckAt: null };
    return decision.isLinearizable
      ? { verdict: "linearizable", order: decision.order, stuckAt: null }
      : { verdict: "not-linearizable", order: [], stuckAt: null };
  }
  const operations: Operation[] = [];
  for (const call of partition.calls) operations.push(columns.operations[call] as Operation);
  const compiled = model.compile?.(operations) ?? new InternedModel(model, operations);
  const isRead = (place: number): boolean => compiled.isRead(place);
  return new Search(timelineOf(columns, partition.calls, partition.returned, isRead, scratch), compiled, budget).run();
}

function failureOf<Operation>(columns: Columns<Operation>, partition: Partition, found: Found): Failure<Operation> {
  const { stuckAt } = found;
  const stuck = stuckAt === null ? null : columns.returnedAt[partition.calls[stuckAt] as number];
  const until = stuck ?? Number.POSITIVE_INFINITY;
  const calls = callsAt(
    columns,
    partition.calls.filter((call) => (columns.invokedAt[call] as number) < until),
  );
  return { partition: partition.names.filter((name) => name !== ""), calls };
}
