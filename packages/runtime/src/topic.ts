/**
 * A value that changes, and those who want to know (PITFALLS F14). Whoever comes late gets the current value at once;
 * then each change is told, also when several came in one turn.
 */

export type Listener<Value> = (value: Value) => void;

export class Topic<Value> {
  #current: Value;
  #untold: Value[] = [];
  readonly #listeners = new Set<Listener<Value>>();
  readonly #onError: (error: unknown) => void;

  /** `onError` is told what a listener throws; it must not throw itself. */
  constructor(initial: Value, onError: (error: unknown) => void) {
    this.#current = initial;
    this.#onError = onError;
  }

  /** Notes a change, to be told by the next {@link tell}. */
  note(value: Value): void {
    this.#untold.push(value);
  }

  /** Tells all that was noted, change by change. */
  tell(): void {
    while (this.#untold.length > 0) {
      const value = this.#untold.shift() as Value;
      this.#current = value;
      for (const listener of [...this.#listeners]) {
        if (this.#listeners.has(listener)) this.#call(listener, value);
      }
    }
  }

  /** Calls `listener` with the current value before it returns, and later with each change. */
  subscribe(listener: Listener<Value>): () => void {
    const own: Listener<Value> = (value) => listener(value);
    this.#listeners.add(own);
    this.#call(own, this.#current);
    return () => {
      this.#listeners.delete(own);
    };
  }

  #call(listener: Listener<Value>, value: Value): void {
    try {
      // An `async` listener is one too, and its rejection is nobody else's to catch.
      const result: unknown = listener(value);
      if (result instanceof Promise) result.catch(this.#onError);
    } catch (error) {
      this.#onError(error);
    }
  }
}
