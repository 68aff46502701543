/**
 * KvClient: the store from a program, at any of several servers, over HTTP or the binary protocol.
 *
 * ```ts
 * const client = new KvClient({ servers: ["kv://127.0.0.1:8001", "kv://127.0.0.1:8002"] });
 * const { revision } = await client.put("greeting", "hello");
 * await client.cas("greeting", revision, "hello again");
 * for await (const { revision, events } of client.watch({ prefix: "gre" })) console.log(revision, events);
 * await client.close();
 * ```
 */

import { KvAdmin } from "./client/admin.js";
import type { CallOptions } from "./client/call-options.js";
import { KvError } from "./client/errors.js";
import {
  type HttpRequest,
  isRead,
  type ReadRequest,
  type Reply,
  type Request,
  unexpectedReply,
  type WriteRequest,
} from "./client/requests.js";
import { type Answered, Servers } from "./client/servers.js";
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
import type { KvEntry } from "./commands.js";
import { findKeyProblem } from "./limits.js";

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
    this.admin = new KvAdmin((request, options) => this.#askHttp(request, options));
  }

  get servers(): readonly string[] {
    return this.#servers.urls;
  }

  /** Writes `key`, whatever it held, and whenever it would have expired. */
  async put(key: string, value: string | Uint8Array, { ttlMs, ...options }: PutOptions = {}): Promise<Written> {
    checkKey(key);
    const reply = await this.#write({ kind: "put", key, value, ttlMs, expectedRevision: undefined }, options);
    if (reply.kind === "written") return writtenOf(reply);
    throw unexpectedReply(reply);
  }

  /** Writes `key` if its revision is `expectedRevision`; 0 means that it must not exist. */
  async cas(
    key: string,
    expectedRevision: number,
    value: string | Uint8Array,
    { ttlMs, ...options }: PutOptions = {},
  ): Promise<CasAnswer> {
    checkKey(key);
    const reply = await this.#write({ kind: "put", key, value, ttlMs, expectedRevision }, options);
    if (reply.kind === "written") return { succeeded: true, ...writtenOf(reply) };
    if (reply.kind === "conflict") return { succeeded: false, currentRevision: reply.revision };
    throw unexpectedReply(reply);
  }

  /** The entry of `key`, or `null`. */
  async get(key: string, { consistency, maxStalenessMs, ...options }: ReadOptions = {}): Promise<KvEntry | null> {
    checkKey(key);
    const reply = await this.#read({ kind: "get", key, consistency, maxStalenessMs }, options);
    if (reply.kind === "entry") return reply.entry;
    if (reply.kind === "absent") return null;
    throw unexpectedReply(reply);
  }

  /** Deletes `key`, if `expectedRevision` is given only at that revision. */
  async del(
    key: string,
    { expectedRevision, ...options }: CallOptions & { readonly expectedRevision?: number | undefined } = {},
  ): Promise<DeleteAnswer> {
    checkKey(key);
    const reply = await this.#write({ kind: "delete", key, expectedRevision }, options);
    if (reply.kind === "deleted") return { deleted: true, revision: reply.revision };
    if (reply.kind === "absent") return { deleted: false, currentRevision: 0 };
    if (reply.kind === "conflict") return { deleted: false, currentRevision: reply.revision };
    throw unexpectedReply(reply);
  }

  /** One page of keys in the order of their bytes. */
  async list({ signal, timeoutMs, ...query }: ListOptions = {}): Promise<ListAnswer> {
    const reply = await this.#read({ kind: "list", ...query }, { signal, timeoutMs });
    if (reply.kind === "page") return reply.page;
    throw unexpectedReply(reply);
  }

  /** Executes `success` if every compare holds, otherwise `failure`: atomically, at one revision. */
  async txn({ compare = [], success = [], failure = [] }: TxnRequest, options: CallOptions = {}): Promise<TxnAnswer> {
    const reply = await this.#write({ kind: "txn", txn: { compare, success, failure } }, options);
    if (reply.kind === "txn") return reply.answer;
    throw unexpectedReply(reply);
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
    return (await this.#askHttp(CLUSTER, options)) as ClusterStatus;
  }

  /** Asks every server, once, how it is. One that does not answer is `DOWN`, for the reason `UNREACHABLE`. */
  async health({ signal, timeoutMs }: CallOptions = {}): Promise<readonly ServerHealth[]> {
    const limitMs = Math.min(timeoutMs ?? this.#timeoutMs ?? MAX_HEALTH_MS, MAX_HEALTH_MS);
    return Promise.all(
      this.servers.map(async (server): Promise<ServerHealth> => {
        const result = await this.#servers.ask(server, CLUSTER, limitMs, signal);
        if (result.kind === "failure")
          return { server, status: "DOWN", reason: "UNREACHABLE", message: result.message };
        if (result.kind === "json") {
          const cluster = result.value as ClusterStatus;
          return { server, ...cluster.server.health, cluster };
        }
        const { code, message } = result.kind === "problem" ? result.problem : unexpectedReply(result);
        return { server, status: "DOWN", reason: code, message };
      }),
    );
  }

  /**
   * Ends the session of this client, once the writes under way are answered, and its connections; a later call opens
   * others. Resolves also if no server can be told: a session that is not used expires by itself.
   */
  async close(options: CallOptions = {}): Promise<void> {
    await this.#writer?.close(options);
    this.#servers.close();
  }

  /** A write of keys: in the session, if there is to be one. */
  async #write(request: WriteRequest, options: CallOptions): Promise<Reply> {
    const limits = options.timeoutMs === undefined ? { ...options, timeoutMs: this.#timeoutMs } : options;
    const answering =
      this.#writer === null ? this.#servers.request({ request }, limits) : this.#writer.write(request, limits);
    return judge(request, await answering);
  }

  async #read(request: ReadRequest, options: CallOptions): Promise<Reply> {
    const limits = options.timeoutMs === undefined ? { ...options, timeoutMs: this.#timeoutMs } : options;
    return judge(request, await this.#servers.request({ request }, limits));
  }

  async #askHttp(request: HttpRequest, options: CallOptions): Promise<unknown> {
    const limits = { timeoutMs: this.#timeoutMs, ...options };
    const reply = judge(request, await this.#servers.request({ request }, limits));
    if (reply.kind === "json") return reply.value;
    throw unexpectedReply(reply);
  }
}

const CLUSTER: HttpRequest = { kind: "http", method: "GET", path: "/v1/cluster" };

/** Hands on what was answered, and throws what was refused. */
function judge(request: Request, { reply, isRetried }: Answered): Reply {
  if (reply.kind !== "problem") return reply;
  const { status, problem } = reply;
  const isRefused = status >= 400 && status < 500;
  const isCertain = isRead(request) || (isRefused && (!isRetried || VERDICTS.has(problem.code)));
  throw new KvError(problem.code, problem.message, {
    ...problem,
    status,
    outcome: isCertain ? "not-executed" : "unknown",
  });
}

function writtenOf({ revision, createRevision, version }: Written): Written {
  return { revision, createRevision, version };
}

function checkKey(key: string): void {
  const problem = findKeyProblem(key);
  if (problem !== null) throw new KvError(problem.code, problem.message, { outcome: "not-executed" });
}
