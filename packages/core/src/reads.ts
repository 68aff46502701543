/**
 * Reads without a log entry (dissertation 6.4): the leader notes its commit index, then has a quorum confirm that it
 * still leads, and only then is the index good. One round of heartbeats confirms all reads that were waiting when it
 * began; those that come later wait for the next. Reads that a lease will do for are answered from it, if there is one
 * (see `lease.ts`), and confirmed like the others if not.
 */

import type { Read } from "./input.js";
import { leaseOf } from "./lease.js";
import type { ReadIndex, ReadIndexResult } from "./messages.js";
import { rouse, stir } from "./quiet.js";
import { quorumValue } from "./quorum.js";
import type { Follower, Leader, LeaderQuestion, PendingRead } from "./roles.js";
import type { RaftState } from "./state.js";
import { knownLeader, refuseRead } from "./transitions.js";
import { NOBODY } from "./types.js";

/** How many reads may wait on a server before more are refused (PITFALLS Q5). */
const MAX_WAITING_READS = 4096;

/** A read begins on this server. */
export function onRead(state: RaftState, { readId, isLease = false }: Read): void {
  const { role } = state;
  if (role.kind === "leader") return admit(state, role, { from: state.id, readId, isLease });
  if (role.kind !== "follower" || role.leaderId === NOBODY)
    return refuseRead(state, { from: state.id, readId }, "noLeader");
  rouse(state, role);
  const { waiting } = role.questions[isLease ? 1 : 0];
  if (waiting.length < MAX_WAITING_READS) waiting.push(readId);
  else refuseRead(state, { from: state.id, readId }, "overloaded");
}

// --- the leader's side ---

/** A follower asks. A copy of its request adds nothing (PITFALLS Q5). */
export function onReadIndex(state: RaftState, { from, readId, isLease }: ReadIndex): void {
  const { role } = state;
  if (role.kind !== "leader") refuseRead(state, { from, readId }, "noLeader");
  else if (!role.waitingReads.some((waiting) => waiting.from === from && waiting.readId === readId))
    admit(state, role, { from, readId, isLease });
}

/** The one gate: a leader that hands over takes reads as little as proposals (PITFALLS Q6). */
function admit(state: RaftState, leader: Leader, read: PendingRead): void {
  stir(state, leader);
  if (leader.transfer !== null) refuseRead(state, read, "transferring");
  else if (leader.waitingReads.length >= MAX_WAITING_READS) refuseRead(state, read, "overloaded");
  else leader.waitingReads.push(read);
}

/** Answers the reads whose round a quorum confirmed, and begins a round for those that wait. */
export function confirmReads(state: RaftState, leader: Leader): void {
  if (leader.confirmingReads === null && leader.waitingReads.length === 0) return;
  answerConfirmed(state, leader);
  answerByLease(state, leader);
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

/** The lease is looked at after the reads came in: nobody else had committed anything by then. */
function answerByLease(state: RaftState, leader: Leader): void {
  if (!leader.waitingReads.some(({ isLease }) => isLease)) return;
  const lease = leaseOf(state, leader);
  if (lease === null) return;
  const others: PendingRead[] = [];
  for (const read of leader.waitingReads) {
    const { from, readId, isLease } = read;
    if (!isLease) others.push(read);
    else if (from !== state.id) answerRead(state, read, state.commitIndex);
    else state.outbox.answerRead({ readId, ready: true, index: state.commitIndex, lease });
  }
  leader.waitingReads = others;
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
  for (const question of follower.questions) ask(state, question);
}

function ask(state: RaftState, question: LeaderQuestion): void {
  if (question.asked !== null && state.now >= question.asked.askedAt + state.electionTimeoutMs)
    question.waiting = question.takeAll();
  const leaderId = knownLeader(state);
  if (question.asked !== null || question.waiting.length === 0 || leaderId === NOBODY) return;
  // A number of its own, for an answer to an earlier request would be too old for the reads that joined since (Q2).
  state.readRequest += 1;
  const readId = state.readRequest;
  question.asked = { readId, askedAt: state.now, reads: question.waiting };
  question.waiting = [];
  const { isLease } = question;
  state.outbox.send({ kind: "readIndex", from: state.id, to: leaderId, term: state.currentTerm, readId, isLease });
}

/** When a question that was not answered is asked again; `Infinity` if there is none. */
export function askAgainAt(state: RaftState, { questions }: Follower): number {
  let at = Number.POSITIVE_INFINITY;
  for (const { asked } of questions) if (asked !== null) at = Math.min(at, asked.askedAt + state.electionTimeoutMs);
  return at;
}

export function onReadIndexResult(state: RaftState, { from, readId: request, success, index }: ReadIndexResult): void {
  const { role } = state;
  if (role.kind !== "follower") return;
  const question = role.questions.find(({ asked }) => asked?.readId === request);
  const asked = question?.asked;
  if (question === undefined || asked === null || asked === undefined) return;
  question.asked = null;
  const lease = { leaderId: from, term: state.currentTerm, until: asked.askedAt + state.leaseDurationMs };
  for (const readId of asked.reads) {
    if (!success) refuseRead(state, { from: state.id, readId }, "noLeader");
    else if (question.isLease) state.outbox.answerRead({ readId, ready: true, index, lease });
    else state.outbox.answerRead({ readId, ready: true, index });
  }
}
