/** Registers, with and without compare-and-set; and the mutex, which is one: acquire is cas(free, held). */

import type { HistoryOperation } from "../history.js";
import {
  type CompiledModel,
  ILLEGAL,
  type illegal as Illegal,
  identityOf,
  illegal,
  type Model,
  NOTHING,
} from "../model.js";
import { describeOperation, partitionByKey, refuse } from "./operation.js";

/** What an operation asks of the value, and what it makes of it. */
interface Effect {
  /** The value that must be there, in an array; empty if any will do. */
  readonly needs: readonly [unknown] | readonly [];
  /** The value that is there afterwards, in an array; empty if it stays. */
  readonly sets: readonly [unknown] | readonly [];
}

type EffectOf = (operation: HistoryOperation) => Effect;

export type RegisterModel = Model<unknown, HistoryOperation>;

/** `write` v and `read`. `init`: the value before the first write; default null. */
export function register({ init = null }: { readonly init?: unknown } = {}): RegisterModel {
  return registerLike("register", init, (operation) => {
    if (operation.f === "cas") return refuse("register", operation);
    return effectOf("register", operation);
  });
}

/** `write` v, `read` and `cas` [from, to]; a cas that failed did not happen. `init` as for `register`. */
export function casRegister({ init = null }: { readonly init?: unknown } = {}): RegisterModel {
  return registerLike("cas-register", init, (operation) => effectOf("cas-register", operation));
}

/** `acquire` and `release`, of whichever process. `init`: whether it is held at first; default false. */
export function mutex({ init = false }: { readonly init?: boolean } = {}): RegisterModel {
  return registerLike("mutex", init, (operation) => {
    if (operation.f === "acquire") return { needs: [false], sets: [true] };
    if (operation.f === "release") return { needs: [true], sets: [false] };
    return refuse("mutex", operation);
  });
}

function effectOf(model: string, operation: HistoryOperation): Effect {
  const { f, input, output } = operation;
  switch (f) {
    case "read":
      return { needs: output === undefined ? [] : [output], sets: [] };
    case "write":
      return { needs: [], sets: [input] };
    case "cas": {
      if (!Array.isArray(input) || input.length !== 2) return refuse(model, operation, "cas needs [from, to]");
      return { needs: [input[0]], sets: [input[1]] };
    }
    default:
      return refuse(model, operation);
  }
}

function registerLike(name: string, initial: unknown, effectOf: EffectOf): RegisterModel {
  const isSame = (left: unknown, right: unknown): boolean => identityOf(left) === identityOf(right);
  return {
    name,
    init: () => initial,
    step(state: unknown, operation): unknown | typeof Illegal {
      const { needs, sets } = effectOf(operation);
      if (needs.length === 1 && !isSame(needs[0], state)) return illegal;
      return sets.length === 1 ? sets[0] : state;
    },
    partition: partitionByKey,
    isRead: (operation) => effectOf(operation).sets.length === 0,
    isOverwrite: (operation) => effectOf(operation).sets.length === 1,
    explains(observer, earlier) {
      const [needed] = effectOf(observer).needs;
      const { sets } = effectOf(earlier);
      return effectOf(observer).needs.length === 1 && sets.length === 1 && isSame(needed, sets[0]);
    },
    describe: describeOperation,
    compile: (operations) => new CompiledRegister(initial, operations, effectOf),
  };
}

/** Values are numbers; a step is a comparison. */
class CompiledRegister implements CompiledModel {
  readonly initialState = 0;
  readonly hints: NonNullable<CompiledModel["hints"]>;
  /** For each operation the value that it needs and the one that it sets, or `NOTHING`. */
  readonly #needs: Int32Array;
  readonly #sets: Int32Array;
  readonly #values: number;

  constructor(initial: unknown, operations: readonly HistoryOperation[], effectOf: EffectOf) {
    const numbers = new Map<unknown, number>([[identityOf(initial), 0]]);
    const numberOf = (value: unknown): number => {
      const identity = identityOf(value);
      const known = numbers.get(identity);
      if (known !== undefined) return known;
      numbers.set(identity, numbers.size);
      return numbers.size - 1;
    };
    const needsOf = new Int32Array(operations.length);
    const setsOf = new Int32Array(operations.length);
    operations.forEach((operation, call) => {
      const { needs, sets } = effectOf(operation);
      needsOf[call] = needs.length === 1 ? numberOf(needs[0]) : NOTHING;
      setsOf[call] = sets.length === 1 ? numberOf(sets[0]) : NOTHING;
    });
    this.#needs = needsOf;
    this.#sets = setsOf;
    this.#values = numbers.size;
    this.hints = {
      wants: (state, call) => (needsOf[call] === state ? NOTHING : (needsOf[call] as number)),
      gives: (call) => setsOf[call] as number,
    };
  }

  step(state: number, call: number): number {
    const needed = this.#needs[call] as number;
    if (needed !== NOTHING && needed !== state) return ILLEGAL;
    const set = this.#sets[call] as number;
    return set === NOTHING ? state : set;
  }

  isRead(call: number): boolean {
    const set = this.#sets[call] as number;
    return set === NOTHING || set === this.#needs[call];
  }

  classOf(call: number): number {
    return ((this.#needs[call] as number) + 1) * this.#values + (this.#sets[call] as number);
  }
}
