/**
 * KvClient: the store from a program, over HTTP, at any of several servers.
 *
 * ```ts
 * const client = new KvClient({ servers: ["http://127.0.0.1:8001", "http://127.0.0.1:8002"] });
 * const { revision } = await client.put("greeting", "hello");
 * await client.cas("greeting", revision, "hello again");
 * for await (const { revision, events } of client.watch({ prefix: "gre" })) console.log(revision, events);
 * await client.close();
 * ```
 */

import { KvAdmin } from "./client/admin.js";
import { KvError } from "./client/errors.js";
import { readEntry, readJson, readWritten, toQuery, writeValue } from "./client/json.js";
import { type Answer, attempt, type Call, type CallOptions, isFailure, problemOf, Servers } from "./client/servers.js";
import { SessionWriter } from "./client/session-writer.js";
import type {
  CasAnswer,
  ClusterStatus,
  DeleteAnswer,
  KvClientOptions,
  ListAnswer,
  ListOptions,
  PutOptions,
  ReadOptions,
  ServerHealth,
  TxnAnswer,
  TxnRequest,
  Written,
} from "./client/types.js";
import { type WatchBatch, type WatchOptions, watchServers } from "./client/watch.js";
import type { DeleteResult, KvEntry } from "./commands.js";
import { findKeyProblem } from "./limits.js";
import { type EntryJson, KEY_PATH } from "./wire.js";

/** These come from the log: they are what became of the write, however often it was sent. */
const VERDICTS: ReadonlySet<string> = new Set(["KEY_NOT_FOUND", "REVISION_MISMATCH", "TXN_TOO_LARGE"]);

/** A server that does not answer soon is not well, whatever it would say. */
const MAX_HEALTH_MS = 2000;

/** Every call rejects with a {@link KvError}, or with the reason of its `signal`. */
export class KvClient {
  /** Members and leadership. */
  readonly admin: KvAdmin;
  readonly #servers: Servers;
  readonly #timeoutMs: number | undefined;
  readonly #writer: SessionWriter | null;

  constructor({ servers, timeoutMs, exactlyOnce = true }: KvClientOptions) {
    this.#servers = new Servers(servers);
    this.#timeoutMs = timeoutMs;
    this.#writer = exactlyOnce ? new SessionWriter(this.#servers, timeoutMs) : null;
    this.admin = new KvAdmin((call, options) => this.#send(call, options));
  }

  get servers(): readonly string[] {
    return this.#servers.urls;
  }

  /** Writes `key`, whatever it held, and whenever it would have expired. */
  async put(key: string, value: string | Uint8Array, { ttlMs, ...options }: PutOptions = {}): Promise<Written> {
    const call: Call = { method: "PUT", path: keyPath(key) + toQuery({ ttl_ms: ttlMs }), body: value };
    return readWritten(await this.#write(call, options));
  }

  /** Writes `key` if its revision is `expectedRevision`; 0 means that it must not exist. */
  async cas(
    key: string,
    expectedRevision: number,
    value: string | Uint8Array,
    { ttlMs, ...options }: PutOptions = {},
  ): Promise<CasAnswer> {
    const headers = { "if-match": `"${expectedRevision}"` };
    const call: Call = { method: "PUT", path: keyPath(key) + toQuery({ ttl_ms: ttlMs }), body: value, headers };
    const answer = await this.#write(call, options, "REVISION_MISMATCH");
    if (answer.status === 412) return { succeeded: false, currentRevision: problemOf(answer).revision ?? 0 };
    return { succeeded: true, ...readWritten(answer) };
  }

  /** The entry of `key`, or `null`. */
  async get(key: string, { consistency, maxStalenessMs, ...options }: ReadOptions = {}): Promise<KvEntry | null> {
    const path = keyPath(key) + toQuery({ consistency, max_staleness_ms: maxStalenessMs });
    const answer = await this.#send({ method: "GET", path }, options, "KEY_NOT_FOUND");
    if (answer.status === 404) return null;
    return {
      key,
      value: answer.body,
      revision: Number(String(answer.headers["etag"]).replaceAll('"', "")),
      createRevision: Number(answer.headers["quorate-create-revision"]),
      version: Number(answer.headers["quorate-version"]),
    };
  }

  /** Deletes `key`, if `expectedRevision` is given only at that revision. */
  async del(
    key: string,
    { expectedRevision, ...options }: CallOptions & { readonly expectedRevision?: number | undefined } = {},
  ): Promise<DeleteAnswer> {
    const headers: Record<string, string> =
      expectedRevision === undefined ? {} : { "if-match": `"${expectedRevision}"` };
    const call: Call = { method: "DELETE", path: keyPath(key), headers };
    const answer = await this.#write(call, options, "KEY_NOT_FOUND", "REVISION_MISMATCH");
    if (answer.status === 200) return { deleted: true, revision: readJson<DeleteResult>(answer).revision };
    return { deleted: false, currentRevision: problemOf(answer).revision ?? 0 };
  }

  /** One page of keys in the order of their bytes. */
  async list({
    prefix,
    limit,
    cursor,
    consistency,
    maxStalenessMs,
    ...options
  }: ListOptions = {}): Promise<ListAnswer> {
    const query = { prefix: prefix || undefined, limit, cursor, consistency, max_staleness_ms: maxStalenessMs };
    const path = `/v1/kv${toQuery(query)}`;
    const answer = await this.#send({ method: "GET", path }, options);
    const page = readJson<Omit<ListAnswer, "entries"> & { readonly entries: readonly EntryJson[] }>(answer);
    return { ...page, entries: page.entries.map(readEntry) };
  }

  /** Executes `success` if every compare holds, otherwise `failure`: atomically, at one revision. */
  async txn({ compare = [], success = [], failure = [] }: TxnRequest, options: CallOptions = {}): Promise<TxnAnswer> {
    const body = JSON.stringify({
      compare: compare.map(writeValue),
      success: success.map(writeValue),
      failure: failure.map(writeValue),
    });
    const headers = { "content-type": "application/json" };
    const call: Call = { method: "POST", path: "/v1/txn", headers, body };
    const answer = readJson<TxnAnswer>(await this.#write(call, options));
    const results = answer.results.map((result) => {
      if (result.type !== "get" || result.entry === null) return result;
      return { type: result.type, entry: readEntry(result.entry as unknown as EntryJson) };
    });
    return { ...answer, results };
  }

  /**
   * Follows what is written, revision by revision, through the loss of servers; ends when `signal` aborts or the loop
   * breaks. Throws a `KvError`: `REVISION_COMPACTED` when the history no longer has what is asked for, `UNAVAILABLE`
   * when no server was there for `timeoutMs`.
   */
  watch(options: WatchOptions = {}): AsyncGenerator<WatchBatch, void, void> {
    return watchServers(this.#servers, { timeoutMs: this.#timeoutMs, ...options });
  }

  /** What one server, the first that answers, knows of the cluster. */
  async cluster(options: CallOptions = {}): Promise<ClusterStatus> {
    return readJson(await this.#send({ method: "GET", path: "/v1/cluster" }, options));
  }

  /** Asks every server, once, how it is. One that does not answer is `DOWN`, for the reason `UNREACHABLE`. */
  async health({ signal, timeoutMs }: CallOptions = {}): Promise<readonly ServerHealth[]> {
    const limitMs = Math.min(timeoutMs ?? this.#timeoutMs ?? MAX_HEALTH_MS, MAX_HEALTH_MS);
    return Promise.all(
      this.servers.map(async (server): Promise<ServerHealth> => {
        const answer = await attempt(server, { method: "GET", path: "/v1/cluster" }, limitMs, signal);
        if (isFailure(answer)) return { server, status: "DOWN", reason: "UNREACHABLE", message: answer.message };
        if (answer.status === 200) {
          const cluster = readJson<ClusterStatus>(answer);
          return { server, ...cluster.server.health, cluster };
        }
        const { code, message } = problemOf(answer);
        return { server, status: "DOWN", reason: code, message };
      }),
    );
  }

  /**
   * Ends the session of this client, once the writes under way are answered; a later write opens another one. Resolves
   * also if no server can be told: a session that is not used expires by itself.
   */
  close(options: CallOptions = {}): Promise<void> {
    return this.#writer?.close(options) ?? Promise.resolve();
  }

  /** A write of keys: in the session, if there is to be one. */
  async #write(call: Call, options: CallOptions, ...expected: readonly string[]): Promise<Answer> {
    if (this.#writer === null) return this.#send(call, options, ...expected);
    return judge(call, await this.#writer.write(call, { timeoutMs: this.#timeoutMs, ...options }), expected);
  }

  async #send(call: Call, options: CallOptions, ...expected: readonly string[]): Promise<Answer> {
    return judge(call, await this.#servers.request(call, { timeoutMs: this.#timeoutMs, ...options }), expected);
  }
}

/** Hands on an answer of success, or one of the errors that are `expected`; throws any other. */
function judge(call: Call, answer: Answer, expected: readonly string[]): Answer {
  const { status, isRetried = false } = answer;
  if (status >= 200 && status < 300) return answer;
  const problem = problemOf(answer);
  if (expected.includes(problem.code)) return answer;
  const isRefused = status >= 400 && status < 500;
  const isCertain = call.method === "GET" || (isRefused && (!isRetried || VERDICTS.has(problem.code)));
  const outcome = isCertain ? "not-executed" : "unknown";
  throw new KvError(problem.code, problem.message, { ...problem, status, outcome });
}

function keyPath(key: string): string {
  const problem = findKeyProblem(key);
  if (problem !== null) throw new KvError(problem.code, problem.message, { outcome: "not-executed" });
  return KEY_PATH + encodeURIComponent(key);
}
