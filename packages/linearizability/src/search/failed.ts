/**
 * The configurations from which the search has found no way on.
 *
 * A configuration is: which known calls are linearized, the state, and which unknown calls were used. Of two that
 * agree in all but the last, the one that used fewer can do whatever the other can; so a configuration is as good as
 * failed if one failed that used a part of its unknown calls.
 */

import type { UsedSets } from "./unknowns.js";

const EMPTY = -1;
const START_SIZE = 1024;

/** Columns of an entry: the first waiting call, the state, the set of used unknown calls, then the words of the mask. */
const HEAD = 3;

export class FailedConfigurations {
  readonly #maskWords: number;
  readonly #usedSets: UsedSets;
  /** How many entries there are for each first waiting call. */
  readonly #countAt: Int32Array;
  #slots = new Int32Array(START_SIZE).fill(EMPTY);
  #entries: Int32Array;
  #count = 0;

  constructor(calls: number, maskWords: number, usedSets: UsedSets) {
    this.#maskWords = maskWords;
    this.#usedSets = usedSets;
    this.#countAt = new Int32Array(calls + 1);
    this.#entries = new Int32Array((START_SIZE / 2) * (HEAD + maskWords));
  }

  get memoryBytes(): number {
    return this.#slots.byteLength + this.#entries.byteLength + this.#countAt.byteLength;
  }

  has(base: number, state: number, used: number, mask: Int32Array): boolean {
    if (this.#countAt[base] === 0) return false;
    const limit = this.#slots.length - 1;
    for (let at = this.#hash(base, state, mask) & limit; ; at = (at + 1) & limit) {
      const entry = this.#slots[at] as number;
      if (entry === EMPTY) return false;
      if (this.#isSame(entry, base, state, mask) && this.#usedSets.isPart(this.#usedOf(entry), used)) return true;
    }
  }

  add(base: number, state: number, used: number, mask: Int32Array): void {
    const width = HEAD + this.#maskWords;
    if ((this.#count + 1) * 2 > this.#slots.length) this.#grow();
    const start = this.#count * width;
    this.#entries[start] = base;
    this.#entries[start + 1] = state;
    this.#entries[start + 2] = used;
    for (let word = 0; word < this.#maskWords; word += 1) this.#entries[start + HEAD + word] = mask[word] as number;
    this.#insert(this.#count, this.#hash(base, state, mask));
    this.#count += 1;
    this.#countAt[base] = (this.#countAt[base] as number) + 1;
  }

  #insert(entry: number, hash: number): void {
    const limit = this.#slots.length - 1;
    let at = hash & limit;
    while (this.#slots[at] !== EMPTY) at = (at + 1) & limit;
    this.#slots[at] = entry;
  }

  #grow(): void {
    const width = HEAD + this.#maskWords;
    const entries = new Int32Array(this.#slots.length * width);
    entries.set(this.#entries);
    this.#entries = entries;
    this.#slots = new Int32Array(this.#slots.length * 2).fill(EMPTY);
    for (let entry = 0; entry < this.#count; entry += 1) {
      const start = entry * width;
      const mask = entries.subarray(start + HEAD, start + width);
      this.#insert(entry, this.#hash(entries[start] as number, entries[start + 1] as number, mask));
    }
  }

  #usedOf(entry: number): number {
    return this.#entries[entry * (HEAD + this.#maskWords) + 2] as number;
  }

  #isSame(entry: number, base: number, state: number, mask: Int32Array): boolean {
    const start = entry * (HEAD + this.#maskWords);
    if (this.#entries[start] !== base || this.#entries[start + 1] !== state) return false;
    for (let word = 0; word < this.#maskWords; word += 1) {
      if (this.#entries[start + HEAD + word] !== mask[word]) return false;
    }
    return true;
  }

  /** The set of used calls is left out, so that those to be compared lie together. */
  #hash(base: number, state: number, mask: Int32Array): number {
    let hash = Math.imul(base + 1, 0x9e3779b1) ^ Math.imul(state + 1, 0x85ebca6b);
    for (let word = 0; word < this.#maskWords; word += 1) hash = Math.imul(hash ^ (mask[word] as number), 0xc2b2ae35);
    hash = Math.imul(hash ^ (hash >>> 15), 0x27d4eb2f);
    return hash ^ (hash >>> 13);
  }
}
