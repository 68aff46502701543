/** Tally: counts by name. Every name is there from the start, so that what never happened shows. */

import type { Counts } from "./run.js";

export class Tally<Name extends string> {
  readonly #counts: Record<string, number> = {};

  constructor(names: readonly Name[]) {
    for (const name of names) this.#counts[name] = 0;
  }

  add(name: Name): void {
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  get counts(): Counts {
    return { ...this.#counts };
  }
}
