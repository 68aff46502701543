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

/** Any value will do; or, the value stays. */
const ANY = Symbol("any");

/** What operations ask of the value, and what they make of it. */
interface Effects {
  /** The value that must be there, or `ANY`. */
  needs(operation: HistoryOperation): unknown;
  /** The value that is there afterwards, or `ANY` if it stays. */
  sets(operation: HistoryOperation): unknown;
}

export type RegisterModel = Model<unknown, HistoryOperation>;

/** `write` v and `read`. `init`: the value before the first write; default null. */
export function register({ init = null }: { readonly init?: unknown } = {}): RegisterModel {
  return registerLike("register", init, {
    needs(operation) {
      if (operation.f === "read") return operation.output === undefined ? ANY : operation.output;
      return operation.f === "write" ? ANY : refuse("register", operation);
    },
    sets: ({ f, input }) => (f === "write" ? input : ANY),
  });
}

/** `write` v, `read` and `cas` [from, to]; a cas that failed did not happen. `init` as for `register`. */
export function casRegister({ init = null }: { readonly init?: unknown } = {}): RegisterModel {
  return registerLike("cas-register", init, {
    needs(operation) {
      if (operation.f === "read") return operation.output === undefined ? ANY : operation.output;
      if (operation.f === "write") return ANY;
      return operation.f === "cas" ? pairOf(operation)[0] : refuse("cas-register", operation);
    },
    sets(operation) {
      if (operation.f === "write") return operation.input;
      return operation.f === "cas" ? pairOf(operation)[1] : ANY;
    },
  });
}

function pairOf(operation: HistoryOperation): readonly unknown[] {
  const { input } = operation;
  return Array.isArray(input) && input.length === 2 ? input : refuse("cas-register", operation, "cas needs [from, to]");
}

/** `acquire` and `release`, of whichever process. `init`: whether it is held at first; default false. */
export function mutex({ init = false }: { readonly init?: boolean } = {}): RegisterModel {
  const isAcquire = (operation: HistoryOperation): boolean => {
    if (operation.f !== "acquire" && operation.f !== "release") refuse("mutex", operation);
    return operation.f === "acquire";
  };
  const effects: Effects = {
    needs: (operation) => !isAcquire(operation),
    sets: (operation) => isAcquire(operation),
  };
  const completes: RegisterModel["completes"] = (operation, previous) => !isAcquire(operation) && isAcquire(previous);
  return { ...registerLike("mutex", init, effects), completes };
}

function registerLike(name: string, initial: unknown, effects: Effects): RegisterModel {
  const isSame = (left: unknown, right: unknown): boolean => identityOf(left) === identityOf(right);
  return {
    name,
    init: () => initial,
    step(state: unknown, operation): unknown | typeof Illegal {
      const needed = effects.needs(operation);
      if (needed !== ANY && !isSame(needed, state)) return illegal;
      const set = effects.sets(operation);
      return set === ANY ? state : set;
    },
    partition: partitionByKey,
    isRead: (operation) => effects.sets(operation) === ANY,
    isOverwrite: (operation) => effects.sets(operation) !== ANY,
    explains(observer, earlier) {
      const set = effects.sets(earlier);
      return set !== ANY && isSame(effects.needs(observer), set);
    },
    describe: describeOperation,
    compile: (operations) => new CompiledRegister(initial, operations, effects),
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

  constructor(initial: unknown, operations: readonly HistoryOperation[], effects: Effects) {
    const numbers = new Map<unknown, number>([
      [ANY, NOTHING],
      [identityOf(initial), 0],
    ]);
    const numberOf = (value: unknown): number => {
      const identity = identityOf(value);
      const known = numbers.get(identity);
      if (known !== undefined) return known;
      numbers.set(identity, numbers.size - 1);
      return numbers.size - 2;
    };
    const needsOf = new Int32Array(operations.length);
    const setsOf = new Int32Array(operations.length);
    for (let call = 0; call < operations.length; call += 1) {
      const operation = operations[call] as HistoryOperation;
      needsOf[call] = numberOf(effects.needs(operation));
      setsOf[call] = numberOf(effects.sets(operation));
    }
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
