/** What must be durable before it is said, counted or applied (PITFALLS E3 and chapter 9). */

import { describe, expect, it } from "vitest";
import { Raft, type RaftOptions, type RestoredState } from "../src/index.js";
import { becomeLeader, sent } from "./support/elect.js";
import { command, membership, snapshotOf } from "./support/entries.js";
import { appendEntries, heartbeat } from "./support/messages.js";
import { HEARTBEAT_INTERVAL_MS, serverWith } from "./support/server.js";

describe("an acknowledgement", () => {
  it("P1: waits until the entries are durable", () => {
    const server = serverWith([1]);
    expect(server.receive(appendEntries({ from: 2, term: 1, prev: [1, 1], terms: [1] })).messages).toEqual([]);
    expect(server.persist().messages).toMatchObject([{ success: true, matchIndex: 2 }]);
  });

  it("P2: also waits until the term is, for they are one ordered stream; the term is never written after the entries", () => {
    const server = serverWith([1]);
    const { write } = server.receive(appendEntries({ from: 2, term: 5, prev: [1, 1], terms: [5] }));
    expect(write).toMatchObject({ seq: 1, hardState: { currentTerm: 5 }, append: [{ index: 2, term: 5 }] });
    server.receive(heartbeat({ from: 3, term: 6 }));
    server.receive(appendEntries({ from: 3, term: 6, prev: [2, 5], terms: [6] }));
    expect(server.disk.pending.map(({ seq, hardState }) => [seq, hardState?.currentTerm])).toEqual([
      [1, 5],
      [2, 6],
      [3, undefined],
    ]);
    expect(sent(server.persist(2), "appendEntriesResult")).toMatchObject([{ to: 2, term: 5, matchIndex: 2 }]);
  });

  it("P19: of entries that are there already, but not durable yet, waits for the same write", () => {
    const server = serverWith([1]);
    const append = appendEntries({ from: 2, term: 1, prev: [1, 1], terms: [1] });
    server.receive(append);
    expect(server.receive(append)).toMatchObject({ messages: [], write: null });
    expect(server.persist().messages).toMatchObject([{ matchIndex: 2 }]);
  });

  it("P1: no crash takes away what was acknowledged", () => {
    const server = serverWith([1]);
    server.receive(appendEntries({ from: 2, term: 1, prev: [1, 1], terms: [1] }));
    server.receive(appendEntries({ from: 2, term: 1, prev: [2, 1], terms: [1] }));
    expect(server.persist(1).messages).toMatchObject([{ matchIndex: 2 }]);
    server.restart();
    expect(server.terms).toEqual([1, 1]);
  });

  it("P9: answers to heartbeats wait for no write", () => {
    const server = serverWith([1]);
    server.receive(appendEntries({ from: 2, term: 1, prev: [1, 1], terms: [1] }));
    expect(server.receive(heartbeat({ from: 2, term: 1 })).messages).toMatchObject([{ kind: "heartbeatResult" }]);
  });

  it("P9: a leader's heartbeats wait for no write either", () => {
    const server = serverWith([1]);
    becomeLeader(server);
    expect(server.disk.pending).toHaveLength(1);
    expect(sent(server.after(HEARTBEAT_INTERVAL_MS), "heartbeat")).toHaveLength(2);
  });
});

describe("writes that overlap", () => {
  it("P3: an entry written, replaced and written again is durable after the third write, not after the first", () => {
    const server = serverWith([1, 1]);
    const x = appendEntries({ from: 2, term: 2, prev: [2, 1], terms: [2] });
    server.receive(x);
    server.receive(appendEntries({ from: 3, term: 3, prev: [2, 1], terms: [3] }));
    const again = { ...x, term: 4 };
    server.receive(again);
    expect(server.disk.pending.map(({ truncateFrom }) => truncateFrom)).toEqual([null, 3, 3]);
    // The acknowledgement to the leader of term 2 tells of a term gone by. What counts is what is durable now.
    expect(server.persist(1).applyTo).toBe(0);
    expect(server.status.durableIndex).toBe(2);
    expect(server.effects.messages.filter(({ term }) => term === 4)).toEqual([]);
    server.persist(1);
    expect(server.status.durableIndex).toBe(2);
    server.persist(1);
    expect(server.status.durableIndex).toBe(3);
    expect(server.effects.messages).toMatchObject([{ to: 2, term: 4, matchIndex: 3 }]);
  });

  it("P3: a commit does not reach an entry through the write of another one at its place", () => {
    const server = serverWith([1, 1]);
    server.receive(appendEntries({ from: 2, term: 2, prev: [2, 1], terms: [2] }));
    server.receive(appendEntries({ from: 3, term: 3, prev: [2, 1], terms: [3], commit: 3 }));
    expect(server.status.commitIndex).toBe(3);
    expect(server.persist(1).applyTo).toBe(2);
    expect(server.persist(1).applyTo).toBe(3);
  });

  it("P4: reports that come late, twice or out of order do no harm", () => {
    const server = serverWith([1]);
    server.receive(appendEntries({ from: 2, term: 1, prev: [1, 1], terms: [1] }));
    server.receive(appendEntries({ from: 2, term: 1, prev: [2, 1], terms: [1] }));
    server.disk.complete(2);
    expect(server.turn({ kind: "persisted", seq: 2 }).messages).toHaveLength(2);
    expect(server.turn({ kind: "persisted", seq: 2 }, { kind: "persisted", seq: 1 }).messages).toEqual([]);
    expect(server.status.durableIndex).toBe(3);
    expect(server.receive(appendEntries({ from: 2, term: 1, prev: [3, 1] })).messages).toMatchObject([
      { matchIndex: 3 },
    ]);
  });

  it("P4: a report that is stale by its term still sets the next term going", () => {
    const server = serverWith([1], { voters: 1 });
    server.wake();
    server.turn({ kind: "persisted", seq: 1 });
    expect(server.raft.role).toBe("leader");
    server.turn({ kind: "persisted", seq: 1 }, { kind: "persisted", seq: 2 });
    expect(server.status.commitIndex).toBe(2);
  });

  it("P4: a report of a write that was never asked for is a mistake of the caller", () => {
    const server = serverWith([1]);
    expect(() => server.step({ kind: "persisted", seq: 1 })).toThrow(RangeError);
  });

  it("P11: what is truncated within one turn is never written", () => {
    const server = serverWith([1]);
    const { write } = server.receive(
      appendEntries({ from: 2, term: 2, prev: [1, 1], terms: [2, 2] }),
      appendEntries({ from: 3, term: 3, prev: [2, 2], terms: [3] }),
      appendEntries({ from: 2, term: 4, prev: [1, 1], terms: [4] }),
    );
    expect(write).toMatchObject({ truncateFrom: null, hardState: { currentTerm: 4 }, append: [{ index: 2, term: 4 }] });
    expect(write?.append).toHaveLength(1);
  });

  it("P11: one turn may cut into what is stored and into what it had gathered", () => {
    const server = serverWith([1, 1, 1, 1]);
    const { write } = server.receive(
      appendEntries({ from: 2, term: 2, prev: [3, 1], terms: [2, 2] }),
      appendEntries({ from: 3, term: 3, prev: [2, 1], terms: [3] }),
    );
    expect(write).toMatchObject({ truncateFrom: 3, append: [{ index: 3, term: 3 }] });
    expect(write?.append).toHaveLength(1);
  });
});

describe("the start", () => {
  const good: RestoredState = {
    hardState: { currentTerm: 3, votedFor: 0 },
    compacted: { index: 2, term: 1 },
    lastIndex: 5,
    termRuns: [
      { firstIndex: 3, term: 1 },
      { firstIndex: 5, term: 3 },
    ],
    memberships: [membership(3, 1, 3)],
    snapshot: snapshotOf({ index: 2, term: 1 }),
  };

  function start(restored: RestoredState, option: Partial<RaftOptions> = {}): Raft {
    return new Raft({ id: 1, heartbeatIntervalMs: 20, electionTimeoutMs: 100, seed: 1, ...option }, restored, 0);
  }

  it("P16: takes parts that fit", () => {
    expect(start(good).status()).toMatchObject({ lastIndex: 5, durableIndex: 5, commitIndex: 2, currentTerm: 3 });
  });

  it.each<[string, Partial<RestoredState>]>([
    ["a log that ends before it begins", { lastIndex: 1 }],
    ["entries without a term", { termRuns: [] }],
    ["a hole after the compacted entries", { termRuns: [{ firstIndex: 4, term: 1 }] }],
    ["a run that begins beyond the end", { lastIndex: 4 }],
    ["runs out of order", { termRuns: [...good.termRuns].reverse() }],
    [
      "terms that fall",
      {
        termRuns: [
          { firstIndex: 3, term: 3 },
          { firstIndex: 5, term: 1 },
        ],
      },
    ],
    ["a term below that of the compacted entry", { compacted: { index: 2, term: 2 } }],
    ["entries of a term to come", { hardState: { currentTerm: 2, votedFor: 0 } }],
    [
      "a membership that cannot be read",
      { memberships: [{ index: 3, term: 1, kind: "membership", data: new Uint8Array(1) }] },
    ],
    ["a membership beyond the end", { memberships: [membership(6, 3, 2)] }],
    ["a membership that was compacted", { memberships: [membership(2, 1, 2)] }],
    ["a membership of another term than the log has there", { memberships: [membership(3, 3, 2)] }],
    ["memberships out of order", { memberships: [membership(4, 1, 2), membership(3, 1, 2)] }],
    ["a command among the memberships", { memberships: [command(3, 1)] }],
    ["a term that is no whole number", { hardState: { currentTerm: 3.5, votedFor: 0 } }],
    ["a vote for nobody there could be", { hardState: { currentTerm: 3, votedFor: -1 } }],
    ["an end that is no number", { lastIndex: Number.NaN }],
  ])("P16: refuses %s", (_, part) => {
    expect(() => start({ ...good, ...part })).toThrow(RangeError);
  });

  it.each<[string, Partial<RaftOptions>]>([
    ["no heartbeat", { heartbeatIntervalMs: 0 }],
    ["a heartbeat that is no number", { heartbeatIntervalMs: Number.NaN }],
    ["an election timeout within a heartbeat", { electionTimeoutMs: 20 }],
    ["an election timeout that never ends", { electionTimeoutMs: Number.POSITIVE_INFINITY }],
    ["the id of nobody", { id: 0 }],
    ["a seed with a fraction", { seed: 0.5 }],
  ])("F15: refuses %s", (_, option) => {
    expect(() => start(good, option)).toThrow(RangeError);
  });

  it("R18, M5: keeps what is not committed, configurations included", () => {
    const server = serverWith([1, 1]);
    server.restart();
    expect(server.terms).toEqual([1, 1]);
    expect(server.raft.configuration.voters.map(({ id }) => id)).toEqual([1, 2, 3]);
  });
});
