/** That the documentation says what the runs kept beside it say, and how it is made to. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import type { PartResult, RowResult } from "../frame/result.js";
import { PARTS } from "../parts.js";
import { picturesIn, reportOf, writeReport, writeTables } from "./report.js";

const DOCS = fileURLToPath(new URL("../../../docs/", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "quorate-report-"));
afterAll(() => rmSync(folder, { recursive: true }));

const same = (value: number) => ({ median: value, lowest: value, highest: value });

function row(clients: number, writesPerSecond: number): RowResult {
  const cells = { writesPerSecond: same(writesPerSecond), p50Ms: same(clients), p99Ms: same(2 * clients) };
  return { name: `${clients} clients`, factors: { clients }, cells, foreignCores: same(0), used: [0], repeats: [] };
}

const RESULT: PartResult = {
  part: "embedded",
  summary: "made up",
  at: "2026-01-02T03:04:05.000Z",
  machine: { cpu: "Abacus", cores: 2, memoryGiB: 1, system: "linux 6", node: "v20.20.0", load1: 0 },
  settings: { seconds: 2, repeats: 5, isQuick: false, numbers: {} },
  columns: [
    { key: "writesPerSecond", title: "writes/s", meaning: "" },
    { key: "p50Ms", title: "p50, ms", meaning: "" },
  ],
  rows: [row(1, 123), row(64, 4567)],
  rivals: [{ name: "other", summary: "somebody else", absence: null, rows: [row(1, 99)] }],
  ratios: [],
  conclusions: ["All is well."],
  targets: [
    { row: "1 clients", column: "p50Ms", rival: null, bound: "at most", value: 2, found: same(1), isMet: true },
  ],
};

describe("docs/performance.md", () => {
  it("and the pictures say what the runs that are kept say: `pnpm bench report` makes them", () => {
    const report = reportOf(DOCS);
    for (const [path, content] of report) expect(readFileSync(join(DOCS, path), "utf8"), path).toBe(content);
    expect(picturesIn(DOCS).filter((path) => !report.has(path))).toEqual([]);
  });

  it("has a place for each part", () => {
    const page = readFileSync(join(DOCS, "performance.md"), "utf8");
    for (const { name } of PARTS) expect(page).toContain(`<!-- bench:${name} -->`);
  });
});

describe("a report", () => {
  it("writes each run into its place, with rivals and targets, and says where none is kept", () => {
    const page = "# A\n<!-- bench:embedded -->\nold\n<!-- end -->\nB\n<!-- bench:core -->\nold\n<!-- end -->\n";
    const written = writeTables(page, new Map([["embedded", RESULT]]));
    expect(written).not.toContain("old");
    expect(written).toContain("2026-01-02, 2 × Abacus, 1 GiB, linux 6, Node v20.20.0; 5 × 2 s");
    expect(written).toContain("| 64 clients | 4,567 | 64.0 |");
    expect(written).toContain("other: somebody else.");
    expect(written).toContain("- ✓ 1 clients: p50, ms at most 2: 1");
    expect(written).toContain("- All is well.");
    expect(written).toContain("No run is kept here. `pnpm bench core` measures it.");
    expect(writeTables(written, new Map([["embedded", RESULT]]))).toBe(written);
  });

  it("refuses a run for which there is no place", () => {
    expect(() => writeTables("# A\n", new Map([["embedded", RESULT]]))).toThrow("no place for embedded");
  });

  it("draws runs, and takes away pictures whose runs are gone", () => {
    mkdirSync(join(folder, "benchmarks"));
    writeFileSync(join(folder, "performance.md"), "<!-- bench:embedded -->\n<!-- end -->\n");
    writeFileSync(join(folder, "benchmarks", "embedded.json"), JSON.stringify(RESULT));
    writeReport(folder);
    const [picture = ""] = picturesIn(folder);
    const svg = readFileSync(join(folder, picture), "utf8");
    expect(svg).toContain("2 × Abacus");
    expect(svg).toContain("Quorate, p99");
    expect(svg).toContain("other, p50");
    rmSync(join(folder, "benchmarks", "embedded.json"));
    writeReport(folder);
    expect(picturesIn(folder)).toEqual([]);
  });
});
