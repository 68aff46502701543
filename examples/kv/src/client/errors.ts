/** KvError: the one error of the client, with what a caller needs to decide what to do next. */

/**
 * Whether a request took effect: `not-executed` is certain, and safe to repeat; `unknown` means that it may have been
 * executed, or may still be. Reads are always `not-executed`.
 */
export type RequestOutcome = "not-executed" | "unknown";

export interface KvErrorDetails {
  readonly outcome: RequestOutcome;
  /** The status, as HTTP has them, when a server answered. */
  readonly status?: number;
  /** With `REVISION_COMPACTED`: the oldest revision from which a watch can start. */
  readonly oldestRevision?: number;
  /** With a watch that was lost: everything up to this revision was delivered. */
  readonly lastRevision?: number;
  readonly cause?: unknown;
}

/**
 * Codes are those of the servers (see the README), and of the client itself: `UNAVAILABLE` (no server could take the
 * request in time), `TIMED_OUT` (a server took it and did not answer in time), `CONNECTION_LOST` (nor will it), and
 * `UNEXPECTED_ANSWER` (what answered is no quorate-kv).
 */
export class KvError extends Error {
  override readonly name = "KvError";
  readonly code: string;
  readonly outcome: RequestOutcome;
  readonly status: number | undefined;
  readonly oldestRevision: number | undefined;
  readonly lastRevision: number | undefined;

  constructor(code: string, message: string, details: KvErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.outcome = details.outcome;
    this.status = details.status;
    this.oldestRevision = details.oldestRevision;
    this.lastRevision = details.lastRevision;
  }
}
