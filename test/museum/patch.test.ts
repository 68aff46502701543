import { describe, expect, it } from "vitest";
import { applyPatch, PatchError, parsePatch } from "./patch.js";

const PATH = "packages/core/src/vote.ts";

const HEADER = `Title: Votes are counted twice
Breaks: Election Safety. Two servers
  lead at the same time.
Source: nobody/raft issue 1, https://example.org/raft/issues/1
Rule: PITFALLS E5
Files: ${PATH}
`;

const DIFF = `--- a/${PATH}
+++ b/${PATH}
@@ -1,3 +1,3 @@
 one
-two
+three
 four
`;

function patchOf(header: string, diff: string): string {
  return `${header}\n${diff}`;
}

function applied(diff: string, text: string): string | undefined {
  return applyPatch(parsePatch(patchOf(HEADER, diff)), () => text).get(PATH);
}

describe("a patch", () => {
  it("is read with its header", () => {
    const { title, breaks, source, rule, changes } = parsePatch(patchOf(HEADER, DIFF));
    expect(title).toBe("Votes are counted twice");
    expect(breaks).toBe("Election Safety. Two servers lead at the same time.");
    expect(source).toBe("nobody/raft issue 1, https://example.org/raft/issues/1");
    expect(rule).toBe("PITFALLS E5");
    expect(changes.map(({ path }) => path)).toEqual([PATH]);
  });

  it.each([
    ["no title", patchOf(HEADER.replace(/^Title.*\n/, ""), DIFF), /no Title/],
    ["a source without an address", patchOf(HEADER.replace(/, https.*/, ""), DIFF), /no address/],
    ["a field that nobody knows", patchOf(`Author: me\n${HEADER}`, DIFF), /a line that is none of/],
    ["a field twice", patchOf(`${HEADER}Title: again\n`, DIFF), /a line that is none of/],
    ["other files than it lists", patchOf(HEADER.replace(/Files.*/, "Files: a.ts"), DIFF), /Files lists a\.ts/],
    ["nothing to change", patchOf(HEADER, ""), /the last line|no hunk/],
    ["two names for a file", patchOf(HEADER, DIFF.replace("+++ b/", "+++ b/other/")), /do not agree/],
    ["a change to a test", patchOf(HEADER, DIFF.replaceAll("core/src", "core/test")), /no production code/],
    ["fewer lines than it counts", patchOf(HEADER, DIFF.replace("-two\n", "")), /other lines than it counts/],
    ["a word between its hunks", patchOf(HEADER, `${DIFF}index 1\n`), /starts no hunk/],
  ])("is refused with %s", (_what, text, complaint) => {
    expect(() => parsePatch(text)).toThrow(PatchError);
    expect(() => parsePatch(text)).toThrow(complaint);
  });

  it("changes what it names, and nothing else", () => {
    expect(applied(DIFF, "one\ntwo\nfour\nfive\n")).toBe("one\nthree\nfour\nfive\n");
  });

  it("finds its lines where they have moved to", () => {
    expect(applied(DIFF, "zero\nzero\none\ntwo\nfour\n")).toBe("zero\nzero\none\nthree\nfour\n");
  });

  it("does not guess between two places", () => {
    expect(() => applied(DIFF, "zero\none\ntwo\nfour\none\ntwo\nfour\n")).toThrow(/no longer has the lines/);
  });

  it("does not fit where a line around it has changed", () => {
    expect(() => applied(DIFF, "one\ntwo\nFOUR\n")).toThrow(/no longer has the lines around line 1/);
  });

  it("does not fit where there is no file", () => {
    const patch = parsePatch(patchOf(HEADER, DIFF));
    expect(() => applyPatch(patch, () => null)).toThrow(`there is no file ${PATH}`);
  });

  it("carries out several hunks, in order", () => {
    const two = `${DIFF}@@ -5,2 +5,3 @@\n six\n+seven\n eight\n`;
    expect(applied(two, "one\ntwo\nfour\nfive\nsix\neight\n")).toBe("one\nthree\nfour\nfive\nsix\nseven\neight\n");
  });
});
