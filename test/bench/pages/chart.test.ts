import { describe, expect, it } from "vitest";
import { type Chart, drawChart, short } from "./chart.js";

const same = (value: number) => ({ median: value, lowest: value, highest: value });

const CHART: Chart = {
  title: "Cost & size",
  x: { title: "bytes", isLogarithmic: true },
  y: { title: "µs", isLogarithmic: true },
  series: [
    {
      name: "ours <p50>",
      contender: 0,
      isDashed: false,
      points: [
        { x: 64, y: same(1), label: "1 client" },
        { x: 65_536, y: { median: 100, lowest: 50, highest: 200 } },
      ],
    },
  ],
  notes: ["2 × a processor"],
};

describe("a chart", () => {
  it("shows each point, its range, its name, and what it was measured on", () => {
    const svg = drawChart(CHART);
    expect(svg.match(/<circle/g)).toHaveLength(2);
    expect(svg).toContain("ours &#60;p50&#62;: 100 at 65,536");
    expect(svg).toContain(">1 client</text>");
    expect(svg).toContain("2 × a processor");
    expect(svg).toContain("Cost &#38; size");
    expect(svg).toContain("prefers-color-scheme: dark");
  });

  it("lies within its frame, larger to the right and up, equal factors at equal distances", () => {
    const xs = [64, 2048, 65_536];
    const points = xs.map((x) => ({ x, y: same(x) }));
    const svg = drawChart({ ...CHART, series: [{ ...(CHART.series[0] as Chart["series"][0]), points }] });
    const at = [...svg.matchAll(/<circle[^>]* cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)]);
    const [[x1 = 0, y1 = 0] = [], [x2 = 0, y2 = 0] = [], [x3 = 0, y3 = 0] = []] = at;
    expect(x2 - x1).toBeCloseTo(x3 - x2, 0);
    expect(y1 - y2).toBeCloseTo(y2 - y3, 0);
    expect(x2).toBeGreaterThan(x1);
    expect(y2).toBeLessThan(y1);
    expect([x1, 760 - x3, y3, 444 - y1].every((distance) => distance > 0)).toBe(true);
  });

  it("begins at nothing where it is not logarithmic", () => {
    const svg = drawChart({ ...CHART, y: { title: "µs", isLogarithmic: false } });
    expect(svg).toContain('class="faint" text-anchor="end">0</text>');
  });

  it("writes large numbers short", () => {
    expect([0, 0.25, 64, 1024, 20_000, 1.5e6].map(short)).toEqual(["0", "0.25", "64", "1.02 k", "20 k", "1.5 M"]);
  });
});
