/**
 * Catching up without a leader: whoever could lead, but for entries that it lacks, gets them from those who have them.
 *
 * Where links are broken, the only server that can talk with a majority may have a shorter log than one of those it
 * talks with, and could never win their votes. So a pre-candidate that is refused because the refuser's log is more
 * up-to-date pulls that log, page by page, and campaigns with it. Afterwards everything is as ever: votes, commits and
 * acknowledgements know nothing of where a log came from.
 *
 * Why nothing committed is lost. Let c be the entry of term u by which its leader committed something, and let a server
 * that holds c pull a log that ends in term v.
 *
 * - v < u cannot be: a log that ends before u is not more up-to-date than one that has c.
 * - v = u: both logs are parts of one leader's log, and the longer one has c.
 * - v > u: the leader of v made the entry at the end, and its log was the pulled one up to there. It had c, by Leader
 *   Completeness for the terms up to v; and the asker, whose term is v at least, is not needed any more for its election.
 *
 * So the pulled log has c, and what is dropped for contradicting it lies behind c: in the induction by which the paper
 * proves Leader Completeness, one more way to replace entries behind those that are committed (§5.4.3). The same holds
 * for each page alone, and after a crash between two.
 *
 * A server may know what is before c to be committed, and not hold c: it was told by the leader of u. Then v < u can be, and
 * the pulled log end with what the leader of v never committed, against what is. Whatever contradicts what is known to be
 * committed is of no use, and is left where it is; whoever holds c has more.
 *
 * One thing is lost, though: that a server, while it stays in a term, keeps what it acknowledged to the leader of that
 * term, committed or not. Leaders rely on it (a match index never falls; a heartbeat commits up to it unseen, PITFALLS
 * R5, R11). Hence whoever drops entries here goes to the next term in the same write.
 *
 * Where the other log no longer has what is asked for, its snapshot is sent instead. That contains nothing but what is
 * committed, and so may come from anybody; what it replaces of a log, it covers or contradicts. Here no term is left:
 * nothing that was acknowledged to the leader of this term can be lost, for that leader had all that is in it.
 *
 * A witness has nothing to give.
 */

import { hearsLeader, isWitness, mayCampaign, startPreVote } from "./election.js";
import type { PullEntries, PulledEntries, RequestPreVoteResult } from "./messages.js";
import { appendNew, isKnown, isWellFormed } from "./replication.js";
import { sendSnapshot } from "./snapshot.js";
import type { CatchUp, RaftState } from "./state.js";
import { adoptTerm } from "./transitions.js";
import { type Entry, type EntryId, NOBODY, type NodeId } from "./types.js";

// --- whoever lacks entries ---

/** A pre-vote was refused for what the log lacks: asks the refuser for it, or whoever has still more. */
export function onRefusal(state: RaftState, message: RequestPreVoteResult): void {
  const { role, catchUp, log } = state;
  if (role.kind !== "preCandidate" || role.round !== message.round || message.voteGranted) return;
  const end: EntryId = { index: message.lastLogIndex, term: message.lastLogTerm };
  if (!isAhead(end, endOf(state))) return;
  if (catchUp?.campaign === role.round && !isAhead(end, catchUp.end)) return;
  const last: EntryId = { index: log.lastIndex, term: log.lastTerm };
  ask(state, { from: message.from, campaign: role.round, end }, last);
}

/** Waits for the disk, so that the entries which came before do not pile up in front of it. */
function ask(
  state: RaftState,
  { from, campaign, end }: Pick<CatchUp, "from" | "campaign" | "end">,
  asked: EntryId,
): void {
  const term = state.currentTerm;
  state.campaignRound += 1;
  const round = state.campaignRound;
  state.catchUp = { from, term, campaign, round, asked, end };
  const { index: prevLogIndex, term: prevLogTerm } = asked;
  state.outbox.promise({ kind: "pullEntries", from: state.id, to: from, term, round, prevLogIndex, prevLogTerm });
}

/** A page of the other log, or a place where the logs may agree. Whatever is not asked for any more is dropped. */
export function onPulledEntries(state: RaftState, message: PulledEntries): void {
  const { catchUp } = state;
  if (catchUp === null || catchUp.round !== message.round || pulledFrom(state) === NOBODY) return;
  if (!isWellFormed(message) || !isWithinLog(message)) return;
  state.catchUp = null;
  const { prevLogIndex, prevLogTerm, entries, lastLogIndex, lastLogTerm } = message;
  // Looked at again: this server's log may be another one by now, and so may the other's.
  if (!isAhead({ index: lastLogIndex, term: lastLogTerm }, endOf(state))) return;
  const prev: EntryId = { index: prevLogIndex, term: prevLogTerm };
  if ([prev, ...entries].some((entry) => contradictsCommitted(state, entry))) return;
  if (!isKnown(state, prev)) {
    const lower = state.log.findConflictByTerm(prevLogIndex, prevLogTerm);
    if (isAhead(catchUp.asked, lower)) ask(state, catchUp, lower);
    return;
  }
  adopt(state, entries);
  const reached = entries[entries.length - 1] ?? prev;
  if (reached.index === lastLogIndex) {
    if (mayCampaign(state)) startPreVote(state);
  } else if (reached.index !== catchUp.asked.index || reached.term !== catchUp.asked.term) {
    ask(state, catchUp, { index: reached.index, term: reached.term });
  }
}

/** A snapshot is here instead of entries that are gone: what follows it is asked for. */
export function onPulledSnapshot(state: RaftState, { index, term }: EntryId): void {
  const { catchUp } = state;
  if (catchUp !== null && pulledFrom(state) !== NOBODY) ask(state, catchUp, { index, term });
}

/** Whom this server asks for entries, while it knows no leader; or NOBODY. */
export function pulledFrom(state: RaftState): NodeId {
  const { catchUp } = state;
  return catchUp !== null && catchUp.term === state.currentTerm && isLeaderless(state) ? catchUp.from : NOBODY;
}

function contradictsCommitted({ log, commitIndex }: RaftState, { index, term }: EntryId): boolean {
  if (index > commitIndex) return false;
  const known = log.termAt(index);
  return known !== "compacted" && known !== term;
}

/** Takes over what is new; before anything is dropped for it, this server leaves the term (see above). */
function adopt(state: RaftState, entries: readonly Entry[]): void {
  const first = entries.find((entry) => !isKnown(state, entry));
  if (first === undefined) return;
  if (first.index <= state.log.lastIndex) adoptTerm(state, state.currentTerm + 1);
  appendNew(state, entries);
  // While pages come, there is no reason to ask again for votes.
  if (state.role.kind !== "leader") state.role.electionDeadline = state.drawElectionDeadline();
}

/** Entries are pulled by those who look for a leader, and by nobody who has one. */
function isLeaderless({ role }: RaftState): boolean {
  return role.kind === "preCandidate" || (role.kind === "follower" && role.leaderId === NOBODY);
}

/** Whether the entries can be a part of the log whose end is named. */
function isWithinLog({ term, prevLogIndex, prevLogTerm, entries, lastLogIndex, lastLogTerm }: PulledEntries): boolean {
  const last = entries[entries.length - 1] ?? { index: prevLogIndex, term: prevLogTerm };
  if (lastLogTerm > term || last.index > lastLogIndex || last.term > lastLogTerm) return false;
  return last.index < lastLogIndex || last.term === lastLogTerm;
}

/** Whether a log that ends in `end` is more up-to-date than one that ends in `other` (§5.4.1). */
function isAhead(end: EntryId, other: EntryId): boolean {
  return end.term > other.term || (end.term === other.term && end.index > other.index);
}

function endOf({ log: { lastIndex, lastTerm } }: RaftState): EntryId {
  return { index: lastIndex, term: lastTerm };
}

// --- whoever has them ---

/**
 * Someone wants entries of this log. Like a request for a pre-vote, it gets nothing from those who hear a leader, and
 * does not depose one. A page begins after the entry that was asked about; without that entry, the answer says where the
 * logs may agree, or is a snapshot if that is gone.
 */
export function onPullEntries(state: RaftState, { from, term, round, prevLogIndex, prevLogTerm }: PullEntries): void {
  if (hearsLeader(state, from) || isWitness(state)) return;
  if (term > state.currentTerm) adoptTerm(state, term);
  const { log } = state;
  const hasEntry = log.matches(prevLogIndex, prevLogTerm);
  if (!hasEntry && prevLogIndex <= log.compacted.index) {
    sendSnapshot(state, from, round);
    return;
  }
  const prev = hasEntry
    ? { index: prevLogIndex, term: prevLogTerm }
    : log.findConflictByTerm(prevLogIndex, prevLogTerm);
  state.outbox.send({
    kind: "pulledRange",
    from: state.id,
    to: from,
    term: state.currentTerm,
    round,
    prevLogIndex: prev.index,
    prevLogTerm: prev.term,
    lastIndex: hasEntry ? log.lastIndex : prev.index,
    lastLogIndex: log.lastIndex,
    lastLogTerm: log.lastTerm,
  });
}
