/** An abort signal for one attempt. */
export interface LinkedAbort {
  readonly signal: AbortSignal;
  abort(): void;
  isTimedOut(): boolean;
  /** Lets the attempt live on without its time limit. */
  stopTimer(): void;
  release(): void;
}

/** Fires with `signal`, or after `timeoutMs`. Throws the reason of `signal` if that has fired already. */
export function linkedAbort(signal: AbortSignal | undefined, timeoutMs: number): LinkedAbort {
  signal?.throwIfAborted();
  const abort = new AbortController();
  let isTimedOut = false;
  const onAbort = () => abort.abort();
  signal?.addEventListener("abort", onAbort);
  const timer = setTimeout(() => {
    isTimedOut = true;
    abort.abort();
  }, timeoutMs);
  return {
    signal: abort.signal,
    abort: onAbort,
    isTimedOut: () => isTimedOut,
    stopTimer: () => clearTimeout(timer),
    release: () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    },
  };
}
