/**
 * A bound on memory, in bytes (PITFALLS F4). Whoever takes remembers how much, and gives exactly that back (F5).
 */
export class Budget {
  readonly #limit: number;
  #used = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** Takes `bytes` if they fit, or if nothing else is taken: one that is too large must not wait for ever. */
  tryTake(bytes: number): boolean {
    if (this.#used > 0 && this.#used + bytes > this.#limit) return false;
    this.#used += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#used -= bytes;
  }
}
