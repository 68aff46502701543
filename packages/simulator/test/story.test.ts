import { describe, expect, it } from "vitest";
import type { RunReport, TraceEvent } from "../src/run.js";
import { scriptOf, toRunFile } from "../src/run-file.js";
import { tellStory, tellTrace } from "../src/story.js";

type Told = readonly [atMs: number, where: string, kind: string, text: string];

function reportOf(trace: readonly Told[], facts: readonly [string, string] = ["One thing.", "Another."]): RunReport {
  return {
    script: { seed: 17, world: "servers", actions: null, without: [] },
    parameters: { servers: 3, lossRate: 0.123456, isOrdered: false, faults: "" },
    violation: { property: "Election Safety", oracle: "ledger/election-safety", statement: "One leader.", facts },
    events: trace.length,
    coreSteps: 1,
    simulatedMs: 10,
    faults: { crash: 2, loss: 0 },
    situations: {},
    hash: "0123456789abcdef",
    trace: trace.map(
      ([atMs, where, kind, text], place): TraceEvent => ({
        number: place + 1,
        atMs,
        where,
        kind,
        text,
        unit: `u${place}`,
      }),
    ),
  };
}

const heartbeat = (atMs: number): Told => [atMs, "n2", "receive", `from n1: heartbeat (term 2): round ${atMs}`];
const answer = (atMs: number): Told => [atMs, "n1", "receive", `from n2: heartbeat result (term 2): round ${atMs}`];

describe("a story", () => {
  it("says what broke, in words, with the facts, the seed, and how to see it again", () => {
    const story = tellStory(reportOf([]), { commands: [["pnpm sim --seed 17", "the whole run"]], rawEvents: 40 });
    expect(story).toContain("✗ Election Safety is broken, with seed 17");
    expect(story).toContain("  One leader.\n");
    expect(story).toContain("  1▶ One thing.\n  2▶ Another.\n");
    expect(story).toContain("40 events, of which 0 are enough");
    expect(story).toMatch(/see again +pnpm sim --seed 17 +the whole run/);
    expect(story).toContain("servers 3, lossRate 0.123, isOrdered false, faults none");
    expect(story).toMatch(/^faults +crash 2$/m);
  });

  it("draws who told whom, who is down, and what was lost", () => {
    const story = tellStory(
      reportOf([
        [1, "n3", "receive", "from n1: append"],
        [2, "n3", "lose", "to n2: append result"],
        [3, "n2", "crash", "nothing was unwritten"],
        [4, "n1", "becomes", "leader (term 2)"],
      ]),
    );
    const rows = story.split("\n").filter((line) => /^ {3}\d/.test(line));
    expect(rows).toEqual([
      "   1  1.0  ○──────▶│    n3 receives from n1: append",
      "   2  2.0  │   │×──○    n3 sends in vain to n2: append result",
      "   3  3.0  │   ✗   │    n2 crashes: nothing was unwritten",
      "   4  4.0  ●       │    n1 becomes leader (term 2)",
    ]);
  });

  it("marks the events that the two facts are about, by time or by number, at the servers that they name", () => {
    const trace: Told[] = [
      [1, "n1", "x", ""],
      [325.90993, "n3", "write", "vote"],
      [325.90993, "n2", "x", ""],
      [9, "n2", "y", ""],
    ];
    const story = tellStory(reportOf(trace, ["n2 told so at event 4.", "n3 voted at 325.90993 ms."]));
    expect(story).toMatch(/^2▶ 2 .*n3 begins to write: vote$/m);
    expect(story).toMatch(/^1▶ 4 .*n2 y$/m);
    expect(story).toMatch(/^ {3}3 /m);
    expect(story).toContain("n3 voted at 325.9 ms.");
  });

  it("folds heartbeats and what repeats, but nothing that is marked", () => {
    const quiet = Array.from({ length: 20 }, (_, place) => (place % 2 === 0 ? heartbeat(place) : answer(place)));
    const campaign = Array.from({ length: 10 }, (_, place): Told[] => [
      [100 + place, "n1", "becomes", `preCandidate (term ${place})`],
      [100 + place, "n1", "lose", "to n2: pre-vote request"],
    ]).flat();
    const facts = ["n2 heard it at 4 ms.", "n1 gave up at 104 ms."] as const;
    const story = tellStory(reportOf([...quiet, ...campaign], facts));
    expect(story).toContain("… 2 heartbeats, 2 answers");
    expect(story).toMatch(/^1▶ {2}5 /m);
    expect(story).toContain("… 7 heartbeats, 8 answers");
    expect(story).toContain("… the same 2 rows 3 times more, with other numbers");
    expect(story).toMatch(/^2▶ 29 .*\n2▶ 30 /m);
    expect(story).toContain("… the same 2 rows 4 times more, with other numbers");
  });

  it("folds what repeats with an exception now and then", () => {
    const often = [5, 7, 4, 6, 8, 5, 9].flatMap((times): Told[] => [
      ...Array.from({ length: times }, (): Told => [1, "n2", "receive", `from n1: append (term ${times})`]),
      [2, "n3", "receive", `from n1: pre-vote request (term ${times})`],
    ]);
    const story = tellStory(reportOf(often));
    expect(story).toContain("… the same 4 times more, with other numbers");
    expect(story).toContain("… the same 3 rows 6 times more, with other numbers");
    expect(story.split("\n").filter((line) => /^.{3} *\d+ /.test(line))).toHaveLength(2);
  });

  it("leaves out what was taken from the run on purpose", () => {
    const report = reportOf([
      [1, "n1", "lose", "to n2: append"],
      [2, "n1", "becomes", "leader"],
    ]);
    const shortened = { ...report, script: { ...report.script, without: ["u0"] } };
    expect(tellStory(shortened)).not.toContain("append");
    expect(tellStory(shortened)).toContain("becomes leader");
  });

  it.each([80, 120])("stays within %i columns, and has no colours unless asked for", (width) => {
    const long = "word ".repeat(60).trim();
    const story = tellStory(
      reportOf(
        [
          [1, "n1", "x", long],
          [2, "n2", "violation", long],
        ],
        [long, long],
      ),
      { width },
    );
    for (const line of story.split("\n")) expect(line.length).toBeLessThanOrEqual(width);
    expect(story).not.toContain("\u001b");
    expect(tellStory(reportOf([]), { isColoured: true })).toContain("\u001b[31m");
  });

  it("cuts the middle of a very long one", () => {
    const trace = Array.from(
      { length: 1_000 },
      (_, place): Told => [place, "n1", `kind${"abcdefghij"[place % 7]}${place ** 2 % 11}`, "x".repeat(place)],
    );
    const story = tellStory(
      reportOf(
        trace.map(([atMs, where, kind], place) => [atMs, where, kind, `${"xyz"[place % 3]}${"q".repeat(place % 41)}`]),
      ),
    );
    expect(story).toMatch(/… \d+ rows more, which are in the file/);
    expect(story.split("\n").length).toBeLessThan(230);
  });

  it("is not told of a run in which nothing broke; its trace is, whole", () => {
    const fine = { ...reportOf([heartbeat(1), heartbeat(2), heartbeat(3)]), violation: null };
    expect(() => tellStory(fine)).toThrow(RangeError);
    expect(tellTrace(fine).split("\n")).toHaveLength(5);
  });
});

describe("the file of a run", () => {
  const report = reportOf([heartbeat(1)]);
  const file: unknown = JSON.parse(JSON.stringify(toRunFile({ raw: report, report })));

  it("holds the whole run, and gives back its script", () => {
    expect(file).toMatchObject({
      version: 1,
      seed: 17,
      raw: { hash: report.hash },
      shrunk: { trace: [{ number: 1 }] },
    });
    expect(scriptOf(file)).toEqual(report.script);
  });

  it.each([null, 3, {}, { version: 1 }, { version: 2, shrunk: { script: report.script } }])("is not %j", (other) => {
    expect(() => scriptOf(other)).toThrow(RangeError);
  });
});
