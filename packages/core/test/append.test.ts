/** AppendEntries as a follower takes it (§5.3; PITFALLS R1–R9, R18–R25, C8, O13). */

import { describe, expect, it } from "vitest";
import { InvariantError, NOBODY } from "../src/index.js";
import { becomeCandidate } from "./support/elect.js";
import { command, membership } from "./support/entries.js";
import { appendEntries, commit, heartbeat } from "./support/messages.js";
import { serverWith } from "./support/server.js";

describe("the follower's log", () => {
  it("R1: an append without entries, or with few, removes nothing after them", () => {
    const server = serverWith([1, 1, 1, 1]);
    server.receive(
      appendEntries({ from: 2, term: 1, prev: [1, 1] }),
      appendEntries({ from: 2, term: 1, prev: [1, 1], terms: [1] }),
    );
    expect(server.terms).toEqual([1, 1, 1, 1]);
    expect(server.effects.write).toBeNull();
  });

  it("R2: a late append that the log has already changes nothing", () => {
    const server = serverWith([1]);
    const early = appendEntries({ from: 2, term: 1, prev: [1, 1], terms: [1] });
    server.receive(appendEntries({ from: 2, term: 1, prev: [1, 1], terms: [1, 1, 1], commit: 4 }));
    server.persist();
    expect(server.receive(early, early)).toMatchObject({
      write: null,
      messages: [{ matchIndex: 2 }, { matchIndex: 2 }],
    });
    expect(server.status).toMatchObject({ lastIndex: 4, commitIndex: 4 });
  });

  it("R3: the first conflict takes everything after it along, in the write that brings the new entries (P11)", () => {
    const server = serverWith([1, 1, 1, 2, 2]);
    const { write } = server.receive(appendEntries({ from: 2, term: 3, prev: [3, 1], terms: [3] }));
    expect(server.terms).toEqual([1, 1, 1, 3]);
    expect(write).toMatchObject({ truncateFrom: 4, append: [{ index: 4, term: 3 }], hardState: { currentTerm: 3 } });
  });

  it("R3: what stands before the first conflict stays", () => {
    const server = serverWith([1, 1, 1, 2, 2]);
    const { write } = server.receive(appendEntries({ from: 2, term: 3, prev: [1, 1], terms: [1, 1, 2, 3] }));
    expect(write).toMatchObject({ truncateFrom: 5, append: [{ index: 5, term: 3 }] });
  });

  it("C8, R2: a leader that contradicts a committed entry is proof that safety is lost", () => {
    const server = serverWith([1, 1, 1]);
    server.receive(appendEntries({ from: 2, term: 1, prev: [3, 1], commit: 2 }));
    expect(() => server.receive(appendEntries({ from: 2, term: 1, prev: [1, 1], terms: [2] }))).not.toThrow();
    expect(() => server.receive(appendEntries({ from: 3, term: 2, prev: [1, 1], terms: [2] }))).toThrow(InvariantError);
    expect(() => server.receive(appendEntries({ from: 3, term: 3, prev: [2, 2], terms: [3] }))).toThrow(InvariantError);
  });

  it("C8: in one append the conflict is resolved before the commit index moves", () => {
    const server = serverWith([1, 1, 1]);
    server.receive(appendEntries({ from: 2, term: 2, prev: [2, 1], terms: [2], commit: 3 }));
    expect(server.terms).toEqual([1, 1, 2]);
    expect(server.persist()).toMatchObject({ applyTo: 3 });
  });

  it("R18: neither campaigns nor restarts shorten the log to what is known to be committed", () => {
    const server = serverWith([1]);
    server.receive(appendEntries({ from: 2, term: 1, prev: [1, 1], terms: [1, 1], commit: 1 }));
    server.persist();
    becomeCandidate(server);
    server.receive(heartbeat({ from: 3, term: 3 }));
    server.persist();
    server.restart();
    expect(server.terms).toEqual([1, 1, 1]);
  });

  it.each([
    { why: "a gap", entries: [command(3, 1)] },
    { why: "a gap inside", entries: [command(2, 1), command(4, 1)] },
    { why: "reversed order", entries: [command(3, 1), command(2, 1)] },
    { why: "a term that falls", entries: [command(2, 2), command(3, 1)] },
    { why: "a term to come", entries: [command(2, 4)] },
  ])("R19, O13: an append with $why is dropped as a whole", ({ entries }) => {
    const server = serverWith([1]);
    expect(server.receive(appendEntries({ from: 2, term: 3, prev: [1, 1], entries }))).toMatchObject({ messages: [] });
    expect(server.terms).toEqual([1]);
    expect(server.status.leaderId).toBe(NOBODY);
  });

  it("C11: a membership entry that cannot be understood stops the server", () => {
    const server = serverWith([1]);
    const entry = { ...membership(2, 1, 3), data: new Uint8Array([123]) };
    expect(() => server.receive(appendEntries({ from: 2, term: 1, prev: [1, 1], entries: [entry] }))).toThrow(
      RangeError,
    );
  });
});

describe("where the log was compacted", () => {
  const compacted = { index: 5, term: 2 };

  it("R6: entries at or below the last compacted one are there already", () => {
    const server = serverWith([2], { compacted });
    server.receive(appendEntries({ from: 2, term: 2, prev: [0, 0], terms: [1, 1, 2] }));
    expect(server.effects).toMatchObject({ write: null, messages: [{ success: true, matchIndex: 3 }] });
    server.receive(appendEntries({ from: 2, term: 2, prev: [3, 2], terms: [2, 2, 2, 2] }));
    expect(server.effects.write).toMatchObject({ truncateFrom: null, append: [{ index: 7, term: 2 }] });
  });

  it("R8: an append after a compacted entry fits, whatever it takes that entry's term to be known", () => {
    const server = serverWith([2, 2], { compacted });
    server.receive(appendEntries({ from: 2, term: 3, prev: [4, 2], terms: [2] }));
    expect(server.effects).toMatchObject({ write: { truncateFrom: null }, messages: [] });
    expect(server.persist().messages).toMatchObject([{ success: true, matchIndex: 5 }]);
    expect(server.terms).toEqual([2, 2]);
  });

  it("R8, C7: what was compacted was committed", () => {
    expect(serverWith([2, 2], { compacted }).status).toMatchObject({ commitIndex: 5, durableIndex: 7 });
  });
});

describe("the answer", () => {
  it("R9: acknowledges what the append proved, and not what follows in the follower's log", () => {
    const server = serverWith([1, 1, 1, 2, 2]);
    server.receive(appendEntries({ from: 2, term: 3, prev: [2, 1] }));
    expect(server.persist().messages).toMatchObject([{ success: true, matchIndex: 2 }]);
    server.receive(appendEntries({ from: 2, term: 3, prev: [2, 1], terms: [1] }));
    expect(server.effects.messages).toMatchObject([{ success: true, matchIndex: 3 }]);
  });

  it("R24: a refusal names the last place that may agree, by term, and never one below what is committed", () => {
    const server = serverWith([1, 1, 2, 2, 2, 4, 4]);
    const refused = (index: number, term: number) =>
      server.receive(appendEntries({ from: 2, term: 5, prev: [index, term] })).messages;
    expect(refused(7, 3)).toMatchObject([{ success: false, rejectedIndex: 7, hintIndex: 5, hintTerm: 2 }]);
    expect(refused(20, 5)).toMatchObject([{ success: false, rejectedIndex: 20, hintIndex: 7, hintTerm: 4 }]);
    server.receive(appendEntries({ from: 2, term: 5, prev: [6, 4], commit: 6 }));
    expect(refused(7, 2)).toMatchObject([{ success: false, rejectedIndex: 7, hintIndex: 6, hintTerm: 4 }]);
  });

  it("R23: what lies beyond the log matches no term, not even 0", () => {
    const server = serverWith([1]);
    expect(server.receive(appendEntries({ from: 2, term: 1, prev: [2, 0] })).messages).toMatchObject([
      { success: false },
    ]);
  });
});

describe("the commit index of a follower", () => {
  it("R4: never falls, and never passes what this append proved equal", () => {
    const server = serverWith([1, 1, 1, 1]);
    server.receive(appendEntries({ from: 2, term: 2, prev: [2, 1], commit: 9 }));
    expect(server.status.commitIndex).toBe(2);
    server.receive(appendEntries({ from: 2, term: 2, prev: [2, 1], terms: [1], commit: 9 }));
    expect(server.status.commitIndex).toBe(3);
    server.receive(
      heartbeat({ from: 2, term: 2, leaderCommit: 1 }),
      appendEntries({ from: 2, term: 2, prev: [1, 1], commit: 1 }),
    );
    expect(server.status.commitIndex).toBe(3);
  });

  it("R15: after a restart, a heartbeat tells it again", () => {
    const server = serverWith([1, 1, 1]);
    server.receive(heartbeat({ from: 2, term: 1, leaderCommit: 3 }));
    expect(server.effects.applyTo).toBe(3);
  });

  it("C7, M18: to be told that an entry it acknowledged is committed, and not to have it, is proof of lost data", () => {
    const server = serverWith([1]);
    expect(() => server.receive(heartbeat({ from: 2, term: 1, leaderCommit: 2 }))).toThrow(InvariantError);
  });

  it("R25: a commit notice counts if it comes from the leader of the current term", () => {
    const server = serverWith([1, 1, 1]);
    server.receive(heartbeat({ from: 2, term: 2 }));
    server.receive(commit({ from: 2, term: 1, leaderCommit: 3 }), commit({ from: 3, term: 2, leaderCommit: 3 }));
    expect(server.status.commitIndex).toBe(0);
    server.receive(commit({ from: 2, term: 2, leaderCommit: 2 }));
    expect(server.status.commitIndex).toBe(2);
  });
});
