/**
 * Sessions over HTTP, so that a write which is repeated is executed once (PITFALLS K1).
 *
 * `POST /v1/sessions` opens one, whose id is good on every server. A write that names it, and its own number in it, can be
 * sent again, here or elsewhere, until it is answered; the cluster remembers what it has executed.
 */

import type { IncomingHttpHeaders } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { KvCommand, KvResult } from "../commands.js";
import { DEFAULT_SESSION_MS, MAX_SESSION_MS } from "../limits.js";
import type { Numbering } from "../node.js";
import {
  ACKNOWLEDGED_HEADER,
  RETRY_HEADER,
  SEQUENCE_HEADER,
  SESSION_HEADER,
  SESSIONS_PATH,
  type SessionJson,
} from "../wire.js";
import type { HttpContext } from "./context.js";
import { HttpError } from "./errors.js";
import { readHeader, readInteger, readQuery, readTimeoutMs } from "./request.js";

export function registerSessions(app: FastifyInstance, context: HttpContext): void {
  const { node } = context;

  app.post(SESSIONS_PATH, async ({ url, headers }): Promise<SessionJson> => {
    const { expires_after_ms: given } = readQuery(url, ["expires_after_ms"]);
    const bounds = { min: 1, max: MAX_SESSION_MS };
    const expiresAfterMs = readInteger("INVALID_QUERY", "expires_after_ms", given, bounds) ?? DEFAULT_SESSION_MS;
    const timeoutMs = readTimeoutMs(headers, context.requestTimeoutMs);
    const { id } = await node.openSession({ expiresAfterMs, timeoutMs });
    return { id, expiresAfterMs };
  });

  const tending = (verb: "keepAlive" | "close") => async (request: FastifyRequest, reply: FastifyReply) => {
    readQuery(request.url, []);
    const timeoutMs = readTimeoutMs(request.headers, context.requestTimeoutMs);
    await node.session(idOf(request))[verb]({ timeoutMs });
    reply.code(204);
  };
  app.put(`${SESSIONS_PATH}/:id`, tending("keepAlive"));
  app.delete(`${SESSIONS_PATH}/:id`, tending("close"));
}

/** Proposes `command`: in the session that the request names, if it names one. */
export function propose(
  { node, requestTimeoutMs }: HttpContext,
  headers: IncomingHttpHeaders,
  command: KvCommand,
): Promise<KvResult> {
  const timeoutMs = readTimeoutMs(headers, requestTimeoutMs);
  const id = readNumber(headers, SESSION_HEADER, 1);
  const numbering = readNumbering(headers, id !== null);
  if (id === null || numbering === null) return node.propose(command, { timeoutMs });
  return node.session(id).propose(command, { ...numbering, timeoutMs });
}

function readNumbering(headers: IncomingHttpHeaders, isInSession: boolean): Numbering | null {
  const sequence = readNumber(headers, SEQUENCE_HEADER, 1);
  const acknowledgedBelow = readNumber(headers, ACKNOWLEDGED_HEADER, 0);
  const retry = readHeader(headers, RETRY_HEADER);
  const isNumbered = sequence !== null || acknowledgedBelow !== null || retry !== undefined;
  if (!isInSession) {
    if (isNumbered) throw new HttpError("INVALID_HEADER", `Numbers go with ${SESSION_HEADER}, which is missing.`);
    return null;
  }
  if (sequence === null)
    throw new HttpError("INVALID_HEADER", `In a session a write has a number of its own: ${SEQUENCE_HEADER}.`);
  if (acknowledgedBelow !== null && acknowledgedBelow > sequence)
    throw new HttpError("INVALID_HEADER", `${ACKNOWLEDGED_HEADER} is at most ${SEQUENCE_HEADER}.`);
  if (retry !== undefined && retry !== "true" && retry !== "false")
    throw new HttpError("INVALID_HEADER", `${RETRY_HEADER} is true or false, not ${JSON.stringify(retry)}.`);
  return { sequence, acknowledgedBelow: acknowledgedBelow ?? 0, isRetry: retry !== "false" };
}

function readNumber(headers: IncomingHttpHeaders, name: string, min: number): number | null {
  return readInteger("INVALID_HEADER", name, readHeader(headers, name), { min, max: Number.MAX_SAFE_INTEGER });
}

function idOf({ params }: FastifyRequest): number {
  const { id } = params as { readonly id: string };
  const number = /^\d{1,16}$/.test(id) ? Number(id) : 0;
  if (number > 0 && Number.isSafeInteger(number)) return number;
  throw new HttpError("INVALID_URL", `${JSON.stringify(id)} is no session's id.`);
}
