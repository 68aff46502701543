/**
 * The ways from one role to the next (§5.1): what ends with the old role, and what begins with the new one.
 */

import { membersOf } from "./configuration.js";
import type { ReadRefusal, TransferResult } from "./effects.js";
import { invariant } from "./invariant-error.js";
import { Progress } from "./progress.js";
import { Candidate, FIRST_STREAM, Follower, Leader, PreCandidate, type ReadOrigin, type Role } from "./roles.js";
import type { RaftState } from "./state.js";
import { NOBODY, type NodeId, type Term } from "./types.js";

const NO_DATA = new Uint8Array(0);

/**
 * Takes over a higher term, in which this server has not voted (§5.1). Knows no leader in it yet, and to learn of it
 * is no reason to be patient again (PITFALLS E18).
 */
export function adoptTerm(state: RaftState, term: Term): Follower {
  state.setTermAndVote(term, NOBODY);
  return stepDown(state);
}

/** To follower of nobody, within the term: the vote stays (PITFALLS E1). Whoever was no follower waits a full timeout. */
export function stepDown(state: RaftState): Follower {
  const before = state.role;
  refuseReads(state);
  if (before.kind === "leader") settleTransfer(state, before, "leadershipEnded");
  const follower = new Follower(deadlineAfter(state, before));
  state.role = follower;
  return follower;
}

/** Whoever waited for a leader that it had not heard in a quiet waits for the next one as for any (see `quiet.ts`). */
function deadlineAfter(state: RaftState, before: Role): number {
  if (before.kind !== "follower") return state.drawElectionDeadline();
  return before.isQuiet ? Math.min(before.electionDeadline, state.drawElectionDeadline()) : before.electionDeadline;
}

/**
 * Follows the leader of the current term, which has just spoken (§5.2). A second one in the same term is proof that
 * safety is lost (PITFALLS E24).
 */
export function followLeader(state: RaftState, leaderId: NodeId): Follower {
  invariant(
    state.role.kind !== "leader",
    () => `servers ${state.id} and ${leaderId} both lead term ${state.currentTerm}`,
  );
  const follower = state.role.kind === "follower" ? state.role : stepDown(state);
  const known = follower.leaderId;
  invariant(
    known === NOBODY || known === leaderId,
    () => `servers ${known} and ${leaderId} both lead term ${state.currentTerm}`,
  );
  follower.leaderId = leaderId;
  state.promise = { leaderId, madeAt: state.now };
  follower.electionDeadline = state.drawElectionDeadline();
  return follower;
}

/** Forgets the leader, if there was one: whoever campaigns no longer believes in it (PITFALLS E10). */
export function becomePreCandidate(state: RaftState): PreCandidate {
  refuseReads(state);
  state.campaignRound += 1;
  const preCandidate = new PreCandidate(state.campaignRound, state.drawElectionDeadline());
  state.role = preCandidate;
  return preCandidate;
}

/** Opens the next term with a vote for itself (§5.2). A follower that its leader appoints may have reads that wait. */
export function becomeCandidate(state: RaftState): Candidate {
  refuseReads(state);
  state.setTermAndVote(state.currentTerm + 1, state.id);
  state.campaignRound += 1;
  const candidate = new Candidate(state.campaignRound, state.drawElectionDeadline(), state.outbox.coveringSeq());
  state.role = candidate;
  return candidate;
}

/** Opens the term with an empty entry, so that what is left of earlier terms can be committed (§8, §5.4.2). */
export function becomeLeader(state: RaftState): Leader {
  invariant(state.role.kind === "candidate", () => `a ${state.role.kind} cannot become leader`);
  const noopIndex = state.log.lastIndex + 1;
  const followers = membersOf(state.configurations.configuration)
    .filter(({ id }) => id !== state.id)
    .map(({ id }) => new Progress(id, noopIndex, FIRST_STREAM, state.now));
  const leader = new Leader(followers, noopIndex, state.now);
  state.handOverAt = Math.max(state.handOverAt, state.now + state.electionTimeoutMs);
  state.role = leader;
  state.appendOwn({ kind: "noop", data: NO_DATA });
  return leader;
}

/** The leader of the current term, as far as this server knows. */
export function knownLeader(state: RaftState): NodeId {
  if (state.role.kind === "leader") return state.id;
  return state.role.kind === "follower" ? state.role.leaderId : NOBODY;
}

/** Whoever asked for the transfer is told how it ended, once (PITFALLS T2). */
export function settleTransfer(state: RaftState, leader: Leader, result: TransferResult): void {
  const { transfer } = leader;
  leader.transfer = null;
  if (transfer !== null && transfer.transferId !== null)
    state.outbox.answerTransfer({ transferId: transfer.transferId, to: transfer.to, result });
}

/** Every read gets exactly one answer, also when whoever would have given it is gone (PITFALLS Q3). */
export function refuseReads(state: RaftState): void {
  const { role } = state;
  if (role.kind === "follower") {
    for (const question of role.questions)
      for (const readId of question.takeAll()) refuseRead(state, { from: state.id, readId }, "noLeader");
  } else if (role.kind === "leader") {
    const reads = [...(role.confirmingReads?.reads ?? []), ...role.waitingReads];
    role.confirmingReads = null;
    role.waitingReads = [];
    for (const read of reads) refuseRead(state, read, "noLeader");
  }
}

/** Tells whoever asked that this server cannot vouch for an index. */
export function refuseRead(state: RaftState, { from, readId }: ReadOrigin, refusal: ReadRefusal): void {
  if (from === state.id) state.outbox.answerRead({ readId, ready: false, refusal });
  else
    state.outbox.send({
      kind: "readIndexResult",
      from: state.id,
      to: from,
      term: state.currentTerm,
      readId,
      success: false,
      index: 0,
    });
}
