/**
 * KvService: what the store does for its clients, whichever protocol they speak. It judges what they ask for, has the
 * node do it, and says what came out; HTTP and the binary protocol only translate.
 *
 * Everything throws or rejects with a {@link Refusal} or a `RaftError`, which `problemOf` puts into words.
 */

import type { Announcement, KvCommand, KvEntry, KvResult, TxnResult } from "../commands.js";
import {
  DEFAULT_SESSION_MS,
  findKeyProblem,
  MAX_SESSION_MS,
  MAX_TTL_MS,
  MAX_TXN_BYTES,
  MAX_VALUE_BYTES,
} from "../limits.js";
import type { Freshness, KvNode, KvSession, Numbering } from "../node.js";
import type { Readiness } from "../readiness.js";
import type { KvStore } from "../store.js";
import type { SessionJson } from "../wire.js";
import { Refusal, type RefusalCode } from "./refusals.js";

export interface ServiceOptions {
  readonly node: KvNode;
  /** The state machine that `node` applies commands to; read within `node.read` alone. */
  readonly store: KvStore;
  readonly readiness: Readiness;
  /** The most that one request waits for the cluster. */
  readonly requestTimeoutMs: number;
}

/** What clients can have executed. */
export type ClientCommand = Exclude<KvCommand, Announcement>;

/** How long a request may take; less than the server's limit, if the client wants it so. */
export interface Patience {
  readonly timeoutMs?: number | undefined;
}

/** The place of a write in a session, so that it is executed once (PITFALLS K1). */
export interface Place extends Numbering {
  readonly session: number;
}

export interface PageRequest extends Freshness {
  readonly prefix: string;
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export interface Page {
  readonly revision: number;
  readonly entries: readonly KvEntry[];
  readonly nextCursor?: string;
}

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

export const TTL_BOUNDS: Bounds = { min: 1, max: MAX_TTL_MS };
export const SESSION_BOUNDS: Bounds = { min: 1, max: MAX_SESSION_MS };
export const PAGE_BOUNDS: Bounds = { min: 1, max: 1000 };
export const STALENESS_BOUNDS: Bounds = { min: 1, max: Number.MAX_SAFE_INTEGER };

const DEFAULT_PAGE_ENTRIES = 100;
/** A page ends when its keys and values reach this size, whatever its limit. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;

export class KvService {
  readonly #node: KvNode;
  readonly #store: KvStore;
  readonly #readiness: Readiness;
  readonly #requestTimeoutMs: number;
  /** The session of the last write: mostly that of the next one, too. */
  #session: { readonly id: number; readonly writer: KvSession } | null = null;

  constructor({ node, store, readiness, requestTimeoutMs }: ServiceOptions) {
    this.#node = node;
    this.#store = store;
    this.#readiness = readiness;
    this.#requestTimeoutMs = requestTimeoutMs;
  }

  /** Throws if this server takes no more requests. */
  checkOpen(): void {
    if (!this.#readiness.isClosed) return;
    throw new Refusal("SHUTTING_DOWN", "This server is shutting down; ask another.", {
      details: { outcome: "not-executed" },
    });
  }

  /** Has the cluster execute `command`, in the session that `place` names, if it is given. */
  write(command: ClientCommand, place: Place | null, patience: Patience): Promise<KvResult> {
    checkCommand(command);
    const timeoutMs = this.#timeoutMs(patience);
    if (place === null) return this.#node.propose(command, { timeoutMs });
    const { session, sequence, acknowledgedBelow, isRetry } = place;
    checkInteger("INVALID_HEADER", "the number of a write", sequence, { min: 1, max: Number.MAX_SAFE_INTEGER });
    if (acknowledgedBelow > sequence)
      throw new Refusal("INVALID_HEADER", "What is acknowledged lies below the number of the write itself.");
    return this.#sessionOf(session).propose(command, { sequence, acknowledgedBelow, isRetry, timeoutMs });
  }

  /** As `write`, for a transaction. */
  async transact(
    command: Extract<ClientCommand, { readonly type: "txn" }>,
    place: Place | null,
    patience: Patience,
  ): Promise<TxnResult> {
    const result = await this.write(command, place, patience);
    if (result.type === "txn") return result;
    if (result.type !== "tooLarge") throw unexpectedResult(result);
    const message = `Its gets found ${result.sizeBytes} bytes; one answer carries ${MAX_TXN_BYTES}. Nothing was written.`;
    throw new Refusal("TXN_TOO_LARGE", message);
  }

  get(key: string, freshness: Freshness, patience: Patience): Promise<KvEntry | null> {
    checkKey(key);
    return this.#read(() => this.#store.get(key), freshness, patience);
  }

  async list({ prefix, limit, cursor, ...freshness }: PageRequest, patience: Patience): Promise<Page> {
    if (limit !== undefined) checkInteger("INVALID_QUERY", "limit", limit, PAGE_BOUNDS);
    const afterKey = cursor === undefined ? null : decodeCursor(cursor);
    const query = { prefix, afterKey, limit: limit ?? DEFAULT_PAGE_ENTRIES, maxBytes: MAX_PAGE_BYTES };
    const { revision, entries, hasMore } = await this.#read(() => this.#store.list(query), freshness, patience);
    const lastKey = hasMore ? entries.at(-1)?.key : undefined;
    return { revision, entries, ...(lastKey === undefined ? {} : { nextCursor: encodeCursor(lastKey) }) };
  }

  async openSession(expiresAfterMs = DEFAULT_SESSION_MS, patience: Patience): Promise<SessionJson> {
    checkInteger("INVALID_QUERY", "expires_after_ms", expiresAfterMs, SESSION_BOUNDS);
    const { id } = await this.#node.openSession({ expiresAfterMs, timeoutMs: this.#timeoutMs(patience) });
    return { id, expiresAfterMs };
  }

  keepSession(id: number, patience: Patience): Promise<void> {
    return this.#sessionOf(id).keepAlive({ timeoutMs: this.#timeoutMs(patience) });
  }

  closeSession(id: number, patience: Patience): Promise<void> {
    return this.#sessionOf(id).close({ timeoutMs: this.#timeoutMs(patience) });
  }

  #read<Answer>(query: () => Answer, freshness: Freshness, patience: Patience): Promise<Answer> {
    const { consistency, maxStalenessMs } = freshness;
    const timeoutMs = this.#timeoutMs(patience);
    if (maxStalenessMs === undefined) return this.#node.read(query, { consistency, timeoutMs });
    checkInteger("INVALID_QUERY", "max_staleness_ms", maxStalenessMs, STALENESS_BOUNDS);
    if (consistency === "stale") return this.#node.read(query, { consistency, maxStalenessMs, timeoutMs });
    throw new Refusal("INVALID_QUERY", "max_staleness_ms goes with consistency=stale.");
  }

  #timeoutMs({ timeoutMs }: Patience): number {
    return timeoutMs === undefined ? this.#requestTimeoutMs : Math.min(timeoutMs, this.#requestTimeoutMs);
  }

  #sessionOf(id: number): KvSession {
    if (this.#session?.id === id) return this.#session.writer;
    checkInteger("INVALID_HEADER", "a session", id, { min: 1, max: Number.MAX_SAFE_INTEGER });
    this.#session = { id, writer: this.#node.session(id) };
    return this.#session.writer;
  }
}

function checkInteger(code: RefusalCode, name: string, value: number, { min, max }: Bounds): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw new Refusal(code, `${name} is a whole number from ${min} to ${max}, not ${value}.`);
}

export function checkKey(key: string): void {
  const problem = findKeyProblem(key);
  if (problem !== null) throw new Refusal(problem.code, problem.message);
}

export function keyNotFound(key: string): Refusal {
  return new Refusal("KEY_NOT_FOUND", `There is no key ${JSON.stringify(key)}.`);
}

export function unexpectedResult({ type }: KvResult): Error {
  return new Error(`The store answered with a result of type ${type}.`);
}

/** Transactions were judged when they were read. */
function checkCommand(command: ClientCommand): void {
  if (command.type === "txn") return;
  checkKey(command.key);
  if (command.type === "delete") return;
  if (command.ttlMs !== undefined) checkInteger("INVALID_QUERY", "ttl_ms", command.ttlMs, TTL_BOUNDS);
  if (command.value.byteLength > MAX_VALUE_BYTES)
    throw new Refusal("VALUE_TOO_LARGE", `The value is larger than ${MAX_VALUE_BYTES} bytes.`);
}

/** A cursor is the last key of the page before: it stays good whatever is written meanwhile, on every server. */
function encodeCursor(lastKey: string): string {
  return Buffer.from(lastKey).toString("base64url");
}

function decodeCursor(cursor: string): string {
  const lastKey = Buffer.from(cursor, "base64url").toString();
  if (cursor !== "" && encodeCursor(lastKey) === cursor) return lastKey;
  throw new Refusal("INVALID_QUERY", "The cursor is not one that a list gave.");
}
