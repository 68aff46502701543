/**
 * Leases (dissertation 6.4.1): for a while after a quorum has heard a leader, no other can be elected, and so what this
 * one has committed is all there is.
 *
 * The followers' half is a promise. Whoever hears a leader grants no vote and no pre-vote to another for one election
 * timeout, whatever becomes of its term and its role meanwhile (PITFALLS L2); it may have promised as much before a
 * restart, and so waits as long after one (L7). The leader's half: its lease ends `leaseDurationMs` after the moment at
 * which it *sent* the newest round of heartbeats that a quorum answered (L1), by its own clock (L4, L6).
 *
 * Why that is safe, as long as no clock runs more than 1 + `maxClockDrift` times as fast as another: be L the leader of
 * term T, and the next leader be elected, by a later term, before L's lease has ended. One voter V is in both quorums,
 * for the one function counts both, and a joint change lets no two majorities miss each other. V answered in term T
 * and so voted later; it heard the round after L had sent it, and kept its promise for an election timeout by its
 * clock. That is at least `leaseDurationMs` by L's, so the lease was over. Only a vote that L itself asked for, by
 * handing over, breaks the promise: from then on L has no lease, for the rest of its term (L3). And a server that
 * forgot, in a crash, that it had heard L has not forgotten to wait.
 *
 * | what was heard                    | renews the follower's promise | renews the leader's lease |
 * |-----------------------------------|-------------------------------|---------------------------|
 * | heartbeat, appendEntries          | yes                           |                           |
 * | commit, snapshots, timeoutNow     | no                            |                           |
 * | heartbeatResult                   |                               | yes, from when the round was sent |
 * | appendEntriesResult and all else  |                               | no                        |
 *
 * Heartbeats wait for no batch and no disk, so a busy leader keeps its lease without counting appends (L11). One whose
 * disk hangs sends none, and loses it (L8).
 */

import type { ReadLease } from "./effects.js";
import { quorumValue } from "./quorum.js";
import type { Leader } from "./roles.js";
import type { RaftState } from "./state.js";
import type { NodeId } from "./types.js";

/** Whether this server has promised not to help elect `candidate` yet (PITFALLS E14, L2). */
export function isBound(state: RaftState, candidate: NodeId): boolean {
  const { promise } = state;
  return promise.leaderId !== candidate && state.now - promise.madeAt < state.electionTimeoutMs;
}

/**
 * Until when no other server can lead, by this server's clock; `-Infinity` without a lease. A leader knows how far the
 * log is committed once an entry of its own term is (PITFALLS Q1).
 */
function leaseEnd(state: RaftState, leader: Leader): number {
  if (leader.hasLostLease || state.commitIndex < leader.noopIndex) return Number.NEGATIVE_INFINITY;
  const heardFrom = quorumValue(state.configurations.voterSets, (id) =>
    id === state.id ? Number.POSITIVE_INFINITY : (leader.progressOf(id)?.ackedRoundSentAt ?? Number.NEGATIVE_INFINITY),
  );
  return heardFrom + state.leaseDurationMs;
}

/**
 * A clock that goes back is no clock to measure a lease with (PITFALLS L12). One that leaps ahead ends every lease by
 * itself.
 */
export function onClockWentBack(state: RaftState): void {
  if (state.role.kind === "leader") state.role.hasLostLease = true;
}

/** What a read that is answered now, on this server as leader, rests on; null if there is no lease. */
export function leaseOf(state: RaftState, leader: Leader): ReadLease | null {
  const until = leaseEnd(state, leader);
  return state.now < until ? { leaderId: state.id, term: state.currentTerm, until } : null;
}

/**
 * Whether a lease has lasted until `now` (PITFALLS L5). The leader knows of its renewals and of its end. A follower
 * knows that its leader had one when asked, and gives it a lease's length from when it asked.
 */
export function lasts(state: RaftState, { leaderId, term, until }: ReadLease, now: number): boolean {
  if (state.currentTerm !== term) return false;
  if (leaderId !== state.id) return now < until;
  return state.role.kind === "leader" && now < leaseEnd(state, state.role);
}
