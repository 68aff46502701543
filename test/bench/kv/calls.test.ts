import { expect, it } from "vitest";
import { CallLog, gapFigures, longestGapMs } from "./calls.js";

it("tells how many calls there were, and how long those took that succeeded", () => {
  const log = new CallLog();
  for (let latencyMs = 200; latencyMs >= 1; latencyMs -= 1) log.onSuccess(latencyMs);
  log.onError(new Error("the first"));
  log.onError(new Error("the second"));
  expect(log.figures()).toEqual({
    successes: 200,
    errors: 2,
    firstError: "the first",
    p50Ms: 100,
    p99Ms: 198,
    maxMs: 200,
  });
});

it("finds the longest gap that ended after the kill, in whatever order the successes came in", () => {
  expect(longestGapMs([0, 500, 510, 930, 520, 1000], 515)).toBe(410);
});

it("leaves out a gap that was over before the kill", () => {
  expect(longestGapMs([0, 500, 510, 520], 505)).toBe(10);
});

it("knows no gap where nothing succeeded after the kill", () => {
  expect(longestGapMs([0, 500], 600)).toBe(0);
});

it("tells the median, the ninth of ten and the worst of all gaps", () => {
  expect(gapFigures([10, 1, 2, 3, 4, 9, 8, 7, 6, 5])).toEqual({ medianMs: 5.5, p90Ms: 9, worstMs: 10 });
  expect(gapFigures([7, 3])).toEqual({ medianMs: 5, p90Ms: 7, worstMs: 7 });
});
