/**
 * A digest of everything that the state machine has answered, entry by entry: each digest takes in the one before it.
 * Two servers whose digests at an index are equal answered alike up to there; from the first answer that differs on,
 * all of them differ, and so that one can be searched for by halves.
 */

import type { Index } from "@quorate/core";

/** A digest is a whole number below 2⁵³: 21 bits of one lane, and the 32 of the other. */
export interface DigestPlace {
  readonly index: Index;
  readonly digest: number;
}

/** How many of the newest digests are kept. */
export const KEPT_DIGESTS = 65_536;

const HIGH_BITS = 21;

export class DigestChain {
  readonly #ring = new Float64Array(KEPT_DIGESTS);
  readonly #firstIndex: Index;
  #lastIndex: Index;
  #low: number;
  #high: number;

  /** Goes on from the digest that a snapshot holds; from 0 where the log begins. */
  constructor({ index, digest }: DigestPlace) {
    this.#firstIndex = index;
    this.#lastIndex = index;
    this.#low = digest >>> 0;
    this.#high = Math.floor(digest / 2 ** 32);
    this.#ring[index % KEPT_DIGESTS] = digest;
  }

  get last(): DigestPlace {
    return { index: this.#lastIndex, digest: this.#digest() };
  }

  /** The oldest index whose digest is still known. */
  get oldestIndex(): Index {
    return Math.max(this.#firstIndex, this.#lastIndex - KEPT_DIGESTS + 1);
  }

  /** The digest at `index`, or null if it is not, or no longer, known. */
  at(index: Index): number | null {
    if (index < this.oldestIndex || index > this.#lastIndex) return null;
    return this.#ring[index % KEPT_DIGESTS] as number;
  }

  /** The entry at `index`, the one after the last, was applied and answered with these bytes. */
  onAnswer(index: Index, answer: Uint8Array): void {
    this.#mixNumber(index);
    this.#mixNumber(answer.length);
    for (const byte of answer) this.#mix(byte);
    this.#append(index);
  }

  /** The entry at `index` was nothing for the state machine. */
  onPassed(index: Index): void {
    this.#append(index);
  }

  #append(index: Index): void {
    if (index !== this.#lastIndex + 1) throw new RangeError(`digest of entry ${index} after ${this.#lastIndex}`);
    this.#lastIndex = index;
    this.#ring[index % KEPT_DIGESTS] = this.#digest();
  }

  #digest(): number {
    return (this.#high & (2 ** HIGH_BITS - 1)) * 2 ** 32 + (this.#low >>> 0);
  }

  #mixNumber(value: number): void {
    for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) this.#mix(rest % 256);
    this.#mix(0xff);
  }

  /** Two lanes of FNV-1a, with different primes; the second also takes in the first, or both would fail together. */
  #mix(byte: number): void {
    this.#low = Math.imul(this.#low ^ byte, 0x01000193);
    this.#high = Math.imul(this.#high ^ byte ^ (this.#low >>> 15), 0x01000199) & (2 ** HIGH_BITS - 1);
  }
}
