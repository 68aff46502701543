/** Session: for those whose commands are executed once even though they, or this server, may not last (PITFALLS K1). */

import type { RaftError } from "@quorate/contracts";
import type { AbortSignalLike, CallOptions } from "./abort.js";
import type { Client } from "./client.js";
import { invalid } from "./options.js";
import type { Proposal } from "./proposal.js";
import { ClientSession } from "./sessions/client-session.js";

/** For a single proposal in a session. */
export interface SessionProposeOptions {
  /**
   * The number of the command in its session, from 1 on: the same when it is proposed again, here or on any other
   * server, and no other command's. Without it the session counts by itself; a session that was opened elsewhere cannot.
   */
  readonly sequence?: number | undefined;
  /**
   * With `sequence`: the answers to all commands below it have arrived, or nobody waits for them. They are forgotten, and
   * none of these commands is executed any more. A session holds 4096 numbers from there on. Default: what it was.
   */
  readonly acknowledgedBelow?: number | undefined;
  /**
   * With `sequence`: whether this may be a retry, of something that was perhaps executed. Default true. Whoever knows
   * that it is none, and says false, is told for certain when the session is over: `SESSION_EXPIRED`.
   */
  readonly isRetry?: boolean | undefined;
  /** How long it may take, in milliseconds. Default: the node's `proposeTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** Ends the call when it is aborted; a command that is under way may still be executed. */
  readonly signal?: AbortSignalLike | undefined;
}

/** Says why a call cannot be made, if it cannot. */
export type CallCheck = (timeoutMs: number | undefined) => RaftError | null;

export class Session<Command, Result> {
  readonly id: number;
  readonly #client: Client<Command, Result>;
  readonly #check: CallCheck;
  readonly #session: ClientSession<Proposal<Result>>;
  /** Who counts; null until the first command. */
  #counts: "session" | "caller" | null;

  /** `session` is null for one that was opened elsewhere. */
  constructor(
    client: Client<Command, Result>,
    check: CallCheck,
    id: number,
    session: ClientSession<Proposal<Result>> | null,
  ) {
    this.id = id;
    this.#client = client;
    this.#check = check;
    this.#session = session ?? new ClientSession<Proposal<Result>>(id, false);
    this.#counts = session === null ? "caller" : null;
  }

  /**
   * As `RaftNode.propose`, in this session. Rejects in addition with `SESSION_EXPIRED`, or `SESSION_EXPIRED_UNDER_WAY`
   * if the command may have been executed before: always if this may be a retry; with `SEQUENCE_REUSED` if the
   * number is another command's (PITFALLS K11); with `RESULT_UNAVAILABLE` if it was executed, but so long ago that the
   * answer is not kept (K12); with `OVERLOADED` if the number is too far above what is acknowledged; with
   * `OUTCOME_UNKNOWN` if it is acknowledged. An `outcome` speaks of this call, and not of earlier ones with its number.
   */
  propose(command: Command, options: SessionProposeOptions = {}): Promise<Result> {
    const { sequence, acknowledgedBelow = 0, isRetry = true } = options;
    const refusal = this.#check(options.timeoutMs) ?? this.#refusal(sequence, acknowledgedBelow);
    if (refusal !== null) return Promise.reject(refusal);
    this.#counts ??= sequence === undefined ? "session" : "caller";
    const numbering = { session: this.#session, sequence: sequence ?? 0, acknowledgedBelow, isRetry };
    return this.#client.proposeIn(numbering, command, options);
  }

  /** Keeps it from expiring for another while. Rejects with `SESSION_EXPIRED` if it is over, or as `propose` does. */
  keepAlive(options: CallOptions = {}): Promise<void> {
    const refusal = this.#check(options.timeoutMs);
    return refusal === null ? this.#client.tend("keepAlive", this.id, options) : Promise.reject(refusal);
  }

  /** Ends it: no command of it is executed from here on. Resolves also if it was over already. */
  close(options: CallOptions = {}): Promise<void> {
    const refusal = this.#check(options.timeoutMs);
    return refusal === null ? this.#client.tend("close", this.id, options) : Promise.reject(refusal);
  }

  #refusal(sequence: number | undefined, acknowledgedBelow: number): RaftError | null {
    if (sequence === undefined) {
      if (this.#counts !== "caller") return null;
      return invalid("sequence must be given in a session whose commands the caller numbers.");
    }
    if (this.#counts === "session") return invalid("sequence must not be given: this session counts by itself.");
    if (!Number.isSafeInteger(sequence) || sequence < 1) {
      return invalid(`sequence must be a whole number from 1 up, not ${sequence}.`);
    }
    if (Number.isSafeInteger(acknowledgedBelow) && acknowledgedBelow >= 0 && acknowledgedBelow <= sequence) return null;
    return invalid(`acknowledgedBelow must be a whole number up to sequence, not ${acknowledgedBelow}.`);
  }
}
