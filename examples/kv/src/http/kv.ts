/**
 * Keys over HTTP: `PUT`, `GET` and `DELETE /v1/kv/{key}`, and `GET /v1/kv` to list.
 *
 * The body is the value, the `ETag` its revision, and the preconditions of HTTP are compare-and-swap.
 */

import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { KvCommand, KvEntry, KvResult } from "../commands.js";
import { MAX_TTL_MS, MAX_VALUE_BYTES } from "../limits.js";
import type { Freshness } from "../node.js";
import { KEY_PATH } from "../wire.js";
import type { HttpContext } from "./context.js";
import { decodeCursor, encodeCursor, entryToJson } from "./encoding.js";
import { HttpError } from "./errors.js";
import {
  FRESHNESS,
  hasRevision,
  readBody,
  readCondition,
  readFreshness,
  readInteger,
  readKey,
  readQuery,
  readTimeoutMs,
  revisionTag,
} from "./request.js";
import { propose } from "./sessions.js";

const DEFAULT_PAGE_ENTRIES = 100;
const MAX_PAGE_ENTRIES = 1000;
/** A page ends when its keys and values reach this size, whatever its limit. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;

export function registerKv(app: FastifyInstance, context: HttpContext): void {
  app.register((scope, _options, done) => {
    // Values are bytes: whatever Content-Type says, the body is taken as it stands.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (request: FastifyRequest, payload: Readable) =>
      readBody(payload, request.headers, MAX_VALUE_BYTES, "VALUE_TOO_LARGE"),
    );
    scope.put(`${KEY_PATH}*`, (request, reply) => onPut(context, request, reply));
    scope.delete(`${KEY_PATH}*`, (request) => onDelete(context, request));
    scope.get(`${KEY_PATH}*`, (request, reply) => onGet(context, request, reply));
    scope.get("/v1/kv", (request) => onList(context, request));
    done();
  });
}

type WriteCommand = Exclude<KvCommand, { readonly type: "txn" }>;

async function onPut(context: HttpContext, request: FastifyRequest, reply: FastifyReply): Promise<object> {
  const key = readKey(request.url);
  const query = readQuery(request.url, ["ttl_ms"]);
  const ttlMs = readInteger("INVALID_QUERY", "ttl_ms", query.ttl_ms, { min: 1, max: MAX_TTL_MS });
  const value = request.body instanceof Uint8Array ? request.body : new Uint8Array(0);
  const result = await write(context, request, { type: "put", key, value, ...(ttlMs === null ? {} : { ttlMs }) });
  if (result.type !== "put") throw unexpectedResult(result);
  const { revision, createRevision, version } = result;
  reply.header("etag", revisionTag(revision));
  return { key, revision, createRevision, version };
}

async function onDelete(context: HttpContext, request: FastifyRequest): Promise<object> {
  const key = readKey(request.url);
  readQuery(request.url, []);
  const result = await write(context, request, { type: "delete", key });
  if (result.type !== "delete") throw unexpectedResult(result);
  if (!result.deleted) throw keyNotFound(key);
  return { key, deleted: true, revision: result.revision };
}

async function onGet(context: HttpContext, request: FastifyRequest, reply: FastifyReply): Promise<Buffer | undefined> {
  const key = readKey(request.url);
  const query = readQuery(request.url, FRESHNESS);
  const entry = await read(context, request, readFreshness(query), () => context.store.get(key));
  if (entry === null) throw keyNotFound(key);
  reply.headers({
    etag: revisionTag(entry.revision),
    "quorate-create-revision": String(entry.createRevision),
    "quorate-version": String(entry.version),
    "content-type": "application/octet-stream",
    // Caches may keep it for the 304, but must ask.
    "cache-control": "no-cache",
    // Values are anyone's bytes: no browser shall guess that they are a page.
    "x-content-type-options": "nosniff",
  });
  if (hasRevision(request.headers["if-none-match"], entry.revision)) {
    reply.code(304);
    return undefined;
  }
  return asBuffer(entry);
}

async function onList(context: HttpContext, request: FastifyRequest): Promise<object> {
  const query = readQuery(request.url, ["prefix", "limit", "cursor", ...FRESHNESS]);
  const prefix = query.prefix ?? "";
  const bounds = { min: 1, max: MAX_PAGE_ENTRIES };
  const limit = readInteger("INVALID_QUERY", "limit", query.limit, bounds) ?? DEFAULT_PAGE_ENTRIES;
  const afterKey = query.cursor === undefined ? null : decodeCursor(query.cursor);
  const page = await read(context, request, readFreshness(query), () =>
    context.store.list({ prefix, afterKey, limit, maxBytes: MAX_PAGE_BYTES }),
  );
  const lastKey = page.hasMore ? page.entries.at(-1)?.key : undefined;
  return {
    revision: page.revision,
    entries: page.entries.map(entryToJson),
    ...(lastKey === undefined ? {} : { nextCursor: encodeCursor(lastKey) }),
  };
}

async function write(context: HttpContext, { headers }: FastifyRequest, command: WriteCommand): Promise<KvResult> {
  const condition = readCondition(headers);
  const result = await propose(context, headers, condition === undefined ? command : { ...command, condition });
  if (result.type !== "conflict") return result;
  const { revision } = result;
  const message = revision === 0 ? "The key does not exist." : `The key is at revision ${revision}.`;
  const tag: Record<string, string> = revision === 0 ? {} : { etag: revisionTag(revision) };
  throw new HttpError("REVISION_MISMATCH", message, { details: { revision }, headers: tag });
}

function read<Answer>(
  context: HttpContext,
  request: FastifyRequest,
  freshness: Freshness,
  query: () => Answer,
): Promise<Answer> {
  const timeoutMs = readTimeoutMs(request.headers, context.requestTimeoutMs);
  return context.node.read(query, { ...freshness, timeoutMs });
}

function keyNotFound(key: string): HttpError {
  return new HttpError("KEY_NOT_FOUND", `There is no key ${JSON.stringify(key)}.`);
}

function unexpectedResult(result: KvResult): Error {
  return new Error(`The store answered with a result of type ${result.type}.`);
}

/** The value without a copy: the store never writes to it. */
function asBuffer({ value }: KvEntry): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
