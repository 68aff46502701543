/** One order of an operator, from the call to its end: what is wanted, and who is told. */

import { RaftError, type RaftErrorCode } from "@quorate/contracts";
import type { Index, NodeId, Term } from "@quorate/core";
import { type AbortSignalLike, abortError } from "./abort.js";
import type { AdminOrder } from "./admin-messages.js";

/**
 * - `waiting`: for a leader that can be asked, or to ask it again.
 * - `asked`: the leader of `term` was asked, and has not answered.
 * - `accepted`: it was taken; the rest shows in the log, or in who leads.
 */
export type OperationStage = "waiting" | "asked" | "accepted";

export interface OperationKind {
  /** Called again each time before it is asked for, if `outlives` has anything. */
  readonly makeOrder: () => AdminOrder;
  /** What other changes bring about, and is no reason to end. */
  readonly outlives?: ReadonlySet<RaftErrorCode>;
  readonly endsEarly?: boolean;
}

const NOTHING: ReadonlySet<RaftErrorCode> = new Set();

/** What the leader had against it. */
interface Refusal {
  readonly code: RaftErrorCode;
  readonly message: string;
}

export class Operation {
  /** What was asked for last, or is to be. */
  order: AdminOrder;
  readonly deadline: number;
  /** Whether a change is done as soon as its first entry is committed, however much follows from that by itself. */
  readonly endsEarly: boolean;
  stage: OperationStage = "waiting";
  /** While waiting: not to be asked before. While asked: asked again then, for an answer may be lost. */
  retryAt = 0;
  /** Whether it was asked without an answer: then it may have been taken, and what is refused now may be done already. */
  isUncertain = false;
  /** The leader that was asked last, its term, and by which number. */
  leaderId: NodeId = 0;
  term: Term = 0;
  requestId = 0;
  /** Once accepted, if that is known: where in the log. */
  place: { readonly index: Index; readonly term: Term } | null = null;
  /** What it waits for the end of, if the leader refused it and is to be asked again. */
  lastRefusal: Refusal | null = null;
  /** Ends the watch over the caller's signal. */
  onSettled: (() => void) | undefined;
  readonly #makeOrder: () => AdminOrder;
  readonly #outlives: ReadonlySet<RaftErrorCode>;
  readonly #resolve: (leaderId: NodeId) => void;
  readonly #reject: (error: unknown) => void;

  /** Throws what `makeOrder` throws. */
  constructor(
    { makeOrder, endsEarly = false, outlives = NOTHING }: OperationKind,
    deadline: number,
    resolve: (leaderId: NodeId) => void,
    reject: (error: unknown) => void,
  ) {
    this.order = makeOrder();
    this.#makeOrder = makeOrder;
    this.#outlives = outlives;
    this.deadline = deadline;
    this.endsEarly = endsEarly;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** To be called before it is asked for again. Throws what `makeOrder` throws. */
  remakeOrder(): void {
    if (this.#outlives.size > 0) this.order = this.#makeOrder();
  }

  /** Whether it is tried again after `code`, which another change is to blame for. */
  outlives(code: RaftErrorCode): boolean {
    return this.#outlives.has(code);
  }

  /** Whether something may come of it, or has. */
  get isUnderWay(): boolean {
    return this.stage !== "waiting" || this.isUncertain;
  }

  /** It is done. `leaderId` is who leads then. */
  succeed(leaderId: NodeId): void {
    this.#resolve(leaderId);
  }

  /** It came to nothing this time. What was asked for before, without an answer, may have come to something (K6). */
  fail(code: RaftErrorCode, message: string): void {
    this.abandon(new RaftError(code, message));
  }

  abandon(error: unknown): void {
    if (!this.isUncertain || !(error instanceof RaftError) || error.outcome !== "not-executed") this.#reject(error);
    else if (error.code === "MEMBERS_CHANGED" || error.code === "CHANGE_PENDING")
      this.#reject(new RaftError("CHANGE_REPLACED", "It may have been done before another change.", { cause: error }));
    else this.#reject(new RaftError("OUTCOME_UNKNOWN", "It may have been done, or may still be.", { cause: error }));
  }

  /** Its caller gives up. */
  abort(signal: AbortSignalLike): void {
    this.#reject(abortError(signal, this.isUnderWay));
  }

  /** The error with which it ends at its deadline. */
  expire(): void {
    const { lastRefusal } = this;
    if (this.stage === "accepted" && this.order.kind === "changeMembers")
      this.fail("CHANGE_UNDER_WAY", "The change of members is not done yet.");
    else if (this.isUnderWay) this.fail("TIMED_OUT", "The leader was asked, and nothing shows yet what became of it.");
    else if (lastRefusal !== null)
      this.fail(lastRefusal.code, `${lastRefusal.message} There was no time to try again.`);
    else this.fail("NO_LEADER", "No leader could be asked.");
  }
}
