/**
 * Keys over HTTP: `PUT`, `GET` and `DELETE /v1/kv/{key}`, and `GET /v1/kv` to list.
 *
 * The body is the value, the `ETag` its revision, and the preconditions of HTTP are compare-and-swap.
 */

import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { KvEntry, KvResult } from "../commands.js";
import { MAX_VALUE_BYTES } from "../limits.js";
import { Refusal } from "../service/refusals.js";
import { type ClientCommand, keyNotFound, PAGE_BOUNDS, TTL_BOUNDS, unexpectedResult } from "../service/service.js";
import { KEY_PATH } from "../wire.js";
import type { HttpContext } from "./context.js";
import { entryToJson } from "./encoding.js";
import {
  FRESHNESS,
  hasRevision,
  readBody,
  readCondition,
  readFreshness,
  readInteger,
  readKey,
  readPatience,
  readQuery,
  revisionTag,
} from "./request.js";
import { readPlace } from "./sessions.js";

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

type WriteCommand = Exclude<ClientCommand, { readonly type: "txn" }>;

async function onPut(context: HttpContext, request: FastifyRequest, reply: FastifyReply): Promise<object> {
  const key = readKey(request.url);
  const query = readQuery(request.url, ["ttl_ms"]);
  const ttlMs = readInteger("INVALID_QUERY", "ttl_ms", query.ttl_ms, TTL_BOUNDS);
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

async function onGet(
  { service }: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Buffer | undefined> {
  const key = readKey(request.url);
  const query = readQuery(request.url, FRESHNESS);
  const entry = await service.get(key, readFreshness(query), readPatience(request.headers));
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

async function onList({ service }: HttpContext, { url, headers }: FastifyRequest): Promise<object> {
  const query = readQuery(url, ["prefix", "limit", "cursor", ...FRESHNESS]);
  const limit = readInteger("INVALID_QUERY", "limit", query.limit, PAGE_BOUNDS) ?? undefined;
  const request = { prefix: query.prefix ?? "", limit, cursor: query.cursor, ...readFreshness(query) };
  const page = await service.list(request, readPatience(headers));
  return { ...page, entries: page.entries.map(entryToJson) };
}

async function write({ service }: HttpContext, { headers }: FastifyRequest, command: WriteCommand): Promise<KvResult> {
  const condition = readCondition(headers);
  const conditional = condition === undefined ? command : { ...command, condition };
  const result = await service.write(conditional, readPlace(headers), readPatience(headers));
  if (result.type !== "conflict") return result;
  const { revision } = result;
  const message = revision === 0 ? "The key does not exist." : `The key is at revision ${revision}.`;
  throw new Refusal("REVISION_MISMATCH", message, { details: { revision } });
}

/** The value without a copy: the store never writes to it. */
function asBuffer({ value }: KvEntry): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
