/**
 * Snapshots (§7): what stands for the part of the log that is gone.
 *
 * A server takes one of its own state whenever it likes, and may forget the entries that it covers. To who needs such an
 * entry it has the snapshot sent instead: a leader to its followers, and without a leader anybody to who pulls its log. The bytes are not the core's concern: it is told
 * when a snapshot is whole and durable, and never acts on one that is not (PITFALLS S4, S16).
 */

import type { Compact, SnapshotFailed, SnapshotInstalled } from "./input.js";
import { invariant } from "./invariant-error.js";
import type { Progress } from "./progress.js";
import type { Leader } from "./roles.js";
import type { RaftState } from "./state.js";
import { adoptTerm, knownLeader } from "./transitions.js";
import type { NodeId } from "./types.js";

/** This server has a durable snapshot of its own. Throws a `RangeError` if it covers less than is to be forgotten. */
export function onCompact(state: RaftState, { snapshotIndex, compactTo }: Compact): void {
  state.compact(snapshotIndex, compactTo);
}

/**
 * Another server's snapshot is here. What this server has committed already it keeps: such a snapshot adds nothing, and takes
 * nothing back (PITFALLS S2). Either way a leader may go on after it.
 */
export function onSnapshotInstalled(state: RaftState, { from, term, stream, snapshot }: SnapshotInstalled): void {
  const { index } = snapshot;
  // As with every message.
  if (term > state.currentTerm) adoptTerm(state, term);
  if (index > state.commitIndex) {
    state.installSnapshot(snapshot);
  } else {
    const known = state.log.termAt(index);
    invariant(
      known === "compacted" || known === snapshot.term,
      () => `entry ${index} of term ${known} is committed; a snapshot has term ${snapshot.term}`,
    );
  }
  // Whoever sent it for want of a leader relies on nothing; a leader that is not known here yet asks again.
  if (term !== state.currentTerm || knownLeader(state) !== from) return;
  state.outbox.promise({
    kind: "appendEntriesResult",
    from: state.id,
    to: from,
    term,
    stream,
    success: true,
    matchIndex: index,
    rejectedIndex: 0,
    hintIndex: 0,
    hintTerm: 0,
  });
}

/** The follower said that it lacks what is gone: it is sent a snapshot, under a stream of its own. */
export function orderSnapshot(state: RaftState, leader: Leader, progress: Progress): void {
  leader.lastStream += 1;
  progress.becomeSnapshot(leader.lastStream);
  sendSnapshot(state, progress.id, progress.stream);
}

/** Orders the newest snapshot to be sent. */
export function sendSnapshot({ id: from, currentTerm: term, outbox }: RaftState, to: NodeId, stream: number): void {
  outbox.send({ kind: "snapshotOrder", from, to, term, stream });
}

/** It did not arrive: the follower is asked again what it has (PITFALLS S5). */
export function onSnapshotFailed(state: RaftState, { to, term, stream }: SnapshotFailed): void {
  const { role: leader } = state;
  // Streams are numbered anew in every term (PITFALLS M21).
  if (leader.kind !== "leader" || term !== state.currentTerm) return;
  const progress = leader.progressOf(to);
  if (progress?.state !== "snapshot" || progress.stream !== stream) return;
  leader.lastStream += 1;
  // Asked about the last entry: its answer tells whether the log can serve it by now.
  progress.becomeProbe(state.log.lastIndex + 1, leader.lastStream);
}
