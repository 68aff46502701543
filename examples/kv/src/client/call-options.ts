/** What every call of the client takes. */

export interface CallOptions {
  /** Aborting rejects with `signal.reason` at once. A write that was under way may still be executed. */
  readonly signal?: AbortSignal | undefined;
  /** The most that the call takes, all attempts together; default 10 000. */
  readonly timeoutMs?: number | undefined;
}

export const DEFAULT_TIMEOUT_MS = 10_000;
