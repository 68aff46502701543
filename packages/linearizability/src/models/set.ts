/** A set: `add` v, `read` of all of it, in any order. A read that names an element twice is an error. */

import type { HistoryOperation } from "../history.js";
import { type CompiledModel, ILLEGAL, identityOf, illegal, type Model, NOTHING } from "../model.js";
import { describeOperation, partitionByKey, refuse } from "./operation.js";

/** `init`: the elements that it has at first; default none. */
export function set({
  init = [],
}: {
  readonly init?: readonly unknown[];
} = {}): Model<ReadonlySet<unknown>, HistoryOperation> {
  return {
    name: "set",
    init: () => new Set(init.map(identityOf)),
    step(state, operation) {
      if (operation.f === "add") return new Set(state).add(identityOf(operation.input));
      const seen = seenBy(operation, init);
      if (seen === null) return state;
      const isSame =
        seen.length === state.size && new Set(seen).size === seen.length && seen.every((each) => state.has(each));
      return isSame ? state : illegal;
    },
    fingerprint: (state) => JSON.stringify([...state].map((each) => `${typeof each} ${each}`).sort()),
    partition: partitionByKey,
    isRead: ({ f }) => f !== "add",
    explains(observer, earlier) {
      return earlier.f === "add" && (seenBy(observer, init)?.includes(identityOf(earlier.input)) ?? false);
    },
    describe: describeOperation,
    describeState: (state) => `{${[...state].map(String).join(", ")}}`,
    compile: (operations) => new CompiledSet(init, operations),
  };
}

/** The elements that a read saw, or null: it is no read, or what it saw is not known. */
function seenBy(operation: HistoryOperation, init: readonly unknown[]): unknown[] | null {
  if (operation.f === "add") return null;
  if (operation.f !== "read") return refuse("set", operation);
  if (operation.output === undefined) return null;
  const seen = operation.output ?? init;
  return Array.isArray(seen) ? seen.map(identityOf) : refuse("set", operation, "a set's read returns a list");
}

/** Elements are numbers, and a state is a row of bits. */
class CompiledSet implements CompiledModel {
  readonly initialState = 0;
  readonly hints: NonNullable<CompiledModel["hints"]>;
  /** The element that each operation adds, or `NOTHING`. */
  readonly #adds: Int32Array;
  /** What each operation saw, as bits: null if that is not known, or it is no read. */
  readonly #seen: (Int32Array | typeof illegal | null)[];
  readonly #states: Int32Array[] = [];
  readonly #numbers = new Map<number, number[]>();

  constructor(init: readonly unknown[], operations: readonly HistoryOperation[]) {
    const numbers = new Map<unknown, number>();
    const numberOf = (identity: unknown): number => {
      const known = numbers.get(identity);
      if (known !== undefined) return known;
      numbers.set(identity, numbers.size);
      return numbers.size - 1;
    };
    const initial = init.map((each) => numberOf(identityOf(each)));
    this.#adds = Int32Array.from(operations, ({ f, input }) => (f === "add" ? numberOf(identityOf(input)) : NOTHING));
    const words = Math.ceil(numbers.size / 32);
    this.#seen = operations.map((operation) => {
      const seen = seenBy(operation, init);
      if (seen === null) return null;
      // An element that nobody adds, or one that is seen twice, cannot be.
      const isPossible = seen.every((each) => numbers.has(each)) && new Set(seen).size === seen.length;
      return isPossible ? bitsOf(seen.map(numberOf), words) : illegal;
    });
    this.#numberOf(bitsOf(initial, words));
    this.hints = {
      wants: (state, call) => this.#firstMissing(state, call),
      gives: (call) => this.#adds[call] as number,
    };
  }

  step(state: number, call: number): number {
    const bits = this.#states[state] as Int32Array;
    const element = this.#adds[call] as number;
    if (element !== NOTHING) return hasBit(bits, element) ? state : this.#numberOf(withBit(bits, element));
    const seen = this.#seen[call];
    if (seen === null || seen === undefined) return state;
    return seen !== illegal && seen.every((word, index) => word === bits[index]) ? state : ILLEGAL;
  }

  isRead(call: number): boolean {
    return this.#adds[call] === NOTHING;
  }

  classOf(call: number): number {
    return this.#adds[call] as number;
  }

  memoryBytes(): number {
    return this.#states.length * (128 + 4 * (this.#states[0] as Int32Array).length);
  }

  /** The first element that a read saw and the state lacks, if it lacks nothing but elements. */
  #firstMissing(state: number, call: number): number {
    const seen = this.#seen[call];
    if (!(seen instanceof Int32Array)) return NOTHING;
    const bits = this.#states[state] as Int32Array;
    if (bits.some((word, index) => (word & ~(seen[index] as number)) !== 0)) return NOTHING;
    const index = seen.findIndex((word, at) => word !== bits[at]);
    if (index === -1) return NOTHING;
    return index * 32 + 31 - Math.clz32((seen[index] as number) & ~(bits[index] as number));
  }

  #numberOf(bits: Int32Array): number {
    let hash = 0;
    for (const word of bits) hash = Math.imul(hash ^ word, 0x9e3779b1) ^ (hash >>> 15);
    const sameHash = this.#numbers.get(hash) ?? [];
    const known = sameHash.find((number) =>
      (this.#states[number] as Int32Array).every((word, at) => word === bits[at]),
    );
    if (known !== undefined) return known;
    sameHash.push(this.#states.length);
    this.#numbers.set(hash, sameHash);
    this.#states.push(bits);
    return this.#states.length - 1;
  }
}

function bitsOf(elements: readonly number[], words: number): Int32Array {
  const bits = new Int32Array(words);
  for (const element of elements) bits[element >> 5] = (bits[element >> 5] as number) | (1 << (element & 31));
  return bits;
}

function hasBit(bits: Int32Array, element: number): boolean {
  return ((bits[element >> 5] as number) & (1 << (element & 31))) !== 0;
}

function withBit(bits: Int32Array, element: number): Int32Array {
  const copy = bits.slice();
  copy[element >> 5] = (copy[element >> 5] as number) | (1 << (element & 31));
  return copy;
}
