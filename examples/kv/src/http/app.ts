/**
 * The HTTP interface of a server: its limits, its chapters, and one way to say what went wrong.
 *
 * Every answer that is not a value or an event stream is JSON; every error is `{code, message}`, with `outcome` where a
 * write may or may not have taken effect.
 */

import { type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import { Refusal } from "../service/refusals.js";
import type { HttpContext } from "./context.js";
import { toErrorAnswer } from "./errors.js";
import { registerKv } from "./kv.js";
import { registerMembers } from "./members.js";
import { registerSessions } from "./sessions.js";
import { registerStatus } from "./status.js";
import { registerTxn } from "./txn.js";
import { registerWatch } from "./watch.js";

/** How long a client may take to send a whole request. */
const RECEIVE_TIMEOUT_MS = 30_000;
/** How long a connection may wait for its next request: longer than clients keep theirs, so that they close first. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** How long a connection may stand still, beyond the wait for the cluster, while an answer waits to be read. */
const STALL_TIMEOUT_MS = 60_000;
/** Room for a key or a prefix of 1 KiB, each byte of it percent-encoded, and the usual headers. */
const MAX_HEADER_BYTES = 16 * 1024;

const METHODS_BY_PATH: readonly (readonly [path: RegExp, methods: string])[] = [
  [/^\/v1\/kv\//, "GET, HEAD, PUT, DELETE"],
  [/^\/v1\/kv$/, "GET, HEAD"],
  [/^\/v1\/txn$/, "POST"],
  [/^\/v1\/sessions$/, "POST"],
  [/^\/v1\/sessions\/[^/]+$/, "PUT, DELETE"],
  [/^\/v1\/members$/, "GET, HEAD, PUT, POST"],
  [/^\/v1\/members\/join$/, "POST"],
  [/^\/v1\/members\/[^/]+$/, "PATCH, DELETE"],
  [/^\/v1\/(transfer|snapshot)$/, "POST"],
  [/^\/v1\/(watch|connection)$/, "GET"],
  [/^\/(health|v1\/cluster)$/, "GET, HEAD"],
];

/** Builds the interface; `logError` is told of errors that nobody foresaw. */
export function createApp(context: HttpContext, logError: (error: unknown) => void): FastifyInstance {
  const onError = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const isRead = request.method === "GET" || request.method === "HEAD";
    const { status, headers, body } = toErrorAnswer(error, isRead);
    if (status === 500) logError(error);
    reply.code(status).headers(headers).type("application/json; charset=utf-8").send(JSON.stringify(body));
  };
  const app = fastify({
    logger: false,
    requestTimeout: RECEIVE_TIMEOUT_MS,
    connectionTimeout: context.requestTimeoutMs + STALL_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    http: { maxHeaderSize: MAX_HEADER_BYTES },
    return503OnClosing: false,
    // Query strings are read by the chapters, which refuse what they do not know.
    routerOptions: { querystringParser: () => ({}) },
    frameworkErrors: (_error, request, reply) =>
      onError(
        new Refusal("INVALID_URL", "The percent-encoding of the path is broken, or is not UTF-8."),
        request,
        reply,
      ),
    clientErrorHandler: onClientError,
  });
  app.setErrorHandler(onError);
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?", 1)[0] ?? "";
    const allow = METHODS_BY_PATH.find(([pattern]) => pattern.test(path))?.[1];
    if (allow !== undefined) reply.header("allow", allow);
    onError(noSuchRoute(path, allow), request, reply);
  });
  app.addHook("onRequest", async (request, reply) => {
    reply.header("cache-control", "no-store");
    if (request.url !== "/health") context.service.checkOpen();
    const coding = request.headers["content-encoding"] ?? "identity";
    if (coding === "identity") return;
    throw new Refusal("UNSUPPORTED_MEDIA_TYPE", `The server does not decode Content-Encoding: ${coding}.`);
  });
  app.addHook("onSend", async (_request, reply) => {
    // A connection that was busy when the server began to close must not be kept for a request that never comes.
    if (context.readiness.isClosed) reply.header("connection", "close");
  });
  registerKv(app, context);
  registerTxn(app, context);
  registerSessions(app, context);
  registerWatch(app, context);
  registerMembers(app, context);
  registerStatus(app, context);
  return app;
}

function noSuchRoute(path: string, allow: string | undefined): Refusal {
  if (allow === undefined) return new Refusal("NO_SUCH_PATH", `There is nothing at ${path}.`);
  return new Refusal("METHOD_NOT_ALLOWED", `${path} takes ${allow}.`);
}

/** Answers what is not HTTP enough to become a request. */
function onClientError(error: Error & { readonly code?: string }, socket: Socket): void {
  // A watch or a value may be on its way out on this connection: then there is nothing left to say on it.
  const response = (socket as Socket & { readonly _httpMessage?: ServerResponse })._httpMessage;
  if (error.code === "ECONNRESET" || !socket.writable || response?.headersSent) {
    socket.destroy(error);
    return;
  }
  const [status, code, message] = describeClientError(error.code);
  const body = JSON.stringify({ code, message });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function describeClientError(code: string | undefined): readonly [status: number, code: string, message: string] {
  if (code === "HPE_HEADER_OVERFLOW") {
    return [431, "HEADERS_TOO_LARGE", `URL and headers have more than ${MAX_HEADER_BYTES} bytes.`];
  }
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return [408, "REQUEST_TIMEOUT", `The request did not arrive within ${RECEIVE_TIMEOUT_MS} ms.`];
  }
  return [400, "BAD_REQUEST", "This is not valid HTTP."];
}
