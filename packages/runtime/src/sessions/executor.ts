/**
 * Executes committed entries: takes them out of their envelopes, moves the time on, keeps the session table, and has the
 * state machine apply what is to be executed. All of it is a function of the log (PITFALLS K2, K4, C10).
 *
 * What cannot be read was written by a version that this one does not know: whoever skipped it would reach another state
 * than the others, and so this server stops (PITFALLS C11). So it does if the state machine throws (C13).
 */

import { type CommandCodec, RaftError, type RaftErrorCode, type StateMachine } from "@quorate/contracts";
import type { Entry } from "@quorate/core";
import { type Answer, Reply } from "./answer.js";
import { type Envelope, encodeId, readEnvelope } from "./envelope.js";
import { SessionTable, type Standing } from "./session-table.js";
import type { Expiries } from "./ticker.js";

export interface ExecutorOptions<Command, Result> {
  readonly stateMachine: StateMachine<Command, Result>;
  readonly codec: CommandCodec<Command, Result>;
  /** The session is over, as this server has applied it. */
  readonly onSessionEnd: (id: number) => void;
}

const NO_ANSWER = { data: null };

const DONE: Answer<never> = { kind: "bytes", data: new Uint8Array(0) };

export class Executor<Command, Result> implements Expiries {
  readonly sessions: SessionTable;
  #lastGivenIndex = 0;
  readonly #options: ExecutorOptions<Command, Result>;

  constructor(options: ExecutorOptions<Command, Result>) {
    this.#options = options;
    this.sessions = new SessionTable(options.onSessionEnd);
  }

  /** The last entry that the state machine was given, with a command or just the time. */
  get lastGivenIndex(): number {
    return this.#lastGivenIndex;
  }

  nextSessionExpiryMs(nowMs: number): number {
    return this.sessions.nextExpiryMs(nowMs);
  }

  nextStateExpiryMs(): number {
    return this.#options.stateMachine.nextExpiryMs?.() ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Executes an entry of kind `command`; a promise if the state machine is not done yet, and then nothing else may be
   * executed meanwhile. Throws, or rejects with, `STATE_MACHINE_FAILED`.
   */
  execute(entry: Entry): Answer<Result> | PromiseLike<Answer<Result>> {
    const envelope = openEnvelope(entry);
    this.sessions.advanceTo(envelope.timeMs);
    if (envelope.kind === "command") return this.#onCommand(entry, envelope);
    return this.#passed(entry, this.#onControl(entry, envelope));
  }

  /**
   * Takes in an entry whose effect the state machine has already, for it keeps its state by itself (PITFALLS C9): the rest
   * of the replicated state follows, but for the answer, which nobody knows. Throws as {@link execute} does.
   */
  skip(entry: Entry): void {
    const envelope = openEnvelope(entry);
    const { kind, session, sequence, acknowledgedBelow, payload, timeMs } = envelope;
    const { index } = entry;
    this.sessions.advanceTo(timeMs);
    if (kind !== "command") this.#onControl(entry, envelope);
    const isNew = kind === "command" && this.sessions.begin(session, sequence, acknowledgedBelow, payload) === "new";
    if (isNew) this.sessions.finish(index, NO_ANSWER);
    if (isNew || this.#options.stateMachine.onTime !== undefined) this.#lastGivenIndex = index;
  }

  #onCommand(entry: Entry, envelope: Envelope): Answer<Result> | PromiseLike<Answer<Result>> {
    const { session, sequence, acknowledgedBelow, payload } = envelope;
    const standing = this.sessions.begin(session, sequence, acknowledgedBelow, payload);
    if (standing !== "new") return this.#passed(entry, answerTo(standing, envelope));
    const { index, term } = entry;
    const command = this.#decode(index, payload);
    this.#lastGivenIndex = index;
    let answer: Result | PromiseLike<Result>;
    try {
      answer = this.#options.stateMachine.apply({ index, term, timeMs: this.sessions.timeMs, command });
    } catch (cause) {
      throw failed(index, cause);
    }
    return isPromiseLike(answer) ? this.#await(index, answer) : this.#finish(index, answer);
  }

  #decode(index: number, payload: Uint8Array): Command {
    try {
      return this.#options.codec.decodeCommand(payload);
    } catch (cause) {
      throw unreadable(index, cause);
    }
  }

  async #await(index: number, answer: PromiseLike<Result>): Promise<Answer<Result>> {
    let result: Result;
    try {
      result = await answer;
    } catch (cause) {
      throw failed(index, cause);
    }
    return this.#finish(index, result);
  }

  #finish(index: number, result: Result): Answer<Result> {
    const reply = new Reply(result, this.#options.codec);
    this.sessions.finish(index, reply);
    return reply;
  }

  #onControl({ index }: Entry, { kind, session, sequence }: Envelope): Answer<Result> {
    const { sessions } = this;
    if (kind === "open") sessions.open(index, session, sequence === 1);
    else if (kind === "close") sessions.close(session);
    else if (kind === "keepAlive" && !sessions.keepAlive(session)) return expired(session);
    return kind === "open" ? { kind: "bytes", data: encodeId(index) } : DONE;
  }

  /** The entry has no command for the state machine, but the time. */
  #passed({ index, term }: Entry, answer: Answer<Result>): Answer<Result> | PromiseLike<Answer<Result>> {
    const { stateMachine } = this.#options;
    if (stateMachine.onTime === undefined) return answer;
    this.#lastGivenIndex = index;
    let done: void | PromiseLike<void>;
    try {
      done = stateMachine.onTime({ index, term, timeMs: this.sessions.timeMs });
    } catch (cause) {
      throw failed(index, cause);
    }
    if (!isPromiseLike(done)) return answer;
    return done.then(
      () => answer,
      (cause: unknown) => {
        throw failed(index, cause);
      },
    );
  }
}

function openEnvelope({ index, data }: Entry): Envelope {
  try {
    return readEnvelope(data);
  } catch (cause) {
    throw unreadable(index, cause);
  }
}

function unreadable(index: number, cause: unknown): RaftError {
  return new RaftError("STATE_MACHINE_FAILED", `The command at entry ${index} cannot be decoded.`, { cause });
}

function failed(index: number, cause: unknown): RaftError {
  return new RaftError("STATE_MACHINE_FAILED", `The state machine failed on the command at entry ${index}.`, { cause });
}

function answerTo(standing: Exclude<Standing, "new">, { session, sequence }: Envelope): Answer<never> {
  switch (standing) {
    case "expired":
      return expired(session);
    case "reused":
      return refused("SEQUENCE_REUSED", `Number ${sequence} of session ${session} is that of another command.`);
    case "beyondWindow":
      return refused(
        "OVERLOADED",
        `Number ${sequence} of session ${session} is too far ahead: acknowledge earlier ones.`,
      );
    case "acknowledged":
      return refused("OUTCOME_UNKNOWN", `Number ${sequence} of session ${session} was acknowledged already.`);
    default:
      return { kind: "bytes", data: standing.answer?.data ?? null };
  }
}

function expired(session: number): Answer<never> {
  return refused("SESSION_EXPIRED", `There is no session ${session}.`);
}

function refused(code: RaftErrorCode, message: string): Answer<never> {
  return { kind: "refused", code, message };
}

export function isPromiseLike<Value>(value: Value | PromiseLike<Value>): value is PromiseLike<Value> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
