import { describe, expect, it } from "vitest";
import { selfTimes } from "./profile.js";

const here = (path: string): string => new URL(`../../../${path}`, import.meta.url).href;
const frame = (functionName: string, url: string) => ({ callFrame: { functionName, url } });

describe("a CPU profile", () => {
  it("is added up by function and by file, without idleness", () => {
    const profile = {
      nodes: [
        { id: 1, ...frame("(root)", "") },
        { id: 2, ...frame("(idle)", "") },
        { id: 3, ...frame("step", here("packages/core/dist/raft.js")) },
        { id: 4, ...frame("", here("packages/core/dist/raft.js")) },
        { id: 5, ...frame("put", here("node_modules/.pnpm/x@1/node_modules/@scope/thing/index.js")) },
        { id: 6, ...frame("(garbage collector)", "") },
        { id: 7, ...frame("writev", "") },
      ],
      samples: [1, 2, 3, 3, 4, 5, 6, 7],
      // Of each sample: how long after the one before it was taken.
      timeDeltas: [0, 1000, 50_000, 3000, 2000, 1000, 500, 250],
    };
    expect(selfTimes(profile)).toEqual({
      busyMs: 6.75,
      byFunction: [
        { what: "step packages/core/src/raft.ts", ms: 5 },
        { what: "(anonymous) packages/core/src/raft.ts", ms: 1 },
        { what: "put @scope/thing", ms: 0.5 },
        { what: "(garbage collector)", ms: 0.25 },
        { what: "writev", ms: 0 },
      ],
      byFile: [
        { what: "packages/core/src/raft.ts", ms: 6 },
        { what: "@scope/thing", ms: 0.5 },
        { what: "(garbage collector)", ms: 0.25 },
        { what: "(native)", ms: 0 },
      ],
      byPackage: [
        { what: "packages/core", ms: 6 },
        { what: "@scope/thing", ms: 0.5 },
        { what: "(garbage collector)", ms: 0.25 },
        { what: "(native)", ms: 0 },
      ],
    });
  });
});
