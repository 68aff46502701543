import { describe, expect, it } from "vitest";
import { percentile, quietRepeats, spread } from "./spread.js";

describe("spread", () => {
  it("has the middle value as its median, or what lies between the two in the middle", () => {
    expect(spread([9, 1, 5])).toEqual({ median: 5, lowest: 1, highest: 9 });
    expect(spread([4, 1, 3, 10])).toEqual({ median: 3.5, lowest: 1, highest: 10 });
  });

  it("finds percentiles among sorted values", () => {
    const values = Array.from({ length: 101 }, (_, value) => value);
    expect([0, 0.5, 0.99, 1].map((part) => percentile(values, part))).toEqual([0, 50, 99, 100]);
    expect(percentile([7], 0.99)).toBe(7);
  });
});

describe("quiet repeats", () => {
  it("are those during which others took little", () => {
    expect(quietRepeats([0.1, 0.9, 0, 0.14, 0.15])).toEqual([0, 2, 3]);
  });

  it("are the quieter half where there are not three", () => {
    expect(quietRepeats([0.5, 0.1, 0.9, 0.4, 0.8])).toEqual([0, 1, 3]);
    expect(quietRepeats([0.5, 0.4])).toEqual([1]);
    expect(quietRepeats([0.9])).toEqual([0]);
  });

  it("are all where nobody can tell", () => {
    expect(quietRepeats([null, null])).toEqual([0, 1]);
  });
});
