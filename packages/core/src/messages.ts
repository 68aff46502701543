/**
 * What servers say to each other: the RPCs of the paper, each as a request and a result that travel on their own.
 *
 * Every message names its sender's `currentTerm`, results included, so that the term rule of §5.1 comes first in
 * every handler (PITFALLS E19, E29). Every result names the request it answers (`round`, `stream`, `readId`), so that
 * one from a former life is told apart before it is used (PITFALLS E4, R12, R13, Q2).
 */

import type { Entry, FeatureLevels, Index, NodeId, Term } from "./types.js";

interface Head {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's `currentTerm`. */
  readonly term: Term;
}

/** "Would you vote for me in the term after `term`?" Asking and answering change nothing (dissertation 9.6). */
export interface RequestPreVote extends Head {
  readonly kind: "requestPreVote";
  readonly round: number;
  readonly lastLogIndex: Index;
  readonly lastLogTerm: Term;
}

export interface RequestPreVoteResult extends Head {
  readonly kind: "requestPreVoteResult";
  readonly round: number;
  readonly voteGranted: boolean;
  /** On refusal because the sender's log is more up-to-date, and can be pulled: its end. Otherwise 0. */
  readonly lastLogIndex: Index;
  readonly lastLogTerm: Term;
}

/**
 * "Let me have what follows this entry in your log": from a server that could not win an election, to one whose log is
 * more up-to-date. See `catch-up.ts`.
 */
export interface PullEntries extends Head {
  readonly kind: "pullEntries";
  readonly round: number;
  readonly prevLogIndex: Index;
  readonly prevLogTerm: Term;
}

/** The answer to {@link PullEntries} as it travels, payloads included: a part of the sender's log, whoever leads. */
export interface PulledEntries extends Head {
  readonly kind: "pulledEntries";
  readonly round: number;
  /** An entry of the sender's log: the one that was asked about, or the last place where the logs may agree. */
  readonly prevLogIndex: Index;
  readonly prevLogTerm: Term;
  /** The end of the log that this is a part of. */
  readonly lastLogIndex: Index;
  readonly lastLogTerm: Term;
  /** Consecutive, the first at `prevLogIndex + 1`. Empty if the sender does not have the entry that was asked about. */
  readonly entries: readonly Entry[];
}

/** RequestVote (§5.2): `term` is the term the candidate stands for. */
export interface RequestVote extends Head {
  readonly kind: "requestVote";
  readonly round: number;
  readonly lastLogIndex: Index;
  readonly lastLogTerm: Term;
  /** Whether the leader of the term before asked for this campaign: then loyalty to it is no reason to refuse (T6). */
  readonly isTransfer: boolean;
}

export interface RequestVoteResult extends Head {
  readonly kind: "requestVoteResult";
  readonly round: number;
  readonly voteGranted: boolean;
}

/** AppendEntries (§5.3) as it travels, payloads included. */
export interface AppendEntries extends Head {
  readonly kind: "appendEntries";
  /** Which attempt of this leader to feed this follower; see `progress.ts`. */
  readonly stream: number;
  readonly prevLogIndex: Index;
  readonly prevLogTerm: Term;
  readonly leaderCommit: Index;
  /** Consecutive, the first at `prevLogIndex + 1`. Empty for a probe. */
  readonly entries: readonly Entry[];
}

export interface AppendEntriesResult extends Head {
  readonly kind: "appendEntriesResult";
  readonly stream: number;
  readonly success: boolean;
  /** On success: the last index this request proved equal, and durable at the sender. Otherwise 0. */
  readonly matchIndex: Index;
  /** On refusal: the `prevLogIndex` that was refused. Otherwise 0. */
  readonly rejectedIndex: Index;
  /** On refusal: the last place where the follower's log may agree (§5.3, fast back-off by term). Otherwise 0. */
  readonly hintIndex: Index;
  readonly hintTerm: Term;
}

/**
 * "I lead." Asks for contact, not for durability, and so never waits behind a disk or a batch (PITFALLS F9, P9).
 * `round` confirms leadership for reads (dissertation 6.4).
 */
export interface Heartbeat extends Head {
  readonly kind: "heartbeat";
  readonly round: number;
  /** Not beyond what the receiver acknowledged in this term, and so safe to take without a look at its log (R5). */
  readonly leaderCommit: Index;
  /** Whether the next one may take longer, because nobody wants anything: see `quiet.ts`. */
  readonly isQuiet: boolean;
}

export interface HeartbeatResult extends Head {
  readonly kind: "heartbeatResult";
  readonly round: number;
  /** Up to which levels the sender can read. */
  readonly supportedLevels: FeatureLevels;
  /** Whether the sender is ready for a quiet. If not, it wants to hear from its leader as often as ever. */
  readonly allowsQuiet: boolean;
}

/** The leader's commit index moved and there is nothing else to send. Not answered. */
export interface Commit extends Head {
  readonly kind: "commit";
  /** As in a heartbeat. */
  readonly leaderCommit: Index;
}

/** A follower asks the leader for an index at which a read that starts now is linearizable. */
export interface ReadIndex extends Head {
  readonly kind: "readIndex";
  readonly readId: number;
  /** Whether the leader's lease will do: then it answers at once, if it has one. */
  readonly isLease: boolean;
}

export interface ReadIndexResult extends Head {
  readonly kind: "readIndexResult";
  readonly readId: number;
  /** False when the asked server could not confirm that it leads. */
  readonly success: boolean;
  readonly index: Index;
}

/**
 * The leader hands over: the receiver is to campaign at once (dissertation 3.10). Says how far the leader's log goes, so
 * that nobody campaigns who could not win (PITFALLS T3).
 */
export interface TimeoutNow extends Head {
  readonly kind: "timeoutNow";
  readonly lastLogIndex: Index;
  readonly lastLogTerm: Term;
}

/** Everything that travels between cores. */
export type Message =
  | RequestPreVote
  | RequestPreVoteResult
  | PullEntries
  | PulledEntries
  | RequestVote
  | RequestVoteResult
  | AppendEntries
  | AppendEntriesResult
  | Heartbeat
  | HeartbeatResult
  | Commit
  | ReadIndex
  | ReadIndexResult
  | TimeoutNow;

/**
 * The order to send the entries from `prevLogIndex + 1` to `lastIndex`, as one or several {@link AppendEntries}.
 * The core knows which entries; whoever holds their payloads fills and splits them. A later order of the same
 * stream goes on where the one before it ended; one of another stream replaces all that is not yet sent.
 */
export interface AppendRange extends Head {
  readonly kind: "appendRange";
  readonly stream: number;
  readonly prevLogIndex: Index;
  readonly prevLogTerm: Term;
  readonly lastIndex: Index;
  readonly leaderCommit: Index;
}

/**
 * The order to send the newest durable snapshot, for the entries that the other server lacks are no longer in the log
 * (§7). A leader's ends with the follower's acknowledgement of an append, with `snapshotFailed`, or with the leadership.
 * One that comes from a server without a leader, whose log is pulled, ends when the snapshot is there, or a leader.
 */
export interface SnapshotOrder extends Head {
  readonly kind: "snapshotOrder";
  readonly stream: number;
}

/**
 * The order to send the entries from `prevLogIndex + 1` up to `lastIndex` as one {@link PulledEntries}: as many as one
 * message takes, and none if there is nothing to send. Void once the log no longer has the entry (`lastLogIndex`,
 * `lastLogTerm`): what would be sent then is no part of the log that ended there.
 */
export interface PulledRange extends Head {
  readonly kind: "pulledRange";
  readonly round: number;
  readonly prevLogIndex: Index;
  readonly prevLogTerm: Term;
  readonly lastIndex: Index;
  readonly lastLogIndex: Index;
  readonly lastLogTerm: Term;
}

/** What the core wants sent. */
export type OutgoingMessage =
  | Exclude<Message, AppendEntries | PulledEntries>
  | AppendRange
  | PulledRange
  | SnapshotOrder;
