/** The anomalies that transactions over lists can show, one by one. */

import { describe, expect, it } from "vitest";
import { check, type HistoryEvent, listAppendTxn } from "../src/index.js";

type Step = readonly [name: "append" | "r", key: string, value: unknown];

const steps = (text: string): Step[] =>
  text.split(" ").map((step) => {
    const [, key = "", list, value] = /^(\w)(?:=\[([\d,]*)\]|\+(\d+))$/.exec(step) ?? [];
    return value === undefined
      ? ["r", key, list === "" ? [] : (list ?? "").split(",").map(Number)]
      : ["append", key, Number(value)];
  });

/**
 * `x+1 y=[2]` is a transaction that appends 1 to x and reads y. Those of one line run at the same time, lines one after
 * another; after `?` stands one of unknown outcome, after `!` one that failed.
 */
function historyOf(text: string): HistoryEvent[] {
  let process = 0;
  return text
    .trim()
    .split("\n")
    .flatMap((line) => {
      const events = line.split("|").map((each): HistoryEvent[] => {
        const [mark, body] = /^\s*([?!]?)\s*(.*?)\s*$/.exec(each)?.slice(1) ?? [];
        process += 1;
        const value = steps(body ?? "");
        const type = mark === "?" ? "info" : mark === "!" ? "fail" : "ok";
        const asked = value.map(([name, key, given]) => [name, key, name === "r" ? null : given]);
        return [
          { process, type: "invoke", f: "txn", value: asked },
          { process, type, f: "txn", value: type === "ok" ? value : asked },
        ];
      });
      return [...events.map(([invocation]) => invocation), ...events.map(([, end]) => end)] as HistoryEvent[];
    });
}

describe("transactions over lists", () => {
  it.each([
    ["nothing strange", "x+1 | y+1\nx=[1] y=[1]\nx+2\nx=[1,2]"],
    ["its own appends, as it goes", "x=[] x+1 x=[1] x+2 x=[1,2]"],
    ["appends that nobody saw, after one that read the list", "x=[] x+1 | x+2 | x+3"],
    ["one of unknown outcome that is seen", "? x+1 y+1\nx=[1]\ny=[1]"],
    ["one of unknown outcome that is never seen", "? x+1\nx=[]"],
    ["one of unknown outcome that is seen late", "? x+1\nx=[]\nx=[1]"],
    ["readers before and after, at the same time", "x+1 | x=[] | x=[1]"],
  ])("may show %s", (_, text) => {
    expect(check(historyOf(text), listAppendTxn())).toMatchObject({ verdict: "linearizable", limit: null });
  });

  it.each([
    ["an element that nobody appended", "x=[1]"],
    ["an append that failed (G1a)", "! x+1\nx=[1]"],
    ["half a transaction (G1b)", "x+1 x+2 | x=[1]"],
    ["half of one, by a transaction that goes on", "x+1 x=[1] x+2 | x=[1]"],
    ["two orders", "x+1 | x+2\nx=[1,2] | x=[2,1]"],
    ["transactions that see each other (G1c)", "x+1 y=[1] | y+1 x=[1]"],
    ["a lost update", "x=[] x+1 | x=[] x+2"],
    ["an update that is lost although the other is seen", "x=[] x+1 | x=[] x+2\nx=[1,2]"],
    ["one key after, another before (G-single)", "x+1 y+1 | x=[1] y=[]"],
    ["write skew (G2)", "x=[] y+1 | y=[] x+1"],
    ["a read that lags behind an append", "x+1\nx=[]"],
    ["a read that lags behind one that read the list itself", "x=[] x+1\nx=[]"],
    ["a read that lags behind a read", "x+1 | x=[1]\nx=[]"],
    ["an order that time forbids", "x+1\nx+2\nx=[2,1]"],
    ["an element twice", "x+1\nx=[1,1]"],
    ["not its own appends", "x+1 x=[]"],
    ["two versions in one transaction", "x+1 | x=[] x=[1]"],
    ["appends interleaved", "x+1 x+2 | x+3\nx=[1,3,2]"],
    ["one of unknown outcome half", "? x+1 y+1\nx=[1]\ny=[]"],
  ])("may not show %s", (_, text) => {
    expect(check(historyOf(text), listAppendTxn()).verdict).toBe("not-linearizable");
  });

  it("start with what init says", () => {
    const model = listAppendTxn({ init: { x: [7] } });
    expect(check(historyOf("x=[7]\nx+1\nx=[7,1]"), model).verdict).toBe("linearizable");
    expect(check(historyOf("x=[]"), model).verdict).toBe("not-linearizable");
    expect(check(historyOf("x=[8]"), model).verdict).toBe("not-linearizable");
  });
});
