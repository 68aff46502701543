/**
 * Sessions over HTTP, so that a write which is repeated is executed once (PITFALLS K1).
 *
 * `POST /v1/sessions` opens one, whose id is good on every server. A write that names it, and its own number in it, can be
 * sent again, here or elsewhere, until it is answered; the cluster remembers what it has executed.
 */

import type { IncomingHttpHeaders } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Numbering } from "../node.js";
import { Refusal } from "../service/refusals.js";
import { type Place, SESSION_BOUNDS } from "../service/service.js";
import {
  ACKNOWLEDGED_HEADER,
  RETRY_HEADER,
  SEQUENCE_HEADER,
  SESSION_HEADER,
  SESSIONS_PATH,
  type SessionJson,
} from "../wire.js";
import type { HttpContext } from "./context.js";
import { readHeader, readInteger, readPatience, readQuery } from "./request.js";

export function registerSessions(app: FastifyInstance, { service }: HttpContext): void {
  app.post(SESSIONS_PATH, async ({ url, headers }): Promise<SessionJson> => {
    const { expires_after_ms: given } = readQuery(url, ["expires_after_ms"]);
    const expiresAfterMs = readInteger("INVALID_QUERY", "expires_after_ms", given, SESSION_BOUNDS);
    return service.openSession(expiresAfterMs ?? undefined, readPatience(headers));
  });

  const tending = (verb: "keepSession" | "closeSession") => async (request: FastifyRequest, reply: FastifyReply) => {
    readQuery(request.url, []);
    await service[verb](idOf(request), readPatience(request.headers));
    reply.code(204);
  };
  app.put(`${SESSIONS_PATH}/:id`, tending("keepSession"));
  app.delete(`${SESSIONS_PATH}/:id`, tending("closeSession"));
}

/** The place of a write in the session that its request names, if it names one. */
export function readPlace(headers: IncomingHttpHeaders): Place | null {
  const session = readNumber(headers, SESSION_HEADER, 1);
  const numbering = readNumbering(headers, session !== null);
  return session === null || numbering === null ? null : { session, ...numbering };
}

function readNumbering(headers: IncomingHttpHeaders, isInSession: boolean): Numbering | null {
  const sequence = readNumber(headers, SEQUENCE_HEADER, 1);
  const acknowledgedBelow = readNumber(headers, ACKNOWLEDGED_HEADER, 0);
  const retry = readHeader(headers, RETRY_HEADER);
  const isNumbered = sequence !== null || acknowledgedBelow !== null || retry !== undefined;
  if (!isInSession) {
    if (isNumbered) throw new Refusal("INVALID_HEADER", `Numbers go with ${SESSION_HEADER}, which is missing.`);
    return null;
  }
  if (sequence === null)
    throw new Refusal("INVALID_HEADER", `In a session a write has a number of its own: ${SEQUENCE_HEADER}.`);
  if (retry !== undefined && retry !== "true" && retry !== "false")
    throw new Refusal("INVALID_HEADER", `${RETRY_HEADER} is true or false, not ${JSON.stringify(retry)}.`);
  return { sequence, acknowledgedBelow: acknowledgedBelow ?? 0, isRetry: retry !== "false" };
}

function readNumber(headers: IncomingHttpHeaders, name: string, min: number): number | null {
  return readInteger("INVALID_HEADER", name, readHeader(headers, name), { min, max: Number.MAX_SAFE_INTEGER });
}

function idOf({ params }: FastifyRequest): number {
  const { id } = params as { readonly id: string };
  const number = /^\d{1,16}$/.test(id) ? Number(id) : 0;
  if (number > 0 && Number.isSafeInteger(number)) return number;
  throw new Refusal("INVALID_URL", `${JSON.stringify(id)} is no session's id.`);
}
