import { describe, expect, it } from "vitest";
import type { Usage } from "./meter.js";
import type { Part, Row, Settings } from "./part.js";
import { Ledger, partResult } from "./result.js";

const ROW: Row = { name: "1 client", factors: { clients: 1 } };
const SETTINGS: Settings = {
  seconds: 1,
  repeats: 3,
  isQuick: false,
  numbers: {},
  directory: "",
  profiles: null,
};

const part: Part = {
  name: "made-up",
  summary: "made up",
  columns: [{ key: "perSecond", title: "ops/s", meaning: "operations in a second" }],
  seconds: 1,
  repeats: 3,
  warmUpSeconds: 0,
  options: [],
  targets: [{ row: null, column: "perSecond", rival: "other", bound: "at least", value: 2 }],
  rivals: [],
  rows: () => [ROW],
  open: () => Promise.reject(new Error("not opened here")),
};

function usage(foreignCores: number | null, ownCpuSeconds: number | null = 2): Usage {
  return { seconds: 4, ownCpuSeconds, foreignCores, watched: null };
}

function ledgerOf(values: readonly number[], foreignCores: readonly (number | null)[]): Ledger {
  const ledger = new Ledger();
  for (const [place, perSecond] of values.entries())
    ledger.add(ROW, { operations: 100, values: { perSecond } }, usage(foreignCores[place] ?? null));
  return ledger;
}

describe("the result of a part", () => {
  it("leaves out the repeats during which others were busy, and keeps them on record", () => {
    const [row] = ledgerOf([10, 11, 99, 12], [0, 0.1, 1.5, 0]).results([ROW]);
    expect(row?.cells["perSecond"]).toEqual({ median: 11, lowest: 10, highest: 12 });
    expect(row?.used).toEqual([0, 1, 3]);
    expect(row?.repeats.map(({ values }) => values["perSecond"])).toEqual([10, 11, 99, 12]);
  });

  it("tells operations by the CPU time of those who were watched, or else of all of ours", () => {
    const ledger = new Ledger();
    ledger.add(ROW, { operations: 100, values: {} }, { ...usage(0), watched: { leader: 4, followers: 1 } });
    const [watched] = ledger.results([ROW]);
    expect(watched?.repeats[0]?.values).toEqual({ perCpuSecond: 20, leaderCores: 1, followersCores: 0.25 });
    const [own] = ledgerOf([1], [0]).results([ROW]);
    expect(own?.repeats[0]?.values["perCpuSecond"]).toBe(50);
    const unknown = new Ledger();
    unknown.add(ROW, { operations: 100, values: {} }, usage(null, null));
    expect(unknown.results([ROW])[0]?.cells).toEqual({});
  });

  it("holds each repeat against the rival's that followed it", () => {
    const own = ledgerOf([20, 40, 80], [0, 0, 0]);
    const theirs = { name: "other", summary: "", absence: null, ledger: ledgerOf([10, 10, 10], [0, 0, 0]) };
    const { ratios, targets } = partResult(part, SETTINGS, own, [theirs]);
    const ratio = { median: 4, lowest: 2, highest: 8 };
    expect(ratios).toEqual([{ rival: "other", row: "1 client", column: "perSecond", ratio }]);
    expect(targets).toMatchObject([{ row: "1 client", found: ratio, isMet: true }]);
  });

  it("leaves out a pair if others were busy during either half of it", () => {
    const own = ledgerOf([20, 40, 80, 90], [0, 0, 0, 0]);
    const theirs = { name: "other", summary: "", absence: null, ledger: ledgerOf([10, 10, 10, 1], [0, 0, 0, 1]) };
    expect(partResult(part, SETTINGS, own, [theirs]).ratios[0]?.ratio.highest).toBe(8);
  });

  it("does not call a target met, or missed, whose rival was not there", () => {
    const absent = { name: "other", summary: "", absence: "it is not here", ledger: new Ledger() };
    const { ratios, targets } = partResult(part, SETTINGS, ledgerOf([20], [0]), [absent]);
    expect(ratios).toEqual([]);
    expect(targets).toMatchObject([{ found: null, isMet: null }]);
  });
});
