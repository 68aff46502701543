/** Ends a call at the caller's wish (PITFALLS K9). */

import { type Clock, RaftError } from "@quorate/contracts";

/** What is needed of an `AbortSignal`. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** How long a call may take, in milliseconds, and what ends it earlier. */
export interface CallOptions {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignalLike | undefined;
}

/** Calls `onAbort` once if `signal` is aborted from here on; the returned function ends that, and leaves no listener. */
export function listenTo(signal: AbortSignalLike, onAbort: () => void): () => void {
  signal.addEventListener("abort", onAbort);
  return () => signal.removeEventListener("abort", onAbort);
}

/** What the caller gets that has aborted `signal`. */
export function abortError({ reason }: AbortSignalLike, isUnderWay: boolean): RaftError {
  return new RaftError(isUnderWay ? "ABORTED_UNDER_WAY" : "ABORTED", "The caller gave up.", { cause: reason });
}

/**
 * Begins what goes on by itself, however long it takes, and waits for it as long as the caller wants to: for ever, unless it says otherwise.
 * `lateError` is what a caller gets whose time is up.
 */
export function waitWithin<Value>(
  clock: Clock,
  begin: () => Promise<Value>,
  { timeoutMs, signal }: CallOptions,
  lateError: () => RaftError,
): Promise<Value> {
  if (signal?.aborted === true) return Promise.reject(abortError(signal, false));
  return new Promise((resolve, reject) => {
    const cancels: (() => void)[] = [];
    const endWith = (settle: () => void): void => {
      for (const cancel of cancels) cancel();
      settle();
    };
    if (timeoutMs !== undefined)
      cancels.push(clock.wakeAt(clock.now() + timeoutMs, () => endWith(() => reject(lateError()))));
    if (signal !== undefined) cancels.push(listenTo(signal, () => endWith(() => reject(abortError(signal, true)))));
    begin().then(
      (value) => endWith(() => resolve(value)),
      (error: unknown) => endWith(() => reject(error)),
    );
  });
}
