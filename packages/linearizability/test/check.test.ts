import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { columnsOfCalls } from "../src/history.js";
import {
  type Call,
  callsOf,
  check,
  checkCalls,
  type HistoryEvent,
  type HistoryModel,
  type HistoryOperation,
  illegal,
  listAppendTxn,
  type Model,
  register,
} from "../src/index.js";
import { Budget } from "../src/search/budget.js";
import { InternedModel } from "../src/search/interned.js";
import { Search } from "../src/search/search.js";
import { timelineOf } from "../src/search/timeline.js";
import { isLinearizable } from "./brute-force.js";
import { histories, kinds } from "./objects.js";

/** How many histories each property tries: `QUORATE_RUNS` is a factor, 1 where it is not set. */
const RUNS = 300 * Number(process.env["QUORATE_RUNS"] ?? "1");

/** The parts of a history that the model takes apart, put together again: the definition knows no parts. */
function whole(history: readonly HistoryEvent[], model: HistoryModel): boolean {
  return callsByKey(history).every((calls) => isLinearizable(calls, model));
}

function callsByKey(history: readonly HistoryEvent[]): Call<HistoryOperation>[][] {
  const calls = callsOf(history);
  const keys = new Set(calls.map(({ operation }) => operation.key));
  return [...keys].map((key) => calls.filter(({ operation }) => operation.key === key));
}

/** Models without what makes them fast. */
function plain(model: HistoryModel): HistoryModel {
  const { name, init, step, partition } = model;
  return {
    name,
    init,
    step,
    ...(model.fingerprint && { fingerprint: model.fingerprint }),
    ...(partition && { partition }),
  };
}

describe.each(kinds)("$name", (kind) => {
  const { model } = kind;

  it("agrees with the definition on small histories, and both verdicts occur", () => {
    const counts = { linearizable: 0, "not-linearizable": 0, unknown: 0 };
    fc.assert(
      fc.property(histories(kind, { turns: 16, processes: 4, lies: 3 }), (history) => {
        const { verdict } = check(history, model);
        counts[verdict] += 1;
        expect(verdict).toBe(whole(history, model) ? "linearizable" : "not-linearizable");
      }),
      { numRuns: RUNS },
    );
    expect(counts.unknown).toBe(0);
    expect(counts.linearizable).toBeGreaterThan(10);
    expect(counts["not-linearizable"]).toBeGreaterThan(10);
  });

  it("agrees with the definition also where only the plain functions of the model are used", () => {
    fc.assert(
      fc.property(histories(kind, { turns: 14, processes: 4, lies: 3 }), (history) => {
        expect(check(history, plain(model)).verdict).toBe(whole(history, model) ? "linearizable" : "not-linearizable");
      }),
      { numRuns: RUNS / 2 },
    );
  });

  it("finds an order that follows time and explains all answers, or none", () => {
    fc.assert(
      fc.property(histories(kind, { turns: 30, processes: 5, lies: 0 }), (history) => {
        for (const calls of callsByKey(history)) {
          expectLinearization(calls, orderOf(calls, model), model);
        }
      }),
      { numRuns: RUNS / 2 },
    );
  });

  it("never refuses a long history of a true object", () => {
    fc.assert(
      fc.property(histories(kind, { turns: 300, processes: 5, lies: 0 }), (history) => {
        expect(check(history, model, { stepLimit: 1_000_000 }).verdict).not.toBe("not-linearizable");
      }),
      { numRuns: RUNS / 10 },
    );
  });
});

function orderOf(calls: readonly Call<HistoryOperation>[], model: HistoryModel): readonly number[] {
  const decision = model.decide?.(calls) ?? null;
  if (decision !== null) return decision.isLinearizable ? decision.order : [];
  const operations = calls.map(({ operation }) => operation);
  const compiled = model.compile?.(operations) ?? new InternedModel(model, operations);
  const columns = columnsOfCalls(calls);
  const places = Int32Array.from(calls.keys());
  const timeline = timelineOf(columns, places, columns.byReturn, () => false, new Int32Array(calls.length));
  return new Search(timeline, compiled, new Budget()).run().order;
}

function expectLinearization(
  calls: readonly Call<HistoryOperation>[],
  order: readonly number[],
  model: HistoryModel,
): void {
  let state = model.init();
  const done = new Set<number>();
  for (const place of order) {
    const { operation, invokedAt } = calls[place] as Call<HistoryOperation>;
    state = model.step(state, operation) as unknown;
    expect(state).not.toBe(illegal);
    for (const [other, { returnedAt }] of calls.entries()) {
      if (returnedAt !== null && returnedAt < invokedAt) expect(done).toContain(other);
    }
    done.add(place);
  }
  for (const [place, { returnedAt }] of calls.entries()) if (returnedAt !== null) expect(done).toContain(place);
}

describe("check", () => {
  const at = (process: number, type: HistoryEvent["type"], f: string, value?: unknown): HistoryEvent =>
    value === undefined ? { process, type, f } : { process, type, f, value };

  it("takes a failed operation for one that did not happen", () => {
    const history = [
      at(1, "invoke", "write", 3),
      at(1, "fail", "write", 3),
      at(2, "invoke", "read"),
      at(2, "ok", "read", 3),
    ];
    expect(check(history, register()).verdict).toBe("not-linearizable");
  });

  it("takes an operation of unknown outcome for one that may take effect late, or never", () => {
    const write = [at(1, "invoke", "write", 3), at(1, "info", "write", 3)];
    const readings = (...values: (number | null)[]): HistoryEvent[] =>
      values.flatMap((value) => [at(2, "invoke", "read"), at(2, "ok", "read", value)]);
    const verdictOf = (...values: (number | null)[]) => check([...write, ...readings(...values)], register()).verdict;
    expect(verdictOf(null, null)).toBe("linearizable");
    expect(verdictOf(null, 3)).toBe("linearizable");
    expect(verdictOf(3, null)).toBe("not-linearizable");
  });

  it("takes an operation without an end for one of unknown outcome", () => {
    const history = [at(1, "invoke", "write", 3), at(2, "invoke", "read"), at(2, "ok", "read", 3)];
    expect(check(history, register()).verdict).toBe("linearizable");
  });

  it("takes null for what was seen, and no value for not knowing what was", () => {
    const history = (value?: unknown) => [
      at(1, "invoke", "write", 3),
      at(1, "ok", "write", 3),
      at(2, "invoke", "read"),
      at(2, "ok", "read", value),
    ];
    expect(check(history(null), register()).verdict).toBe("not-linearizable");
    expect(check(history(), register()).verdict).toBe("linearizable");
  });

  it("leaves out what was done to the servers", () => {
    const history: HistoryEvent[] = [
      { process: "nemesis", type: "info", f: "kill" },
      at(1, "invoke", "write", 3),
      { process: "nemesis", type: "info", f: "start" },
      at(1, "ok", "write", 3),
    ];
    expect(check(history, register())).toMatchObject({ verdict: "linearizable", operations: 1 });
  });

  it("says what is no history, and where", () => {
    const refusal = (history: HistoryEvent[]) => () => check(history, register());
    expect(refusal([at(1, "invoke", "read"), at(1, "invoke", "read")])).toThrow(
      expect.objectContaining({ name: "HistoryError", index: 1, message: expect.stringContaining("before its last") }),
    );
    expect(refusal([at(1, "ok", "read", 3)])).toThrow(/without having invoked/);
    expect(refusal([at(1, "invoke", "read"), at(1, "ok", "write", 3)])).toThrow(/has invoked "read"/);
    expect(refusal([at(1, "invoke", "swap"), at(1, "ok", "swap")])).toThrow(/register: no such operation: swap/);
  });

  it("says which key fails, and leaves out what was invoked after the contradiction", () => {
    const of = (key: string, ...events: HistoryEvent[]) => events.map((event) => ({ ...event, key }));
    const history = [
      ...of("x", at(1, "invoke", "write", 1), at(1, "ok", "write", 1)),
      ...of("y", at(1, "invoke", "read"), at(1, "ok", "read", 1)),
      ...of("y", at(1, "invoke", "write", 1), at(1, "ok", "write", 1)),
    ];
    const { failure, partitions } = check(history, register());
    expect(partitions).toBe(2);
    expect(failure?.partition).toEqual(["y"]);
    expect(failure?.calls.map(({ operation }) => operation.f)).toEqual(["read"]);
  });

  it("checks calls with times of their own; what ends when another begins is concurrent with it", () => {
    const calls = (readFrom: number): Call<HistoryOperation>[] => [
      {
        process: 2,
        operation: { f: "read", key: undefined, input: undefined, output: null },
        invokedAt: readFrom,
        returnedAt: 9,
      },
      { process: 1, operation: { f: "write", key: undefined, input: 3, output: 3 }, invokedAt: 0.5, returnedAt: 2.5 },
    ];
    expect(checkCalls(calls(2.5), register()).verdict).toBe("linearizable");
    expect(checkCalls(calls(2.6), register()).verdict).toBe("not-linearizable");
  });

  it("decides lists by search where a value is appended twice", () => {
    const txn = (process: number, type: HistoryEvent["type"], ...value: unknown[]) => at(process, type, "txn", value);
    const history = (list: number[]) => [
      txn(1, "invoke", ["append", "x", 1]),
      txn(2, "invoke", ["append", "x", 1]),
      txn(1, "ok", ["append", "x", 1]),
      txn(2, "ok", ["append", "x", 1]),
      txn(1, "invoke", ["r", "x", null]),
      txn(1, "ok", ["r", "x", list]),
    ];
    expect(check(history([1, 1]), listAppendTxn()).verdict).toBe("linearizable");
    expect(check(history([1]), listAppendTxn()).verdict).toBe("not-linearizable");
  });
});

describe("limits", () => {
  /** Writers of unknown outcome in great number, and a read that fits none of them: much to search, nothing to find. */
  const hard: HistoryEvent[] = [
    ...Array.from(
      { length: 24 },
      (_, process): HistoryEvent => ({ process, type: "invoke", f: "add", value: 2 ** process }),
    ),
    { process: 99, type: "invoke", f: "read" },
    { process: 99, type: "ok", f: "read", value: 0.5 },
  ];
  const sum: Model<number, HistoryOperation> = {
    name: "sum",
    init: () => 0,
    step: (state, { f, input, output }) => {
      if (f === "add") return state + (input as number);
      return output === state ? state : illegal;
    },
  };

  it("answers unknown when the steps are up, always after the same number of them", () => {
    const run = () => check(hard, sum, { stepLimit: 5000 });
    expect(run()).toMatchObject({ verdict: "unknown", limit: "steps", steps: 5000, failure: null });
    expect(run()).toEqual(run());
  });

  it("answers unknown when the time is up, by the clock that it is given", () => {
    let now = 0;
    const clock = () => {
      now += 10;
      return now;
    };
    expect(check(hard, sum, { timeLimitMs: 50, now: clock })).toMatchObject({ verdict: "unknown", limit: "time" });
    expect(now).toBe(60);
  });

  it("answers unknown when its tables become too large", () => {
    expect(check(hard, sum, { memoryLimitBytes: 1_000_000 })).toMatchObject({ verdict: "unknown", limit: "memory" });
  });

  it("still finds a contradiction in another part when the tables of one are too large", () => {
    const history = [
      ...hard,
      { process: 100, type: "invoke", f: "read", key: "z" },
      { process: 100, type: "ok", f: "read", key: "z", value: 1 },
    ] as HistoryEvent[];
    const parted: Model<number, HistoryOperation> = { ...sum, partition: ({ key }) => key ?? "" };
    const { verdict, limit } = check(history, parted, { memoryLimitBytes: 1_000_000 });
    expect({ verdict, limit }).toEqual({ verdict: "not-linearizable", limit: null });
  });

  it("refuses limits that are no positive numbers", () => {
    expect(() => check([], sum, { stepLimit: 0 })).toThrow(RangeError);
    expect(() => check([], sum, { timeLimitMs: Number.NaN })).toThrow(RangeError);
  });

  it("is not slowed down by many reads at the same time", () => {
    const reads = (type: "invoke" | "ok") =>
      Array.from({ length: 25 }, (_, process): HistoryEvent => {
        const event = { process: process + 10, type, f: "read" };
        return type === "ok" ? { ...event, value: 0 } : event;
      });
    const contradiction: HistoryEvent[] = [
      { process: 1, type: "invoke", f: "read" },
      { process: 1, type: "ok", f: "read", value: 1 },
    ];
    const history = [...reads("invoke"), ...contradiction, ...reads("ok")];
    expect(check(history, sum, { stepLimit: 10_000 }).verdict).toBe("unknown");
    const withReads = { ...sum, isRead: ({ f }: HistoryOperation) => f === "read" };
    expect(check(history, withReads, { stepLimit: 10_000 }).verdict).toBe("not-linearizable");
  });

  it("is not slowed down by operations that change nothing, and of which nobody knows whether they happened", () => {
    const adds = Array.from(
      { length: 25 },
      (_, process): HistoryEvent => ({ process: process + 10, type: "invoke", f: "add", value: 0 }),
    );
    const read: HistoryEvent[] = [
      { process: 1, type: "invoke", f: "read" },
      { process: 1, type: "ok", f: "read", value: 1 },
    ];
    expect(check([...adds, ...read], sum, { stepLimit: 10_000 }).verdict).toBe("not-linearizable");
  });

  it("is not slowed down by many operations that never end", () => {
    const writes = Array.from(
      { length: 2000 },
      (_, process): HistoryEvent => ({ process: process + 10, type: "invoke", f: "write", value: process }),
    );
    const reads = Array.from({ length: 1000 }, (_, index): HistoryEvent[] => [
      { process: 1, type: "invoke", f: "read" },
      { process: 1, type: "ok", f: "read", value: (index * 7919) % 2000 },
    ]).flat();
    expect(check([...writes, ...reads], register(), { stepLimit: 10_000 })).toMatchObject({ verdict: "linearizable" });
  });
});
