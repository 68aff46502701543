/** Strings by key: `put` replaces, `append` adds to the end, `get` reads. */

import type { HistoryOperation } from "../history.js";
import { type CompiledModel, ILLEGAL, illegal, type Model } from "../model.js";
import { describeOperation, partitionByKey, refuse } from "./operation.js";

/** `init`: what each key holds at first; default "". A `get` of null saw that nothing had been written. */
export function kvAppend({ init = "" }: { readonly init?: string } = {}): Model<string, HistoryOperation> {
  const textOf = (operation: HistoryOperation): string => {
    if (typeof operation.input === "string") return operation.input;
    return refuse("kv-append", operation, "needs a string");
  };
  return {
    name: "kv-append",
    init: () => init,
    step(state, operation) {
      switch (operation.f) {
        case "put":
          return textOf(operation);
        case "append":
          return state + textOf(operation);
        case "get":
          return operation.output === undefined || (operation.output ?? init) === state ? state : illegal;
        default:
          return refuse("kv-append", operation);
      }
    },
    fingerprint: (state) => state,
    partition: partitionByKey,
    isRead: ({ f }) => f === "get",
    explains(observer, earlier) {
      const seen = observer.output;
      if (observer.f !== "get" || typeof seen !== "string" || earlier.f === "get") return false;
      return earlier.f === "put" ? seen.startsWith(textOf(earlier)) : seen.includes(textOf(earlier));
    },
    describe: describeOperation,
    compile: (operations) => new CompiledKvAppend(init, operations, textOf),
  };
}

/** What a text and its entry cost, its characters apart. */
const BYTES_PER_STATE = 128;

/**
 * Texts are numbers. All texts with which nothing begins that was ever read are one: they can only be put over. And a
 * text with which the next one that was read does not begin leads nowhere, unless a put comes between.
 */
class CompiledKvAppend implements CompiledModel {
  readonly initialState: number;
  readonly lookahead: NonNullable<CompiledModel["lookahead"]>;
  readonly #operations: readonly HistoryOperation[];
  /** For each operation what it writes, or what it saw: null if that is not known. */
  readonly #texts: readonly (string | null)[];
  /** State 0 stands for all texts that no read begins with. */
  readonly #states: (string | null)[] = [null];
  readonly #numbers = new Map<string, number>();
  /** All that was read, in order. */
  readonly #seen: readonly string[];
  #memoryBytes = 0;

  constructor(init: string, operations: readonly HistoryOperation[], textOf: (operation: HistoryOperation) => string) {
    this.#operations = operations;
    this.#texts = operations.map((operation) => {
      if (operation.f !== "get") return textOf(operation);
      return operation.output === undefined ? null : String(operation.output ?? init);
    });
    const seen = new Set(this.#texts.filter((text, call) => text !== null && this.isRead(call)) as string[]);
    this.#seen = [...seen].sort();
    this.initialState = this.#numberOf(init);
    const puts = new Prefixes();
    operations.forEach(({ f }, call) => {
      if (f === "put") puts.add(this.#texts[call] as string, call);
    });
    this.lookahead = {
      sees: (call) => this.isRead(call) && this.#texts[call] !== null,
      isHopeless: (state, observer, mayPrecede) => {
        const seen = this.#texts[observer] as string;
        const text = this.#states[state] ?? null;
        return (text === null || !seen.startsWith(text)) && !puts.of(seen).some(mayPrecede);
      },
    };
  }

  step(state: number, call: number): number {
    const text = this.#texts[call];
    switch (this.#operations[call]?.f) {
      case "put":
        return this.#numberOf(text as string);
      case "append":
        return state === 0 ? 0 : this.#numberOf(`${this.#states[state]}${text}`);
      default:
        return text === null || text === this.#states[state] ? state : ILLEGAL;
    }
  }

  isRead(call: number): boolean {
    return this.#operations[call]?.f === "get";
  }

  memoryBytes(): number {
    return this.#memoryBytes;
  }

  #numberOf(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.#beginsSomethingSeen(text) ? this.#states.push(text) - 1 : 0;
    this.#numbers.set(text, number);
    this.#memoryBytes += BYTES_PER_STATE + text.length;
    return number;
  }

  #beginsSomethingSeen(text: string): boolean {
    let [low, high] = [0, this.#seen.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#seen[middle] as string) < text) low = middle + 1;
      else high = middle;
    }
    return this.#seen[low]?.startsWith(text) ?? false;
  }
}

/** Operations by text, found by what their text begins. */
class Prefixes {
  readonly #callsOf = new Map<string, number[]>();
  readonly #lengths = new Set<number>();
  readonly #found = new Map<string, readonly number[]>();

  add(text: string, call: number): void {
    this.#lengths.add(text.length);
    const calls = this.#callsOf.get(text);
    if (calls === undefined) this.#callsOf.set(text, [call]);
    else calls.push(call);
  }

  /** The operations whose text `whole` begins with. */
  of(whole: string): readonly number[] {
    const known = this.#found.get(whole);
    if (known !== undefined) return known;
    const found = [...this.#lengths].flatMap((length) =>
      length <= whole.length ? (this.#callsOf.get(whole.slice(0, length)) ?? []) : [],
    );
    this.#found.set(whole, found);
    return found;
  }
}
