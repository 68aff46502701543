/**
 * Histories: what clients did and saw, one event after another, in the order in which it happened.
 *
 * `callsOf` pairs each invocation with its end. Calls are kept in columns and not as objects: a history may hold a
 * million of them.
 */

import type { Call } from "./model.js";

/** One line of a history. */
export interface HistoryEvent {
  /** Who called. A process has one operation at a time. */
  readonly process: string | number;
  /** `ok`: it happened. `fail`: it did not. `info`: nobody knows. */
  readonly type: "invoke" | "ok" | "fail" | "info";
  /** The name of the operation. */
  readonly f: string;
  /** The part of the object, where it has several. Keys are independent of each other. */
  readonly key?: string;
  readonly value?: unknown;
}

/** One operation of a history of events, as the models of this package take it. */
export interface HistoryOperation {
  readonly f: string;
  readonly key: string | undefined;
  /** The value that it was invoked with. */
  readonly input: unknown;
  /** The value that it returned with. `undefined` if it is not known, which `null` is. */
  readonly output: unknown;
}

/** The event at `index` (from 0) does not fit into a history, or the model does not know the operation. */
export class HistoryError extends Error {
  override readonly name = "HistoryError";
  readonly index: number;

  constructor(index: number, problem: string) {
    super(problem);
    this.index = index;
  }
}

/** The `returnedAt` of an operation of unknown outcome. */
export const NEVER = 0x7fffffff;

/** Operations in the order of their invocation, column by column. Failed ones are left out: they did not happen. */
export interface Columns<Operation> {
  readonly operations: readonly Operation[];
  readonly processes: readonly (string | number)[];
  /** Places in one row of all invocations and returns: no two are equal. */
  readonly invokedAt: Int32Array;
  /** `NEVER` if the outcome is unknown. */
  readonly returnedAt: Int32Array;
  /** The calls that returned, in the order in which they did. */
  readonly byReturn: Int32Array;
}

/**
 * Pairs invocations and returns. An `info` event of a process that has no open operation is no operation's end (some
 * histories tell in that way what was done to the servers) and is left out.
 *
 * @throws HistoryError if a process returns what it has not invoked, or invokes before it has returned.
 */
export function columnsOf(history: readonly HistoryEvent[]): Columns<HistoryOperation> {
  const endOf = endsOf(history);
  const operations: HistoryOperation[] = [];
  const processes: (string | number)[] = [];
  const invokedAt = new Int32Array(history.length);
  const returnedAt = new Int32Array(history.length);
  const callOf = new Int32Array(history.length);
  let count = 0;
  history.forEach((invocation, index) => {
    const end = endOf[index] as number;
    if (end === IGNORED) return;
    const isKnown = end !== NEVER;
    operations.push(operationOf(invocation, isKnown ? history[end] : undefined));
    processes.push(invocation.process);
    invokedAt[count] = index;
    returnedAt[count] = end;
    if (isKnown) callOf[end] = count + 1;
    count += 1;
  });
  const byReturn = callOf.filter((call) => call > 0).map((call) => call - 1);
  return {
    operations,
    processes,
    invokedAt: invokedAt.subarray(0, count),
    returnedAt: returnedAt.subarray(0, count),
    byReturn,
  };
}

const IGNORED = -1;

/** For each invocation that may have happened the place of its return, or `NEVER`; for other events `IGNORED`. */
function endsOf(history: readonly HistoryEvent[]): Int32Array {
  const endOf = new Int32Array(history.length).fill(IGNORED);
  const open = new Map<string | number, number>();
  history.forEach((event, index) => {
    const { process, type } = event;
    const invocation = open.get(process);
    if (type === "invoke") {
      if (invocation !== undefined) {
        throw new HistoryError(index, `process ${process} invokes "${event.f}" before its last operation has returned`);
      }
      open.set(process, index);
      endOf[index] = NEVER;
    } else if (invocation !== undefined) {
      const { f } = history[invocation] as HistoryEvent;
      if (f !== event.f) {
        throw new HistoryError(index, `process ${process} returns from "${event.f}", but it has invoked "${f}"`);
      }
      open.delete(process);
      if (type !== "info") endOf[invocation] = type === "ok" ? index : IGNORED;
    } else if (type !== "info") {
      throw new HistoryError(index, `process ${process} returns from "${event.f}" without having invoked it`);
    }
  });
  return endOf;
}

function operationOf({ f, key, value }: HistoryEvent, end: HistoryEvent | undefined): HistoryOperation {
  return { f, key, input: value === undefined ? end?.value : value, output: end?.value };
}

/** `calls` in columns. What returns at the very time at which another is invoked counts as concurrent with it. */
export function columnsOfCalls<Operation>(calls: readonly Call<Operation>[]): Columns<Operation> {
  const sorted = calls.toSorted((left, right) => left.invokedAt - right.invokedAt);
  const known = sorted.flatMap(({ returnedAt }, call) => (returnedAt === null ? [] : [{ call, returnedAt }]));
  known.sort((left, right) => left.returnedAt - right.returnedAt);
  const invokedAt = new Int32Array(sorted.length);
  const returnedAt = new Int32Array(sorted.length).fill(NEVER);
  let invoked = 0;
  known.forEach((each, returned) => {
    for (; invoked < sorted.length && (sorted[invoked] as Call<Operation>).invokedAt <= each.returnedAt; invoked += 1) {
      invokedAt[invoked] = invoked + returned;
    }
    returnedAt[each.call] = invoked + returned;
  });
  for (; invoked < sorted.length; invoked += 1) invokedAt[invoked] = invoked + known.length;
  return {
    operations: sorted.map(({ operation }) => operation),
    processes: sorted.map(({ process }) => process),
    invokedAt,
    returnedAt,
    byReturn: Int32Array.from(known, ({ call }) => call),
  };
}

/** The chosen calls of `columns` as objects. */
export function callsAt<Operation>(columns: Columns<Operation>, chosen: Iterable<number>): Call<Operation>[] {
  return Array.from(chosen, (call) => {
    const returnedAt = columns.returnedAt[call] as number;
    return {
      process: columns.processes[call] as string | number,
      operation: columns.operations[call] as Operation,
      invokedAt: columns.invokedAt[call] as number,
      returnedAt: returnedAt === NEVER ? null : returnedAt,
    };
  });
}

/** The operations of `history`, in the order of their invocation. */
export function callsOf(history: readonly HistoryEvent[]): Call<HistoryOperation>[] {
  const columns = columnsOf(history);
  return callsAt(columns, columns.operations.keys());
}
