/** The session table alone: what is executed, what is not, what is answered, and for how long. */

import { Random } from "@quorate/core";
import { describe, expect, it } from "vitest";
import { MAX_SESSION_TIMEOUT_MS, SessionTable, WINDOW } from "../../src/sessions/session-table.js";

const payload = (text: string): Uint8Array => Buffer.from(text);

class Table {
  readonly ended: number[] = [];
  readonly table: SessionTable;
  executions = 0;

  constructor(limits?: { maxSessions?: number; maxResultBytes?: number }) {
    const all = { maxSessions: 100, maxResultBytes: 1000, ...limits };
    this.table = new SessionTable((id) => this.ended.push(id), all);
  }

  /** Executes it if it is new; what is answered otherwise. */
  ask(id: number, sequence: number, text = "x", acknowledgedBelow = 0, answer = text): string {
    const standing = this.table.begin(id, sequence, acknowledgedBelow, payload(text));
    if (standing === "new") {
      this.executions += 1;
      this.table.finish(this.executions, { data: payload(answer) });
      return "executed";
    }
    if (typeof standing === "string") return standing;
    const data = standing.answer?.data ?? null;
    return data === null ? "forgotten" : `again: ${Buffer.from(data).toString()}`;
  }
}

describe("a number", () => {
  it("K1: is executed once, and answered as it was when it comes again", () => {
    const { table, ...rest } = open();
    expect([rest.ask(1, "a"), rest.ask(1, "a"), rest.ask(2, "b"), rest.ask(1, "a")]).toEqual([
      "executed",
      "again: a",
      "executed",
      "again: a",
    ]);
    expect(table.size).toBe(1);
  });

  it("K13: is executed in any order, and below what is acknowledged not at all", () => {
    const { ask } = open();
    expect(ask(6, "six")).toBe("executed");
    expect(ask(5, "five")).toBe("executed");
    expect(ask(9, "nine", 6)).toBe("executed");
    expect(ask(5, "five")).toBe("acknowledged");
    expect(ask(4, "four")).toBe("acknowledged");
    expect(ask(6, "six")).toBe("again: six");
    // What is acknowledged stays so, whatever a late copy says.
    expect(ask(7, "seven", 2)).toBe("executed");
    expect(ask(5, "five", 2)).toBe("acknowledged");
  });

  it("K13: is refused beyond the window, and not executed, until earlier ones are acknowledged", () => {
    const { ask } = open();
    expect(ask(WINDOW, "last")).toBe("executed");
    expect(ask(WINDOW + 1, "beyond")).toBe("beyondWindow");
    expect(ask(WINDOW + 1, "beyond", 2)).toBe("executed");
    expect(ask(2 ** 52, "far", 2 ** 52 - 1)).toBe("executed");
    expect(ask(WINDOW, "last")).toBe("acknowledged");
  });

  it("K11: belongs to one payload", () => {
    const { ask } = open();
    expect([ask(1, "pay 5"), ask(1, "pay 6"), ask(1, "pay 5 "), ask(1, "pay 5")]).toEqual([
      "executed",
      "reused",
      "reused",
      "again: pay 5",
    ]);
  });

  it("K12: whose answer aged out is still known to be executed: the oldest answers go first", () => {
    const { ask, table } = open({ maxResultBytes: 100 });
    for (let sequence = 1; sequence <= 12; sequence += 1) ask(sequence, "x", 0, "0123456789");
    expect(table.resultBytes).toBe(100);
    expect([1, 2, 3, 12].map((sequence) => ask(sequence, "x"))).toEqual([
      "forgotten",
      "forgotten",
      "again: 0123456789",
      "again: 0123456789",
    ]);
    // One that is larger than all of them has none from the first.
    expect(ask(13, "x", 0, "x".repeat(101))).toBe("executed");
    expect([ask(13, "x"), ask(12, "x"), table.resultBytes]).toEqual(["forgotten", "forgotten", 0]);
  });
});

function open(limits?: { maxResultBytes?: number }) {
  const opened = new Table(limits);
  opened.table.open(1, 1000, true);
  const ask = (sequence: number, text: string, acknowledgedBelow = 0, answer = text): string =>
    opened.ask(1, sequence, text, acknowledgedBelow, answer);
  return { table: opened.table, ask };
}

describe("a session", () => {
  it("K3: that is over, or never was, executes nothing", () => {
    const table = new Table();
    expect(table.ask(1, 1)).toBe("expired");
    table.table.open(1, 1000, true);
    expect(table.ask(1, 1)).toBe("executed");
    table.table.advanceTo(1000);
    expect(table.ask(1, 1)).toBe("expired");
    expect(table.ended).toEqual([1]);
    table.table.open(2, 1000, true);
    expect(table.table.close(2)).toBe(true);
    expect(table.table.close(2)).toBe(false);
    expect([table.ask(2, 1), table.executions]).toEqual(["expired", 1]);
  });

  it("K4: expires by what entries say, from its last use on, whatever its use", () => {
    const { table, ended, ask } = withSessions(3, 1000);
    table.advanceTo(900);
    ask(1, 1);
    table.keepAlive(2);
    table.advanceTo(999);
    expect(ended).toEqual([]);
    table.advanceTo(1000);
    expect(ended).toEqual([3]);
    table.advanceTo(1500);
    ask(1, 1);
    table.advanceTo(1900);
    expect(ended).toEqual([3, 2]);
    // Time that goes back goes nowhere.
    table.advanceTo(5);
    expect(table.timeMs).toBe(1900);
    expect(table.nextExpiryMs(0)).toBeLessThanOrEqual(2500);
    expect(table.nextExpiryMs(2600)).toBe(2500);
  });

  it("makes room when there are too many: the one that was used least lately goes", () => {
    const table = new Table({ maxSessions: 3 });
    for (const id of [1, 2, 3]) table.table.open(id, 1000, false);
    table.ask(1, 1);
    table.table.open(4, 1000, false);
    expect(table.ended).toEqual([2]);
    table.table.keepAlive(3);
    table.table.open(5, 1000, false);
    expect(table.ended).toEqual([2, 1]);
    expect(table.table.size).toBe(3);
  });

  it("has a timeout that can work, whatever was asked for", () => {
    const { table, ended } = new Table();
    table.open(1, 0, false);
    table.open(2, 2 ** 50, false);
    table.advanceTo(1);
    expect(ended).toEqual([1]);
    table.advanceTo(MAX_SESSION_TIMEOUT_MS);
    expect(ended).toEqual([1, 2]);
    expect(table.nextExpiryMs(0)).toBe(Number.POSITIVE_INFINITY);
  });

  it("leaves no answers behind", () => {
    const { table, ask } = withSessions(3, 1000);
    for (const id of [1, 2, 3]) for (let sequence = 1; sequence <= 5; sequence += 1) ask(id, sequence);
    expect(table.resultBytes).toBe(15);
    ask(1, 6, "x", 6);
    expect(table.resultBytes).toBe(11);
    table.close(2);
    expect(table.resultBytes).toBe(6);
    table.advanceTo(1000);
    expect([table.resultBytes, table.size]).toEqual([0, 0]);
  });
});

function withSessions(count: number, timeoutMs: number) {
  const opened = new Table();
  for (let id = 1; id <= count; id += 1) opened.table.open(id, timeoutMs, true);
  return { table: opened.table, ended: opened.ended, ask: opened.ask.bind(opened) };
}

/** Any history, on a table that is saved and restored now and then, and on one that never is. */
it("K2, S: goes on after a snapshot as if there had been none", () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const random = new Random(seed);
    const pick = (below: number): number => Math.floor(random.between(0, below));
    const limits = { maxSessions: 6, maxResultBytes: 300 };
    let one = new Table(limits);
    const two = new Table(limits);
    let timeMs = 0;
    for (let index = 1; index <= 400; index += 1) {
      const [what, id, sequence, below, size, wait] = [
        pick(12),
        pick(index),
        1 + pick(20),
        pick(12),
        pick(60),
        pick(150),
      ];
      timeMs += pick(3) === 0 ? wait : 0;
      const said = [one, two].map((table) => {
        table.table.advanceTo(timeMs);
        if (what === 0) return table.table.open(index, 50 + size * 20, size % 2 === 0);
        if (what === 1) return table.table.close(id);
        if (what === 2) return table.table.keepAlive(id);
        return table.ask(id, sequence, `payload ${size % 3}`, below, "x".repeat(size));
      });
      expect(said[0], `seed ${seed}, entry ${index}`).toEqual(said[1]);
      if (pick(20) === 0) {
        const restored = new Table(limits);
        restored.table.restore(one.table.save());
        expect(restored.table.save()).toEqual(one.table.save());
        restored.executions = one.executions;
        one = restored;
      }
      expect([one.table.size, one.table.resultBytes, one.table.timeMs]).toEqual([
        two.table.size,
        two.table.resultBytes,
        two.table.timeMs,
      ]);
    }
    expect(two.ended.length).toBeGreaterThan(0);
  }
});

it("S20: what is no saved table is refused, and changes nothing; what is over then is told", () => {
  const { table, ended, ask } = withSessions(2, 1000);
  ask(1, 1);
  const saved = table.save();
  for (const broken of [
    saved.subarray(0, saved.length - 1),
    Buffer.concat([saved, Buffer.alloc(8)]),
    Buffer.alloc(3),
  ]) {
    expect(() => table.restore(broken)).toThrow(RangeError);
  }
  expect(table.save()).toEqual(saved);
  table.open(3, 1000, false);
  table.restore(saved);
  expect(ended).toEqual([3]);
  expect([ask(1, 1), ask(3, 1)]).toEqual(["again: x", "expired"]);
});
