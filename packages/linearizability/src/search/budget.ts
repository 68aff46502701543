/** How much a check may cost. Whoever runs out of it answers `unknown`, and never a wrong verdict. */

export interface Limits {
  /** Give up after this many milliseconds of `now`. Default: no limit. */
  readonly timeLimitMs?: number;
  /** Give up when the tables of the search have about this many bytes. Default: 1 GiB. */
  readonly memoryLimitBytes?: number;
  /** Give up after this many steps: a limit that does not depend on the machine. Default: no limit. */
  readonly stepLimit?: number;
  /** A clock, in milliseconds. Default: `Date.now`. Called only if there is a time limit. */
  readonly now?: () => number;
}

export type Limit = "time" | "memory" | "steps";

/** The clock is looked at every so many steps. */
const STEPS_PER_LOOK = 1024;

const DEFAULT_MEMORY_LIMIT_BYTES = 2 ** 30;

export class Budget {
  readonly memoryLimitBytes: number;
  steps = 0;
  /** The limit that was reached, or null. */
  exceeded: Limit | null = null;
  readonly #stepLimit: number;
  readonly #deadline: number;
  readonly #now: () => number;
  #nextLook: number;

  /** @throws RangeError if a limit is not a positive number. */
  constructor({ timeLimitMs, memoryLimitBytes, stepLimit, now }: Limits = {}) {
    for (const [name, limit] of Object.entries({ timeLimitMs, memoryLimitBytes, stepLimit })) {
      if (limit !== undefined && !(limit > 0)) throw new RangeError(`${name} must be a positive number, not ${limit}`);
    }
    this.#now = now ?? Date.now;
    this.#deadline = timeLimitMs === undefined ? Number.POSITIVE_INFINITY : this.#now() + timeLimitMs;
    this.#stepLimit = stepLimit ?? Number.POSITIVE_INFINITY;
    this.memoryLimitBytes = memoryLimitBytes ?? DEFAULT_MEMORY_LIMIT_BYTES;
    this.#nextLook = Math.min(STEPS_PER_LOOK, this.#stepLimit);
  }

  /** Counts a step. False: a limit is reached. `memoryBytes` is asked now and then. */
  step(memoryBytes: () => number): boolean {
    this.steps += 1;
    return this.steps < this.#nextLook || this.#look(memoryBytes);
  }

  /** Counts many steps at once. False: a limit is reached. */
  spend(steps: number): boolean {
    this.steps += steps;
    return this.#look(() => 0);
  }

  #look(memoryBytes: () => number): boolean {
    this.#nextLook = Math.min(this.steps + STEPS_PER_LOOK, this.#stepLimit);
    if (this.steps >= this.#stepLimit) this.exceeded = "steps";
    else if (this.#deadline !== Number.POSITIVE_INFINITY && this.#now() >= this.#deadline) this.exceeded = "time";
    else this.exceeded = memoryBytes() > this.memoryLimitBytes ? "memory" : null;
    return this.exceeded === null;
  }
}
