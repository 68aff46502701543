/**
 * Dice: random numbers that belong to a thing and not to a moment. The delay of the third message from n1 to n2 is the
 * same whatever else happens, so that a run from which something was left out stays like the one it came from.
 */
export class Dice {
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed >>> 0;
  }

  /** A number from 0 up to, but not including, 1, for a purpose and two numbers that say of what. */
  roll(purpose: Purpose, first: number, second = 0, third = 0): number {
    return this.seedFor(purpose, first, second, third) / 0x1_0000_0000;
  }

  /** A whole number from 0 to 2³² − 1. */
  seedFor(purpose: Purpose, first: number, second = 0, third = 0): number {
    let mixed = stir(this.#seed ^ Math.imul(PURPOSES[purpose], 0x9e3779b9));
    mixed = stir(mixed ^ Math.imul(first + 1, 0x85ebca6b));
    mixed = stir(mixed ^ Math.imul(second + 1, 0xc2b2ae35));
    return stir(mixed ^ Math.imul(third + 1, 0x27d4eb2f));
  }
}

const PURPOSES = {
  loss: 1,
  duplicate: 2,
  limbo: 3,
  delay: 4,
  disk: 5,
  crash: 6,
  life: 7,
  request: 8,
  pause: 9,
  apply: 10,
  drift: 11,
  answer: 12,
  query: 13,
  session: 14,
  order: 15,
  snapshot: 16,
  version: 17,
  alarm: 18,
} as const;

export type Purpose = keyof typeof PURPOSES;

/** splitmix32's finisher. */
function stir(word: number): number {
  let z = word | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}
