/** Replication as a leader drives it (§5.3, dissertation 10.2.1; PITFALLS R5–R18). */

import { describe, expect, it } from "vitest";
import type { AppendRange } from "../src/index.js";
import { becomeLeader, sent } from "./support/elect.js";
import { accepted, heartbeatResult, rejected } from "./support/messages.js";
import { ELECTION_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS, type Server, serverWith } from "./support/server.js";

/** A leader of term 2, its first entry durable, that knows nothing of its followers' logs yet. */
function leaderOf(log: readonly number[], voters = 3): Server {
  const server = serverWith(log, { voters });
  becomeLeader(server, voters > 3 ? [2, 3] : [2]);
  server.persist();
  return server;
}

function ranges(server: Server, to: number): AppendRange[] {
  return sent(server.effects, "appendRange").filter((range) => range.to === to);
}

function progressOf(server: Server, id: number) {
  return server.status.followers.find((follower) => follower.id === id);
}

describe("feeding a follower", () => {
  it("asks with an empty append where the logs agree, then sends everything that is missing", () => {
    const server = serverWith([1, 1]);
    becomeLeader(server);
    expect(ranges(server, 2)).toMatchObject([{ prevLogIndex: 2, prevLogTerm: 1, lastIndex: 2 }]);
    server.receive(accepted({ from: 2, term: 2, matchIndex: 2 }));
    expect(ranges(server, 2)).toMatchObject([{ prevLogIndex: 2, lastIndex: 3 }]);
    server.propose("a", "b");
    expect(ranges(server, 2)).toMatchObject([{ prevLogIndex: 3, prevLogTerm: 2, lastIndex: 5 }]);
    expect(ranges(server, 3)).toEqual([]);
  });

  it("one turn asks for one write, and sends one append to each follower", () => {
    const server = leaderOf([1]);
    server.receive(accepted({ from: 2, term: 2, matchIndex: 1 }));
    for (let count = 0; count < 500; count += 1) {
      server.step({ kind: "propose", proposalId: count, commands: [new Uint8Array(1)] });
    }
    const { write, proposals } = server.drain();
    expect(write?.append).toHaveLength(500);
    expect(ranges(server, 2)).toHaveLength(1);
    expect(proposals).toHaveLength(500);
  });

  it("R22: a dead follower holds up nothing", () => {
    const server = leaderOf([1]);
    server.receive(accepted({ from: 2, term: 2, matchIndex: 2 }));
    server.propose("a");
    server.persist();
    server.receive(accepted({ from: 2, term: 2, matchIndex: 3 }));
    expect(server.status.commitIndex).toBe(3);
  });

  it("R7: no append whose first term cannot be told: nothing is sent after a compacted entry that is forgotten", () => {
    const server = serverWith([1, 1], { compacted: { index: 5, term: 1 } });
    becomeLeader(server);
    server.receive(rejected({ from: 2, term: 2, rejectedIndex: 7, hint: [3, 1] }));
    expect(ranges(server, 2)).toEqual([]);
    expect(sent(server.effects, "snapshotOrder")).toMatchObject([{ to: 2 }]);
  });
});

describe("refusals", () => {
  it("R10: lower the next index, and never the match index", () => {
    const server = leaderOf([1, 1, 1, 1]);
    server.receive(accepted({ from: 2, term: 2, matchIndex: 3 }));
    server.receive(rejected({ from: 2, term: 2, rejectedIndex: 5, hint: [1, 1] }));
    expect(progressOf(server, 2)).toMatchObject({ matchIndex: 3, nextIndex: 4 });
  });

  it("R10: do not count as acknowledgements", () => {
    const server = leaderOf([1, 1, 1]);
    server.receive(
      rejected({ from: 2, term: 2, rejectedIndex: 3, hint: [3, 1] }),
      rejected({ from: 3, term: 2, rejectedIndex: 3, hint: [3, 1] }),
    );
    expect(progressOf(server, 2)?.matchIndex).toBe(0);
    expect(server.status.commitIndex).toBe(0);
  });

  it("R13: one that is late, or that the stream of today did not ask for, is dropped", () => {
    const server = leaderOf([1, 1, 1]);
    const late = rejected({ from: 2, term: 2, rejectedIndex: 3, hint: [1, 1] });
    server.receive(late);
    const { nextIndex } = progressOf(server, 2) ?? {};
    const [probe] = ranges(server, 2);
    server.receive(late, late);
    expect(progressOf(server, 2)).toMatchObject({ nextIndex, state: "probe" });
    server.receive(
      accepted({
        from: 2,
        term: 2,
        stream: probe?.stream ?? 0,
        matchIndex: nextIndex === undefined ? 0 : nextIndex - 1,
      }),
    );
    server.receive(late);
    expect(progressOf(server, 2)).toMatchObject({ matchIndex: 1, state: "replicate" });
  });

  it("R24: a follower with many wrong terms is found in as many round trips as there are terms, not entries", () => {
    const server = serverWith([1, ...Array<number>(1000).fill(5)], { hardState: { currentTerm: 8, votedFor: 0 } });
    becomeLeader(server);
    server.receive(rejected({ from: 2, term: 9, rejectedIndex: 1001, hint: [900, 4] }));
    expect(ranges(server, 2)).toMatchObject([{ prevLogIndex: 1, prevLogTerm: 1 }]);
  });
});

describe("acknowledgements", () => {
  it("R11: out of order they never lower the match index", () => {
    const server = leaderOf([1, 1]);
    server.receive(accepted({ from: 2, term: 2, matchIndex: 3 }), accepted({ from: 2, term: 2, matchIndex: 2 }));
    expect(progressOf(server, 2)).toMatchObject({ matchIndex: 3, nextIndex: 4 });
  });

  it("R12: those of an earlier reign, or of a stream that never was, do not count", () => {
    const server = leaderOf([1, 1]);
    server.receive(accepted({ from: 2, term: 1, matchIndex: 2 }));
    server.receive(accepted({ from: 2, term: 2, stream: 9, matchIndex: 2 }));
    expect(progressOf(server, 2)?.matchIndex).toBe(0);
  });

  it("R12: one beyond the leader's log, or from a server outside the configuration, is ignored", () => {
    const server = leaderOf([1]);
    server.receive(accepted({ from: 2, term: 2, matchIndex: 99 }), accepted({ from: 9, term: 2, matchIndex: 2 }));
    expect(server.status).toMatchObject({ commitIndex: 0, followers: [{ matchIndex: 0 }, { matchIndex: 0 }] });
  });

  it("R26, R12: what was under way in an earlier reign finishes in the next without confusion", () => {
    const server = leaderOf([1]);
    server.propose("a");
    server.receive(heartbeatResult({ from: 3, term: 4 }));
    expect(server.raft.role).toBe("follower");
    expect(server.persist().applyTo).toBe(0);
    expect(server.status).toMatchObject({ lastIndex: 3, durableIndex: 3, commitIndex: 0 });
  });
});

describe("losses", () => {
  it("R14: what got lost is asked for anew after an election timeout without progress", () => {
    const server = leaderOf([1]);
    server.receive(accepted({ from: 2, term: 2, matchIndex: 2 }));
    server.propose("a");
    expect(progressOf(server, 2)).toMatchObject({ state: "replicate", nextIndex: 4 });
    for (let ms = 0; ms < ELECTION_TIMEOUT_MS; ms += HEARTBEAT_INTERVAL_MS) {
      server.receive(heartbeatResult({ from: 2, term: 2 }));
      server.after(HEARTBEAT_INTERVAL_MS);
    }
    expect(progressOf(server, 2)).toMatchObject({ state: "probe", nextIndex: 3 });
    expect(ranges(server, 2)).toMatchObject([{ prevLogIndex: 2, lastIndex: 2 }]);
  });

  it("R15: a follower that lags is asked again and again, also while nobody proposes anything", () => {
    const server = leaderOf([1]);
    for (let beat = 0; beat < 4; beat += 1) {
      server.receive(heartbeatResult({ from: 2, term: 2 }));
      server.after(HEARTBEAT_INTERVAL_MS);
      expect(ranges(server, 2)).toHaveLength(1);
    }
  });

  it("F17: a follower in silence gets one empty append in a heartbeat interval, however much is proposed", () => {
    const server = leaderOf([1]);
    server.after(HEARTBEAT_INTERVAL_MS);
    for (let count = 0; count < 10; count += 1) {
      server.propose("a");
      expect(ranges(server, 3)).toEqual([]);
    }
  });
});

describe("what a follower is told of the commit index", () => {
  it("R5: heartbeats and commit notices name no more than it acknowledged", () => {
    const server = leaderOf([1], 5);
    for (const from of [2, 3]) server.receive(accepted({ from, term: 2, matchIndex: 2 }));
    expect(server.status.commitIndex).toBe(2);
    expect(sent(server.effects, "commit").map(({ to }) => to)).toEqual([2, 3]);
    server.receive(accepted({ from: 4, term: 2, matchIndex: 1 }));
    server.after(HEARTBEAT_INTERVAL_MS);
    expect(sent(server.effects, "heartbeat").map(({ to, leaderCommit }) => [to, leaderCommit])).toEqual([
      [2, 2],
      [3, 2],
      [4, 1],
      [5, 0],
    ]);
  });

  it("each is told at once when it can use it: with the next entries, or by a notice of its own", () => {
    const server = leaderOf([1]);
    server.receive(accepted({ from: 2, term: 2, matchIndex: 2 }));
    expect(sent(server.effects, "commit")).toMatchObject([{ to: 2, leaderCommit: 2 }]);
    server.receive(accepted({ from: 3, term: 2, matchIndex: 1 }));
    expect(ranges(server, 3)).toMatchObject([{ lastIndex: 2, leaderCommit: 2 }]);
    expect(server.receive(accepted({ from: 3, term: 2, matchIndex: 2 })).messages).toEqual([]);
  });
});
