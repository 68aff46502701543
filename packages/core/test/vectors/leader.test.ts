/** How servers are elected, what leaders commit, and how they repair logs, as etcd's raft has it. */

import { expect } from "vitest";
import type { NodeId, Term } from "../../src/index.js";
import { Cluster } from "../support/cluster.js";
import { becomeLeader, sent } from "../support/elect.js";
import { logOf, membership } from "../support/entries.js";
import { accepted, requestPreVoteResult, requestVoteResult } from "../support/messages.js";
import { Server } from "../support/server.js";
import { describeVectors } from "./load.js";

interface LogVector {
  readonly terms: readonly Term[];
}

function othersOf(size: number): NodeId[] {
  return Array.from({ length: size - 1 }, (_, place) => place + 2);
}

/** A server that leads `term`, its log of before that term as given. Its first entry is not durable yet. */
function leaderOf(terms: readonly Term[], term: Term, size: number): Server {
  const server = new Server({ entries: logOf(terms, size), hardState: { currentTerm: term - 1, votedFor: 0 } });
  becomeLeader(server, othersOf(size));
  expect(server.status).toMatchObject({ role: "leader", currentTerm: term });
  return server;
}

interface ElectionVector {
  readonly name: string;
  readonly size: number;
  readonly votes: Readonly<Record<string, boolean>>;
  readonly role: string;
  readonly term: Term;
}

describeVectors<ElectionVector>("table-election.json", ({ size, votes, role, term }) => {
  const server = new Server({ entries: [membership(1, 0, size)] });
  const preRound = sent(server.wake(), "requestPreVote")[0]?.round ?? 0;
  server.receive(...othersOf(size).map((from) => requestPreVoteResult({ from, term: 0, round: preRound })));
  const round = sent(server.persist(), "requestVote")[0]?.round ?? 0;
  server.receive(
    ...Object.entries(votes).map(([from, voteGranted]) =>
      requestVoteResult({ from: Number(from), term, round, voteGranted }),
    ),
  );
  expect(server.status).toMatchObject({ role, currentTerm: term });
});

interface CommitVector {
  readonly name: string;
  /** By server, the leader first. */
  readonly match: readonly number[];
  readonly log: LogVector;
  readonly term: Term;
  readonly commit: number;
}

describeVectors<CommitVector>(
  "table-leader-commit.json",
  ({ match, log, term, commit }) => {
    const before = log.terms.filter((each) => each !== term);
    const server = leaderOf(before, term, match.length);
    if (log.terms.length > before.length) server.persist();
    expect(server.status.durableIndex).toBe(match[0]);
    server.receive(...match.slice(1).map((matchIndex, place) => accepted({ from: place + 2, term, matchIndex })));
    expect(server.terms.slice(0, log.terms.length)).toEqual(log.terms);
    expect(server.status.commitIndex).toBe(commit);
  },
  {
    "TestCommit:3": "the leader's own entry is the first; ours is a configuration, or nobody could be elected",
    "TestCommit:8": "the log has an entry of a term that the leader has not reached; ours never do",
  },
);

interface OwnTermVector {
  readonly name: string;
  readonly voters: readonly NodeId[];
  readonly log: LogVector;
  readonly ackIndex: number;
  readonly commit: number;
}

describeVectors<OwnTermVector>("table-leader-only-current-term.json", ({ voters, log, ackIndex, commit }) => {
  const server = leaderOf(log.terms, 3, voters.length);
  server.propose("a");
  server.persist();
  server.receive(accepted({ from: 2, term: 3, matchIndex: ackIndex }));
  expect(server.status).toMatchObject({ lastIndex: 4, commitIndex: commit });
});

interface AckVector {
  readonly name: string;
  readonly size: number;
  readonly acksBesidesLeader: number;
  readonly committed: boolean;
}

describeVectors<AckVector>("table-ack-commit.json", ({ size, acksBesidesLeader, committed }) => {
  const server = leaderOf([1], 2, size);
  server.persist();
  server.receive(...othersOf(size).map((from) => accepted({ from, term: 2, matchIndex: 2 })));
  server.propose("a");
  server.persist();
  server.receive(...othersOf(1 + acksBesidesLeader).map((from) => accepted({ from, term: 2, matchIndex: 3 })));
  expect(server.status.commitIndex).toBe(committed ? 3 : 2);
});

interface RepairVector {
  readonly name: string;
  readonly leaderLog: LogVector;
  readonly leaderTerm: Term;
  readonly followerLog: LogVector;
  readonly followerTerm: Term;
  readonly expect: string;
}

describeVectors<RepairVector>(
  "table-log-repair.json",
  ({ leaderLog, leaderTerm, followerLog, followerTerm, expect: expected }) => {
    const disks = new Map([
      [1, { entries: logOf(leaderLog.terms, 3), hardState: { currentTerm: leaderTerm, votedFor: 0 } }],
      [2, { entries: logOf(followerLog.terms, 3), hardState: { currentTerm: followerTerm, votedFor: 0 } }],
    ]);
    const cluster = new Cluster({ size: 3, disks });
    cluster.campaign(1);
    cluster.settle();
    cluster.propose(1, "a");
    cluster.settle();
    expect(`[${cluster.server(2).terms.join(", ")}]`).toBe(/\[.*\]/.exec(expected)?.[0]);
    expect(cluster.server(1).terms).toEqual(cluster.server(2).terms);
  },
);
