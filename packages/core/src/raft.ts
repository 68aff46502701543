/**
 * Raft: the table of contents. Facts go in one by one (`step`), what follows from them comes out at once (`drain`).
 *
 * Pure: no I/O, no clock, no timer, no randomness of its own. The same inputs give the same effects (PITFALLS F13).
 *
 * | chapter          | paper                    |
 * |------------------|--------------------------|
 * | `election.ts`    | §5.2, §5.4.1, diss. 9.6  |
 * | `catch-up.ts`    | its own prose            |
 * | `replication.ts` | §5.3                     |
 * | `commit.ts`      | §5.4.2                   |
 * | `reads.ts`       | §8, diss. 6.4            |
 * | `lease.ts`       | diss. 6.4.1              |
 * | `configuration.ts`, `membership.ts` | §6, diss. 4 |
 * | `snapshot.ts`    | §7                       |
 * | `transfer.ts`    | diss. 3.10               |
 * | `quiet.ts`       | its own prose            |
 * | `feature-levels.ts` | rolling upgrades      |
 * | `effects.ts`     | why a message waits      |
 */

import { onPullEntries, onPulledEntries, onPulledSnapshot, onRefusal, pulledFrom } from "./catch-up.js";
import { advanceCommit } from "./commit.js";
import { membersOf } from "./configuration.js";
import type { Effects, ReadLease } from "./effects.js";
import {
  onElectionTick,
  onOwnVotePersisted,
  onRequestPreVote,
  onRequestPreVoteResult,
  onRequestVote,
  onRequestVoteResult,
  quorumDeadline,
} from "./election.js";
import { onRaiseFeatureLevels } from "./feature-levels.js";
import type { Input, Propose } from "./input.js";
import { lasts, onClockWentBack } from "./lease.js";
import { advanceMembership, onChangeMembers } from "./membership.js";
import type { Message } from "./messages.js";
import type { ProgressState } from "./progress.js";
import { advanceQuiet, isQuiet, onSuspect, onUnrest, quietEndsAt, stir } from "./quiet.js";
import { askAgainAt, askLeader, confirmReads, onRead, onReadIndex, onReadIndexResult } from "./reads.js";
import {
  answerHeartbeat,
  onAppendEntries,
  onAppendEntriesResult,
  onCommit,
  onHeartbeat,
  onHeartbeatResult,
  rejectStaleAppend,
  replicate,
  sendHeartbeats,
} from "./replication.js";
import { Follower, type Role } from "./roles.js";
import { onCompact, onSnapshotFailed, onSnapshotInstalled } from "./snapshot.js";
import type { RaftOptions, RestoredState } from "./start.js";
import { RaftState } from "./state.js";
import type { TermLookup } from "./term-log.js";
import { advanceTransfer, onTimeoutNow, onTransferLeadership } from "./transfer.js";
import { adoptTerm, knownLeader, refuseRead } from "./transitions.js";
import {
  type Configuration,
  type ConfigurationEntry,
  type EntryId,
  type FeatureLevels,
  type Index,
  NOBODY,
  type NodeId,
  type Term,
} from "./types.js";

export type RoleName = Role["kind"];

/** A follower, as its leader sees it. */
export interface FollowerStatus {
  readonly id: NodeId;
  readonly state: ProgressState;
  readonly matchIndex: Index;
  readonly nextIndex: Index;
  /** When the leader last heard from it, on the scale of `now`. */
  readonly lastContactAt: number;
  /** The feature levels that it said it supports; null until it has. */
  readonly supportedLevels: FeatureLevels | null;
}

/** What there is to see from outside, as one plain object. */
export interface RaftStatus {
  readonly id: NodeId;
  readonly role: RoleName;
  readonly currentTerm: Term;
  readonly votedFor: NodeId;
  readonly leaderId: NodeId;
  readonly commitIndex: Index;
  readonly lastIndex: Index;
  /** The end of what is durable on this server. */
  readonly durableIndex: Index;
  readonly configuration: Configuration;
  /** The index of its entry: its version. */
  readonly configurationIndex: Index;
  /** Up to here a snapshot of this server is durable. */
  readonly snapshotIndex: Index;
  /** Whom this server hands over to, while it leads and does; otherwise NOBODY. */
  readonly transferTo: NodeId;
  /** Whether the leader speaks less often for now, because nobody wants anything, as far as this server knows. */
  readonly isQuiet: boolean;
  /** Empty unless this server leads. */
  readonly followers: readonly FollowerStatus[];
}

const NO_FOLLOWERS: readonly FollowerStatus[] = [];

export class Raft {
  readonly #state: RaftState;

  /**
   * Every start is a start as follower, whatever this server was before (PITFALLS E28), with a full wait before it
   * campaigns (E22). Throws a `RangeError` if an option cannot work (F15), or the parts of `restored` contradict each
   * other (P16).
   */
  constructor(options: RaftOptions, restored: RestoredState, now: number) {
    const follower = new Follower(now);
    this.#state = new RaftState(options, restored, now, follower);
    follower.electionDeadline = this.#state.drawElectionDeadline();
  }

  /**
   * Takes in one fact. `now` is in milliseconds, on any scale that does not go back.
   * Throws an `InvariantError` on proof that safety is lost: this server must stop then. So must it on a `RangeError`
   * from a message, whose entry of kind `membership` it cannot understand (PITFALLS C11). A proposal of no commands is a
   * `RangeError` too, and changes nothing.
   */
  step(input: Input, now: number): void {
    const state = this.#state;
    if (now < state.now) onClockWentBack(state);
    state.now = Math.max(state.now, now);
    switch (input.kind) {
      case "tick":
        return onElectionTick(state);
      case "receive":
        return onMessage(state, input.message);
      case "propose":
        return onPropose(state, input);
      case "read":
        return onRead(state, input);
      case "persisted":
        state.outbox.persisted(input.seq);
        return onOwnVotePersisted(state);
      case "compact":
        return onCompact(state, input);
      case "snapshotInstalled":
        onSnapshotInstalled(state, input);
        return onPulledSnapshot(state, input.snapshot);
      case "snapshotFailed":
        return onSnapshotFailed(state, input);
      case "changeMembers":
        return onChangeMembers(state, input);
      case "raiseFeatureLevels":
        return onRaiseFeatureLevels(state, input);
      case "transferLeadership":
        return onTransferLeadership(state, input);
      case "suspect":
        return onSuspect(state, input);
      default:
        input satisfies never;
    }
  }

  /** Draws the consequences of all facts since the last drain. */
  drain(): Effects {
    const state = this.#state;
    const { role } = state;
    if (role.kind === "leader") {
      advanceCommit(state);
      confirmReads(state, role);
      advanceMembership(state, role);
    }
    // A leader that was removed may have stopped just now.
    if (state.role === role && role.kind === "leader") {
      advanceTransfer(state, role);
      advanceQuiet(state, role);
      sendHeartbeats(state, role);
      replicate(state, role);
    } else if (role.kind === "follower") {
      askLeader(state, role);
    }
    return state.outbox.drain(state.log.lastIndex, state.commitIndex, deadline(state));
  }

  get role(): RoleName {
    return this.#state.role.kind;
  }

  get currentTerm(): Term {
    return this.#state.currentTerm;
  }

  /** The server that got this server's vote in the current term, or NOBODY. */
  get votedFor(): NodeId {
    return this.#state.votedFor;
  }

  /** The leader of the current term as far as this server knows, or NOBODY. */
  get leaderId(): NodeId {
    return knownLeader(this.#state);
  }

  get commitIndex(): Index {
    return this.#state.commitIndex;
  }

  get lastIndex(): Index {
    return this.#state.log.lastIndex;
  }

  /** The end of what this server knows to be durable in its own log. */
  get durableIndex(): Index {
    return this.#state.outbox.durableIndex;
  }

  /**
   * The followers as this server feeds them, by rising id; empty unless it leads. Not copies: what was got here changes
   * with the next step, and is for looking at only.
   */
  get followers(): readonly FollowerStatus[] {
    const { role } = this.#state;
    return role.kind === "leader" ? role.followers : NO_FOLLOWERS;
  }

  /** The configuration in force: the last one in the log, committed or not. */
  get configuration(): Configuration {
    return this.#state.configurations.configuration;
  }

  /** The index of the configuration in force: its version, for {@link Input} `changeMembers`. */
  get configurationIndex(): Index {
    return this.#state.configurations.index;
  }

  /**
   * What was in force at `index`: any from the newest snapshot on, whether it is committed or not (PITFALLS O9, S17).
   * Before that, the oldest that is remembered.
   */
  configurationAt(index: Index): ConfigurationEntry {
    return this.#state.configurations.at(index);
  }

  /** Whom this server asks for what it lacks, while it knows no leader; or NOBODY. A snapshot may come from there. */
  get pulledFrom(): NodeId {
    return pulledFrom(this.#state);
  }

  /** Every server that this one may have to talk to: the members, and those that a leader is seeing off. */
  get peers(): readonly NodeId[] {
    const members = membersOf(this.configuration).map(({ id }) => id);
    return [...new Set([...members, ...this.followers.map(({ id }) => id)])];
  }

  /** Whom this server hands over to, while it leads and does; otherwise NOBODY. No proposals are taken then. */
  get transferTo(): NodeId {
    const { role } = this.#state;
    return role.kind === "leader" ? (role.transfer?.to ?? NOBODY) : NOBODY;
  }

  /**
   * Whether the lease that vouched for a read has lasted until `now`: to be asked when the query has run, right before
   * its result is handed out (PITFALLS L5).
   */
  lasts(lease: ReadLease, now: number): boolean {
    return lasts(this.#state, lease, now);
  }

  /** Whether this server takes part in a quiet, as far as it knows (see `quiet.ts`). */
  get isQuiet(): boolean {
    return isQuiet(this.#state);
  }

  /** Up to here a snapshot of this server is durable. */
  get snapshotIndex(): Index {
    return this.#state.snapshotIndex;
  }

  /** The last entry that is no longer in the log. */
  get compacted(): EntryId {
    return this.#state.log.compacted;
  }

  termAt(index: Index): TermLookup {
    return this.#state.log.termAt(index);
  }

  status(): RaftStatus {
    const { id, role, currentTerm, votedFor, commitIndex } = this.#state;
    return {
      id,
      role: role.kind,
      currentTerm,
      votedFor,
      leaderId: this.leaderId,
      commitIndex,
      lastIndex: this.lastIndex,
      durableIndex: this.durableIndex,
      configuration: this.configuration,
      configurationIndex: this.configurationIndex,
      snapshotIndex: this.snapshotIndex,
      transferTo: this.transferTo,
      isQuiet: this.isQuiet,
      followers: this.followers.map(followerStatus),
    };
  }
}

function followerStatus({ id, state, matchIndex, nextIndex, ...rest }: FollowerStatus): FollowerStatus {
  const { lastContactAt, supportedLevels } = rest;
  return { id, state, matchIndex, nextIndex, lastContactAt, supportedLevels };
}

/** §5.1: the term first, the same way for every message but those of campaigns, which must not depose a leader. */
function onMessage(state: RaftState, message: Message): void {
  if (message.to !== state.id || message.from === state.id) return;
  if (isAboutVotes(message)) onUnrest(state);
  if (message.kind === "requestPreVote") return onRequestPreVote(state, message);
  if (message.kind === "requestVote") return onRequestVote(state, message);
  if (message.kind === "pullEntries") return onPullEntries(state, message);
  if (message.term < state.currentTerm) return onStaleMessage(state, message);
  if (message.term > state.currentTerm) adoptTerm(state, message.term);
  switch (message.kind) {
    case "requestPreVoteResult":
      onRefusal(state, message);
      return onRequestPreVoteResult(state, message);
    case "pulledEntries":
      return onPulledEntries(state, message);
    case "requestVoteResult":
      return onRequestVoteResult(state, message);
    case "appendEntries":
      return onAppendEntries(state, message);
    case "appendEntriesResult":
      return onAppendEntriesResult(state, message);
    case "heartbeat":
      return onHeartbeat(state, message);
    case "heartbeatResult":
      return onHeartbeatResult(state, message);
    case "commit":
      return onCommit(state, message);
    case "readIndex":
      return onReadIndex(state, message);
    case "readIndexResult":
      return onReadIndexResult(state, message);
    case "timeoutNow":
      return onTimeoutNow(state, message);
    default:
      message satisfies never;
  }
}

function isAboutVotes({ kind }: Message): boolean {
  return kind === "requestPreVote" || kind === "requestVote" || kind === "pullEntries";
}

/** Whoever asks from a term gone by is told the new one (PITFALLS E9, E19); an answer from then means nothing (E4). */
function onStaleMessage(state: RaftState, message: Message): void {
  if (message.kind === "appendEntries") rejectStaleAppend(state, message);
  else if (message.kind === "heartbeat") answerHeartbeat(state, message);
  else if (message.kind === "readIndex") refuseRead(state, message, "noLeader");
}

function onPropose(state: RaftState, { proposalId, commands }: Propose): void {
  if (commands.length === 0) throw new RangeError("a proposal of no commands has no place in the log");
  // A leader that hands over takes nothing more, or its successor never has the whole log (PITFALLS T1).
  if (state.role.kind !== "leader" || state.role.transfer !== null) {
    state.outbox.answerProposal({ proposalId, accepted: false, leaderId: knownLeader(state) });
    return;
  }
  stir(state, state.role);
  state.outbox.answerProposal({
    proposalId,
    accepted: true,
    firstIndex: state.log.lastIndex + 1,
    term: state.currentTerm,
  });
  for (const data of commands) state.appendOwn({ kind: "command", data });
}

function deadline(state: RaftState): number {
  const { role } = state;
  if (role.kind === "leader") {
    return role.followers.length === 0
      ? Number.POSITIVE_INFINITY
      : Math.min(
          role.heartbeatDueAt,
          quorumDeadline(state, role),
          quietEndsAt(state, role),
          role.transfer?.deadline ?? Number.POSITIVE_INFINITY,
        );
  }
  return role.kind === "follower" ? Math.min(role.electionDeadline, askAgainAt(state, role)) : role.electionDeadline;
}
