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
  const pairing = new Pairing(history.length);
  for (let index = 0; index < history.length; index += 1) {
    const event = history[index] as HistoryEvent;
    if (event.type === "invoke") pairing.onInvoke(event, index);
    else pairing.onReturn(event, index);
  }
  return pairing.columns();
}

/** The `returnedAt` of an operation that failed, until it is left out. */
const FAILED = -1;

/** All that is wanted of an event is read once, and in order: for a million of them that is what takes the time. */
class Pairing {
  readonly #operations: Mutable<HistoryOperation>[] = [];
  readonly #processes: (string | number)[] = [];
  readonly #invokedAt: Int32Array;
  readonly #returnedAt: Int32Array;
  readonly #byReturn: Int32Array;
  #returns = 0;
  #failures = 0;
  /** The open operation of each process, or -1. */
  readonly #open = new Map<string | number, number>();

  constructor(events: number) {
    this.#invokedAt = new Int32Array(events);
    this.#returnedAt = new Int32Array(events);
    this.#byReturn = new Int32Array(events);
  }

  onInvoke({ process, f, key, value }: HistoryEvent, index: number): void {
    if ((this.#open.get(process) ?? -1) !== -1) {
      throw new HistoryError(index, `process ${process} invokes "${f}" before its last operation has returned`);
    }
    const call = this.#operations.push({ f, key, input: value, output: undefined }) - 1;
    this.#processes.push(process);
    this.#invokedAt[call] = index;
    this.#returnedAt[call] = NEVER;
    this.#open.set(process, call);
  }

  onReturn({ process, type, f, value }: HistoryEvent, index: number): void {
    const call = this.#open.get(process) ?? -1;
    if (call === -1) {
      if (type === "info") return;
      throw new HistoryError(index, `process ${process} returns from "${f}" without having invoked it`);
    }
    const operation = this.#operations[call] as Mutable<HistoryOperation>;
    if (operation.f !== f) {
      throw new HistoryError(index, `process ${process} returns from "${f}", but it has invoked "${operation.f}"`);
    }
    this.#open.set(process, -1);
    if (type === "ok") {
      operation.output = value;
      this.#returnedAt[call] = index;
      this.#byReturn[this.#returns] = call;
      this.#returns += 1;
    } else if (type === "fail") {
      this.#returnedAt[call] = FAILED;
      this.#failures += 1;
    }
  }

  columns(): Columns<HistoryOperation> {
    const count = this.#failures === 0 ? this.#operations.length : this.#leaveOutFailures();
    return {
      operations: this.#operations,
      processes: this.#processes,
      invokedAt: this.#invokedAt.subarray(0, count),
      returnedAt: this.#returnedAt.subarray(0, count),
      byReturn: this.#byReturn.subarray(0, this.#returns),
    };
  }

  #leaveOutFailures(): number {
    const [operations, processes] = [this.#operations, this.#processes];
    const numberOf = new Int32Array(operations.length);
    let count = 0;
    for (let call = 0; call < operations.length; call += 1) {
      const returnedAt = this.#returnedAt[call] as number;
      if (returnedAt === FAILED) continue;
      operations[count] = operations[call] as Mutable<HistoryOperation>;
      processes[count] = processes[call] as string | number;
      this.#invokedAt[count] = this.#invokedAt[call] as number;
      this.#returnedAt[count] = returnedAt;
      numberOf[call] = count;
      count += 1;
    }
    operations.length = count;
    processes.length = count;
    for (let at = 0; at < this.#returns; at += 1) {
      this.#byReturn[at] = numberOf[this.#byReturn[at] as number] as number;
    }
    return count;
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

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
