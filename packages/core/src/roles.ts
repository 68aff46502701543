/**
 * The roles of §5.1, each with the fields that mean something in it and no others, and the ways from one to the next.
 */

import { invariant } from "./invariant-error.js";
import { Progress } from "./progress.js";
import type { RaftState } from "./state.js";
import { type Index, NOBODY, type NodeId, type Term } from "./types.js";

const NO_DATA = new Uint8Array(0);
const FIRST_STREAM = 1;

/** A read that waits for its index: a local one (`from` is this server), or one that a follower asks for. */
export interface PendingRead {
  readonly from: NodeId;
  readonly readId: number;
}

export class Follower {
  readonly kind = "follower";
  leaderId: NodeId = NOBODY;
  /** When the leader of this term was last heard; meaningless while `leaderId` is NOBODY. */
  lastHeardAt = 0;
  electionDeadline: number;
  /** Local reads that no request to the leader covers yet. */
  waitingReads: number[] = [];
  /** The request that covers earlier ones. One at a time, so that reads gather while it is under way. */
  askedReads: { readonly readId: number; readonly askedAt: number; readonly reads: readonly number[] } | null = null;

  constructor(electionDeadline: number) {
    this.electionDeadline = electionDeadline;
  }
}

/** Asks whether it could win before it disturbs anyone (dissertation 9.6). */
export class PreCandidate {
  readonly kind = "preCandidate";
  readonly round: number;
  /** Who said what: a set of servers, not a count (PITFALLS E5). */
  readonly votes = new Map<NodeId, boolean>();
  electionDeadline: number;

  constructor(round: number, electionDeadline: number) {
    this.round = round;
    this.electionDeadline = electionDeadline;
  }
}

export class Candidate {
  readonly kind = "candidate";
  readonly round: number;
  readonly votes = new Map<NodeId, boolean>();
  electionDeadline: number;
  /** The write that makes this campaign and the vote for itself durable; it does not count before (PITFALLS E3). */
  readonly ownVoteSeq: number;

  constructor(round: number, electionDeadline: number, ownVoteSeq: number) {
    this.round = round;
    this.electionDeadline = electionDeadline;
    this.ownVoteSeq = ownVoteSeq;
  }
}

export class Leader {
  readonly kind = "leader";
  /** By rising id, so that the same inputs give the same effects (PITFALLS F13). */
  readonly followers: readonly Progress[];
  /** The entry that opened the term. Once it is committed, so is everything before it (§8). */
  readonly noopIndex: Index;
  heartbeatDueAt: number;
  /** The newest heartbeat round. An answer confirms leadership for what was asked before the round began (Q2). */
  round = 0;
  lastStream: number;
  /** Reads that the next round will confirm. */
  waitingReads: PendingRead[] = [];
  /** Reads that `round` will confirm, at the commit index of its start. */
  confirmingReads: { readonly round: number; readonly index: Index; readonly reads: readonly PendingRead[] } | null =
    null;

  constructor(followers: readonly Progress[], noopIndex: Index, now: number) {
    this.followers = followers;
    this.noopIndex = noopIndex;
    this.heartbeatDueAt = now;
    this.lastStream = FIRST_STREAM;
  }

  progressOf(id: NodeId): Progress | undefined {
    return this.followers.find((progress) => progress.id === id);
  }
}

export type Role = Follower | PreCandidate | Candidate | Leader;

/**
 * To follower: on a higher term, when a leader of this term shows up, after a lost campaign, and when a leader finds
 * itself without a quorum. The vote stays unless the term rises (PITFALLS E1).
 */
export function becomeFollower(state: RaftState, term: Term): Follower {
  const before = state.role;
  if (term > state.currentTerm) state.setTermAndVote(term, NOBODY);
  refuseReads(state);
  // To learn of a higher term is no reason to be patient again (PITFALLS E18).
  const deadline = before.kind === "follower" ? before.electionDeadline : state.drawElectionDeadline();
  const follower = new Follower(deadline);
  state.role = follower;
  return follower;
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
  const follower = state.role.kind === "follower" ? state.role : becomeFollower(state, state.currentTerm);
  const known = follower.leaderId;
  invariant(
    known === NOBODY || known === leaderId,
    () => `servers ${known} and ${leaderId} both lead term ${state.currentTerm}`,
  );
  follower.leaderId = leaderId;
  follower.lastHeardAt = state.now;
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

/** Opens the next term with a vote for itself (§5.2). */
export function becomeCandidate(state: RaftState): Candidate {
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
  const followers = state.configurations.configuration.voters
    .filter(({ id }) => id !== state.id)
    .map(({ id }) => new Progress(id, noopIndex, FIRST_STREAM, state.now));
  const leader = new Leader(followers, noopIndex, state.now);
  state.role = leader;
  state.appendOwn({ kind: "noop", data: NO_DATA });
  return leader;
}

/** The leader of the current term, as far as this server knows. */
export function knownLeader(state: RaftState): NodeId {
  if (state.role.kind === "leader") return state.id;
  return state.role.kind === "follower" ? state.role.leaderId : NOBODY;
}

/** Every read gets exactly one answer, also when the role that would have answered ends (PITFALLS Q3). */
function refuseReads(state: RaftState): void {
  const { role } = state;
  if (role.kind === "follower") {
    for (const readId of [...(role.askedReads?.reads ?? []), ...role.waitingReads])
      state.outbox.answerRead({ readId, ready: false });
  } else if (role.kind === "leader") {
    for (const read of [...(role.confirmingReads?.reads ?? []), ...role.waitingReads]) refuseRead(state, read);
  }
}

/** Tells whoever asked that this server cannot vouch for an index. */
export function refuseRead(state: RaftState, { from, readId }: PendingRead): void {
  if (from === state.id) state.outbox.answerRead({ readId, ready: false });
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
