/**
 * Servers: one request, any of several servers.
 *
 * A read goes on to the next server whatever went wrong, and so does what is executed once however often it is sent: a
 * write in a session. Any other request goes on only when it is certain that it was not executed: the connection was
 * refused, or a server said so. When its outcome is unknown the caller is told, and decides (PITFALLS K1, K6); to repeat
 * it blindly might execute it twice. Every request ends by its deadline (PITFALLS K14).
 */

import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { type ProblemJson, TIMEOUT_HEADER } from "../wire.js";
import { KvError, type RequestOutcome } from "./errors.js";

export interface CallOptions {
  /** Aborting rejects with `signal.reason` at once. A write that was under way may still be executed. */
  readonly signal?: AbortSignal | undefined;
  /** The most that the call takes, all attempts together; default 10 000. */
  readonly timeoutMs?: number | undefined;
}

export interface Call {
  readonly method: "GET" | "PUT" | "DELETE" | "POST" | "PATCH";
  /** Path and query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Whether it may be sent again though it may have been executed. Default: for a `GET`. */
  readonly isRepeatable?: boolean;
  /** More headers, for one attempt; it is a retry if one before it may have been executed. */
  readonly headersOf?: (isRetry: boolean) => Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** Whether an earlier attempt may have been executed. */
  readonly isRetried?: boolean;
}

/** Why one attempt at one server brought no answer. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly outcome: RequestOutcome;
  readonly status?: number;
  readonly cause?: unknown;
}

export const DEFAULT_TIMEOUT_MS = 10_000;
const MIN_ATTEMPT_MS = 1000;
export const MIN_RETRY_MS = 50;
/** The server is asked to answer in this share of the attempt, so that its answer arrives before we give up. */
const SERVER_SHARE = 0.9;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 1000;

/** What servers and those in front of them answer when they cannot, now. */
const REFUSALS: ReadonlySet<number> = new Set([502, 503, 504]);

/** To ask again does not change these. */
const FINAL_CODES: ReadonlySet<string> = new Set(["SESSION_EXPIRED_UNDER_WAY", "RESULT_UNAVAILABLE"]);

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

export class Servers {
  readonly urls: readonly string[];
  /** Where the last request succeeded. */
  #preferred = 0;

  /** `urls` are like `http://127.0.0.1:8001`, one at least. */
  constructor(urls: readonly string[]) {
    this.urls = urls.map(checkUrl);
    if (this.urls.length === 0) throw new TypeError("A KvClient needs one server at least.");
  }

  /** The servers in the order in which to try them, again and again: first the one that worked last. */
  *inTurn(): Generator<string, never, void> {
    for (let index = this.#preferred; ; index = (index + 1) % this.urls.length) yield this.urls[index] as string;
  }

  prefer(url: string): void {
    this.#preferred = this.urls.indexOf(url);
  }

  /**
   * Resolves with the first answer, whatever its status, that is not a server's "I cannot, now". `failures` is told why
   * each server brought none.
   */
  async request(
    call: Call,
    { signal, timeoutMs = DEFAULT_TIMEOUT_MS }: CallOptions = {},
    failures = new Map<string, Failure>(),
  ): Promise<Answer> {
    const isRead = call.method === "GET";
    const { isRepeatable = isRead } = call;
    const deadline = performance.now() + timeoutMs;
    const share = isRepeatable ? Math.max(MIN_ATTEMPT_MS, timeoutMs / this.urls.length) : timeoutMs;
    let attempts = 0;
    let isInDoubt = false;
    for (const url of this.inTurn()) {
      const remainingMs = deadline - performance.now();
      // Too late for another try: it would end in a timeout, and a write would be in doubt for nothing.
      if (attempts > 0 && remainingMs < MIN_RETRY_MS) throw exhausted(timeoutMs, failures, isInDoubt);
      const answer = await attempt(url, withHeaders(call, isInDoubt), Math.min(share, remainingMs), signal);
      const result = isFailure(answer) || !REFUSALS.has(answer.status) ? answer : refusalOf(answer);
      if (!isFailure(result)) {
        this.prefer(url);
        return isInDoubt ? { ...result, isRetried: true } : result;
      }
      if (!isRead && result.outcome === "unknown") {
        if (!isRepeatable || FINAL_CODES.has(result.code))
          throw new KvError(result.code, `${url}: ${result.message}`, result);
        isInDoubt = true;
      }
      failures.set(url, result);
      attempts++;
      if (attempts % this.urls.length === 0) await pause(attempts / this.urls.length, deadline, signal);
    }
    throw new Error("unreachable: servers are tried in turn without end");
  }
}

/** One attempt at one server. Rejects only with the reason of `signal`. */
export async function attempt(
  url: string,
  call: Call,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Answer | Failure> {
  const abort = linkedAbort(signal, timeoutMs);
  const headers = { ...call.headers, [TIMEOUT_HEADER]: String(Math.max(1, Math.floor(timeoutMs * SERVER_SHARE))) };
  try {
    const { method, body } = call;
    const response = await request(url + call.path, { method, headers, body: body ?? null, signal: abort.signal });
    const bytes = Buffer.from(await response.body.arrayBuffer());
    return { status: response.statusCode, headers: response.headers, body: bytes };
  } catch (cause) {
    signal?.throwIfAborted();
    return failureOf(cause, abort.isTimedOut(), timeoutMs);
  } finally {
    abort.release();
  }
}

function withHeaders(call: Call, isRetry: boolean): Call {
  if (call.headersOf === undefined) return call;
  return { ...call, headers: { ...call.headers, ...call.headersOf(isRetry) } };
}

export function isFailure(result: Answer | Failure): result is Failure {
  return "outcome" in result;
}

/** An abort signal for one attempt. */
export interface LinkedAbort {
  readonly signal: AbortSignal;
  abort(): void;
  isTimedOut(): boolean;
  /** Lets the attempt live on without its time limit. */
  stopTimer(): void;
  release(): void;
}

/** Fires with `signal`, or after `timeoutMs`. Throws the reason of `signal` if that has fired already. */
export function linkedAbort(signal: AbortSignal | undefined, timeoutMs: number): LinkedAbort {
  signal?.throwIfAborted();
  const abort = new AbortController();
  let isTimedOut = false;
  const onAbort = () => abort.abort();
  signal?.addEventListener("abort", onAbort);
  const timer = setTimeout(() => {
    isTimedOut = true;
    abort.abort();
  }, timeoutMs);
  return {
    signal: abort.signal,
    abort: onAbort,
    isTimedOut: () => isTimedOut,
    stopTimer: () => clearTimeout(timer),
    release: () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    },
  };
}

/** Waits before the servers are tried again: longer each round, never past `deadline`, never in step with others. */
export async function pause(round: number, deadline: number, signal: AbortSignal | undefined): Promise<void> {
  const wantedMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (round - 1)) * (0.5 + Math.random() / 2);
  const timeMs = Math.max(0, Math.min(wantedMs, deadline - performance.now()));
  await sleep(timeMs, undefined, signal === undefined ? {} : { signal }).catch((error) => {
    signal?.throwIfAborted();
    throw error;
  });
}

export function unavailable(
  timeoutMs: number,
  failures: ReadonlyMap<string, Failure>,
  details: { readonly lastRevision?: number } = {},
): KvError {
  const message = `No server could take the request within ${Math.round(timeoutMs)} ms.\n  ${listOf(failures)}`;
  return new KvError("UNAVAILABLE", message, { outcome: "not-executed", ...details });
}

/** The error at the deadline of a request that was repeated. */
function exhausted(timeoutMs: number, failures: ReadonlyMap<string, Failure>, isInDoubt: boolean): KvError {
  if (!isInDoubt) return unavailable(timeoutMs, failures);
  const message = `No answer within ${Math.round(timeoutMs)} ms, though it was asked for again.\n  ${listOf(failures)}`;
  return new KvError("TIMED_OUT", message, { outcome: "unknown" });
}

function listOf(failures: ReadonlyMap<string, Failure>): string {
  if (failures.size === 0) return "None has answered.";
  return [...failures].map(([url, { code, message }]) => `${url}: ${code}: ${message}`).join("\n  ");
}

/** What a request that failed on the way means for the caller. */
export function failureOf(cause: unknown, isTimedOut: boolean, timeoutMs: number): Failure {
  if (isTimedOut) {
    return { code: "TIMED_OUT", message: `No answer within ${Math.round(timeoutMs)} ms.`, outcome: "unknown", cause };
  }
  const { code, message } = rootOf(cause);
  if (code !== undefined && NEVER_CONNECTED.has(code)) {
    return { code: "UNREACHABLE", message: message || code, outcome: "not-executed", cause };
  }
  return { code: "CONNECTION_LOST", message: message || code || "The request failed.", outcome: "unknown", cause };
}

/** A refusal names the outcome; one that does not is not from our servers, and proves nothing. */
function refusalOf(answer: Answer): Failure {
  const problem = problemOf(answer);
  const outcome = problem.outcome === "not-executed" ? "not-executed" : "unknown";
  return { code: problem.code, message: problem.message, outcome, status: answer.status };
}

/** The `{code, message, …}` of an answer that is an error. */
export function problemOf({ status, body }: Pick<Answer, "status" | "body">): ProblemJson {
  try {
    const problem = JSON.parse(body.toString()) as Partial<ProblemJson>;
    if (typeof problem.code === "string" && typeof problem.message === "string") return problem as ProblemJson;
  } catch {
    // Not JSON: described below.
  }
  return { code: "UNEXPECTED_ANSWER", message: `The server answered with status ${status} and no reason.` };
}

function rootOf(error: unknown): { readonly code: string | undefined; readonly message: string } {
  let root = error;
  while (root instanceof Error && root.cause instanceof Error) root = root.cause;
  if (!(root instanceof Error)) return { code: undefined, message: String(root) };
  const code = "code" in root && typeof root.code === "string" ? root.code : undefined;
  return { code, message: root.message };
}

function checkUrl(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : null;
  const isPlain = url !== null && (url.protocol === "http:" || url.protocol === "https:") && url.pathname === "/";
  if (isPlain && url.search === "" && url.hash === "") return url.origin;
  throw new TypeError(`A server is given as http://HOST:PORT, not ${JSON.stringify(given)}.`);
}
