/**
 * Random histories of each kind of object: what clients of a linearizable one would have seen, and, where it lies,
 * what they would not.
 */

import fc from "fast-check";
import {
  casRegister,
  counter,
  type HistoryEvent,
  type HistoryModel,
  type HistoryOperation,
  illegal,
  kvAppend,
  listAppendTxn,
  multiRegister,
  mutex,
  register,
  set,
} from "../src/index.js";

interface Invocation {
  readonly f: string;
  readonly key?: string;
  readonly value?: unknown;
}

export interface Kind {
  readonly name: string;
  readonly model: HistoryModel;
  readonly invocation: fc.Arbitrary<Invocation>;
  /** What a true object answers; it is never asked if the operation is illegal there, which then fails. */
  answer(state: unknown, invocation: Invocation): unknown;
  /** What a lying object makes of an answer. */
  lie(answer: unknown, invocation: Invocation, random: number): unknown;
}

type Step = readonly [name: string, key: string, value: unknown];

const small = fc.integer({ min: 0, max: 3 });
const keys = fc.constantFrom("x", "y");

const lieAboutNumber: Kind["lie"] = (answer, { f }, random) => (f === "read" ? random % 4 : answer);

function registers(name: string, model: HistoryModel, invocation: fc.Arbitrary<Invocation>): Kind {
  const answer: Kind["answer"] = (state, { f, value }) => (f === "read" ? state : value);
  return { name, model, invocation, answer, lie: lieAboutNumber };
}

const read = fc.constant({ f: "read" });
const write = small.map((value) => ({ f: "write", value }));
const cas = fc.tuple(small, small).map((value) => ({ f: "cas", value }));
const keyed = <T extends Invocation>(invocation: fc.Arbitrary<T>): fc.Arbitrary<Invocation> =>
  fc.tuple(keys, invocation).map(([key, each]) => ({ ...each, key }));
const elements: Kind["lie"] = (answer, { f }, random) => {
  if (f !== "read") return answer;
  const list = answer as number[];
  return random % 2 === 0 ? list.slice(1) : [...list, random % 5];
};

export const kinds: readonly Kind[] = [
  registers("register", register({ init: 0 }), fc.oneof(read, write)),
  registers("register with keys", register({ init: 0 }), keyed(fc.oneof(read, write))),
  registers("cas-register", casRegister({ init: 0 }), fc.oneof(read, write, cas, cas)),
  {
    name: "kv-append",
    model: kvAppend() as HistoryModel,
    invocation: keyed(
      fc.oneof(
        fc.constant({ f: "get" }),
        fc.constantFrom("a", "b", "ab").map((value) => ({ f: "put", value })),
        fc.constantFrom("a", "b", "").map((value) => ({ f: "append", value })),
      ),
    ),
    answer: (state, { f, value }) => (f === "get" ? state : value),
    lie: (answer, { f }, random) =>
      f === "get" ? (random % 2 === 0 ? String(answer).slice(1) : `${answer}${random % 3 === 0 ? "a" : "b"}`) : answer,
  },
  {
    name: "set",
    model: set() as HistoryModel,
    invocation: fc.oneof(
      read,
      fc.integer({ min: 0, max: 4 }).map((value) => ({ f: "add", value })),
    ),
    answer: (state, { f, value }) => (f === "read" ? [...(state as Set<unknown>)] : value),
    lie: elements,
  },
  {
    name: "counter",
    model: counter() as HistoryModel,
    invocation: fc.oneof(
      read,
      fc.integer({ min: -1, max: 2 }).map((value) => ({ f: "add", value })),
    ),
    answer: (state, { f, value }) => (f === "read" ? state : value),
    lie: lieAboutNumber,
  },
  {
    name: "mutex",
    model: mutex(),
    invocation: fc.constantFrom({ f: "acquire" }, { f: "release" }),
    answer: () => undefined,
    lie: () => undefined,
  },
  {
    name: "multi-register",
    model: multiRegister({ init: { x: 0, y: 0 } }) as HistoryModel,
    invocation: fc
      .array(
        fc.oneof(
          keys.map((key): Step => ["read", key, null]),
          fc.tuple(keys, small).map(([key, value]): Step => ["write", key, value]),
        ),
        {
          minLength: 1,
          maxLength: 3,
        },
      )
      .map((value) => ({ f: "txn", value })),
    answer: (state, { value }) => answerRegisters(state as ReadonlyMap<string, unknown>, value as Step[]),
    lie: (answer, _, random) =>
      (answer as Step[]).map((step): Step => (step[0] === "read" ? ["read", step[1], random % 4] : step)),
  },
  {
    name: "list-append-txn",
    model: listAppendTxn() as HistoryModel,
    invocation: fc
      .array(fc.tuple(fc.constantFrom("append", "r", "r"), keys), { minLength: 1, maxLength: 3 })
      .map((steps) => ({ f: "txn", value: steps.map(([name, key]): Step => [name, key, null]) })),
    answer: (state, { value }) => answerLists(state as ReadonlyMap<string, unknown[]>, value as Step[]),
    lie: (answer, _, random) =>
      (answer as Step[]).map((step): Step => {
        const list = step[2];
        if (step[0] === "append" || !Array.isArray(list)) return step;
        return ["r", step[1], random % 2 === 0 ? list.slice(0, -1) : list.toReversed()];
      }),
  },
];

function answerRegisters(state: ReadonlyMap<string, unknown>, steps: readonly Step[]): Step[] {
  const registers = new Map(state);
  return steps.map((step) => {
    if (step[0] === "write") registers.set(step[1], step[2]);
    return step[0] === "read" ? ["read", step[1], registers.get(step[1])] : step;
  });
}

function answerLists(state: ReadonlyMap<string, unknown[]>, steps: readonly Step[]): Step[] {
  const lists = new Map(state);
  return steps.map(([name, key, value]) => {
    const list = lists.get(key) ?? [];
    if (name === "append") lists.set(key, [...list, value]);
    return [name, key, name === "append" ? value : list];
  });
}

/** What a client does when it is its turn. */
interface Turn {
  readonly process: number;
  readonly invocation: Invocation;
  readonly outcome: "ok" | "info" | "lost";
  /** Whether an operation takes effect when it is invoked, or when it returns. */
  readonly isEarly: boolean;
  readonly isLie: boolean;
  readonly random: number;
}

export interface HistoryShape {
  readonly turns: number;
  readonly processes: number;
  /** One answer in so many is a lie; 0: none is. */
  readonly lies: number;
}

export function histories(kind: Kind, { turns, processes, lies }: HistoryShape): fc.Arbitrary<HistoryEvent[]> {
  const turn: fc.Arbitrary<Turn> = fc.record({
    process: fc.nat(processes - 1),
    invocation: kind.invocation,
    outcome: fc.oneof(
      { weight: 6, arbitrary: fc.constant("ok" as const) },
      { weight: 1, arbitrary: fc.constantFrom("info" as const, "lost" as const) },
    ),
    isEarly: fc.boolean(),
    isLie: lies === 0 ? fc.constant(false) : fc.nat(lies - 1).map((number) => number === 0),
    random: fc.nat(59),
  });
  return fc.array(turn, { maxLength: turns, size: "max" }).map((each) => play(kind, each));
}

interface Open {
  readonly process: number;
  readonly invocation: Invocation;
  /** What it answers: not known before it has taken effect; `illegal` if it then failed. */
  effect: { readonly answer: unknown } | typeof illegal | null;
}

/** An object of that kind, one state for each key, and clients that take turns: one invokes, or its operation ends. */
function play(kind: Kind, turns: readonly Turn[]): HistoryEvent[] {
  const states = new Map<string, unknown>();
  const open = new Map<number, Open>();
  const history: HistoryEvent[] = [];
  const takeEffect = (each: Open): void => {
    const key = each.invocation.key ?? "";
    const state = states.has(key) ? states.get(key) : kind.model.init();
    const answer = kind.answer(state, each.invocation);
    const { f, value } = each.invocation;
    const next = kind.model.step(state, { f, key: undefined, input: value, output: answer } as HistoryOperation);
    each.effect = next === illegal ? illegal : { answer };
    if (next !== illegal) states.set(key, next);
  };
  let generation = 0;
  for (const [turn, { process, invocation, outcome, isEarly, isLie, random }] of turns.entries()) {
    const each = open.get(process);
    if (each === undefined) {
      const begun: Open = { process: process + 100 * generation, invocation: numbered(invocation, turn), effect: null };
      history.push({ process: begun.process, type: "invoke", ...begun.invocation });
      open.set(process, begun);
      if (isEarly) takeEffect(begun);
      continue;
    }
    open.delete(process);
    const { f, key } = each.invocation;
    const end = { process: each.process, f, ...(key === undefined ? {} : { key }) };
    if (outcome !== "ok") {
      // Half of those that nobody hears of again take effect now.
      if (each.effect === null && random % 2 === 0) takeEffect(each);
      if (outcome === "info") history.push({ ...end, type: "info" });
      generation += 1;
      continue;
    }
    if (each.effect === null) takeEffect(each);
    if (each.effect === null || each.effect === illegal) {
      history.push({ ...end, type: isLie ? "ok" : "fail", value: each.invocation.value });
    } else {
      const { answer } = each.effect;
      history.push({ ...end, type: "ok", value: isLie ? kind.lie(answer, each.invocation, random) : answer });
    }
  }
  return history;
}

/** Appends of transactions are told apart, as list-append histories do. */
function numbered(invocation: Invocation, turn: number): Invocation {
  if (invocation.f !== "txn") return invocation;
  const value = (invocation.value as Step[]).map((step, at) =>
    step[0] === "append" ? [step[0], step[1], turn * 10 + at] : step,
  );
  return { ...invocation, value };
}
