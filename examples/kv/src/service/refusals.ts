/**
 * Every error that a request can be answered with, and how each is told: a status, which is that of HTTP over any
 * protocol, and `{code, message, …}`.
 */

import { type Outcome, RaftError } from "quorate";
import type { ProblemJson } from "../wire.js";

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
  UNSUPPORTED_PROTOCOL: 426,
  HEADERS_TOO_LARGE: 431,
  INTERNAL: 500,
  SHUTTING_DOWN: 503,
  TOO_MANY_WATCHES: 503,
} as const;

export type RefusalCode = keyof typeof STATUS_BY_CODE;

function isRefusalCode(code: string): code is RefusalCode {
  return Object.hasOwn(STATUS_BY_CODE, code);
}

export interface RefusalOptions {
  /** Goes into the answer, beside code and message. */
  readonly details?: Omit<ProblemJson, "code" | "message">;
  readonly cause?: unknown;
}

/** A request that is answered with an error. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: RefusalCode;
  readonly details: Omit<ProblemJson, "code" | "message">;

  constructor(code: RefusalCode, message: string, { details = {}, cause }: RefusalOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }
}

/** The refusal of a request that could not be understood, for the reason that a parser gave. */
export function malformed(code: RefusalCode, message: string, cause: unknown): Refusal {
  return new Refusal(code, message, { cause });
}

/** An error as it is told. */
export interface Problem {
  readonly status: number;
  readonly body: ProblemJson;
}

/** What `error` is told as. Errors that nobody foresaw are 500, and say nothing of the inside. */
export function problemOf(error: unknown, isRead: boolean): Problem {
  if (error instanceof Refusal) {
    const { code, message, details } = error;
    return { status: STATUS_BY_CODE[code], body: { code, message, ...details } };
  }
  return error instanceof RaftError ? fromRaftError(error, isRead) : internalProblem();
}

function fromRaftError(error: RaftError, isRead: boolean): Problem {
  const { code, message, retryAfterMs } = error;
  // What is wrong with the request itself, wherever it goes.
  if (isRefusalCode(code)) return { status: STATUS_BY_CODE[code], body: { code, message } };
  // A read changes nothing, whatever became of it.
  const outcome: Outcome = isRead ? "not-executed" : error.outcome;
  if (outcome === "none") return internalProblem();
  return { status: 503, body: { code, message, outcome, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) } };
}

export function internalProblem(): Problem {
  const message = "This server failed on the request; its log says why.";
  return { status: 500, body: { code: "INTERNAL", message, outcome: "unknown" } };
}
