/** How errors become answers over HTTP: a status and `{code, message, …}`, always JSON. */

import type { FastifyError } from "fastify";
import { PROTOCOL } from "../protocol/protocol.js";
import { internalProblem, type Problem, problemOf, Refusal, type RefusalCode } from "../service/refusals.js";
import { revisionTag } from "./request.js";

export interface ErrorAnswer extends Problem {
  readonly headers: Readonly<Record<string, string>>;
}

/** The answer that `error` becomes. */
export function toErrorAnswer(error: unknown, isRead: boolean): ErrorAnswer {
  const problem = isFastifyError(error) ? fromFastifyError(error) : problemOf(error, isRead);
  return { ...problem, headers: headersOf(problem) };
}

function headersOf({ status, body: { revision } }: Problem): Readonly<Record<string, string>> {
  if (status === 426) return { upgrade: PROTOCOL };
  if (status === 503) return { "retry-after": "1" };
  return status === 412 && revision !== undefined && revision > 0 ? { etag: revisionTag(revision) } : {};
}

const MEDIA_TYPE_MESSAGE = "The Content-Type is broken, or not what this path takes: /v1/txn takes application/json.";

/** What fastify itself refuses, in this interface's words. */
function fromFastifyError(error: FastifyError): Problem {
  const code = codeForStatus(error.statusCode ?? 500);
  if (code === "INTERNAL") return internalProblem();
  const message = code === "UNSUPPORTED_MEDIA_TYPE" ? MEDIA_TYPE_MESSAGE : error.message;
  return problemOf(new Refusal(code, message), false);
}

function codeForStatus(status: number): RefusalCode {
  if (status === 404) return "NO_SUCH_PATH";
  if (status === 413) return "VALUE_TOO_LARGE";
  if (status === 415) return "UNSUPPORTED_MEDIA_TYPE";
  return status >= 400 && status < 500 ? "BAD_REQUEST" : "INTERNAL";
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && "statusCode" in error && typeof error.statusCode === "number";
}
