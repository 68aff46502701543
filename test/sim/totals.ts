/** What many runs add up to. */

import type { Counts, RunReport, WorldName } from "@quorate/simulator";

export class Totals {
  seeds = 0;
  events = 0;
  coreSteps = 0;
  simulatedMs = 0;
  readonly #worlds: Record<WorldName, number> = { cores: 0, servers: 0, storage: 0 };
  readonly #faults: Record<string, number> = {};
  readonly #situations: Record<string, number> = {};

  add({ script, events, coreSteps, simulatedMs, faults, situations }: RunReport): void {
    this.seeds += 1;
    this.events += events;
    this.coreSteps += coreSteps;
    this.simulatedMs += simulatedMs;
    this.#worlds[script.world] += 1;
    sum(this.#faults, faults);
    sum(this.#situations, situations);
  }

  get worlds(): Counts {
    return this.#worlds;
  }

  get faults(): Counts {
    return this.#faults;
  }

  get situations(): Counts {
    return this.#situations;
  }

  get reachedSituations(): number {
    return Object.values(this.#situations).filter((count) => count > 0).length;
  }

  get listedSituations(): number {
    return Object.keys(this.#situations).length;
  }
}

function sum(totals: Record<string, number>, counts: Counts): void {
  for (const [name, count] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + count;
}
