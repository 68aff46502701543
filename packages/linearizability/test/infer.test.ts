import { describe, expect, it } from "vitest";
import { HistoryError, type HistoryEvent, inferInit, inferModel, modelNamed, parseHistory } from "../src/index.js";

const events = (...lines: readonly (readonly [f: string, input?: unknown, output?: unknown])[]): HistoryEvent[] =>
  lines.flatMap(([f, input, output], process) => [
    { process, type: "invoke", f, ...(input === undefined ? {} : { value: input }) },
    { process, type: "ok", f, ...(output === undefined ? {} : { value: output }) },
  ]);

describe("the model of a history", () => {
  it.each([
    ["register", events(["write", 1], ["read", undefined, 1])],
    ["register", events(["read", undefined, null])],
    ["register", []],
    ["cas-register", events(["write", 1], ["cas", [1, 2]])],
    ["cas-register", events(["cas", [1, 2]])],
    ["kv-append", events(["put", "a"], ["append", "b"], ["get", undefined, "ab"])],
    ["kv-append", events(["get", undefined, ""])],
    ["set", events(["add", 1], ["read", undefined, [1]])],
    ["set", events(["add", "a"], ["read"])],
    ["set", events(["read", undefined, []])],
    ["counter", events(["add", 1], ["read", undefined, 1])],
    ["counter", events(["add", 1])],
    ["mutex", events(["acquire"], ["release"])],
    ["mutex", events(["release"])],
    ["multi-register", events(["txn", [["write", "x", 1]], [["write", "x", 1]]])],
    ["multi-register", events(["txn", [["read", "x", null]], [["read", "x", 1]]])],
    ["list-append-txn", events(["txn", [["append", "x", 1]], [["append", "x", 1]]])],
    ["list-append-txn", events(["txn", [["r", "x", null]], [["r", "x", [1]]]])],
    [null, events(["push", 1])],
    [null, events(["write", 1], ["acquire"])],
    [
      null,
      events([
        "txn",
        [
          ["append", "x", 1],
          ["write", "x", 1],
        ],
      ]),
    ],
  ] as const)("is %s, as far as its operations tell", (model, history) => {
    expect(inferModel(history)).toBe(model);
  });

  it("starts as 0 where nobody saw it empty and somebody saw 0", () => {
    expect(inferInit("cas-register", events(["read", undefined, 0]))).toBe(0);
    expect(inferInit("register", events(["read", undefined, 1]))).toBeUndefined();
    expect(inferInit("register", events(["read", undefined, 0], ["read", undefined, null]))).toBeUndefined();
    expect(inferInit("counter", events(["read", undefined, 0]))).toBeUndefined();
    const txn = [
      ["read", "x", 0],
      ["read", "y", 1],
      ["write", "z", 0],
    ];
    expect(inferInit("multi-register", events(["txn", txn, txn]))).toEqual({ x: 0 });
  });

  it("takes an initial value that fits it, and no other", () => {
    expect(modelNamed("counter", 7).init()).toBe(7);
    expect(modelNamed("kv-append", "a").init()).toBe("a");
    expect(modelNamed("mutex", true).init()).toBe(true);
    expect(modelNamed("register", { any: "thing" }).init()).toEqual({ any: "thing" });
    expect(() => modelNamed("counter", "7")).toThrow(TypeError);
    expect(() => modelNamed("set", {})).toThrow(/must be a list/);
    expect(() => modelNamed("list-append-txn", { x: 1 })).toThrow(/lists by key/);
  });
});

describe("the text of a history", () => {
  it("is one event a line; empty lines and other fields make no difference", () => {
    const text =
      '{"process":1,"type":"invoke","f":"read","time":7}\n\n{"process":1,"type":"ok","f":"read","key":3,"value":null}\r\n';
    expect(parseHistory(text)).toEqual([
      { process: 1, type: "invoke", f: "read" },
      { process: 1, type: "ok", f: "read", key: "3", value: null },
    ]);
    expect(parseHistory("")).toEqual([]);
  });

  it.each([
    ["{", /line 2: is not JSON/],
    ["[]", /line 2: is not an object/],
    ['{"type":"ok","f":"read"}', /line 2: "process"/],
    ['{"process":1,"type":"done","f":"read"}', /line 2: "type"/],
    ['{"process":1,"type":"ok"}', /line 2: "f"/],
    ['{"process":1,"type":"ok","f":"read","key":{}}', /line 2: "key"/],
  ])("refuses %s, and says where it stands", (line, message) => {
    const text = `{"process":1,"type":"invoke","f":"read"}\n${line}`;
    expect(() => parseHistory(text)).toThrow(HistoryError);
    expect(() => parseHistory(text)).toThrow(message);
  });
});
