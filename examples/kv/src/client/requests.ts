/**
 * What the client asks of a server, and what comes of it, whatever carries it: the port between what decides (where to
 * ask, whether to ask again) and the two ways to a server, HTTP and the binary protocol.
 */

import type { KvEntry } from "../commands.js";
import type { Consistency } from "../node.js";
import type { Place } from "../service/service.js";
import type { ProblemJson } from "../wire.js";
import { KvError, type RequestOutcome } from "./errors.js";
import type { ListAnswer, TxnAnswer, TxnRequest, Written } from "./types.js";

export type { Place } from "../service/service.js";

interface Fresh {
  readonly consistency?: Consistency | undefined;
  readonly maxStalenessMs?: number | undefined;
}

/** What can be made in a session, and is executed once there. */
export type WriteRequest =
  | {
      readonly kind: "put";
      readonly key: string;
      readonly value: string | Uint8Array;
      readonly ttlMs: number | undefined;
      readonly expectedRevision: number | undefined;
    }
  | { readonly kind: "delete"; readonly key: string; readonly expectedRevision: number | undefined }
  | { readonly kind: "txn"; readonly txn: Required<TxnRequest> };

export type ReadRequest =
  | ({ readonly kind: "get"; readonly key: string } & Fresh)
  | ({
      readonly kind: "list";
      readonly prefix?: string | undefined;
      readonly limit?: number | undefined;
      readonly cursor?: string | undefined;
    } & Fresh);

export type SessionRequest =
  | { readonly kind: "openSession"; readonly expiresAfterMs: number }
  | { readonly kind: "closeSession"; readonly id: number };

/** What there is over HTTP alone: operators ask for it, and seldom. */
export interface HttpRequest {
  readonly kind: "http";
  readonly method: "GET" | "PUT" | "DELETE" | "POST" | "PATCH";
  readonly path: string;
  readonly body?: object | undefined;
}

/** What goes over any protocol. */
export type DataRequest = WriteRequest | ReadRequest | SessionRequest;

export type Request = DataRequest | HttpRequest;

export type Reply =
  | ({ readonly kind: "written" } & Written)
  | { readonly kind: "deleted"; readonly revision: number }
  /** The condition did not hold; the revision is that of the key, 0 when it is absent. */
  | { readonly kind: "conflict"; readonly revision: number }
  | { readonly kind: "entry"; readonly entry: KvEntry }
  /** There is no such key. */
  | { readonly kind: "absent" }
  | { readonly kind: "page"; readonly page: ListAnswer }
  | { readonly kind: "txn"; readonly answer: TxnAnswer }
  | { readonly kind: "session"; readonly id: number }
  | { readonly kind: "done" }
  | { readonly kind: "json"; readonly value: unknown }
  | ProblemReply;

/** The server answered with an error; the status is that of HTTP, over any protocol. */
export interface ProblemReply {
  readonly kind: "problem";
  readonly status: number;
  readonly problem: ProblemJson;
}

/** Why one attempt at one server brought no answer. */
export interface Failure {
  readonly kind: "failure";
  readonly code: string;
  readonly message: string;
  readonly outcome: RequestOutcome;
  readonly status?: number;
  readonly cause?: unknown;
}

/** One request to one server, under way. */
export interface Attempt {
  /** Nobody waits for it any more: its end is not told. What the server does with it is another matter. */
  cancel(): void;
}

/** A way to one server, for what can be asked that way. */
export interface Link<Asked extends Request = DataRequest> {
  readonly url: string;
  /** Asks once; `onEnd` is told once what came of it, after `timeoutMs` at the latest, and perhaps at once. */
  attempt(request: Asked, place: Place | null, timeoutMs: number, onEnd: (result: Reply | Failure) => void): Attempt;
  /** Lets go of what is idle; a later attempt starts anew. */
  close(): void;
}

/** The server is asked to answer in this share of the attempt, so that its answer arrives before we give up. */
const SERVER_SHARE = 0.9;

export function serverTimeoutMs(timeoutMs: number): number {
  return Math.max(1, Math.floor(timeoutMs * SERVER_SHARE));
}

export function isRead(request: Request): boolean {
  return request.kind === "get" || request.kind === "list" || (request.kind === "http" && request.method === "GET");
}

/** Whether the leader answers it without asking another server. */
export function needsLeader(request: DataRequest): boolean {
  return request.kind !== "get" && request.kind !== "list" ? true : request.consistency !== "stale";
}

/** Errors of a connection that never came to be: nothing of the request was sent. */
const NEVER_CONNECTED = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
  "UND_ERR_CONNECT_TIMEOUT",
]);

export function timedOut(timeoutMs: number, cause?: unknown): Failure {
  const message = `No answer within ${Math.round(timeoutMs)} ms.`;
  return { kind: "failure", code: "TIMED_OUT", message, outcome: "unknown", cause };
}

/** What a request that failed on the way means for the caller. */
export function failureOf(cause: unknown): Failure {
  const { code, message } = rootOf(cause);
  if (code !== undefined && NEVER_CONNECTED.has(code)) return unreachable(message || code, cause);
  return {
    kind: "failure",
    code: "CONNECTION_LOST",
    message: message || code || "The request failed.",
    outcome: "unknown",
    cause,
  };
}

/** Nothing of the request was sent. */
export function unreachable(message: string, cause?: unknown): Failure {
  return { kind: "failure", code: "UNREACHABLE", message, outcome: "not-executed", cause };
}

function rootOf(error: unknown): { readonly code: string | undefined; readonly message: string } {
  let root = error;
  while (root instanceof Error && root.cause instanceof Error) root = root.cause;
  if (!(root instanceof Error)) return { code: undefined, message: String(root) };
  const code = "code" in root && typeof root.code === "string" ? root.code : undefined;
  return { code, message: root.message };
}

/** The error that `text` says it is; one that says nothing of the kind is not from our servers. */
export function readProblem(status: number, text: string): ProblemReply {
  try {
    const problem = JSON.parse(text) as Partial<ProblemJson>;
    if (typeof problem.code === "string" && typeof problem.message === "string")
      return { kind: "problem", status, problem: problem as ProblemJson };
  } catch {
    // Not JSON: described below.
  }
  const message = `The server answered with status ${status} and no reason.`;
  return { kind: "problem", status, problem: { code: "UNEXPECTED_ANSWER", message } };
}

/** A server answered with something that is no answer to what was asked. */
export function unexpectedReply({ kind }: Reply): KvError {
  const message = `The server answered with ${JSON.stringify(kind)}, which is no answer to what was asked.`;
  return new KvError("UNEXPECTED_ANSWER", message, { outcome: "unknown" });
}
