/**
 * RaftNode: one server of a cluster, in this process. What there is to call; `event-loop.ts` is what goes on behind it.
 */

import { RaftError } from "@quorate/contracts";
import type { FeatureLevels } from "@quorate/core";
import { type AbortSignalLike, waitWithin } from "./abort.js";
import { openStorage } from "./bootstrap.js";
import { closeWithin } from "./close.js";
import { EventLoop } from "./event-loop.js";
import type { MemberEdit } from "./member-edits.js";
import type { Membership } from "./members.js";
import { NoState } from "./no-state.js";
import type { NodeEventMap } from "./node-events.js";
import type { MembersChange } from "./operator.js";
import {
  checkIdentityOptions,
  invalid,
  type JoinGrant,
  type Newcomer,
  type RaftNodeOptions,
  sessionTimeout,
  settingsOf,
  timeoutRefusal,
  type WitnessOptions,
} from "./options.js";
import { type ReadOptions, readRefusal } from "./read-options.js";
import { recover } from "./recovery.js";
import { mintIncarnation } from "./request-ids.js";
import { Session } from "./session.js";
import type { SnapshotResult } from "./snapshot-taker.js";
import { noSnapshots } from "./snapshots.js";
import type { NodeStatus } from "./status.js";
import type { Listener } from "./topic.js";

/** How long transport and storage may take to close, in milliseconds. */
const CLOSE_LIMIT_MS = 10_000;

/** For a single proposal. */
export interface ProposeOptions {
  /** How long it may take, in milliseconds. Default: the node's `proposeTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** An `AbortSignal`: ends the call. A command that is under way may still be executed, and the error says so. */
  readonly signal?: AbortSignalLike | undefined;
}

/** For a session. */
export interface OpenSessionOptions extends ProposeOptions {
  /**
   * How long it may stay unused before it expires, in milliseconds of the cluster's time. Default: the node's
   * `sessionTimeoutMs`; at most a day.
   */
  readonly expiresAfterMs?: number | undefined;
}

/** For a single change of members. */
export interface ChangeOptions {
  /** How long it may take, in milliseconds. Default 60 000. */
  readonly timeoutMs?: number | undefined;
  /** An `AbortSignal`: ends the call. What is under way may still happen, and the error says so. */
  readonly signal?: AbortSignalLike | undefined;
}

/** For {@link RaftNode.raiseFeatureLevels}. */
export interface RaiseOptions {
  /** How long it may take, in milliseconds. Default: the node's `proposeTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** As for a {@link ChangeOptions | change}. */
  readonly signal?: AbortSignalLike | undefined;
}

/** For {@link RaftNode.snapshot}. */
export interface SnapshotOptions {
  /** How long to wait for it, in milliseconds. Default: as long as it takes. */
  readonly timeoutMs?: number | undefined;
  /** An `AbortSignal`: ends the call, not the snapshot. */
  readonly signal?: AbortSignalLike | undefined;
}

/** For {@link RaftNode.transferLeadership}. */
export interface TransferOptions {
  /** The name of the server that is to lead. Default: the voter that fits best. */
  readonly to?: string | undefined;
  /** How long it may take, in milliseconds. Default: the node's `proposeTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** As for a {@link ChangeOptions | change}. */
  readonly signal?: AbortSignalLike | undefined;
}

/** For {@link RaftNode.close}. */
export interface CloseOptions {
  /** Whether a leader hands over first, for two election timeouts at most. Default false. */
  readonly handOver?: boolean | undefined;
}

export class RaftNode<Command, Result> {
  readonly #options: RaftNodeOptions<Command, Result>;
  readonly #loop: EventLoop<Command, Result>;
  #closing: Promise<void> | null = null;

  private constructor(options: RaftNodeOptions<Command, Result>, loop: EventLoop<Command, Result>) {
    this.#options = options;
    this.#loop = loop;
  }

  /**
   * Opens a server: founds its cluster if `bootstrap` is given and nothing is stored yet, else goes on where it
   * stopped. Resolves when it takes part; a leader need not be elected then.
   *
   * Rejects with a `RaftError` of code `INVALID_OPTIONS`, `NOT_BOOTSTRAPPED`, `NOT_A_WITNESS`, `FOREIGN_STORAGE`,
   * `STORAGE_COMPACTED`, `STORAGE_CORRUPT`, `STORAGE_FORMAT` or `STATE_MACHINE_FAILED`, or with what storage or transport reject with. All are closed then.
   */
  static async open<Command, Result>(
    given: RaftNodeOptions<Command, Result> | WitnessOptions<Command, Result>,
  ): Promise<RaftNode<Command, Result>> {
    const options = given.role === "witness" ? { ...given, role: undefined, stateMachine: new NoState() } : given;
    const { storage, snapshots, transport, seed, clock } = options;
    try {
      checkIdentityOptions(given);
      const settings = settingsOf(options);
      const mint = (): number => mintIncarnation(seed, clock.now());
      const { stored, newest } = await openStorage(options, mint);
      const recovered = await recover(options, stored, newest);
      const { clusterId, nodeId, incarnation } = stored.identity;
      await transport.open({ clusterId, nodeId, incarnation });
      const loop = new EventLoop(options, settings, recovered);
      loop.start();
      return new RaftNode(options, loop);
    } catch (error) {
      await Promise.allSettled([transport.close(), snapshots?.close(), storage.close()]);
      throw error;
    }
  }

  /**
   * Has every server apply `command`, once, all in the same order, and resolves with the state machine's answer. On any
   * server: a follower passes it on to the leader. It is tried again, whatever happens on the way, until it is answered
   * or its time is up; the session of this server sees to it that it is executed once (PITFALLS K1).
   *
   * Rejects with a `RaftError` whose `outcome` says whether the command took effect (PITFALLS K6). `not-executed`:
   * `NO_LEADER`, `OVERLOADED`, `COMMAND_TOO_LARGE`, `COMMAND_NOT_ENCODABLE`, `ABORTED`, `CLOSED`, `STOPPED`. `unknown`:
   * `TIMED_OUT`, `OUTCOME_UNKNOWN`, `RESULT_UNAVAILABLE`, `SESSION_EXPIRED_UNDER_WAY`, `ABORTED_UNDER_WAY`,
   * `CLOSED_UNDER_WAY`, `STOPPED_UNDER_WAY`. `none`: `INVALID_OPTIONS`.
   */
  propose(command: Command, options: ProposeOptions = {}): Promise<Result> {
    const refusal = this.#refusal(options.timeoutMs);
    return refusal === null ? this.#loop.parts.client.propose(command, options) : Promise.reject(refusal);
  }

  /**
   * Opens a session, for a client that may retry on another server, or in another process: a command with a number in it
   * is executed once. Rejects as {@link propose} does.
   */
  async openSession(options: OpenSessionOptions = {}): Promise<Session<Command, Result>> {
    const { parts, settings } = this.#loop;
    const refusal = this.#refusal(options.timeoutMs);
    if (refusal !== null) throw refusal;
    const expiresAfterMs = sessionTimeout("expiresAfterMs", options.expiresAfterMs ?? settings.sessionTimeoutMs);
    const session = await parts.client.openSession(expiresAfterMs, options);
    return new Session(parts.client, this.#refusal, session.id, session);
  }

  /**
   * A session that was opened on some server: the caller numbers its commands. Whether it is still open shows when it
   * is used. Throws `INVALID_OPTIONS` if this can be no session's id.
   */
  session(id: number): Session<Command, Result> {
    if (!Number.isSafeInteger(id) || id < 1) throw invalid(`${id} is no session's id.`);
    return new Session(this.#loop.parts.client, this.#refusal, id, null);
  }

  /**
   * Runs `query` on the state machine of this server, whichever it is, and resolves with what it returns. `query` must
   * only look, and at once; it may run more than once.
   *
   * Rejects with what `query` throws, or with a `RaftError` of code `READ_TIMED_OUT`, `READ_TOO_STALE`, `OVERLOADED`,
   * `ABORTED`, `WITNESS`, `CLOSED`, `STOPPED` or `INVALID_OPTIONS`.
   */
  read<Value>(query: () => Value, options: ReadOptions = {}): Promise<Value> {
    const refusal = this.#refusal(undefined) ?? readRefusal(options);
    if (refusal !== null) return Promise.reject(refusal);
    // Asked when the query runs: a server that has just joined does not know before.
    const ofState = (): Value => {
      if (this.#loop.isWitness) throw new RaftError("WITNESS", "This server is a witness, and keeps no state.");
      return query();
    };
    return this.#loop.parts.reads.read(ofState, options);
  }

  /**
   * Calls `listener` with the current value before it returns, and then with each change, in order (PITFALLS F14).
   * Returns what ends that. `fatal` is null until this node has stopped for good.
   */
  subscribe<Kind extends keyof NodeEventMap>(kind: Kind, listener: Listener<NodeEventMap[Kind]>): () => void {
    return this.#loop.events.subscribe(kind, listener);
  }

  /** Who belongs to the cluster, as far as this server knows, and how a change of that stands. */
  members(): Membership {
    return this.#loop.parts.operator.members();
  }

  /**
   * Makes the cluster consist of exactly `members`, on any server, and resolves with them once all of that is done: new
   * voters have caught up, the old majority is no longer needed, and it is committed. At most one change is done upon
   * each `version` (PITFALLS M23). Servers that are new must be opened with `join`; see {@link RaftNode.admit}.
   *
   * Rejects with a `RaftError`. Nothing was done after `MEMBERS_CHANGED` (another version is in force), `CHANGE_PENDING`,
   * `INVALID_MEMBERS`, `WOULD_LOSE_QUORUM`, `NOT_COMMITTED`, `NO_LEADER`, `ABORTED`, `CLOSED`, `STOPPED` or
   * `INVALID_OPTIONS`. After `CHANGE_UNDER_WAY` it goes on by itself, after `TIMED_OUT` or `OUTCOME_UNKNOWN`, `ABORTED_UNDER_WAY`,
   * `CLOSED_UNDER_WAY` and `STOPPED_UNDER_WAY` it may; `CHANGE_REPLACED`: another change took its place. To give the same
   * order again does no harm.
   */
  changeMembers(change: MembersChange): Promise<Membership> {
    const refusal = this.#refusal(change.timeoutMs);
    return refusal === null ? this.#loop.parts.operator.change(change) : Promise.reject(refusal);
  }

  /**
   * As {@link RaftNode.changeMembers}, with what `edit` makes of the members: `adding`, `removing`, `updating`. Done anew
   * when another change came between, so that `edit` may be called several times.
   */
  editMembers(edit: MemberEdit, options: ChangeOptions = {}): Promise<Membership> {
    const refusal = this.#refusal(options.timeoutMs);
    return refusal === null ? this.#loop.parts.operator.edit(edit, options) : Promise.reject(refusal);
  }

  /**
   * Takes a new server into the cluster: resolves, as soon as that is certain, with what the server's `join` has to bring
   * home. It is then fed, and becomes what `member` says when it has caught up. Rejects as
   * {@link RaftNode.changeMembers} does; with `INVALID_MEMBERS` also if there is a member of that name, or if a server
   * without a state machine were to be anything but a witness.
   */
  admit(member: Newcomer, options: ChangeOptions = {}): Promise<JoinGrant> {
    const refusal = this.#refusal(options.timeoutMs);
    return refusal === null ? this.#loop.parts.operator.admit(member, options) : Promise.reject(refusal);
  }

  /**
   * Has another server lead, on any server of the cluster, and resolves with the name of the one that does. No proposal is
   * lost; they wait meanwhile, for an election timeout at most (PITFALLS T1, T2).
   *
   * Rejects with a `RaftError`. Nothing was done after `NO_SUCCESSOR`, `NO_LEADER`, `ABORTED`, `CLOSED`, `STOPPED` or
   * `INVALID_OPTIONS`. After `TRANSFER_FAILED`, `TIMED_OUT`, `ABORTED_UNDER_WAY`, `CLOSED_UNDER_WAY` or
   * `STOPPED_UNDER_WAY` it may yet happen: see who leads.
   */
  transferLeadership({ to, ...limits }: TransferOptions = {}): Promise<string> {
    const refusal = this.#refusal(limits.timeoutMs);
    return refusal === null ? this.#loop.parts.operator.transfer(to, limits) : Promise.reject(refusal);
  }

  /**
   * Ends an upgrade: from here on every server must understand what all members understand today, and the application
   * may propose commands of that level (PITFALLS O7). Until then servers can go back to the version before. On any
   * server; resolves with the levels in force, also when there was nothing to raise.
   *
   * Rejects with a `RaftError`. Nothing was done after `MEMBERS_OUT_OF_TOUCH`, `CHANGE_PENDING`, `NO_LEADER`, `ABORTED`,
   * `CLOSED`, `STOPPED` or `INVALID_OPTIONS`. After `TIMED_OUT`, `ABORTED_UNDER_WAY`, `CLOSED_UNDER_WAY` or
   * `STOPPED_UNDER_WAY` it may yet happen; to ask again does no harm.
   */
  raiseFeatureLevels(options: RaiseOptions = {}): Promise<FeatureLevels> {
    const refusal = this.#refusal(options.timeoutMs);
    return refusal === null ? this.#loop.parts.operator.raiseFeatureLevels(options) : Promise.reject(refusal);
  }

  /** What there is to see, as one plain object. */
  status(): NodeStatus {
    return this.#loop.status();
  }

  /**
   * Takes a snapshot of everything that is applied on this server, now and whatever the settings say, and compacts the
   * log behind it. Resolves when it is durable: with the one that there is, if nothing was applied since.
   *
   * Rejects with a `RaftError` of code `SNAPSHOT_FAILED`, `ABORTED`, `CLOSED`, `STOPPED`, or `INVALID_OPTIONS` if this
   * server has no `snapshots`, or a state machine without `snapshot` and `restore`. After `SNAPSHOT_UNDER_WAY` and
   * `ABORTED_UNDER_WAY` it goes on.
   */
  snapshot(options: SnapshotOptions = {}): Promise<SnapshotResult> {
    const refusal = this.#refusal(options.timeoutMs);
    if (refusal !== null) return Promise.reject(refusal);
    const { snapshots } = this.#loop.parts;
    if (snapshots === null) return Promise.reject(noSnapshots());
    const lateError = (): RaftError => new RaftError("SNAPSHOT_UNDER_WAY", "The snapshot is not done yet.");
    return waitWithin(this.#options.clock, () => snapshots.take(), options, lateError);
  }

  /**
   * Ends this server: settles every proposal and read, closes transport and storage, leaves no timer behind. May be
   * called twice. Settles within ten seconds; rejects if transport or storage could not be closed.
   */
  close({ handOver = false }: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(handOver);
    return this.#closing;
  }

  async #close(handOver: boolean): Promise<void> {
    if (handOver) await this.#loop.parts.operator.handOver();
    this.#loop.close();
    const { clock, transport, storage, snapshots } = this.#options;
    const closings = [transport.close(), storage.close(), ...(snapshots === undefined ? [] : [snapshots.close()])];
    return closeWithin(clock, CLOSE_LIMIT_MS, closings, () => {
      return new RaftError("STORAGE_FAILED", `Transport or storage did not close within ${CLOSE_LIMIT_MS} ms.`);
    });
  }

  readonly #refusal = (timeoutMs: number | undefined): RaftError | null => {
    const { isRunning, fatal } = this.#loop;
    if (isRunning) return timeoutMs === undefined ? null : timeoutRefusal(timeoutMs);
    return fatal === null
      ? new RaftError("CLOSED", "The node was closed.")
      : new RaftError("STOPPED", `It failed with ${fatal.code}.`, { cause: fatal });
  };
}
