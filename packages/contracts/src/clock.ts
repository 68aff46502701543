/** Clock: the time, and being woken. The simulator has one of its own; nothing in the runtime knows another. */

/** Cancels what it was returned for. Calling it late or twice does nothing. */
export type Cancel = () => void;

export interface Clock {
  /**
   * Milliseconds since a moment of the clock's choosing; may have fractions. Never goes back, whatever happens to the
   * time of day (PITFALLS L4).
   */
  now(): number;

  /** Calls `callback` once, as soon as `now() >= atMs` may be true, never from inside this call. May be late. */
  wakeAt(atMs: number, callback: () => void): Cancel;

  /**
   * Calls `callback` once, soon, never from inside this call: after input that has already arrived was taken in, so
   * that one turn serves all of it (in Node: `setImmediate`; PITFALLS F2).
   */
  soon(callback: () => void): Cancel;
}
