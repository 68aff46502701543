/** Ends a call at the caller's wish (PITFALLS K9). */

/** What is needed of an `AbortSignal`. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** Calls `onAbort` once if `signal` is aborted from here on; the returned function ends that, and leaves no listener. */
export function listenTo(signal: AbortSignalLike, onAbort: () => void): () => void {
  signal.addEventListener("abort", onAbort);
  return () => signal.removeEventListener("abort", onAbort);
}
