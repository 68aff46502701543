/** The way to a server over HTTP: a request a connection, of which undici keeps some. */

import { request as send } from "undici";
import type { KvEntry } from "../commands.js";
import {
  ACKNOWLEDGED_HEADER,
  type EntryJson,
  KEY_PATH,
  RETRY_HEADER,
  SEQUENCE_HEADER,
  SESSION_HEADER,
  SESSIONS_PATH,
  type SessionJson,
  TIMEOUT_HEADER,
} from "../wire.js";
import { readEntry, toQuery, writeValue } from "./json.js";
import {
  type Attempt,
  type Failure,
  failureOf,
  type Link,
  type Place,
  type Reply,
  type Request,
  readProblem,
  serverTimeoutMs,
  timedOut,
} from "./requests.js";
import type { ListAnswer, TxnAnswer, Written } from "./types.js";

interface Message {
  readonly method: "GET" | "PUT" | "DELETE" | "POST" | "PATCH";
  /** Path and query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

interface Answer {
  readonly status: number;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export class HttpLink implements Link<Request> {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  attempt(request: Request, place: Place | null, timeoutMs: number, onEnd: (result: Reply | Failure) => void): Attempt {
    const abort = new AbortController();
    let state: "underWay" | "timedOut" | "cancelled" = "underWay";
    const timer = setTimeout(() => {
      state = "timedOut";
      abort.abort();
    }, timeoutMs);
    void this.#send(request, place, timeoutMs, abort.signal)
      .catch((cause) => (state === "timedOut" ? timedOut(timeoutMs, cause) : failureOf(cause)))
      .then((result) => {
        clearTimeout(timer);
        if (state !== "cancelled") onEnd(result);
      });
    return {
      cancel: () => {
        state = "cancelled";
        clearTimeout(timer);
        abort.abort();
      },
    };
  }

  close(): void {
    // Idle connections keep nothing alive, and end by themselves.
  }

  async #send(request: Request, place: Place | null, timeoutMs: number, signal: AbortSignal): Promise<Reply> {
    const { method, path, headers, body = null } = messageOf(request);
    const response = await send(this.url + path, {
      method,
      headers: { ...headers, ...headersOf(place), [TIMEOUT_HEADER]: String(serverTimeoutMs(timeoutMs)) },
      body,
      signal,
    });
    const bytes = Buffer.from(await response.body.arrayBuffer());
    return replyOf(request, { status: response.statusCode, headers: response.headers, body: bytes });
  }
}

function messageOf(request: Request): Message {
  switch (request.kind) {
    case "put": {
      const { key, value, ttlMs, expectedRevision } = request;
      return {
        method: "PUT",
        path: keyPath(key) + toQuery({ ttl_ms: ttlMs }),
        body: value,
        ...ifMatch(expectedRevision),
      };
    }
    case "delete":
      return { method: "DELETE", path: keyPath(request.key), ...ifMatch(request.expectedRevision) };
    case "txn": {
      const { compare, success, failure } = request.txn;
      const parts = {
        compare: compare.map(writeValue),
        success: success.map(writeValue),
        failure: failure.map(writeValue),
      };
      return json({ method: "POST", path: "/v1/txn" }, parts);
    }
    case "get": {
      const { key, consistency, maxStalenessMs } = request;
      return { method: "GET", path: keyPath(key) + toQuery({ consistency, max_staleness_ms: maxStalenessMs }) };
    }
    case "list": {
      const { prefix, limit, cursor, consistency, maxStalenessMs } = request;
      const query = { prefix: prefix || undefined, limit, cursor, consistency, max_staleness_ms: maxStalenessMs };
      return { method: "GET", path: `/v1/kv${toQuery(query)}` };
    }
    case "openSession":
      return { method: "POST", path: `${SESSIONS_PATH}?expires_after_ms=${request.expiresAfterMs}` };
    case "closeSession":
      return { method: "DELETE", path: `${SESSIONS_PATH}/${request.id}` };
    case "http":
      return request.body === undefined ? { method: request.method, path: request.path } : json(request, request.body);
  }
}

function json({ method, path }: Pick<Message, "method" | "path">, body: object): Message {
  return { method, path, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

function ifMatch(revision: number | undefined): Pick<Message, "headers"> {
  return revision === undefined ? {} : { headers: { "if-match": `"${revision}"` } };
}

function keyPath(key: string): string {
  return KEY_PATH + encodeURIComponent(key);
}

function headersOf(place: Place | null): Readonly<Record<string, string>> {
  if (place === null) return {};
  return {
    [SESSION_HEADER]: String(place.session),
    [SEQUENCE_HEADER]: String(place.sequence),
    [ACKNOWLEDGED_HEADER]: String(place.acknowledgedBelow),
    [RETRY_HEADER]: String(place.isRetry),
  };
}

function replyOf(request: Request, answer: Answer): Reply {
  const { status } = answer;
  if (status >= 200 && status < 300) return successOf(request, answer);
  const reply = readProblem(status, answer.body.toString());
  const { code, revision = 0 } = reply.problem;
  const isOfKey = request.kind === "put" || request.kind === "delete" || request.kind === "get";
  if (isOfKey && code === "KEY_NOT_FOUND") return { kind: "absent" };
  return isOfKey && code === "REVISION_MISMATCH" ? { kind: "conflict", revision } : reply;
}

function successOf(request: Request, answer: Answer): Reply {
  if (request.kind === "get") return { kind: "entry", entry: entryOf(request.key, answer) };
  if (answer.status === 204) return { kind: "done" };
  const value = readJson(answer);
  if (value === undefined) return notJson(answer.status);
  switch (request.kind) {
    case "put": {
      const { revision, createRevision, version } = value as Written;
      return { kind: "written", revision, createRevision, version };
    }
    case "delete":
      return { kind: "deleted", revision: (value as { readonly revision: number }).revision };
    case "list": {
      const page = value as Omit<ListAnswer, "entries"> & { readonly entries: readonly EntryJson[] };
      return { kind: "page", page: { ...page, entries: page.entries.map(readEntry) } };
    }
    case "txn":
      return { kind: "txn", answer: readTxnAnswer(value as TxnAnswer) };
    case "openSession":
      return { kind: "session", id: (value as SessionJson).id };
    default:
      return { kind: "json", value };
  }
}

function entryOf(key: string, { headers, body }: Answer): KvEntry {
  return {
    key,
    value: body,
    revision: Number(String(headers["etag"]).replaceAll('"', "")),
    createRevision: Number(headers["quorate-create-revision"]),
    version: Number(headers["quorate-version"]),
  };
}

function readTxnAnswer(answer: TxnAnswer): TxnAnswer {
  const results = answer.results.map((result) => {
    if (result.type !== "get" || result.entry === null) return result;
    return { type: result.type, entry: readEntry(result.entry as unknown as EntryJson) };
  });
  return { ...answer, results };
}

/** Undefined if it is none. */
function readJson({ body }: Answer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

function notJson(status: number): Reply {
  const message = `What answered with status ${status} does not speak JSON; is it a quorate-kv server?`;
  return { kind: "problem", status, problem: { code: "UNEXPECTED_ANSWER", message } };
}
