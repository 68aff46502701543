/**
 * Sessions, as every server has them: who asked for what, and what was answered, so that a command which comes again is
 * not executed again (dissertation 6.3; PITFALLS K1–K4, K11–K13).
 *
 * Part of the replicated state: a function of the log alone. Time is what the entries say, the bounds are the same on
 * every server, and what leaves first is decided by the order of the log. All work is O(1), amortised; that by deadline
 * is O(log n).
 *
 * A client numbers its commands from 1 on, and says with each below which number it waits for nothing any more. At or
 * above that every number is executed once, in any order, as far as {@link WINDOW} reaches (K13); below it nothing is
 * executed, so that a late copy finds its door closed. What was executed stays known; its answer stays as long as all
 * answers together fit into {@link MAX_RESULT_BYTES} (K12).
 */

import { DeadlineQueue, type Timed } from "../deadlines.js";
import { ByteReader, ByteWriter } from "./bytes.js";
import { digestOf } from "./digest.js";
import { SequenceWindow } from "./sequence-window.js";

/** How many numbers a session may have open. */
export const WINDOW = 4096;

/** Beyond it, the session that was used least lately makes room. */
const MAX_SESSIONS = 10_000;

/** What the answers of all public sessions may take; the oldest go first. */
const MAX_RESULT_BYTES = 8 * 1024 * 1024;

/** The longest that a session may stay unused, in milliseconds: a day. */
export const MAX_SESSION_TIMEOUT_MS = 24 * 60 * 60 * 1000;

/** A command that was executed. */
export interface Executed {
  readonly sequence: number;
  /** The entry that was executed. */
  readonly index: number;
  /** Of its payload; 0 if the session is not public. */
  readonly digest: number;
  /** Null if it is not kept any longer. */
  answer: KeptAnswer | null;
}

/** An answer, which is encoded when somebody asks for it; null if it cannot be. */
export interface KeptAnswer {
  readonly data: Uint8Array | null;
}

/**
 * Where a command stands: to be executed now; executed already; or not to be executed, because its session is over,
 * because its number belongs to another payload, lies beyond the window, or was acknowledged.
 */
export type Standing = Executed | "new" | "expired" | "reused" | "beyondWindow" | "acknowledged";

class Session implements Timed {
  readonly id: number;
  readonly timeoutMs: number;
  /** Somebody opened it, who may make mistakes: payloads are compared, and answers bounded. */
  readonly isPublic: boolean;
  usedAtMs: number;
  readonly executed = new SequenceWindow<Executed>();
  /** At or before the moment at which it expires: moved on when it comes, and not with each use. */
  deadline: number;
  slot = -1;

  constructor(id: number, timeoutMs: number, isPublic: boolean, nowMs: number) {
    this.id = id;
    this.timeoutMs = timeoutMs;
    this.isPublic = isPublic;
    this.usedAtMs = nowMs;
    this.deadline = this.expiresAtMs;
  }

  get expiresAtMs(): number {
    return this.usedAtMs + this.timeoutMs;
  }
}

export interface SessionLimits {
  readonly maxSessions: number;
  readonly maxResultBytes: number;
}

export class SessionTable {
  readonly #limits: SessionLimits;
  readonly #onEnd: (id: number) => void;
  /** The one that was used least lately first. */
  readonly #sessions = new Map<number, Session>();
  #lastUsed: Session | null = null;
  readonly #deadlines = new DeadlineQueue<Session>();
  /** Public answers in the order of the log, from `#oldest` on; may hold some that are gone. */
  #answers: Executed[] = [];
  #oldest = 0;
  #keptAnswers = 0;
  #resultBytes = 0;
  /** What is being executed. */
  #current: { readonly session: Session; readonly sequence: number; readonly digest: number } | null = null;
  #timeMs = 0;

  /** `onEnd` is told of each session that is over. The limits are for tests: they must be the same on all servers. */
  constructor(
    onEnd: (id: number) => void,
    limits: SessionLimits = { maxSessions: MAX_SESSIONS, maxResultBytes: MAX_RESULT_BYTES },
  ) {
    this.#onEnd = onEnd;
    this.#limits = limits;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** The time of the cluster: the highest that any entry said. */
  get timeMs(): number {
    return this.#timeMs;
  }

  /** What the answers take. */
  get resultBytes(): number {
    return this.#resultBytes;
  }

  has(id: number): boolean {
    return this.#sessions.has(id);
  }

  /** When the next session may expire; `Infinity` if there is none. A moment that is not after `nowMs` is exact. */
  nextExpiryMs(nowMs: number): number {
    for (let first = this.#deadlines.first; first !== undefined; first = this.#deadlines.first) {
      if (first.deadline > nowMs || first.deadline === first.expiresAtMs) return first.deadline;
      this.#deadlines.reschedule(first, first.expiresAtMs);
    }
    return Number.POSITIVE_INFINITY;
  }

  /** An entry says that it is `timeMs`: time goes on, and never back, and sessions that were not used end (K4). */
  advanceTo(timeMs: number): void {
    if (timeMs <= this.#timeMs) return;
    this.#timeMs = timeMs;
    for (let due = this.#deadlines.takeDue(timeMs); due !== undefined; due = this.#deadlines.takeDue(timeMs)) {
      due.deadline = due.expiresAtMs;
      if (due.deadline > timeMs) this.#deadlines.add(due);
      else this.#end(due);
    }
  }

  /** Opens a session under the index of its entry. What is no possible timeout becomes the nearest that is. */
  open(id: number, timeoutMs: number, isPublic: boolean): void {
    if (this.#sessions.size >= this.#limits.maxSessions) this.#endOldest();
    const session = new Session(id, clamp(timeoutMs), isPublic, this.#timeMs);
    this.#sessions.set(id, session);
    this.#lastUsed = session;
    this.#deadlines.add(session);
  }

  /** False if there is no such session. */
  keepAlive(id: number): boolean {
    return this.#use(id) !== undefined;
  }

  /** False if there is no such session. */
  close(id: number): boolean {
    const session = this.#sessions.get(id);
    if (session !== undefined) this.#end(session);
    return session !== undefined;
  }

  /** Where a command stands. If it is new, {@link finish} has to follow before anything else. */
  begin(id: number, sequence: number, acknowledgedBelow: number, payload: Uint8Array): Standing {
    const session = this.#use(id);
    if (session === undefined) return "expired";
    session.executed.advanceTo(acknowledgedBelow, session.isPublic ? this.#dropAnswer : forget);
    if (sequence < session.executed.first) return "acknowledged";
    const digest = session.isPublic ? digestOf(payload) : 0;
    const executed = session.executed.get(sequence);
    if (executed !== undefined) return executed.digest === digest ? executed : "reused";
    if (sequence >= session.executed.first + WINDOW) return "beyondWindow";
    this.#current = { session, sequence, digest };
    return "new";
  }

  /** The command that was new is executed, by the entry at `index`. */
  finish(index: number, answer: KeptAnswer): void {
    if (this.#current === null) throw new RangeError("no command is being executed");
    const { session, sequence, digest } = this.#current;
    this.#current = null;
    const executed: Executed = { sequence, index, digest, answer };
    session.executed.set(sequence, executed);
    if (session.isPublic) this.#keep(executed);
  }

  #use(id: number): Session | undefined {
    const session = this.#lastUsed?.id === id ? this.#lastUsed : this.#sessions.get(id);
    if (session === undefined) return undefined;
    session.usedAtMs = this.#timeMs;
    if (session === this.#lastUsed) return session;
    this.#lastUsed = session;
    this.#sessions.delete(id);
    this.#sessions.set(id, session);
    return session;
  }

  #endOldest(): void {
    for (const session of this.#sessions.values()) return this.#end(session);
  }

  #end(session: Session): void {
    this.#sessions.delete(session.id);
    this.#deadlines.remove(session);
    if (this.#lastUsed === session) this.#lastUsed = null;
    if (session.isPublic) for (const each of session.executed.items()) this.#dropAnswer(each);
    this.#onEnd(session.id);
  }

  #keep(executed: Executed): void {
    this.#answers.push(executed);
    this.#keptAnswers += 1;
    this.#resultBytes += bytesOf(executed);
    while (this.#resultBytes > this.#limits.maxResultBytes) {
      this.#dropAnswer(this.#answers[this.#oldest] as Executed);
      this.#oldest += 1;
    }
    if (this.#answers.length > 2 * this.#keptAnswers + 1024) {
      this.#answers = this.#answers.filter(({ answer }) => answer !== null);
      this.#oldest = 0;
    }
  }

  readonly #dropAnswer = (executed: Executed): void => {
    if (executed.answer === null) return;
    this.#keptAnswers -= 1;
    this.#resultBytes -= bytesOf(executed);
    executed.answer = null;
  };

  // --- for snapshots ---

  /** Everything, as bytes. */
  save(): Uint8Array {
    const writer = new ByteWriter();
    writer.number(this.#timeMs);
    writer.number(this.#sessions.size);
    for (const session of this.#sessions.values()) {
      writer.number(session.id);
      writer.number(session.timeoutMs);
      writer.number(session.isPublic ? 1 : 0);
      writer.number(session.usedAtMs);
      const executed = session.executed.items();
      writer.number(session.executed.first);
      writer.number(executed.length);
      for (const { sequence, index, digest, answer } of executed) {
        writer.number(sequence);
        writer.number(index);
        writer.number(digest);
        writer.bytes(answer?.data ?? null);
      }
    }
    return writer.done();
  }

  /** Takes over what {@link save} wrote, in place of everything. Throws a `RangeError`, and is as before, if it is not that. */
  restore(data: Uint8Array): void {
    const reader = new ByteReader(data);
    const timeMs = reader.number();
    const sessions: Session[] = [];
    for (let count = reader.number(); count > 0; count -= 1) sessions.push(readSession(reader));
    if (!reader.isAtEnd) throw new RangeError("there is more than a session table");
    this.#replace(timeMs, sessions);
  }

  /** Forgets everything. */
  clear(): void {
    this.#replace(0, []);
  }

  #replace(timeMs: number, sessions: readonly Session[]): void {
    const former = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of former) this.#deadlines.remove(session);
    this.#timeMs = timeMs;
    this.#lastUsed = null;
    this.#answers = [];
    this.#oldest = 0;
    this.#keptAnswers = 0;
    this.#resultBytes = 0;
    for (const session of sessions) {
      this.#sessions.set(session.id, session);
      this.#deadlines.add(session);
    }
    for (const { id } of former) if (!this.#sessions.has(id)) this.#onEnd(id);
    const answers = sessions.flatMap(({ isPublic, executed }) => (isPublic ? executed.items() : []));
    for (const each of answers.sort((a, b) => a.index - b.index)) if (each.answer !== null) this.#keep(each);
  }
}

function readSession(reader: ByteReader): Session {
  const [id, timeoutMs, isPublic, usedAtMs] = [reader.number(), reader.number(), reader.number(), reader.number()];
  const session = new Session(id, timeoutMs, isPublic === 1, usedAtMs);
  session.executed.advanceTo(reader.number(), forget);
  for (let count = reader.number(); count > 0; count -= 1) {
    const sequence = reader.number();
    const [index, digest, data] = [reader.number(), reader.number(), reader.bytes()];
    const { first } = session.executed;
    if (sequence < first || sequence >= first + WINDOW) throw new RangeError(`number ${sequence} is out of its window`);
    session.executed.set(sequence, { sequence, index, digest, answer: data === null ? null : { data } });
  }
  return session;
}

function forget(): void {
  // The answers of a server's own session are not counted.
}

function bytesOf({ answer }: Executed): number {
  return answer?.data?.length ?? 0;
}

function clamp(timeoutMs: number): number {
  return Math.min(Math.max(timeoutMs, 1), MAX_SESSION_TIMEOUT_MS);
}
