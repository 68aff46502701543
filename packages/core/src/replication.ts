/**
 * Replication: AppendEntries (§5.3), seen from both sides.
 *
 * The leader orders ranges of the log to be sent, ahead of the answers once it knows where a follower's log agrees.
 * The follower proves that the entry before the first one is the leader's, drops what contradicts the leader, appends
 * what is new, and acknowledges exactly what it proved, once it is durable.
 */

import { invariant } from "./invariant-error.js";
import type {
  AppendEntries,
  AppendEntriesResult,
  Commit,
  Heartbeat,
  HeartbeatResult,
  PulledEntries,
} from "./messages.js";
import type { Progress } from "./progress.js";
import { hasDoubts, hearQuiet, heartbeatPause, rouse, stir } from "./quiet.js";
import type { Leader } from "./roles.js";
import { orderSnapshot } from "./snapshot.js";
import type { RaftState } from "./state.js";
import { followLeader } from "./transitions.js";
import type { Entry, EntryId, Index } from "./types.js";

// --- the follower's side ---

export function onAppendEntries(state: RaftState, message: AppendEntries): void {
  if (!isWellFormed(message)) return;
  rouse(state, followLeader(state, message.from));
  const { prevLogIndex, prevLogTerm, entries } = message;
  const lastIndex = prevLogIndex + entries.length;
  if (!isKnown(state, { index: prevLogIndex, term: prevLogTerm })) {
    rejectAppend(state, message);
    return;
  }
  appendNew(state, entries);
  // Not beyond what this message proved equal: the rest of the log may be another leader's (PITFALLS R4, C8).
  state.commitTo(Math.min(message.leaderCommit, lastIndex));
  state.outbox.promise(appendResult(state, message, { success: true, matchIndex: lastIndex }));
}

/** A leader of a term gone by learns of the new one (PITFALLS E9). */
export function rejectStaleAppend(state: RaftState, message: AppendEntries): void {
  state.outbox.send(appendResult(state, message, { rejectedIndex: message.prevLogIndex }));
}

/** Says where the logs may still agree: never below what is committed, for there they do (PITFALLS R24). */
function rejectAppend(state: RaftState, message: AppendEntries): void {
  const guess = state.log.findConflictByTerm(message.prevLogIndex, message.prevLogTerm);
  const committed: EntryId = { index: state.commitIndex, term: state.log.termAt(state.commitIndex) as number };
  const hint = guess.index > committed.index ? guess : committed;
  const rejectedIndex = message.prevLogIndex;
  state.outbox.send(appendResult(state, message, { rejectedIndex, hintIndex: hint.index, hintTerm: hint.term }));
}

/** Drops from the first entry on that contradicts, never because a request is short (PITFALLS R1–R3, R9). */
export function appendNew(state: RaftState, entries: readonly Entry[]): void {
  const place = entries.findIndex((entry) => !isKnown(state, entry));
  const first = entries[place];
  if (first === undefined) return;
  if (first.index <= state.log.lastIndex) state.truncateFrom(first.index);
  for (const entry of place === 0 ? entries : entries.slice(place)) state.append(entry);
}

/**
 * Whether the log holds this entry. What was compacted was committed, and so is in every later leader's log (PITFALLS
 * R6, R8). Throws where another log contradicts a committed entry: then safety is lost already.
 */
export function isKnown(state: RaftState, { index, term }: EntryId): boolean {
  const known = state.log.termAt(index);
  if (known === "compacted" || known === term) return true;
  invariant(
    index > state.commitIndex,
    () => `entry ${index} of term ${known} is committed; another server sent term ${term}`,
  );
  return false;
}

/** A message that breaks the rules of its own kind is dropped: no gap, no term that falls or is yet to come (O13, R19). */
export function isWellFormed({ term, prevLogIndex, prevLogTerm, entries }: AppendEntries | PulledEntries): boolean {
  let last: EntryId = { index: prevLogIndex, term: prevLogTerm };
  for (const entry of entries) {
    if (entry.index !== last.index + 1 || entry.term < last.term) return false;
    last = entry;
  }
  return last.term <= term;
}

export function onHeartbeat(state: RaftState, message: Heartbeat): void {
  hearQuiet(state, followLeader(state, message.from), message);
  state.commitTo(message.leaderCommit);
  answerHeartbeat(state, message);
}

/** With the current term, which a leader of a term gone by learns from it. */
export function answerHeartbeat(state: RaftState, { from, round }: Heartbeat): void {
  const { id, currentTerm: term, supportedLevels } = state;
  const allowsQuiet = state.allowsQuiet && !hasDoubts(state);
  state.outbox.send({ kind: "heartbeatResult", from: id, to: from, term, round, supportedLevels, allowsQuiet });
}

/** Tells nothing about who leads: only appends and heartbeats do (PITFALLS E26). */
export function onCommit(state: RaftState, message: Commit): void {
  const { role } = state;
  if (role.kind === "follower" && role.leaderId === message.from) state.commitTo(message.leaderCommit);
}

function appendResult(
  state: RaftState,
  request: AppendEntries,
  { success = false, matchIndex = 0, rejectedIndex = 0, hintIndex = 0, hintTerm = 0 }: Partial<AppendEntriesResult>,
): AppendEntriesResult {
  return {
    kind: "appendEntriesResult",
    from: state.id,
    to: request.from,
    term: state.currentTerm,
    stream: request.stream,
    success,
    matchIndex,
    rejectedIndex,
    hintIndex,
    hintTerm,
  };
}

// --- the leader's side ---

export function onAppendEntriesResult(state: RaftState, message: AppendEntriesResult): void {
  const { role: leader } = state;
  if (leader.kind !== "leader") return;
  const progress = leader.progressOf(message.from);
  if (progress === undefined) return;
  progress.lastContactAt = state.now;
  if (message.success) onAppendAccepted(state, leader, progress, message);
  else onAppendRejected(state, leader, progress, message);
}

function onAppendAccepted(state: RaftState, leader: Leader, progress: Progress, message: AppendEntriesResult): void {
  const isOfThisLife = message.stream >= progress.firstStream && message.stream <= progress.stream;
  if (!isOfThisLife || message.matchIndex > state.log.lastIndex) return;
  progress.onMatch(message.matchIndex, state.now);
  if (progress.state !== "replicate" && message.stream === progress.stream) progress.becomeReplicate();
  // Whatever it got the entries by: it no longer needs the snapshot (PITFALLS S6).
  else if (progress.state === "snapshot" && message.matchIndex >= state.log.compacted.index)
    startProbe(leader, progress, progress.matchIndex + 1);
}

/** May lower `nextIndex`, never `matchIndex` (PITFALLS R10). What was acknowledged stays so: no silent repair (M18). */
function onAppendRejected(state: RaftState, leader: Leader, progress: Progress, message: AppendEntriesResult): void {
  if (message.stream !== progress.stream || message.rejectedIndex <= progress.matchIndex) return;
  const index = Math.min(message.hintIndex, message.rejectedIndex - 1);
  // Where they may agree is no longer in the log.
  if (index < state.log.compacted.index) orderSnapshot(state, leader, progress);
  else startProbe(leader, progress, state.log.findConflictByTerm(index, message.hintTerm).index + 1);
}

export function onHeartbeatResult(state: RaftState, message: HeartbeatResult): void {
  const { role: leader } = state;
  if (leader.kind !== "leader" || message.round > leader.round) return;
  const progress = leader.progressOf(message.from);
  if (progress === undefined) return;
  progress.lastContactAt = state.now;
  progress.supportedLevels = message.supportedLevels;
  if (!message.allowsQuiet) stir(state, leader);
  progress.onRoundAnswered(message.round, leader.roundTimes.sentAt(message.round));
}

/** Orders whatever each follower lacks, and tells those who lack nothing how far the log is committed. */
export function replicate(state: RaftState, leader: Leader): void {
  for (const progress of leader.followers) {
    if (progress.state === "snapshot") continue;
    if (hasStalled(state, progress)) startProbe(leader, progress, progress.matchIndex + 1);
    // What it would go on from is gone. It may have that, or be down: snapshots are for those who answer (PITFALLS S22).
    if (progress.nextIndex <= state.log.compacted.index) startProbe(leader, progress, state.log.compacted.index + 1);
    if (progress.state === "probe") probe(state, progress);
    else if (progress.nextIndex <= state.log.lastIndex) sendEntries(state, progress);
    else if (progress.sentCommit < commitWithin(state, progress)) sendCommit(state, progress);
  }
}

/**
 * What a follower may be told to commit without a look at its log: not beyond what it acknowledged, for what it holds
 * there may be another leader's (PITFALLS R5). It has not lost that in a restart (R15).
 */
function commitWithin(state: RaftState, progress: Progress): Index {
  return Math.min(state.commitIndex, progress.matchIndex);
}

/** "I lead", to everyone, whenever it is due or a read wants to know (see `reads.ts`). */
export function sendHeartbeats(state: RaftState, leader: Leader): void {
  if (state.now < leader.heartbeatDueAt) return;
  leader.round += 1;
  leader.roundTimes.onSent(leader.round, state.now, state.now - state.leaseDurationMs);
  // On a fixed grid, so that late wake-ups do not add up; beats that were missed are not made up for (PITFALLS E21).
  const pauseMs = heartbeatPause(state, leader);
  const beats = Math.floor((state.now - leader.heartbeatDueAt) / pauseMs) + 1;
  leader.heartbeatDueAt += beats * pauseMs;
  for (const progress of leader.followers) {
    progress.sentCommit = commitWithin(state, progress);
    state.outbox.send({
      kind: "heartbeat",
      from: state.id,
      to: progress.id,
      term: state.currentTerm,
      round: leader.round,
      leaderCommit: progress.sentCommit,
      isQuiet: leader.quietFrom !== null,
    });
  }
}

/** Entries were lost on the way, or their answers: one election timeout without any is enough (PITFALLS R14, R15). */
function hasStalled(state: RaftState, progress: Progress): boolean {
  return (
    progress.state === "replicate" &&
    progress.hasEntriesUnderWay &&
    state.now - progress.lastProgressAt >= state.electionTimeoutMs
  );
}

function startProbe(leader: Leader, progress: Progress, nextIndex: Index): void {
  leader.lastStream += 1;
  progress.becomeProbe(nextIndex, leader.lastStream);
}

/** One empty append at a time; again after a heartbeat interval, for it may have been lost. */
function probe(state: RaftState, progress: Progress): void {
  if (progress.probeSentAt !== null && state.now - progress.probeSentAt < state.heartbeatIntervalMs) return;
  if (orderRange(state, progress, progress.nextIndex - 1)) progress.probeSentAt = state.now;
}

function sendEntries(state: RaftState, progress: Progress): void {
  const { lastIndex } = state.log;
  if (orderRange(state, progress, lastIndex)) progress.onSent(lastIndex, state.now);
}

/** Orders what follows `nextIndex − 1`, if that entry's term is known: never an append without proof (PITFALLS R7). */
function orderRange(state: RaftState, progress: Progress, lastIndex: Index): boolean {
  const prevLogIndex = progress.nextIndex - 1;
  const prevLogTerm = state.log.termAt(prevLogIndex);
  if (typeof prevLogTerm === "string") return false;
  progress.sentCommit = Math.min(state.commitIndex, lastIndex);
  state.outbox.send({
    kind: "appendRange",
    from: state.id,
    to: progress.id,
    term: state.currentTerm,
    stream: progress.stream,
    prevLogIndex,
    prevLogTerm,
    lastIndex,
    leaderCommit: state.commitIndex,
  });
  return true;
}

function sendCommit(state: RaftState, progress: Progress): void {
  progress.sentCommit = commitWithin(state, progress);
  state.outbox.send({
    kind: "commit",
    from: state.id,
    to: progress.id,
    term: state.currentTerm,
    leaderCommit: progress.sentCommit,
  });
}
