import type { Commit } from "@quorate/core";
import { describe, expect, it } from "vitest";
import { CommitNotices } from "../src/commit-notices.js";

const notice = (to: number, leaderCommit: number): Commit => ({ kind: "commit", from: 1, to, term: 1, leaderCommit });

function setUp() {
  const sent: Commit[] = [];
  return { notices: new CommitNotices(50, (each) => sent.push(each)), sent };
}

describe("a notice of what is committed", () => {
  it("waits a moment, and a newer one takes its place without waiting longer", () => {
    const { notices, sent } = setUp();
    notices.hold(notice(2, 5), 100);
    notices.hold(notice(2, 6), 101);
    notices.hold(notice(3, 6), 101);
    expect(notices.dueAt).toBe(102);
    notices.flush(101.9);
    expect(sent).toEqual([]);
    notices.flush(102);
    expect(sent).toEqual([notice(2, 6), notice(3, 6)]);
    expect(notices.dueAt).toBe(Number.POSITIVE_INFINITY);
  });

  it("is not sent when something else says it", () => {
    const { notices, sent } = setUp();
    notices.hold(notice(2, 5), 100);
    notices.drop(2);
    notices.drop(3);
    expect(notices.dueAt).toBe(Number.POSITIVE_INFINITY);
    notices.flush(200);
    expect(sent).toEqual([]);
  });

  it("goes at once to a server that needs it, and to no other", () => {
    const { notices, sent } = setUp();
    notices.hold(notice(2, 5), 100);
    notices.hold(notice(3, 5), 100);
    notices.hasten(3);
    notices.hasten(3);
    expect(sent).toEqual([notice(3, 5)]);
    expect(notices.dueAt).toBe(102);
  });
});
