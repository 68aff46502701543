/** A read that waits, from when it begins until it is settled. */

import type { RaftError } from "@quorate/contracts";
import type { Index, ReadLease } from "@quorate/core";
import type { Timed } from "./deadlines.js";

export class PendingRead implements Timed {
  /** Runs the query; what it returns then settles the read with the result. */
  readonly attempt: () => () => void;
  readonly onError: (error: RaftError) => void;
  /** What it fails with when its time is over. */
  readonly timeoutCode: "READ_TIMED_OUT" | "READ_TOO_STALE";
  /** Whether the leader's lease will do. */
  isLease: boolean;
  deadline: number;
  slot = -1;
  isSettled = false;
  /** Undoes what listens for the caller's signal. */
  onSettled: (() => void) | null = null;

  constructor(
    { attempt, onError }: Pick<PendingRead, "attempt" | "onError">,
    { isLease, timeoutCode, deadline }: Pick<PendingRead, "isLease" | "timeoutCode" | "deadline">,
  ) {
    this.attempt = attempt;
    this.onError = onError;
    this.isLease = isLease;
    this.timeoutCode = timeoutCode;
    this.deadline = deadline;
  }
}

/** A question to the core, and the reads that it is asked for; none if only to know how fresh this server is. */
export interface Question {
  readonly isLease: boolean;
  readonly askedAt: number;
  readonly reads: readonly PendingRead[];
}

/** A question whose answer waits for the state machine to reach `index`. */
export interface Answer extends Question {
  readonly index: Index;
  /** What vouches for it; null if a quorum does. */
  readonly lease: ReadLease | null;
}
