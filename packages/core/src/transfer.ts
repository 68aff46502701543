/**
 * Leadership transfer (dissertation 3.10): the leader stops taking proposals, waits until its successor has the whole
 * log, and has it campaign at once. Whoever is asked to vote in such a campaign need not wait for the old leader to fall
 * silent; everything else about the election is as ever, and so is safety.
 *
 * Preferred leaders come to lead the same way (priority), and in no other: no vote and no timeout knows of priorities.
 */

import { mayCampaign, startElection } from "./election.js";
import type { TransferLeadership } from "./input.js";
import type { TimeoutNow } from "./messages.js";
import { stir } from "./quiet.js";
import type { Leader } from "./roles.js";
import type { RaftState } from "./state.js";
import { bestSuccessor, ownPriority, priorityOf, successors } from "./succession.js";
import { knownLeader, settleTransfer } from "./transitions.js";
import { NOBODY, type NodeId } from "./types.js";

/**
 * How long a server that handed over to one of a higher priority does not do so again, in election timeouts, should it
 * lead once more: a preferred leader that cannot stay must not cost an election over and over.
 */
const PRIORITY_PAUSE_TIMEOUTS = 20;

/** Someone wants another leader. Refused at once if there is none to be had; otherwise it ends by its deadline. */
export function onTransferLeadership(state: RaftState, { transferId, to }: TransferLeadership): void {
  const { role: leader } = state;
  if (leader.kind !== "leader") {
    state.outbox.answerTransfer({ transferId, to: knownLeader(state), result: "notLeader" });
    return;
  }
  if (leader.transfer !== null) {
    state.outbox.answerTransfer({ transferId, to: leader.transfer.to, result: "transferring" });
    return;
  }
  stir(state, leader);
  const successor = to === NOBODY ? bestSuccessor(state, leader) : successors(state).find(({ id }) => id === to);
  if (successor === undefined) state.outbox.answerTransfer({ transferId, to, result: "noTarget" });
  else startTransfer(state, leader, successor.id, transferId);
}

function startTransfer(state: RaftState, leader: Leader, to: NodeId, transferId: number | null): void {
  leader.transfer = { transferId, to, deadline: state.now + state.electionTimeoutMs, sentAt: null };
}

/** Tells the successor to campaign once it has everything, and gives up at the deadline (PITFALLS T1, T2, T7). */
export function advanceTransfer(state: RaftState, leader: Leader): void {
  const { transfer } = leader;
  if (transfer === null) {
    handOverByPriority(state, leader);
    return;
  }
  const isCandidate = successors(state).some(({ id }) => id === transfer.to);
  if (!isCandidate || state.now >= transfer.deadline) {
    settleTransfer(state, leader, "timedOut");
    return;
  }
  // Again after a heartbeat interval, for it may have been lost; the target obeys once a term (T4).
  const isDue = transfer.sentAt === null || state.now - transfer.sentAt >= state.heartbeatIntervalMs;
  if (!isDue || leader.progressOf(transfer.to)?.matchIndex !== state.log.lastIndex) return;
  transfer.sentAt = state.now;
  // Whoever obeys is voted for in spite of all promises: the lease that rests on them is over for good (PITFALLS L3).
  leader.hasLostLease = true;
  const { lastIndex: lastLogIndex, lastTerm: lastLogTerm } = state.log;
  const { id: from, currentTerm: term } = state;
  state.outbox.send({ kind: "timeoutNow", from, to: transfer.to, term, lastLogIndex, lastLogTerm });
}

/** A leader that is no member any more hands over to whoever fits best. Returns whether there is anyone (PITFALLS M14). */
export function handOver(state: RaftState, leader: Leader): boolean {
  const successor = bestSuccessor(state, leader);
  if (successor !== undefined) startTransfer(state, leader, successor.id, null);
  return successor !== undefined;
}

/** Obeys the leader of this term, and nobody else; and only with the whole of its log, durable (PITFALLS T3, T4). */
export function onTimeoutNow(state: RaftState, { from, lastLogIndex, lastLogTerm }: TimeoutNow): void {
  const { role, log } = state;
  if (role.kind !== "follower" || role.leaderId !== from || !mayCampaign(state)) return;
  const isWhole = log.lastIndex === lastLogIndex && log.lastTerm === lastLogTerm;
  if (isWhole && state.outbox.durableIndex === lastLogIndex) startElection(state, true);
}

function handOverByPriority(state: RaftState, leader: Leader): void {
  if (state.now < state.handOverAt || state.commitIndex < leader.noopIndex) return;
  state.handOverAt = state.now + state.heartbeatIntervalMs;
  const successor = bestSuccessor(state, leader);
  if (successor === undefined || priorityOf(successor) <= ownPriority(state)) return;
  state.handOverAt = state.now + PRIORITY_PAUSE_TIMEOUTS * state.electionTimeoutMs;
  startTransfer(state, leader, successor.id, null);
}
