/**
 * Election: §5.2 and §5.4.1, with pre-vote (dissertation 9.6), leader stickiness (4.2.3) and check-quorum (6.2).
 * The three are always on: each alone leaves a way to disturb or to block a cluster (PITFALLS E9–E17).
 *
 * Voters judge term and log alone, whoever asks; candidates count only the votes of their own configuration
 * (PITFALLS M10, M11).
 */

import { memberOf, membersOf } from "./configuration.js";
import { isBound } from "./lease.js";
import type { RequestPreVote, RequestPreVoteResult, RequestVote, RequestVoteResult } from "./messages.js";
import { quorumValue, voteResult } from "./quorum.js";
import type { Candidate, Leader, PreCandidate, Role } from "./roles.js";
import type { RaftState } from "./state.js";
import { adoptTerm, becomeCandidate, becomeLeader, becomePreCandidate, refuseReads, stepDown } from "./transitions.js";
import { type Configuration, type Member, NOBODY, type NodeId } from "./types.js";

/**
 * Campaigns when the wait for a leader is over; steps down when a quorum has been silent for too long. One that is no
 * voter keeps its leader until it hears of another (PITFALLS E27), but reads must not wait for one that is gone (Q3).
 */
export function onElectionTick(state: RaftState): void {
  const { role } = state;
  if (role.kind === "leader") {
    if (state.now >= quorumDeadline(state, role)) stepDown(state);
  } else if (state.now >= role.electionDeadline) {
    if (mayCampaign(state) && !isStarting(state, role)) {
      startPreVote(state);
    } else {
      refuseReads(state);
      role.electionDeadline = state.drawElectionDeadline();
    }
  }
}

/**
 * Voters may, unless they are witnesses, which have no payloads to lead with. So may one that is no voter any more, until
 * it knows that to be committed: nobody else may have a log to win with (dissertation 4.2.2; PITFALLS M15).
 */
export function mayCampaign({ id, configurations, commitIndex }: RaftState): boolean {
  const { index, configuration } = configurations;
  if (canLead(id, configuration)) return true;
  return index > commitIndex && canLead(id, configurations.at(index - 1).configuration);
}

function canLead(id: NodeId, { voters, outgoingVoters }: Configuration): boolean {
  const isFull = (member: Member): boolean => member.id === id && member.isWitness !== true;
  return voters.some(isFull) || outgoingVoters.some(isFull);
}

/** One that was removed is still what it was, until it is nothing. */
export function isWitness({ id, configurations }: RaftState): boolean {
  const before = configurations.at(configurations.index - 1);
  const isIn = (configuration: Configuration): boolean => memberOf(configuration, id)?.isWitness === true;
  return isIn(configurations.configuration) || isIn(before.configuration);
}

/** Whether a campaign is still held back by this server's own disk: another one would not get further (PITFALLS E23). */
function isStarting(state: RaftState, role: Role): boolean {
  return role.kind === "candidate" && !state.outbox.isDurable(role.ownVoteSeq);
}

/**
 * When a leader must stop unless it hears from a quorum before: one election timeout after it last did. A leader that
 * went on would hold back those who could elect another (PITFALLS E16). A quiet ends before anybody is given up.
 */
export function quorumDeadline(state: RaftState, leader: Leader): number {
  if (leader.followers.length === 0 || leader.quietFrom !== null) return Number.POSITIVE_INFINITY;
  const contact = quorumValue(state.configurations.voterSets, lastContactOf, state);
  return Math.max(contact, leader.wokeAt) + state.electionTimeoutMs;
}

function lastContactOf(id: NodeId, state: RaftState): number {
  return id === state.id ? state.now : (state.progressOf(id)?.lastContactAt ?? Number.NEGATIVE_INFINITY);
}

export function startPreVote(state: RaftState): void {
  const preCandidate = becomePreCandidate(state);
  preCandidate.votes.set(state.id, true);
  for (const to of peers(state)) {
    state.outbox.send({
      kind: "requestPreVote",
      from: state.id,
      to,
      term: state.currentTerm,
      round: preCandidate.round,
      lastLogIndex: state.log.lastIndex,
      lastLogTerm: state.log.lastTerm,
    });
  }
  concludePreVote(state, preCandidate);
}

/**
 * Stands for the next term. The requests wait until this server's own vote, and its log, are durable: a grant given
 * for a log that a crash then shortens would elect a leader without committed entries (PITFALLS E3, E4).
 */
export function startElection(state: RaftState, isTransfer: boolean): void {
  const candidate = becomeCandidate(state);
  for (const to of peers(state)) {
    state.outbox.promise({
      kind: "requestVote",
      from: state.id,
      to,
      term: state.currentTerm,
      round: candidate.round,
      lastLogIndex: state.log.lastIndex,
      lastLogTerm: state.log.lastTerm,
      isTransfer,
    });
  }
}

/** A write became durable: the candidate's own vote may count now. */
export function onOwnVotePersisted(state: RaftState): void {
  const { role } = state;
  if (role.kind !== "candidate" || role.votes.has(state.id) || !state.outbox.isDurable(role.ownVoteSeq)) return;
  role.votes.set(state.id, true);
  concludeElection(state, role);
}

/**
 * Answers whether the asker could win. Changes nothing (PITFALLS E13), but for a term that is really there: a server
 * that has one stays behind all others until they adopt it (PITFALLS E9).
 */
export function onRequestPreVote(state: RaftState, message: RequestPreVote): void {
  const isSticky = hearsLeader(state, message.from);
  if (!isSticky && message.term > state.currentTerm) adoptTerm(state, message.term);
  const mayWin = !isSticky && message.term === state.currentTerm;
  const voteGranted = mayWin && isUpToDate(state, message);
  // Whoever lacks nothing but entries is told how far they go here, so that it may pull them (see `catch-up.ts`).
  const hasMore = mayWin && !voteGranted && !isWitness(state);
  state.outbox.send({
    kind: "requestPreVoteResult",
    from: state.id,
    to: message.from,
    term: state.currentTerm,
    round: message.round,
    voteGranted,
    lastLogIndex: hasMore ? state.log.lastIndex : 0,
    lastLogTerm: hasMore ? state.log.lastTerm : 0,
  });
}

export function onRequestVote(state: RaftState, message: RequestVote): void {
  if (message.term > state.currentTerm) {
    // Unless it is the leader itself that wants to be followed by another (PITFALLS T6, L3).
    if (!message.isTransfer && hearsLeader(state, message.from)) return;
    adoptTerm(state, message.term);
  }
  const mayVote = state.votedFor === NOBODY || state.votedFor === message.from;
  const voteGranted = message.term === state.currentTerm && mayVote && isUpToDate(state, message);
  const result: RequestVoteResult = {
    kind: "requestVoteResult",
    from: state.id,
    to: message.from,
    term: state.currentTerm,
    round: message.round,
    voteGranted,
  };
  if (!voteGranted) {
    state.outbox.send(result);
    return;
  }
  // Granting again to the same candidate is fine: its first request may have been lost (PITFALLS E30).
  if (state.votedFor === NOBODY) state.setTermAndVote(state.currentTerm, message.from);
  // Whoever votes for another gives up its own campaign, and gives that one time.
  const follower = state.role.kind === "follower" ? state.role : stepDown(state);
  follower.electionDeadline = state.drawElectionDeadline();
  state.outbox.promise(result);
}

export function onRequestPreVoteResult(state: RaftState, message: RequestPreVoteResult): void {
  const { role } = state;
  if (role.kind !== "preCandidate" || message.round !== role.round) return;
  role.votes.set(message.from, message.voteGranted);
  concludePreVote(state, role);
}

export function onRequestVoteResult(state: RaftState, message: RequestVoteResult): void {
  const { role } = state;
  if (role.kind !== "candidate" || message.round !== role.round) return;
  role.votes.set(message.from, message.voteGranted);
  concludeElection(state, role);
}

function concludePreVote(state: RaftState, preCandidate: PreCandidate): void {
  const result = voteResult(state.configurations.voterSets, (id) => preCandidate.votes.get(id));
  if (result === "won") startElection(state, false);
  else if (result === "lost") stepDown(state);
}

function concludeElection(state: RaftState, candidate: Candidate): void {
  const result = voteResult(state.configurations.voterSets, (id) => candidate.votes.get(id));
  if (result === "won") becomeLeader(state);
  else if (result === "lost") stepDown(state);
}

/**
 * Whether this server hears a leader other than `from` (PITFALLS E14), and so has no reason to help depose it. A
 * leader counts as hearing itself: check-quorum ends that when it is no longer true.
 */
export function hearsLeader(state: RaftState, from: NodeId): boolean {
  return state.role.kind === "leader" || isBound(state, from);
}

/** §5.4.1: the candidate's log must be at least as up-to-date as the voter's. */
function isUpToDate(state: RaftState, { lastLogIndex, lastLogTerm }: RequestVote | RequestPreVote): boolean {
  return state.log.isUpToDate({ index: lastLogIndex, term: lastLogTerm });
}

/** All who may vote, by rising id. */
function peers(state: RaftState): NodeId[] {
  const { voterSets } = state.configurations;
  return membersOf(state.configurations.configuration)
    .map(({ id }) => id)
    .filter((id) => id !== state.id && voterSets.some((voters) => voters.includes(id)));
}
