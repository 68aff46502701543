/**
 * Servers: one request, any of several servers.
 *
 * A read goes on to the next server whatever went wrong, and so does what is executed once however often it is sent: a
 * write in a session. Any other request goes on only when it is certain that it was not executed: the connection was
 * refused, or a server said so. When its outcome is unknown the caller is told, and decides (PITFALLS K1, K6); to repeat
 * it blindly might execute it twice. Every request ends by its deadline (PITFALLS K14).
 *
 * What the leader has to do with is asked there first, where that is known; after that, and for all else, the servers have
 * their turns.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { BinaryLink } from "./binary-link.js";
import { type CallOptions, DEFAULT_TIMEOUT_MS } from "./call-options.js";
import { KvError } from "./errors.js";
import { HttpLink } from "./http-link.js";
import { Leader } from "./leader.js";
import {
  type Attempt,
  type Failure,
  isRead,
  type Link,
  needsLeader,
  type Place,
  type Reply,
  type Request,
} from "./requests.js";

/** A request, and where it belongs in a session: asked anew for each attempt, which may be a retry. */
export interface Call {
  readonly request: Request;
  readonly placeOf?: (isRetry: boolean) => Place;
}

export type Answered = {
  readonly reply: Reply;
  /** Whether an earlier attempt may have been executed. */
  readonly isRetried: boolean;
};

const MIN_ATTEMPT_MS = 1000;
export const MIN_RETRY_MS = 50;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 1000;

/** What servers and those in front of them answer when they cannot, now. */
const REFUSALS: ReadonlySet<number> = new Set([502, 503, 504]);

/** To ask again does not change these. */
const FINAL_CODES: ReadonlySet<string> = new Set(["SESSION_EXPIRED_UNDER_WAY", "RESULT_UNAVAILABLE"]);

/** One server, by the ways to it: its data the one that its URL names, all else over HTTP. */
class Server {
  readonly url: string;
  readonly http: HttpLink;
  readonly data: Link;

  constructor(url: string, linkTo: (url: string) => BinaryLink) {
    this.url = url;
    this.http = new HttpLink(url.replace(/^kv:/, "http:"));
    this.data = url.startsWith("kv:") ? linkTo(url) : this.http;
  }
}

export class Servers {
  readonly urls: readonly string[];
  readonly leader: Leader;
  readonly #servers: readonly Server[];
  /** The turn in which the last request succeeded. */
  preferred = 0;

  /** `urls` are like `http://127.0.0.1:8001` or `kv://127.0.0.1:8001`, one at least. */
  constructor(urls: readonly string[]) {
    this.urls = urls.map(checkUrl);
    if (this.urls.length === 0) throw new TypeError("A KvClient needs one server at least.");
    const linkTo = (url: string): BinaryLink => new BinaryLink(url, (link, news) => this.leader.onNews(link, news));
    this.#servers = this.urls.map((url) => new Server(url, linkTo));
    this.leader = new Leader(
      this.#servers.flatMap(({ data }) => (data instanceof BinaryLink ? [data] : [])),
      linkTo,
    );
  }

  /** The HTTP addresses in the order in which to try them, again and again: first the one that worked last. */
  *inTurn(): Generator<string, never, void> {
    for (let turn = this.preferred; ; turn += 1) yield this.at(turn).http.url;
  }

  /** Prefers the server that serves HTTP at `url`. */
  prefer(url: string): void {
    this.preferred = Math.max(
      0,
      this.#servers.findIndex(({ http }) => http.url === url),
    );
  }

  /** The server whose turn it is. */
  at(turn: number): Server {
    return this.#servers[turn % this.#servers.length] as Server;
  }

  /**
   * Resolves with the first answer, whatever it says, that is not a server's "I cannot, now". `failures` is told why each
   * server brought none.
   */
  request(
    call: Call,
    { signal, timeoutMs = DEFAULT_TIMEOUT_MS }: CallOptions = {},
    failures?: Map<string, Failure>,
  ): Promise<Answered> {
    return new Promise((resolve, reject) => {
      new Pursuit(this, call, timeoutMs, signal, failures, resolve, reject).begin();
    });
  }

  /** Asks one server, once. */
  ask(url: string, request: Request, timeoutMs: number, signal: AbortSignal | undefined): Promise<Reply | Failure> {
    const server = this.#servers.find((each) => each.url === url) as Server;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const attempt = server.http.attempt(request, null, timeoutMs, (result) => {
        signal?.removeEventListener("abort", onAbort);
        resolve(result);
      });
      const onAbort = (): void => {
        attempt.cancel();
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", onAbort);
    });
  }

  /** Lets go of connections that nobody needs. */
  close(): void {
    for (const { data } of this.#servers) data.close();
    this.leader.close();
  }
}

/** One call, from server to server until it is answered. */
class Pursuit {
  readonly #servers: Servers;
  readonly #call: Call;
  readonly #isRead: boolean;
  readonly #isRepeatable: boolean;
  readonly #timeoutMs: number;
  readonly #deadline: number;
  readonly #signal: AbortSignal | undefined;
  readonly #resolve: (answered: Answered) => void;
  readonly #reject: (reason: unknown) => void;
  #failures: Map<string, Failure> | undefined;
  #turn: number;
  #attempts = 0;
  /** Whether the leader is asked out of turn: first, and once. */
  #asksLeader = true;
  #isInDoubt = false;
  #attempt: Attempt | null = null;
  #pauseTimer: NodeJS.Timeout | undefined;
  /** Only with a signal. */
  #onAbort: (() => void) | null = null;

  constructor(
    servers: Servers,
    call: Call,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    failures: Map<string, Failure> | undefined,
    resolve: (answered: Answered) => void,
    reject: (reason: unknown) => void,
  ) {
    const { request, placeOf } = call;
    this.#servers = servers;
    this.#call = call;
    this.#isRead = isRead(request);
    this.#isRepeatable =
      this.#isRead || placeOf !== undefined || request.kind === "openSession" || request.kind === "closeSession";
    this.#timeoutMs = timeoutMs;
    this.#deadline = performance.now() + timeoutMs;
    this.#signal = signal;
    this.#failures = failures;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#turn = servers.preferred;
  }

  begin(): void {
    const signal = this.#signal;
    if (signal?.aborted === true) return this.#reject(signal.reason);
    if (signal !== undefined) {
      this.#onAbort = () => this.#abort(signal.reason);
      signal.addEventListener("abort", this.#onAbort);
    }
    this.#try(this.#timeoutMs);
  }

  #next(): void {
    const remainingMs = this.#deadline - performance.now();
    // Too late for another try: it would end in a timeout, and a write would be in doubt for nothing.
    if (remainingMs < MIN_RETRY_MS) return this.#fail(exhausted(this.#timeoutMs, this.#failures, this.#isInDoubt));
    this.#try(remainingMs);
  }

  #try(remainingMs: number): void {
    const { request, placeOf } = this.#call;
    const { data, http } = this.#servers.at(this.#turn);
    const shareMs = this.#isRepeatable
      ? Math.max(MIN_ATTEMPT_MS, this.#timeoutMs / this.#servers.urls.length)
      : remainingMs;
    const place = placeOf === undefined ? null : placeOf(this.#isInDoubt);
    const limitMs = Math.min(shareMs, remainingMs);
    if (request.kind === "http") {
      this.#attempt = http.attempt(request, place, limitMs, (result) => this.#onEnd(data, result));
      return;
    }
    const leader = this.#asksLeader && needsLeader(request) ? this.#servers.leader.link : null;
    const link = leader ?? data;
    this.#attempt = link.attempt(request, place, limitMs, (result) => this.#onEnd(link, result));
  }

  #onEnd(link: Link, given: Reply | Failure): void {
    this.#attempt = null;
    const hadItsTurn = link === this.#servers.at(this.#turn).data;
    const result = given.kind === "problem" && REFUSALS.has(given.status) ? refusalOf(given) : given;
    if (result.kind !== "failure") {
      if (hadItsTurn) this.#servers.preferred = this.#turn;
      this.#release();
      return this.#resolve({ reply: result, isRetried: this.#isInDoubt });
    }
    if (given.kind === "failure" && this.#call.request.kind !== "http") this.#servers.leader.avoid(link);
    if (!this.#isRead && result.outcome === "unknown") {
      if (!this.#isRepeatable || FINAL_CODES.has(result.code))
        return this.#fail(new KvError(result.code, `${link.url}: ${result.message}`, result));
      this.#isInDoubt = true;
    }
    this.#failures ??= new Map();
    this.#failures.set(link.url, result);
    this.#asksLeader = false;
    if (!hadItsTurn) return this.#next();
    this.#turn += 1;
    this.#attempts += 1;
    if (this.#attempts % this.#servers.urls.length !== 0) return this.#next();
    const pauseMs = pauseOf(this.#attempts / this.#servers.urls.length, this.#deadline);
    this.#pauseTimer = setTimeout(() => this.#next(), pauseMs);
  }

  #abort(reason: unknown): void {
    this.#attempt?.cancel();
    clearTimeout(this.#pauseTimer);
    this.#fail(reason);
  }

  #fail(reason: unknown): void {
    this.#release();
    this.#reject(reason);
  }

  #release(): void {
    if (this.#onAbort !== null) this.#signal?.removeEventListener("abort", this.#onAbort);
  }
}

/** Waits before the servers are tried again: longer each round, never past `deadline`, never in step with others. */
export async function pause(round: number, deadline: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(pauseOf(round, deadline), undefined, signal === undefined ? {} : { signal }).catch((error) => {
    signal?.throwIfAborted();
    throw error;
  });
}

function pauseOf(round: number, deadline: number): number {
  const wantedMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (round - 1)) * (0.5 + Math.random() / 2);
  return Math.max(0, Math.min(wantedMs, deadline - performance.now()));
}

export function unavailable(
  timeoutMs: number,
  failures: ReadonlyMap<string, Failure> | undefined,
  details: { readonly lastRevision?: number } = {},
): KvError {
  const message = `No server could take the request within ${Math.round(timeoutMs)} ms.\n  ${listOf(failures)}`;
  return new KvError("UNAVAILABLE", message, { outcome: "not-executed", ...details });
}

/** The error at the deadline of a request that was repeated. */
function exhausted(timeoutMs: number, failures: ReadonlyMap<string, Failure> | undefined, isInDoubt: boolean): KvError {
  if (!isInDoubt) return unavailable(timeoutMs, failures);
  const message = `No answer within ${Math.round(timeoutMs)} ms, though it was asked for again.\n  ${listOf(failures)}`;
  return new KvError("TIMED_OUT", message, { outcome: "unknown" });
}

function listOf(failures: ReadonlyMap<string, Failure> | undefined): string {
  if (failures === undefined || failures.size === 0) return "None has answered.";
  return [...failures].map(([url, { code, message }]) => `${url}: ${code}: ${message}`).join("\n  ");
}

/** A refusal names the outcome; one that does not is not from our servers, and proves nothing. */
function refusalOf({ status, problem: { code, message, outcome } }: Extract<Reply, { kind: "problem" }>): Failure {
  return { kind: "failure", code, message, outcome: outcome === "not-executed" ? "not-executed" : "unknown", status };
}

function checkUrl(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : null;
  const isKnown = url !== null && ["http:", "https:", "kv:"].includes(url.protocol) && url.host !== "";
  const isPlain = isKnown && (url.pathname === "/" || url.pathname === "") && url.search === "" && url.hash === "";
  if (isPlain && url.protocol !== "kv:") return url.origin;
  if (isPlain && url.port !== "" && url.username === "" && url.password === "") return `kv://${url.host}`;
  throw new TypeError(`A server is given as http://HOST:PORT or kv://HOST:PORT, not ${JSON.stringify(given)}.`);
}
