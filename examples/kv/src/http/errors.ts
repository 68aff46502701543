/**
 * Every error of the HTTP interface, and how each becomes an answer: a status and `{code, message, …}`, always JSON.
 */

import type { FastifyError } from "fastify";
import { type Outcome, RaftError } from "quorate";

const STATUS_BY_CODE = {
  INVALID_URL: 400,
  INVALID_QUERY: 400,
  INVALID_HEADER: 400,
  INVALID_KEY: 400,
  KEY_TOO_LARGE: 400,
  INVALID_JSON: 400,
  INVALID_TXN: 400,
  INVALID_MEMBERS: 400,
  BAD_REQUEST: 400,
  KEY_NOT_FOUND: 404,
  MEMBER_NOT_FOUND: 404,
  NO_SUCH_PATH: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  MEMBER_EXISTS: 409,
  MEMBERS_CHANGED: 409,
  CHANGE_PENDING: 409,
  WOULD_LOSE_QUORUM: 409,
  MEMBERS_OUT_OF_TOUCH: 409,
  NO_SUCCESSOR: 409,
  SEQUENCE_REUSED: 409,
  REVISION_COMPACTED: 410,
  SESSION_EXPIRED: 410,
  REVISION_MISMATCH: 412,
  VALUE_TOO_LARGE: 413,
  TXN_TOO_LARGE: 413,
  COMMAND_TOO_LARGE: 413,
  BODY_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  HEADERS_TOO_LARGE: 431,
  INTERNAL: 500,
  SHUTTING_DOWN: 503,
  TOO_MANY_WATCHES: 503,
} as const;

export type HttpErrorCode = keyof typeof STATUS_BY_CODE;

function isHttpErrorCode(code: string): code is HttpErrorCode {
  return Object.hasOwn(STATUS_BY_CODE, code);
}

export interface HttpErrorOptions {
  /** Goes into the body, beside code and message. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** A request that is answered with an error. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly code: HttpErrorCode;
  readonly details: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: HttpErrorCode, message: string, { details = {}, headers = {}, cause }: HttpErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
    this.headers = headers;
  }
}

/** The refusal of a request that could not be understood, for the reason that a parser gave. */
export function malformed(code: HttpErrorCode, message: string, cause: unknown): HttpError {
  return new HttpError(code, message, { cause });
}

export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly code: string; readonly message: string };
}

/** The answer that `error` becomes. Errors that nobody foresaw are 500, and say nothing of the inside. */
export function toErrorAnswer(error: unknown, isRead: boolean): ErrorAnswer {
  if (error instanceof HttpError) {
    const { code, message, details, headers } = error;
    return { status: STATUS_BY_CODE[code], headers, body: { code, message, ...details } };
  }
  if (error instanceof RaftError) return fromRaftError(error, isRead);
  if (isFastifyError(error)) return fromFastifyError(error);
  return internalError();
}

function fromRaftError(error: RaftError, isRead: boolean): ErrorAnswer {
  // What is wrong with the request itself, wherever it goes.
  if (isHttpErrorCode(error.code)) {
    return { status: STATUS_BY_CODE[error.code], headers: {}, body: { code: error.code, message: error.message } };
  }
  // A read changes nothing, whatever became of it.
  const outcome: Outcome = isRead ? "not-executed" : error.outcome;
  if (outcome === "none") return internalError();
  const { code, message, retryAfterMs } = error;
  const body = { code, message, outcome, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  return { status: 503, headers: { "retry-after": "1" }, body };
}

const MEDIA_TYPE_MESSAGE = "The Content-Type is broken, or not what this path takes: /v1/txn takes application/json.";

/** What fastify itself refuses, in this interface's words. */
function fromFastifyError(error: FastifyError): ErrorAnswer {
  const status = error.statusCode ?? 500;
  const code = codeForStatus(status);
  if (code === "INTERNAL") return internalError();
  const message = code === "UNSUPPORTED_MEDIA_TYPE" ? MEDIA_TYPE_MESSAGE : error.message;
  return { status: STATUS_BY_CODE[code], headers: {}, body: { code, message } };
}

function codeForStatus(status: number): HttpErrorCode {
  if (status === 404) return "NO_SUCH_PATH";
  if (status === 413) return "VALUE_TOO_LARGE";
  if (status === 415) return "UNSUPPORTED_MEDIA_TYPE";
  return status >= 400 && status < 500 ? "BAD_REQUEST" : "INTERNAL";
}

function internalError(): ErrorAnswer {
  const message = "This server failed on the request; its log says why.";
  const body = { code: "INTERNAL", message, outcome: "unknown" };
  return { status: 500, headers: {}, body };
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && "statusCode" in error && typeof error.statusCode === "number";
}
