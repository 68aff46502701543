/**
 * What the replicated store can be told, and what it answers.
 *
 * These types are what goes into the log, so a change here is a change of the log's format: a server that meets a
 * command which it does not know must stop, not skip it (PITFALLS C11). {@link checkCommand} is that guard. Everything
 * that a user can get wrong has been refused before, by the service.
 */

/** A stored key. Revisions are log indexes: unique, rising, the same on every server. */
export interface KvEntry {
  readonly key: string;
  /** Not to be written to: it is the store's own. */
  readonly value: Uint8Array;
  /** The revision that last wrote the key. */
  readonly revision: number;
  /** The revision that created the key; a delete ends this life of the key, the next put starts another. */
  readonly createRevision: number;
  /** How often the key was written since it was created; 1 when it is new. */
  readonly version: number;
  /** When it expires, in the time of the cluster; never, unless given. */
  readonly expiresAtMs?: number;
}

/** A write of a value. Without `ttlMs` the key stays; with it, it expires so many milliseconds later. */
export interface Put {
  readonly type: "put";
  readonly key: string;
  readonly value: Uint8Array;
  readonly ttlMs?: number;
}

export type CompareOperator = "=" | "!=" | "<" | ">";

/** A condition on one key. An absent key has revision, createRevision and version 0, and no value compares to it. */
export type Comparison =
  | {
      readonly target: "revision" | "createRevision" | "version";
      readonly operator: CompareOperator;
      readonly operand: number;
    }
  | { readonly target: "value"; readonly operator: CompareOperator; readonly operand: Uint8Array };

export type Compare = Comparison & { readonly key: string };

export type Operation =
  | Put
  | { readonly type: "delete"; readonly key: string }
  | { readonly type: "get"; readonly key: string };

export type KvCommand =
  | (Put & { readonly condition?: Comparison })
  | { readonly type: "delete"; readonly key: string; readonly condition?: Comparison }
  | {
      readonly type: "txn";
      /** When all of them hold, `success` is executed, otherwise `failure`. */
      readonly compares: readonly Compare[];
      readonly success: readonly Operation[];
      readonly failure: readonly Operation[];
    }
  | Announcement;

/** A server tells where clients reach it, so that the others can tell them. It changes no key. */
export interface Announcement {
  readonly type: "announce";
  /** The server's name. */
  readonly server: string;
  /** Where it serves HTTP and the binary protocol: `http://host:port`. */
  readonly url: string;
}

export interface PutResult {
  readonly type: "put";
  readonly revision: number;
  readonly createRevision: number;
  readonly version: number;
}

export interface DeleteResult {
  readonly type: "delete";
  /** False when the key was absent; then nothing was written. */
  readonly deleted: boolean;
  /** The revision of the delete; 0 when nothing was written. */
  readonly revision: number;
}

export interface GetResult {
  readonly type: "get";
  readonly entry: KvEntry | null;
}

export type OperationResult = PutResult | DeleteResult | GetResult;

/** The condition did not hold; nothing was written. */
export interface ConflictResult {
  readonly type: "conflict";
  /** The revision that the key has, 0 when it is absent. */
  readonly revision: number;
}

export interface TxnResult {
  readonly type: "txn";
  /** Which branch was executed. */
  readonly succeeded: boolean;
  /** The store's revision after it: the transaction's own if it wrote anything. */
  readonly revision: number;
  /** One for each operation of the branch, in their order. */
  readonly results: readonly OperationResult[];
}

/** The gets of a transaction found more than one answer can carry; nothing was written. */
export interface TooLargeResult {
  readonly type: "tooLarge";
  readonly sizeBytes: number;
}

export interface AnnounceResult {
  readonly type: "announce";
}

export type KvResult = PutResult | DeleteResult | ConflictResult | TxnResult | TooLargeResult | AnnounceResult;

/** Throws unless `command`, fresh from the log, is one that this version knows how to apply. */
export function checkCommand(command: unknown): asserts command is KvCommand {
  if (isKnownCommand(command)) return;
  const type = isObject(command) ? String(command["type"]) : typeof command;
  throw new Error(
    `The log holds a command that this version of quorate-kv does not know (type ${JSON.stringify(type)}).`,
  );
}

function isKnownCommand(command: unknown): boolean {
  if (!isObject(command)) return false;
  switch (command["type"]) {
    case "put":
    case "delete":
      return isOperation(command) && (command["condition"] === undefined || isComparison(command["condition"]));
    case "txn": {
      const { compares, success, failure } = command;
      return (
        isArrayOf(compares, (each) => isComparison(each) && isObject(each) && typeof each["key"] === "string") &&
        isArrayOf(success, isOperation) &&
        isArrayOf(failure, isOperation)
      );
    }
    case "announce":
      return typeof command["server"] === "string" && typeof command["url"] === "string";
    default:
      return false;
  }
}

function isOperation(operation: unknown): boolean {
  if (!isObject(operation) || typeof operation["key"] !== "string") return false;
  const { type } = operation;
  return type === "put" ? isPut(operation) : type === "delete" || type === "get";
}

function isPut({ value, ttlMs }: Readonly<Record<string, unknown>>): boolean {
  return value instanceof Uint8Array && (ttlMs === undefined || (Number.isSafeInteger(ttlMs) && Number(ttlMs) > 0));
}

function isComparison(comparison: unknown): boolean {
  if (!isObject(comparison)) return false;
  const { target, operator, operand } = comparison;
  if (operator !== "=" && operator !== "!=" && operator !== "<" && operator !== ">") return false;
  if (target === "value") return operand instanceof Uint8Array;
  return (target === "revision" || target === "createRevision" || target === "version") && typeof operand === "number";
}

function isArrayOf(list: unknown, isMember: (member: unknown) => boolean): boolean {
  return Array.isArray(list) && list.every(isMember);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
