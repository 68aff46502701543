/** The models by their names, and which of them a history is of, as far as its operations tell. */

import type { HistoryEvent, HistoryOperation } from "../history.js";
import type { Model } from "../model.js";
import { counter } from "./counter.js";
import { kvAppend } from "./kv-append.js";
import { listAppendTxn } from "./list-append.js";
import { multiRegister } from "./multi-register.js";
import { casRegister, mutex, register } from "./register.js";
import { set } from "./set.js";

export type HistoryModel = Model<unknown, HistoryOperation>;

export const modelNames = [
  "register",
  "cas-register",
  "kv-append",
  "set",
  "counter",
  "mutex",
  "multi-register",
  "list-append-txn",
] as const;

export type ModelName = (typeof modelNames)[number];

/**
 * The model of that name. `init` as the model's own function takes it; undefined: its default.
 *
 * @throws TypeError if `init` does not fit the model.
 */
export function modelNamed(name: ModelName, init?: unknown): HistoryModel {
  const withInit = <T>(expected: string, isFit: (value: unknown) => value is T): { readonly init?: T } => {
    if (init === undefined) return {};
    if (!isFit(init))
      throw new TypeError(`the initial value of ${name} must be ${expected}, not ${JSON.stringify(init)}`);
    return { init };
  };
  switch (name) {
    case "register":
      return register(init === undefined ? {} : { init });
    case "cas-register":
      return casRegister(init === undefined ? {} : { init });
    case "kv-append":
      return kvAppend(withInit("a string", (value) => typeof value === "string")) as HistoryModel;
    case "set":
      return set(withInit("a list", (value) => Array.isArray(value))) as HistoryModel;
    case "counter":
      return counter(withInit("a number", (value) => typeof value === "number")) as HistoryModel;
    case "mutex":
      return mutex(withInit("true or false", (value) => typeof value === "boolean"));
    case "multi-register":
      return multiRegister(withInit("an object of values by key", isRecord)) as HistoryModel;
    case "list-append-txn":
      return listAppendTxn(withInit("an object of lists by key", isRecordOfLists)) as HistoryModel;
  }
}

export function isModelName(name: unknown): name is ModelName {
  return (modelNames as readonly unknown[]).includes(name);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isRecordOfLists(value: unknown): value is Record<string, unknown[]> {
  return isRecord(value) && Object.values(value).every(Array.isArray);
}

/** The model that has all operations of `history`, or null if there is none. */
export function inferModel(history: readonly HistoryEvent[]): ModelName | null {
  const names = new Set<string>();
  for (const { type, f } of history) if (type === "invoke") names.add(f);
  const isWithin = (...allowed: string[]): boolean => [...names].every((name) => allowed.includes(name));
  if (isWithin("read")) return history.some(readsList) ? "set" : "register";
  if (isWithin("read", "write")) return "register";
  if (isWithin("read", "write", "cas")) return "cas-register";
  if (isWithin("put", "append", "get")) return "kv-append";
  if (isWithin("acquire", "release")) return "mutex";
  if (isWithin("add", "read")) return isCounter(history) ? "counter" : "set";
  return isWithin("txn") ? inferTransactions(history) : null;
}

function readsList({ type, f, value }: HistoryEvent): boolean {
  return type === "ok" && f === "read" && Array.isArray(value);
}

/** Reads tell a counter from a set. Where none has returned it makes no difference. */
function isCounter(history: readonly HistoryEvent[]): boolean {
  const isNumeric = history.every(({ f, value }) => f === "read" || value === undefined || typeof value === "number");
  return isNumeric && !history.some(readsList);
}

function inferTransactions(history: readonly HistoryEvent[]): ModelName | null {
  const names = new Set<unknown>();
  for (const { value } of history) {
    if (Array.isArray(value)) for (const step of value) if (Array.isArray(step)) names.add(step[0]);
  }
  if (names.has("append")) return names.has("write") || names.has("w") ? null : "list-append-txn";
  if (names.has("write") || names.has("w")) return "multi-register";
  // Only reads: lists are told by what was read.
  const seen = history.flatMap(({ type, value }) =>
    type === "ok" && Array.isArray(value) ? (value as unknown[]) : [],
  );
  const isList = seen.some((step) => Array.isArray(step) && Array.isArray(step[2]));
  return isList || !names.has("read") ? "list-append-txn" : "multi-register";
}

/**
 * The initial value of `history`, for models in which histories do not agree on it: a register that nobody saw empty,
 * but somebody saw as 0, starts as 0, as registers of numbers often do. Undefined: the model's default.
 */
export function inferInit(name: ModelName, history: readonly HistoryEvent[]): unknown {
  if (name === "register" || name === "cas-register") {
    const seen = history.flatMap(observed);
    return seen.includes(0) && !seen.includes(null) ? 0 : undefined;
  }
  if (name !== "multi-register") return undefined;
  const steps = history.flatMap(({ type, value }) =>
    type === "ok" && Array.isArray(value) ? (value as unknown[]) : [],
  );
  const zeros = steps.filter((step): step is unknown[] => Array.isArray(step) && step[2] === 0 && step[0] !== "write");
  return Object.fromEntries(zeros.map(([, key]) => [typeof key === "string" ? key : JSON.stringify(key), 0]));
}

/** What an operation saw of a register. */
function observed({ type, f, value }: HistoryEvent): unknown[] {
  if (type !== "ok") return [];
  if (f === "cas" && Array.isArray(value)) return [value[0]];
  return f === "read" && value !== undefined ? [value] : [];
}
