/** When a leader sent its latest rounds of heartbeats: an answer to one renews the lease from then on (PITFALLS L1). */

export class RoundTimes {
  /** Of consecutive rounds, by rising number; those before `#forgotten` do not count any more. */
  readonly #times: number[] = [];
  #forgotten = 0;
  #lastRound = 0;

  /** A round goes out; rounds are numbered without a gap. What was sent before `since` may be forgotten. */
  onSent(round: number, at: number, since: number): void {
    this.#times.push(at);
    this.#lastRound = round;
    while ((this.#times[this.#forgotten] as number) < since) this.#forgotten += 1;
    // In batches, so that a round costs the same however many there are.
    if (2 * this.#forgotten < this.#times.length) return;
    this.#times.splice(0, this.#forgotten);
    this.#forgotten = 0;
  }

  /** `-Infinity` if the round is too old to matter. */
  sentAt(round: number): number {
    const place = this.#times.length - 1 - (this.#lastRound - round);
    return place < this.#forgotten ? Number.NEGATIVE_INFINITY : (this.#times[place] ?? Number.NEGATIVE_INFINITY);
  }
}
