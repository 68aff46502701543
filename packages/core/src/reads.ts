/**
 * Reads without a log entry (dissertation 6.4): the leader notes its commit index, then has a quorum confirm that it
 * still leads, and only then is the index good. One round of heartbeats confirms all reads that were waiting when it
 * began; those that come later wait for the next.
 */

import type { ReadIndex, ReadIndexResult } from "./messages.js";
import { quorumValue } from "./quorum.js";
import type { Follower, Leader, PendingRead } from "./roles.js";
import type { RaftState } from "./state.js";
import { knownLeader, refuseRead } from "./transitions.js";
import { NOBODY } from "./types.js";

/** A read begins on this server. */
export function onRead(state: RaftState, readId: number): void {
  const { role } = state;
  if (role.kind === "leader") role.waitingReads.push({ from: state.id, readId });
  else if (role.kind === "follower" && role.leaderId !== NOBODY) role.waitingReads.push(readId);
  else state.outbox.answerRead({ readId, ready: false });
}

// --- the leader's side ---

/** A follower asks. A copy of its request adds nothing (PITFALLS Q5). */
export function onReadIndex(state: RaftState, { from, readId }: ReadIndex): void {
  const { role } = state;
  if (role.kind !== "leader") refuseRead(state, { from, readId });
  else if (!role.waitingReads.some((waiting) => waiting.from === from && waiting.readId === readId))
    role.waitingReads.push({ from, readId });
}

/** Answers the reads whose round a quorum confirmed, and begins a round for those that wait. */
export function confirmReads(state: RaftState, leader: Leader): void {
  answerConfirmed(state, leader);
  // Before its first own entry is committed, a leader does not know how far the log is (§8; PITFALLS Q1).
  if (leader.confirmingReads !== null || leader.waitingReads.length === 0 || state.commitIndex < leader.noopIndex)
    return;
  const round = leader.hastenRound(state.now);
  leader.confirmingReads = { round, index: state.commitIndex, reads: leader.waitingReads };
  leader.waitingReads = [];
  answerConfirmed(state, leader);
}

function answerConfirmed(state: RaftState, leader: Leader): void {
  const confirming = leader.confirmingReads;
  if (confirming === null) return;
  const confirmedRound = quorumValue(state.configurations.voterSets, (id) =>
    id === state.id ? Number.POSITIVE_INFINITY : (leader.progressOf(id)?.ackedRound ?? 0),
  );
  if (confirmedRound < confirming.round) return;
  leader.confirmingReads = null;
  for (const read of confirming.reads) answerRead(state, read, confirming.index);
}

function answerRead(state: RaftState, { from, readId }: PendingRead, index: number): void {
  if (from === state.id) state.outbox.answerRead({ readId, ready: true, index });
  else
    state.outbox.send({
      kind: "readIndexResult",
      from: state.id,
      to: from,
      term: state.currentTerm,
      readId,
      success: true,
      index,
    });
}

// --- the follower's side ---

/** Asks the leader on behalf of all reads that wait; asks again when the answer stays away. */
export function askLeader(state: RaftState, follower: Follower): void {
  const asked = follower.askedReads;
  if (asked !== null && state.now >= asked.askedAt + state.electionTimeoutMs) {
    follower.waitingReads = [...asked.reads, ...follower.waitingReads];
    follower.askedReads = null;
  }
  const leaderId = knownLeader(state);
  if (follower.askedReads !== null || follower.waitingReads.length === 0 || leaderId === NOBODY) return;
  // A number of its own, for an answer to an earlier request would be too old for the reads that joined since (Q2).
  state.readRequest += 1;
  const readId = state.readRequest;
  follower.askedReads = { readId, askedAt: state.now, reads: follower.waitingReads };
  follower.waitingReads = [];
  state.outbox.send({ kind: "readIndex", from: state.id, to: leaderId, term: state.currentTerm, readId });
}

export function onReadIndexResult(state: RaftState, message: ReadIndexResult): void {
  const { role } = state;
  if (role.kind !== "follower" || role.askedReads?.readId !== message.readId) return;
  const { reads } = role.askedReads;
  role.askedReads = null;
  for (const readId of reads) {
    state.outbox.answerRead(message.success ? { readId, ready: true, index: message.index } : { readId, ready: false });
  }
}
