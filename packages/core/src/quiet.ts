/**
 * Quiet: where nobody wants anything, servers speak less often, so that a cluster at rest costs next to nothing.
 *
 * Once nothing has been under way for `QUIET_AFTER` election timeouts the leader calls a quiet: its heartbeats say so.
 * When every follower has answered one that does, it goes on with one in every `QUIET_INTERVAL` election timeouts. A
 * follower that hears of a quiet waits `QUIET_PATIENCE` election timeouts longer than otherwise before it campaigns: for
 * two heartbeats that do not come, and then as long as ever.
 *
 * | who             | ends its quiet when                                                             |
 * |-----------------|---------------------------------------------------------------------------------|
 * | the leader      | something is under way, or asked for; a follower has not answered for an election timeout, or has doubts; someone wants votes; a connection ended |
 * | a follower      | a later heartbeat says so; its leader sends entries; a client wants something of the leader; someone wants votes; the connection to the leader ended |
 *
 * The leader ends it for all: it calls everyone at once, and again in each heartbeat interval. A follower that ends it
 * for itself says so to the leader, which may know of nothing: or else, while the leader kept its quiet, that follower
 * would stand against it. So two servers never differ for long about whether there is a quiet, and where a message
 * about it is lost, the next one does.
 *
 * Safety does not know of any of this. Votes, leases and what followers promise for them go by the election timeout
 * alone (see `lease.ts`): in a quiet a lease has mostly run out, and the first read that wants one waits for a round.
 * What is longer in a quiet is only the wait for a leader that has gone without a word, its connections standing.
 *
 * Where others let groups fall asleep, what went wrong was mostly this: somebody was awake and somebody was not (F10).
 * Hence a leader falls silent only when all have confirmed it, and whoever wakes up says so.
 *
 * A quiet needs everyone: a follower that is away, lags behind, or does not know of quiets keeps the cluster awake.
 */

import type { Suspect } from "./input.js";
import type { Heartbeat } from "./messages.js";
import type { Progress } from "./progress.js";
import type { Follower, Leader } from "./roles.js";
import type { RaftState } from "./state.js";
import { hasBetterSuccessor } from "./succession.js";

/** All of these are in election timeouts. */
const QUIET_AFTER = 4;
const QUIET_INTERVAL = 2;
const QUIET_PATIENCE = 2 * QUIET_INTERVAL;

// --- the leader's side ---

/** Calls a quiet if there is reason to, and ends it if there is none. To be called in every drain, before heartbeats. */
export function advanceQuiet(state: RaftState, leader: Leader): void {
  if (!isAtRest(state, leader)) return stir(state, leader);
  leader.restsSince ??= state.now;
  const isRested = state.now - leader.restsSince >= QUIET_AFTER * state.electionTimeoutMs;
  if (isRested && leader.quietFrom === null) leader.quietFrom = leader.round + 1;
}

/**
 * Something is wanted of the leader: no quiet now, nor soon. Whoever was in touch in the quiet counts as heard of just
 * now, and nobody is given up for what was not asked of it: everyone gets one election timeout to answer.
 */
export function stir(state: RaftState, leader: Leader): void {
  leader.restsSince = null;
  if (leader.quietFrom === null) return;
  for (const progress of leader.followers) {
    if (isInTouch(state, leader, progress)) progress.lastContactAt = state.now;
  }
  leader.quietFrom = null;
  leader.wokeAt = state.now;
  leader.hastenRound(state.now);
}

/** How long after the heartbeats that go out now the next are due. */
export function heartbeatPause(state: RaftState, leader: Leader): number {
  const { quietFrom } = leader;
  const isSilent = quietFrom !== null && leader.followers.every(({ ackedRound }) => ackedRound >= quietFrom);
  return isSilent ? QUIET_INTERVAL * state.electionTimeoutMs : state.heartbeatIntervalMs;
}

/** In a quiet: when the patience with those who have not answered ends, and so does the quiet. */
export function quietEndsAt(state: RaftState, leader: Leader): number {
  if (leader.quietFrom === null) return Number.POSITIVE_INFINITY;
  let at = Number.POSITIVE_INFINITY;
  for (const progress of leader.followers)
    at = Math.min(at, unansweredSince(leader, progress) + state.electionTimeoutMs);
  return at;
}

/** Cheap first: under load most drains end with the first line. */
function isAtRest(state: RaftState, leader: Leader): boolean {
  const { log, commitIndex, outbox, configurations } = state;
  if (commitIndex !== log.lastIndex || outbox.durableIndex !== log.lastIndex || !state.allowsQuiet) return false;
  if (leader.waitingReads.length > 0 || leader.confirmingReads !== null) return false;
  if (leader.transfer !== null || leader.farewell !== null || leader.followers.length === 0) return false;
  const { outgoingVoters, target } = configurations.configuration;
  if (outgoingVoters.length > 0 || target !== null || hasBetterSuccessor(state)) return false;
  return leader.followers.every((progress) => mayRest(state, leader, progress));
}

/** Whether a follower has all that there is, knows it, and is there. Whether it is for a quiet, each answer says. */
function mayRest(state: RaftState, leader: Leader, progress: Progress): boolean {
  if (progress.state !== "replicate" || progress.farewellUntil !== null) return false;
  if (progress.matchIndex !== state.log.lastIndex || progress.sentCommit !== state.commitIndex) return false;
  return isInTouch(state, leader, progress);
}

/** Whether it has answered every round of heartbeats that is older than an election timeout. */
function isInTouch(state: RaftState, leader: Leader, progress: Progress): boolean {
  return state.now - unansweredSince(leader, progress) < state.electionTimeoutMs;
}

/** When the first round was sent that it has not answered; `Infinity` if there is none, `-Infinity` if that is long ago. */
function unansweredSince(leader: Leader, { ackedRound }: Progress): number {
  return ackedRound === leader.round ? Number.POSITIVE_INFINITY : leader.roundTimes.sentAt(ackedRound + 1);
}

// --- the follower's side ---

/**
 * The leader has just been heard: whether there is a quiet is what its newest heartbeat says. An older one, which comes
 * late, says nothing about it.
 */
export function hearQuiet(state: RaftState, follower: Follower, { round, isQuiet }: Heartbeat): void {
  if (round > follower.heardRound) {
    follower.heardRound = round;
    follower.isQuiet = isQuiet && !hasDoubts(state);
  }
  if (follower.isQuiet) follower.electionDeadline += QUIET_PATIENCE * state.electionTimeoutMs;
}

/**
 * A follower has a reason to hear from its leader soon: it asks, and waits no longer than it would without a quiet. For an
 * election timeout it stays with that, whatever is still on its way (PITFALLS F10).
 */
export function rouse(state: RaftState, follower: Follower): void {
  if (!follower.isQuiet) return;
  follower.isQuiet = false;
  follower.doubtsUntil = state.now + state.electionTimeoutMs;
  follower.electionDeadline = Math.min(follower.electionDeadline, state.drawElectionDeadline());
  const { id: from, currentTerm: term, supportedLevels } = state;
  // An answer to no round, which confirms nothing, and is enough to be heard (see `stir`).
  const doubt = { kind: "heartbeatResult", from, term, round: 0, supportedLevels, allowsQuiet: false } as const;
  state.outbox.send({ ...doubt, to: follower.leaderId });
}

/** Whether it says so in every answer to its leader. */
export function hasDoubts({ role, now }: RaftState): boolean {
  return role.kind === "follower" && now < role.doubtsUntil;
}

// --- on either side ---

/** Whoever wants votes has no leader: a quiet has an end, even if there is one here. */
export function onUnrest(state: RaftState): void {
  const { role } = state;
  if (role.kind === "follower") rouse(state, role);
  else if (role.kind === "leader") stir(state, role);
}

/** Somebody may be gone whom this server leads, or follows. It may be wrong, and then costs nothing but a few messages. */
export function onSuspect(state: RaftState, { peer }: Suspect): void {
  const { role } = state;
  if (role.kind === "follower" && role.leaderId === peer) rouse(state, role);
  else if (role.kind === "leader" && role.progressOf(peer) !== undefined) stir(state, role);
}

/** Whether this server takes part in a quiet, as far as it knows. */
export function isQuiet({ role }: RaftState): boolean {
  if (role.kind === "leader") return role.quietFrom !== null;
  return role.kind === "follower" && role.isQuiet;
}
