import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Call,
  check,
  checkCalls,
  drawPicture,
  type Explanation,
  explain,
  type HistoryEvent,
  type HistoryModel,
  type HistoryOperation,
  illegal,
  mutex,
  register,
} from "../src/index.js";
import { isLinearizable } from "./brute-force.js";
import { histories, kinds } from "./objects.js";

function explained(history: readonly HistoryEvent[], model: HistoryModel): Explanation<HistoryOperation> | null {
  const { failure } = check(history, model);
  return failure === null ? null : explain(failure, model);
}

/** Stale: 1 is overwritten by 2, and yet read again; among much else. */
const stale: HistoryEvent[] = [
  { process: 0, type: "invoke", f: "write", value: 7 },
  { process: 0, type: "ok", f: "write", value: 7 },
  { process: 0, type: "invoke", f: "write", value: 1 },
  { process: 1, type: "invoke", f: "read" },
  { process: 0, type: "ok", f: "write", value: 1 },
  { process: 1, type: "ok", f: "read", value: 7 },
  { process: 2, type: "invoke", f: "write", value: 2 },
  { process: 2, type: "ok", f: "write", value: 2 },
  { process: 1, type: "invoke", f: "read" },
  { process: 1, type: "ok", f: "read", value: 2 },
  { process: 3, type: "invoke", f: "write", value: 9 },
  { process: 1, type: "invoke", f: "read" },
  { process: 1, type: "ok", f: "read", value: 1 },
];

describe("explain", () => {
  it("leaves what contradicts itself, with the reasons of what was seen", () => {
    const { descriptions, isMinimal, order, states, initialState, stuck } = explained(
      stale,
      register(),
    ) as Explanation<unknown>;
    expect(descriptions).toEqual(["write 1", "write 2", "read → 1"]);
    expect({ isMinimal, order, states, initialState, stuck }).toEqual({
      isMinimal: true,
      order: [0, 1],
      states: ["1", "2"],
      initialState: "null",
      stuck: [2],
    });
  });

  it("looks for reasons far back, and leaves out what lies between", () => {
    const turn = (f: string, input: unknown, output: unknown): HistoryEvent[] => [
      { process: 1, type: "invoke", f, ...(input === undefined ? {} : { value: input }) },
      { process: 1, type: "ok", f, value: output },
    ];
    const between = Array.from({ length: 50 }, (_, index) => [
      ...turn("write", index + 10, index + 10),
      ...turn("read", undefined, index + 10),
    ]);
    const history = [...turn("write", 1, 1), ...between.flat(), ...turn("read", undefined, 1)];
    const { descriptions } = explained(history, register()) as Explanation<unknown>;
    expect(descriptions).toEqual(["write 1", expect.stringMatching(/^write \d\d$/), "read → 1"]);
  });

  it("keeps a lock's acquire and its release together", () => {
    const turn = (process: number, f: string): HistoryEvent[] => [
      { process, type: "invoke", f },
      { process, type: "ok", f },
    ];
    const taken = [turn(1, "acquire"), turn(1, "release"), turn(2, "acquire"), turn(2, "release")].flat();
    // The last release may be why process 1 was given the lock.
    const history = [...taken, ...taken, ...turn(1, "acquire"), ...turn(2, "acquire")];
    const { calls } = explained(history, mutex()) as Explanation<HistoryOperation>;
    expect(calls.map(({ process, operation }) => `${process} ${operation.f}`)).toEqual([
      "2 acquire",
      "2 release",
      "1 acquire",
      "2 acquire",
    ]);
  });

  it.each(kinds)("$name: what is left is not linearizable, and was so in the whole", (kind) => {
    let failures = 0;
    fc.assert(
      fc.property(histories(kind, { turns: 40, processes: 4, lies: 8 }), (history) => {
        const found = explained(history, kind.model);
        if (found === null || found.calls.length > 20) return;
        failures += 1;
        expect(isLinearizable(found.calls, kind.model)).toBe(false);
        expect(found.isMinimal).toBe(true);
        expectOrder(found, kind.model);
      }),
      { numRuns: 150 },
    );
    expect(failures).toBeGreaterThan(10);
  });

  it("leaves nothing that could go, where each value is written once", () => {
    let failures = 0;
    const kind = kinds[0] as (typeof kinds)[number];
    fc.assert(
      fc.property(histories(kind, { turns: 60, processes: 4, lies: 8 }), (history) => {
        const found = explained(writtenOnce(history), register({ init: 0 }));
        if (found === null) return;
        failures += 1;
        for (const call of found.calls) {
          const rest = found.calls.filter((other) => other !== call && !sees(other, call));
          expect(checkCalls(rest, register({ init: 0 })).verdict).toBe("linearizable");
        }
      }),
      { numRuns: 300 },
    );
    expect(failures).toBeGreaterThan(50);
  });

  it("hands out what it has when a limit is reached, and says so", () => {
    const { failure } = check(stale, register());
    const { isMinimal, calls } = explain(failure as NonNullable<typeof failure>, register(), { stepLimit: 3 });
    expect(isMinimal).toBe(false);
    expect(checkCalls(calls, register()).verdict).toBe("not-linearizable");
  });
});

/** The order is one that time allows and the answers fit, and none of those that are stuck can go on from it. */
function expectOrder({ calls, order, stuck }: Explanation<HistoryOperation>, model: HistoryModel): void {
  let state = model.init();
  const done = new Set<number>();
  for (const place of order) {
    const { invokedAt, operation } = calls[place] as Call<HistoryOperation>;
    state = model.step(state, operation) as unknown;
    expect(state).not.toBe(illegal);
    for (const [other, { returnedAt }] of calls.entries()) {
      if (returnedAt !== null && returnedAt < invokedAt) expect(done).toContain(other);
    }
    done.add(place);
  }
  expect(stuck.length).toBeGreaterThan(0);
  for (const place of stuck) {
    expect(done).not.toContain(place);
    expect(model.step(state, (calls[place] as Call<HistoryOperation>).operation)).toBe(illegal);
  }
}

function sees(observer: Call<HistoryOperation>, writer: Call<HistoryOperation>): boolean {
  return writer.operation.f === "write" && observer.operation.output === writer.operation.input;
}

/** The same history with values that tell the writes of a process apart; a read sees the last such write, or 0. */
function writtenOnce(history: readonly HistoryEvent[]): HistoryEvent[] {
  const lastOf = new Map<unknown, number>([[0, 0]]);
  const openOf = new Map<unknown, number>();
  return history.map((event, index) => {
    if (event.f === "write" && event.type === "invoke") {
      openOf.set(event.process, index + 10);
      lastOf.set(event.value, index + 10);
      return { ...event, value: index + 10 };
    }
    if (event.f === "write") return { ...event, value: openOf.get(event.process) };
    return event.type === "ok" ? { ...event, value: lastOf.get(event.value) ?? 0 } : event;
  });
}

describe("the picture", () => {
  const page = drawPicture(explained(stale, register()) as Explanation<HistoryOperation>, { title: "a <b>" });

  it("stands by itself: no scripts, nothing from elsewhere", () => {
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).not.toMatch(/<script|<link|src=|href=|url\(|@import|https?:/);
    expect(page).toContain("prefers-color-scheme: dark");
  });

  it("has a lane for each process, a bar for each operation, and a number where it took effect", () => {
    for (const process of [0, 1, 2]) expect(page).toContain(`>process ${process}<`);
    expect(page).not.toContain(">process 3<");
    expect(page.match(/<rect /g)).toHaveLength(3);
    expect(page.match(/class="number"[^>]*>(\d+)</g)).toHaveLength(2);
    expect(page.match(/<g class="stuck">/g)).toHaveLength(1);
  });

  it("says what the order leaves behind, and what cannot come next", () => {
    const text = page
      .slice(page.indexOf("<h2>"))
      .replace(/<[^>]+>/g, " ")
      .replace(/\s+/g, " ");
    expect(text).toContain("1 0 write 1 1");
    expect(text).toContain("2 2 write 2 2");
    expect(text).toContain("What there is now is 2 .");
    expect(text).toContain("process 1: read → 1");
  });

  it("draws bars in the order of time, long enough for their moments", () => {
    const bars = [...page.matchAll(/<rect [^>]* x="([\d.]+)"[^>]*width="([\d.]+)"/g)].map(([, x, width]) => ({
      from: Number(x),
      to: Number(x) + Number(width),
    }));
    const [first, second, third] = bars.toSorted((left, right) => left.from - right.from);
    expect(first?.to).toBeLessThan(second?.from as number);
    expect(second?.to).toBeLessThan(third?.from as number);
    const moments = [...page.matchAll(/<circle cx="([\d.]+)"/g)]
      .map(([, x]) => Number(x))
      .sort((left, right) => left - right);
    expect(moments).toHaveLength(2);
    expect(moments[0]).toBeGreaterThan(first?.from as number);
    expect(moments[0]).toBeLessThan(first?.to as number);
  });

  it("takes texts of the history for texts", () => {
    expect(page).toContain("a &lt;b&gt; is not linearizable");
    expect(page).not.toContain("a <b>");
  });
});
