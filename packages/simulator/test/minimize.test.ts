import { describe, expect, it } from "vitest";
import { type MinimizeOptions, minimize } from "../src/minimize.js";
import type { RunReport, Script, TraceEvent } from "../src/run.js";

/** A simulator that breaks a rule if its test says so of what happens, in a world where each thing is one event. */
function fake(
  everything: readonly string[],
  world: Script["world"],
  breaks: (happened: ReadonlySet<string>) => string,
) {
  const scripts: Script[] = [];
  const run = (script: Script, isTraced: boolean): RunReport => {
    scripts.push(script);
    const left = new Set(script.without);
    const happened = (script.actions ?? everything).filter((each) => !left.has(each));
    const property = breaks(new Set(happened));
    const trace = happened.map(
      (unit, place): TraceEvent => ({ number: place + 1, atMs: place, where: "n1", kind: "x", text: unit, unit }),
    );
    return {
      script: { ...script, actions: world === "cores" && isTraced ? happened : script.actions },
      parameters: {},
      violation: property === "" ? null : { property, oracle: "fake/x", statement: "It holds.", facts: ["a", "b"] },
      events: happened.length,
      coreSteps: 0,
      simulatedMs: 0,
      faults: {},
      situations: {},
      hash: "",
      trace: isTraced ? trace : null,
    };
  };
  const replay = async (script: Script, isTraced: boolean): Promise<RunReport> => run(script, isTraced);
  const found = run({ seed: 7, world, actions: null, without: [] }, false);
  return { found, replay, scripts };
}

const HUNDRED = Array.from({ length: 100 }, (_, place) => `act ${place}`);

function needs(...wanted: readonly string[]) {
  return (happened: ReadonlySet<string>): string => (wanted.every((each) => happened.has(each)) ? "Safety" : "");
}

function options(replay: MinimizeOptions["replay"], more: Partial<MinimizeOptions> = {}): MinimizeOptions {
  return { replay, now: () => 0, ...more };
}

describe("making a run shorter, in the world of cores", () => {
  it("leaves the actions without which nothing breaks, and no other", async () => {
    const { found, replay } = fake(HUNDRED, "cores", needs("act 3", "act 50", "act 51", "act 98"));
    const { report, raw, isMinimal, isReproduced } = await minimize(found, options(replay));
    expect(report.script.actions).toEqual(["act 3", "act 50", "act 51", "act 98"]);
    expect(raw.events).toBe(100);
    expect([isMinimal, isReproduced]).toEqual([true, true]);
  });

  it("takes a few runs for each action that stays, not one for each that goes", async () => {
    const { found, replay } = fake(HUNDRED, "cores", needs("act 60"));
    expect((await minimize(found, options(replay))).replays).toBeLessThan(20);
  });

  it("gives the same with several runs at once", async () => {
    const { found, replay } = fake(HUNDRED, "cores", needs("act 3", "act 50", "act 51", "act 98"));
    const [one, three] = [
      await minimize(found, options(replay)),
      await minimize(found, options(replay, { concurrency: 3 })),
    ];
    expect(three.report).toEqual(one.report);
  });

  it("does not slip to another rule", async () => {
    const breaks = (happened: ReadonlySet<string>): string => needs("act 1", "act 9")(happened) || "Progress";
    const { found, replay } = fake(HUNDRED, "cores", breaks);
    const { report } = await minimize(found, options(replay));
    expect(report.violation?.property).toBe("Safety");
    expect(report.script.actions).toEqual(["act 1", "act 9"]);
  });

  it("does without candidates that do not come to an end", async () => {
    const { found, replay } = fake(HUNDRED, "cores", needs("act 1"));
    const reluctant: MinimizeOptions["replay"] = async (script, isTraced) =>
      script.actions !== null && !script.actions.includes("act 2") ? null : replay(script, isTraced);
    const { report } = await minimize(found, options(reluctant));
    expect(report.script.actions).toEqual(["act 1", "act 2"]);
  });

  it("goes over it again when what went made something else needless", async () => {
    const breaks = (happened: ReadonlySet<string>): string =>
      happened.has("y") && !happened.has("x") ? "" : needs("first", "second")(happened);
    const { found, replay } = fake(["first", "y", "second", "x"], "cores", breaks);
    const { report } = await minimize(found, options(replay));
    expect(report.script.actions).toEqual(["first", "second"]);
  });

  it("says so when the same script does not fail again", async () => {
    const { found, replay } = fake(HUNDRED, "cores", needs("act 1"));
    const fine: MinimizeOptions["replay"] = async (script, isTraced) => ({
      ...(await replay(script, isTraced)),
      violation: null,
    });
    expect(await minimize(found, options(fine))).toMatchObject({
      report: found,
      isReproduced: false,
      isMinimal: false,
    });
  });

  it("stops when its time is up, with the shortest so far", async () => {
    const { found, replay } = fake(HUNDRED, "cores", needs("act 3", "act 50", "act 98"));
    let time = 0;
    const clock = { now: () => time, budgetMs: 6 };
    const slow: MinimizeOptions["replay"] = async (...order) => {
      time += 1;
      return replay(...order);
    };
    const { report, isMinimal, replays } = await minimize(found, options(slow, clock));
    expect(isMinimal).toBe(false);
    expect(replays).toBeLessThanOrEqual(7);
    expect(report.violation?.property).toBe("Safety");
  });

  it("refuses a run in which nothing broke", async () => {
    const { found, replay } = fake(HUNDRED, "cores", () => "");
    await expect(minimize(found, options(replay))).rejects.toThrow(RangeError);
  });
});

describe("making a run shorter, in the world of servers", () => {
  const units = [
    ...Array.from({ length: 8 }, (_, place) => `f${place + 1}`),
    ...Array.from({ length: 30 }, (_, place) => `c${1 + (place % 3)}#${place}`),
    ...["1>2", "2>1", "1>3"].flatMap((link) => Array.from({ length: 40 }, (_, place) => `m${link}#${place + 1}`)),
  ];

  it("leaves out every unit that can be left out", async () => {
    const needed = ["f3", "c2#4", "m1>2#17", "m2>1#18"];
    const { found, replay } = fake(units, "servers", needs(...needed));
    const { report, isMinimal } = await minimize(found, options(replay));
    expect(report.trace?.map(({ unit }) => unit)).toEqual(needed);
    expect(report.script.without).toHaveLength(units.length - needed.length);
    expect(isMinimal).toBe(true);
  });

  it("begins with whole kinds: all faults, all requests, all that goes over one link", async () => {
    const { found, replay, scripts } = fake(units, "servers", needs("m2>1#18"));
    const { report } = await minimize(found, options(replay));
    expect(report.script.without).toHaveLength(units.length - 1);
    const counts = scripts.map(({ without }) => without.length);
    expect(counts.slice(2, 4)).toEqual([8, 38]);
    expect(scripts.length).toBeLessThan(30);
  });

  it("does not take a run that is longer", async () => {
    const breaks = needs("f1");
    const { found, replay } = fake(units, "servers", breaks);
    const longer: MinimizeOptions["replay"] = async (script, isTraced) => {
      const report = await replay(script, isTraced);
      return script.without.includes("c1#0") ? { ...report, events: 1_000 } : report;
    };
    const { report } = await minimize(found, options(longer));
    expect(report.trace?.map(({ unit }) => unit)).toEqual(["f1", "c1#0"]);
  });
});
