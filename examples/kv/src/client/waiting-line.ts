/** A line of callers who wait for something, each for its own time, and each until its own signal (PITFALLS K9). */

export interface Limits {
  readonly signal: AbortSignal | undefined;
  /** How long the whole call may take. */
  readonly timeoutMs: number;
  /** When that is over, by `performance.now()`. */
  readonly deadline: number;
}

interface Waiter<Value> {
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
}

export class Line<Value> {
  /** The first in line first. */
  readonly #waiters = new Set<Waiter<Value>>();

  get size(): number {
    return this.#waiters.size;
  }

  /** Resolves with what is handed out. Rejects with the reason of the signal, or with `onTimeout()` at the deadline. */
  wait({ signal, deadline }: Limits, onTimeout: () => Error): Promise<Value> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const leave = (): void => {
        this.#waiters.delete(waiter);
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
      };
      const waiter: Waiter<Value> = {
        resolve: (value) => {
          leave();
          resolve(value);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      const onAbort = (): void => waiter.reject(signal?.reason);
      const timer = setTimeout(() => waiter.reject(onTimeout()), deadline - performance.now());
      signal?.addEventListener("abort", onAbort);
      this.#waiters.add(waiter);
    });
  }

  /** Hands `value` to the first in line. */
  serve(value: Value): void {
    const [first] = this.#waiters;
    first?.resolve(value);
  }

  serveAll(value: Value): void {
    for (const waiter of this.#waiters) waiter.resolve(value);
  }

  refuseAll(error: unknown): void {
    for (const waiter of this.#waiters) waiter.reject(error);
  }
}
