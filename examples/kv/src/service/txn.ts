/**
 * From a transaction as clients send it, in JSON or in MessagePack, to its command; what is not exactly understood is
 * refused.
 */

import type { Compare, CompareOperator, KvCommand, Operation } from "../commands.js";
import {
  findKeyProblem,
  isWellFormed,
  MAX_TTL_MS,
  MAX_TXN_BYTES,
  MAX_TXN_OPERATIONS,
  MAX_VALUE_BYTES,
} from "../limits.js";
import { Refusal } from "./refusals.js";

type JsonObject = Readonly<Record<string, unknown>>;
type TxnCommand = Extract<KvCommand, { readonly type: "txn" }>;

const OPERANDS = ["revision", "createRevision", "version", "value", "valueBase64"] as const;

/** Reads a transaction from what was parsed; throws a `Refusal` that says where it is wrong. */
export function readTxn(body: unknown): TxnCommand {
  const txn = readObject(body, "The transaction", ["compare", "success", "failure"]);
  const compares = readList(txn, "compare").map(readCompare);
  const success = readBranch(txn, "success");
  const failure = readBranch(txn, "failure");
  const sizeBytes = [...compares, ...success, ...failure].reduce((sum, each) => sum + carriedBytes(each), 0);
  if (sizeBytes > MAX_TXN_BYTES) {
    const message = `The transaction carries ${sizeBytes} bytes of keys and values; the most is ${MAX_TXN_BYTES}.`;
    throw new Refusal("TXN_TOO_LARGE", message);
  }
  return { type: "txn", compares, success, failure };
}

function readCompare(json: unknown, position: number): Compare {
  const what = `compare[${position}]`;
  const compare = readObject(json, what, ["key", "operator", ...OPERANDS]);
  const key = readTxnKey(compare, what);
  const operator = readOperator(compare, what);
  const [operand, ...others] = OPERANDS.filter((name) => compare[name] !== undefined);
  if (operand === undefined || others.length > 0) throw invalid(`${what} needs exactly one of ${OPERANDS.join(", ")}.`);
  if (operand === "value" || operand === "valueBase64") {
    return { key, target: "value", operator, operand: readValue(compare, what) };
  }
  const number = compare[operand];
  if (typeof number === "number" && Number.isSafeInteger(number) && number >= 0) {
    return { key, target: operand, operator, operand: number };
  }
  throw invalid(`${what}: ${operand} is a whole number from 0 on, not ${JSON.stringify(number)}.`);
}

function readOperator(compare: JsonObject, what: string): CompareOperator {
  const { operator = "=" } = compare;
  if (operator === "=" || operator === "!=" || operator === "<" || operator === ">") return operator;
  throw invalid(`${what}: operator is "=", "!=", "<" or ">", not ${JSON.stringify(operator)}.`);
}

function readBranch(txn: JsonObject, name: "success" | "failure"): readonly Operation[] {
  const operations = readList(txn, name).map((json, position) => readOperation(json, `${name}[${position}]`));
  const written = new Set<string>();
  for (const { type, key } of operations) {
    if (type === "get") continue;
    if (written.has(key)) throw invalid(`${name} writes the key ${JSON.stringify(key)} twice.`);
    written.add(key);
  }
  return operations;
}

function readOperation(json: unknown, what: string): Operation {
  const operation = readObject(json, what, ["type", "key", "value", "valueBase64", "ttlMs"]);
  const { type } = operation;
  if (type !== "put" && type !== "delete" && type !== "get") {
    throw invalid(`${what}: type is "put", "delete" or "get", not ${JSON.stringify(type)}.`);
  }
  const key = readTxnKey(operation, what);
  if (type === "put") return { type, key, value: readValue(operation, what), ...readTtl(operation, what) };
  if (operation["ttlMs"] !== undefined) throw invalid(`${what}: a ${type} takes no ttlMs.`);
  if (operation["value"] === undefined && operation["valueBase64"] === undefined) return { type, key };
  throw invalid(`${what}: a ${type} takes no value.`);
}

function readTtl({ ttlMs }: JsonObject, what: string): { readonly ttlMs?: number } {
  if (ttlMs === undefined) return {};
  if (typeof ttlMs === "number" && Number.isSafeInteger(ttlMs) && ttlMs >= 1 && ttlMs <= MAX_TTL_MS) return { ttlMs };
  throw invalid(`${what}: ttlMs is a whole number from 1 to ${MAX_TTL_MS}, not ${JSON.stringify(ttlMs)}.`);
}

function readTxnKey(object: JsonObject, what: string): string {
  const { key } = object;
  if (typeof key !== "string") throw invalid(`${what} needs a key, which is a string.`);
  const problem = findKeyProblem(key);
  if (problem !== null) throw new Refusal(problem.code, `${what}: ${problem.message}`);
  return key;
}

function readValue(object: JsonObject, what: string): Uint8Array {
  const { value, valueBase64 } = object;
  if ((value === undefined) === (valueBase64 === undefined)) {
    throw invalid(`${what} needs either value or valueBase64.`);
  }
  const bytes = value === undefined ? readBase64(valueBase64, what) : readText(value, what);
  if (bytes.byteLength <= MAX_VALUE_BYTES) return bytes;
  const message = `${what}: the value has ${bytes.byteLength} bytes; the most is ${MAX_VALUE_BYTES}.`;
  throw new Refusal("VALUE_TOO_LARGE", message);
}

function readText(value: unknown, what: string): Uint8Array {
  if (typeof value === "string" && isWellFormed(value)) return Buffer.from(value);
  // As MessagePack has them, and JSON has not.
  if (value instanceof Uint8Array) return value;
  throw invalid(`${what}: value is not a string of valid Unicode; send bytes as valueBase64.`);
}

function readBase64(value: unknown, what: string): Uint8Array {
  if (typeof value === "string") {
    const bytes = Buffer.from(value, "base64");
    if (bytes.toString("base64") === value) return bytes;
  }
  throw invalid(`${what}: valueBase64 is not base64.`);
}

function readList(object: JsonObject, name: string): readonly unknown[] {
  const list = object[name] ?? [];
  if (!Array.isArray(list)) throw invalid(`${name} is not a list.`);
  if (list.length > MAX_TXN_OPERATIONS) {
    throw invalid(`${name} has ${list.length} members; the most is ${MAX_TXN_OPERATIONS}.`);
  }
  return list;
}

function readObject(json: unknown, what: string, names: readonly string[]): JsonObject {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw invalid(`${what} is not a JSON object.`);
  for (const name of Object.keys(json)) {
    if (!names.includes(name))
      throw invalid(`${what} has no field ${JSON.stringify(name)}; it takes ${names.join(", ")}.`);
  }
  return json as JsonObject;
}

function carriedBytes(part: Compare | Operation): number {
  const value = "operand" in part ? part.operand : part.type === "put" ? part.value : 0;
  return Buffer.byteLength(part.key) + (typeof value === "number" ? 0 : value.byteLength);
}

function invalid(message: string): Refusal {
  return new Refusal("INVALID_TXN", message);
}
