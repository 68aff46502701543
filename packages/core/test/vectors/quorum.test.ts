/** Majorities, single and joint, as etcd's raft has them. */

import { expect } from "vitest";
import { type NodeId, quorumValue, type VoterSets, voteResult } from "../../src/index.js";
import { describeVectors } from "./load.js";

interface QuorumVector {
  readonly name: string;
  readonly voters: readonly NodeId[];
  readonly votersOutgoing?: readonly NodeId[];
}

function setsOf({ voters, votersOutgoing }: QuorumVector): VoterSets {
  return votersOutgoing === undefined ? [voters] : [voters, votersOutgoing];
}

interface CommittedVector extends QuorumVector {
  readonly acked: Readonly<Record<string, number>>;
  /** Null where everything is committed, for there is nobody to ask. */
  readonly committed: number | null;
}

describeVectors<CommittedVector>("quorum-committed.json", (vector) => {
  const value = quorumValue(setsOf(vector), (id) => vector.acked[id] ?? 0);
  expect(value).toBe(vector.committed ?? Number.POSITIVE_INFINITY);
});

interface VoteVector extends QuorumVector {
  readonly votes: Readonly<Record<string, boolean>>;
  readonly result: "won" | "lost" | "pending";
}

describeVectors<VoteVector>("quorum-vote.json", (vector) => {
  expect(voteResult(setsOf(vector), (id) => vector.votes[id])).toBe(vector.result);
});
