import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exhibits, ROOT } from "./collection.js";
import { applyPatch, parsePatch } from "./patch.js";

const all = exhibits();

/** The file as it is today. */
function today(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

describe("the museum", () => {
  it("has bugs of every kind", () => {
    expect(all.length).toBeGreaterThanOrEqual(24);
    const packages = new Set(all.flatMap(({ text }) => parsePatch(text).changes.map(({ path }) => path.split("/")[1])));
    expect([...packages].sort()).toEqual(["codec", "core", "runtime", "storage-level"]);
  });

  it("shows no bug twice", () => {
    const texts = all.map(({ text }) => text.slice(text.indexOf("\n\n")));
    expect(new Set(texts).size).toBe(all.length);
  });

  it.each(all)("$name says what it is, and fits the code of today", ({ text }) => {
    const patch = parsePatch(text);
    const changed = applyPatch(patch, today);
    for (const [path, after] of changed) expect(after).not.toBe(today(path));
  });

  it("applies each patch to copies alone", () => {
    const patch = parsePatch((all[0] as (typeof all)[number]).text);
    const before = patch.changes.map(({ path }) => today(path));
    applyPatch(patch, today);
    expect(patch.changes.map(({ path }) => today(path))).toEqual(before);
  });
});
