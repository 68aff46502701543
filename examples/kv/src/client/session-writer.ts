/**
 * SessionWriter: writes that are executed once, however often they have to be sent (PITFALLS K1, K13).
 *
 * They are made in a session, which the first of them opens, and each has a number there; many may be under way. The
 * servers remember what a session has executed, so that a write is sent again, to one server after the other, until it is
 * answered or its time is up. Each write says below which number nobody waits for anything any more, so that the servers
 * may forget, and a late copy is not executed.
 *
 * A session lives on by being used. One that was idle for too long has expired when the next write comes; if that cannot
 * have been executed, it goes to another session, and nobody notices. There are no timers but those of calls under way.
 */

import { DEFAULT_SESSION_MS, MAX_SESSION_MS } from "../limits.js";
import { type CallOptions, DEFAULT_TIMEOUT_MS } from "./call-options.js";
import { KvError } from "./errors.js";
import { type Failure, type Place, unexpectedReply, type WriteRequest } from "./requests.js";
import { type Answered, type Servers, unavailable } from "./servers.js";
import { type Limits, Line } from "./waiting-line.js";

/** How many numbers a session holds, from the lowest on that is not answered. The servers' limit. */
const WINDOW = 4096;

/** The most that a client waits to say that it is done: nothing depends on it. */
const CLOSE_TIMEOUT_MS = 2000;

class Session {
  readonly id: number;
  #next = 1;
  /** All below it are answered, or nobody waits for them. */
  #acknowledgedBelow = 1;
  readonly #unanswered = new Set<number>();
  readonly #line = new Line<number>();

  constructor(id: number) {
    this.id = id;
  }

  get #hasRoom(): boolean {
    return this.#next < this.#acknowledgedBelow + WINDOW;
  }

  /** Gives out a number, at once unless too many are under way. */
  take(limits: Limits, onTimeout: () => KvError): number | Promise<number> {
    return this.#hasRoom ? this.#give() : this.#line.wait(limits, onTimeout);
  }

  /** Nobody waits for the answer to this one any more. */
  settle(sequence: number): void {
    this.#unanswered.delete(sequence);
    while (this.#acknowledgedBelow < this.#next && !this.#unanswered.has(this.#acknowledgedBelow))
      this.#acknowledgedBelow += 1;
    while (this.#line.size > 0 && this.#hasRoom) this.#line.serve(this.#give());
  }

  placeOf(sequence: number, isRetry: boolean): Place {
    return { session: this.id, sequence, acknowledgedBelow: this.#acknowledgedBelow, isRetry };
  }

  #give(): number {
    const sequence = this.#next;
    this.#next += 1;
    this.#unanswered.add(sequence);
    return sequence;
  }
}

export class SessionWriter {
  readonly #servers: Pick<Servers, "request">;
  readonly #expiresAfterMs: number;
  #session: Session | null = null;
  /** Those who wait for a session to be opened. */
  readonly #line = new Line<Session>();
  /** Ends the opening of one that nobody waits for any more. */
  #opening: AbortController | null = null;
  #failures = new Map<string, Failure>();
  #underWay = 0;
  #onIdle: (() => void)[] = [];

  /** A session outlives whoever waits for `timeoutMs` (PITFALLS K3). */
  constructor(servers: Pick<Servers, "request">, timeoutMs = DEFAULT_TIMEOUT_MS) {
    this.#servers = servers;
    this.#expiresAfterMs = Math.min(Math.max(DEFAULT_SESSION_MS, 2 * Math.ceil(timeoutMs)), MAX_SESSION_MS);
  }

  /**
   * Resolves with the servers' answer. Rejects with a `KvError` whose outcome is unknown only when the time is up, when
   * the session has expired meanwhile, or when the servers know that they executed it, but no longer what they answered.
   */
  async write(request: WriteRequest, { signal, timeoutMs = DEFAULT_TIMEOUT_MS }: CallOptions): Promise<Answered> {
    this.#underWay += 1;
    try {
      const limits = { signal, timeoutMs, deadline: performance.now() + timeoutMs };
      for (;;) {
        const session = this.#session ?? (await this.#open(limits));
        const answer = await this.#writeIn(session, request, limits);
        if (answer !== null) return answer;
      }
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) for (const onIdle of this.#onIdle.splice(0)) onIdle();
    }
  }

  /** Ends the session when nothing is under way. */
  async close({ signal, timeoutMs = CLOSE_TIMEOUT_MS }: CallOptions): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
    if (this.#session === null) return;
    const { id } = this.#session;
    this.#session = null;
    try {
      await this.#servers.request({ request: { kind: "closeSession", id } }, { signal, timeoutMs });
    } catch (error) {
      // It expires by itself.
      if (!(error instanceof KvError)) throw error;
    }
  }

  /** Null if the session is over, and the write was certainly not executed in it. */
  async #writeIn(session: Session, request: WriteRequest, limits: Limits): Promise<Answered | null> {
    const tooMany = () => new KvError("OVERLOADED", `${WINDOW} writes are under way.`, { outcome: "not-executed" });
    const sequence = await session.take(limits, tooMany);
    const call = { request, placeOf: (isRetry: boolean) => session.placeOf(sequence, isRetry) };
    try {
      const timeoutMs = limits.deadline - performance.now();
      if (timeoutMs <= 0) throw unavailable(limits.timeoutMs, this.#failures);
      const answered = await this.#servers.request(call, { signal: limits.signal, timeoutMs });
      const { reply, isRetried } = answered;
      const isOver = reply.kind === "problem" && reply.problem.code === "SESSION_EXPIRED";
      if (!isOver || isRetried) return answered;
      this.#leave(session);
      return null;
    } catch (error) {
      if (error instanceof KvError && error.code === "SESSION_EXPIRED_UNDER_WAY") this.#leave(session);
      throw error;
    } finally {
      session.settle(sequence);
    }
  }

  #leave(session: Session): void {
    if (this.#session === session) this.#session = null;
  }

  /** Joins those who wait for a session. It is being opened as long as anybody does, each for its own time. */
  async #open(limits: Limits): Promise<Session> {
    const session = this.#line.wait(limits, () => unavailable(limits.timeoutMs, this.#failures));
    if (this.#opening === null) void this.#openFor(limits.timeoutMs);
    try {
      return await session;
    } finally {
      if (this.#line.size === 0) {
        this.#opening?.abort();
        this.#opening = null;
      }
    }
  }

  /** Settles those who wait: with a session, or with why the servers open none. */
  async #openFor(timeoutMs: number): Promise<void> {
    const opening = new AbortController();
    this.#opening = opening;
    this.#failures = new Map();
    while (this.#opening === opening) {
      const opened = await this.#ask(timeoutMs, opening.signal).catch((error: unknown) => ({ error }));
      if (this.#opening !== opening) return;
      // The time of one is up, and others still wait.
      if (typeof opened === "object" && isOutOfTime(opened.error) && this.#line.size > 0) continue;
      this.#opening = null;
      if (typeof opened === "object") return this.#line.refuseAll(opened.error);
      this.#session = new Session(opened);
      this.#line.serveAll(this.#session);
    }
  }

  /** The id of another session. */
  async #ask(timeoutMs: number, signal: AbortSignal): Promise<number> {
    const request = { kind: "openSession", expiresAfterMs: this.#expiresAfterMs } as const;
    const { reply } = await this.#servers.request({ request }, { timeoutMs, signal }, this.#failures);
    if (reply.kind === "session") return reply.id;
    if (reply.kind !== "problem") throw unexpectedReply(reply);
    const { status, problem } = reply;
    throw new KvError(problem.code, problem.message, { status, outcome: "not-executed" });
  }
}

function isOutOfTime(error: unknown): boolean {
  return error instanceof KvError && (error.code === "UNAVAILABLE" || error.code === "TIMED_OUT");
}
