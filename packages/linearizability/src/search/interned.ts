/** Any model as a `CompiledModel`: states get numbers by their fingerprints. */

import type { CompiledModel, Model } from "../model.js";
import { fingerprintOf, ILLEGAL, illegal } from "../model.js";

/** About what a state and its entry cost, its fingerprint apart. */
const BYTES_PER_STATE = 128;

export class InternedModel<State, Operation> implements CompiledModel {
  readonly initialState = 0;
  readonly #model: Model<State, Operation>;
  readonly #operations: readonly Operation[];
  readonly #states: State[] = [];
  readonly #numbers = new Map<unknown, number>();
  #memoryBytes = 0;

  constructor(model: Model<State, Operation>, operations: readonly Operation[]) {
    this.#model = model;
    this.#operations = operations;
    this.#numberOf(model.init());
  }

  step(state: number, call: number): number {
    const next = this.#model.step(this.#states[state] as State, this.#operations[call] as Operation);
    return next === illegal ? ILLEGAL : this.#numberOf(next);
  }

  isRead(call: number): boolean {
    return this.#model.isRead?.(this.#operations[call] as Operation) ?? false;
  }

  memoryBytes(): number {
    return this.#memoryBytes;
  }

  #numberOf(state: State): number {
    const fingerprint = fingerprintOf(this.#model, state);
    const known = this.#numbers.get(fingerprint);
    if (known !== undefined) return known;
    const number = this.#states.length;
    this.#states.push(state);
    this.#numbers.set(fingerprint, number);
    this.#memoryBytes += BYTES_PER_STATE + (typeof fingerprint === "string" ? fingerprint.length : 0);
    return number;
  }
}
