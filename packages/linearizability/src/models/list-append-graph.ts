/**
 * List-append histories without a search: the lists that were read tell in which order transactions appended to a key,
 * and so which transaction comes before which (the idea is that of Elle, Kingsbury and Alvaro 2020). Together with real
 * time this gives a graph. A cycle in it is a contradiction; and where there is none, every order that follows
 * the graph explains every read, as each read has its last append before it and the next one after it.
 *
 * It needs that no value is appended twice to the same key. If one is, the search has to decide.
 */

import { type Call, type Decision, identityOf } from "../model.js";
import { Graph } from "./graph.js";
import type { TransactionStep } from "./transactions.js";

const CONTRADICTION: Decision = { isLinearizable: false };

/** What a transaction did to one key. */
interface Access {
  /** The list as it was before the transaction: null if it was not read. */
  before: readonly unknown[] | null;
  readonly appended: unknown[];
  /** The longest list that it read, its own appends included: null if it read none. */
  seen: readonly unknown[] | null;
}

/** A key: who touched it, and the order in which elements were appended, as far as anyone saw it. */
class KeyHistory {
  readonly accesses = new Map<number, Access>();
  readonly appenderOf = new Map<unknown, number>();
  order: readonly unknown[];
  readonly initial: readonly unknown[];

  constructor(initial: readonly unknown[]) {
    this.initial = initial.map(identityOf);
    this.order = this.initial;
  }

  access(transaction: number): Access {
    const known = this.accesses.get(transaction);
    if (known !== undefined) return known;
    const access: Access = { before: null, appended: [], seen: null };
    this.accesses.set(transaction, access);
    return access;
  }
}

/** The decision, or null if a value was appended twice. */
export function decideListAppend<Operation>(
  calls: readonly Call<Operation>[],
  stepsOf: (call: Call<Operation>) => readonly TransactionStep[],
  init: Readonly<Record<string, readonly unknown[]>>,
): Decision | null {
  const keys = new Map<string, KeyHistory>();
  let isContradictory = false;
  for (const [transaction, call] of calls.entries()) {
    for (const step of stepsOf(call)) {
      const key = keys.get(step.key) ?? new KeyHistory(init[step.key] ?? []);
      keys.set(step.key, key);
      if (!step.isRead) {
        const element = identityOf(step.value);
        if (key.appenderOf.has(element) || key.initial.includes(element)) return null;
        key.appenderOf.set(element, transaction);
        key.access(transaction).appended.push(element);
      } else if (step.value !== undefined) {
        const isPossible = noteRead(key, key.access(transaction), (step.value as unknown[]).map(identityOf));
        isContradictory = isContradictory || !isPossible;
      }
    }
  }
  if (isContradictory) return CONTRADICTION;
  const rows = [...keys.values()].map(rowOf);
  if (rows.includes(null)) return CONTRADICTION;
  return decideRows(calls, rows as Row[]);
}

/** False: the transaction does not see its own appends, or sees two versions. */
function noteRead(key: KeyHistory, access: Access, list: readonly unknown[]): boolean {
  const { appended } = access;
  const length = list.length - appended.length;
  if (length < key.initial.length || !startsWith(list.slice(length), appended)) return false;
  const before = list.slice(0, length);
  if (access.before !== null && !(before.length === access.before.length && startsWith(before, access.before))) {
    return false;
  }
  access.before = before;
  access.seen = list;
  if (list.length > key.order.length) key.order = list;
  return true;
}

/** What follows from the reads of one key. */
interface Row {
  /** Transactions in the order in which they appended, as far as it is known. */
  readonly appenders: number[];
  /** For each transaction that read the list the number of `appenders` that it saw. */
  readonly readers: ReadonlyMap<number, number>;
  /** Transactions whose appends nobody saw: they come after `appenders`, in any order. */
  readonly unseen: number[];
}

/** Null: the reads of that key contradict each other, or see what nobody appended, or half a transaction. */
function rowOf(key: KeyHistory): Row | null {
  const { order, initial, appenderOf, accesses } = key;
  if (!startsWith(order, initial) || new Set(order).size !== order.length) return null;
  const appenders: number[] = [];
  // How many appenders a list of that length shows, if it ends where one of them does.
  const seenAt = new Map<number, number>([[initial.length, 0]]);
  for (let length = initial.length; length < order.length; ) {
    const appender = appenderOf.get(order[length]);
    if (appender === undefined) return null;
    const { appended } = key.access(appender);
    // The last one may have read its own appends before it was done.
    if (!startsWith(appended, order.slice(length, length + appended.length))) return null;
    appenders.push(appender);
    length += appended.length;
    seenAt.set(length, appenders.length);
  }
  const readers = new Map<number, number>();
  for (const [transaction, { before, seen }] of accesses) {
    if (before === null || seen === null) continue;
    const count = seenAt.get(before.length);
    if (count === undefined || !startsWith(order, seen)) return null;
    readers.set(transaction, count);
  }
  return { appenders, readers, unseen: [...accesses.keys()].filter((each) => isUnseen(accesses, each, appenders)) };
}

function isUnseen(accesses: KeyHistory["accesses"], transaction: number, appenders: readonly number[]): boolean {
  return (accesses.get(transaction) as Access).appended.length > 0 && !appenders.includes(transaction);
}

function decideRows<Operation>(calls: readonly Call<Operation>[], rows: readonly Row[]): Decision {
  const happened = calls.map(({ returnedAt }) => returnedAt !== null);
  for (const { appenders } of rows) for (const appender of appenders) happened[appender] = true;
  const graph = new Graph(calls.length);
  for (const row of rows) addRow(graph, row, happened);
  addRealTime(graph, calls, happened);
  const order = graph.topologicalOrder();
  if (order === null) return CONTRADICTION;
  return { isLinearizable: true, order: order.filter((node) => node < calls.length && happened[node]) };
}

function addRow(graph: Graph, { appenders, readers, unseen }: Row, happened: readonly boolean[]): void {
  const rest = unseen.filter((each) => happened[each]);
  const chain = [...appenders];
  // Who read the last list and then appended, comes before everyone else who appended. (Two of them make a cycle.)
  const continuing = rest.filter((each) => readers.get(each) === appenders.length);
  chain.push(...continuing);
  const end = graph.addNode();
  for (const [index, each] of chain.entries()) graph.addEdge(each, chain[index + 1] ?? end);
  for (const each of rest) if (!continuing.includes(each)) graph.addEdge(end, each);
  for (const [reader, count] of readers) {
    if (count > 0) graph.addEdge(chain[count - 1] as number, reader);
    graph.addEdge(reader, chain[count] ?? end);
  }
}

/** What returned comes before what was invoked later: through one chain of moments, so that the graph stays small. */
function addRealTime<Operation>(graph: Graph, calls: readonly Call<Operation>[], happened: readonly boolean[]): void {
  const moments = calls.flatMap(({ invokedAt, returnedAt }, call) => {
    if (!happened[call]) return [];
    const invocation = { time: invokedAt, call, isReturn: false };
    return returnedAt === null ? [invocation] : [invocation, { time: returnedAt, call, isReturn: true }];
  });
  moments.sort((left, right) => left.time - right.time || Number(left.isReturn) - Number(right.isReturn));
  let last: number | null = null;
  for (const { call, isReturn } of moments) {
    if (isReturn) {
      const moment = graph.addNode();
      if (last !== null) graph.addEdge(last, moment);
      graph.addEdge(call, moment);
      last = moment;
    } else if (last !== null) {
      graph.addEdge(last, call);
    }
  }
}

function startsWith(list: readonly unknown[], beginning: readonly unknown[]): boolean {
  return beginning.length <= list.length && beginning.every((each, index) => each === list[index]);
}
