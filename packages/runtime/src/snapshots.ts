/**
 * Everything about snapshots in a node: its own are taken, others' are received and put in place, and those who lack what
 * the log no longer has are sent one.
 *
 * To put one in place: it is durable; from then on nothing is applied; the core is told, which resets the log if need be;
 * the state machine takes the state over; what follows is applied. Whenever the process dies in between, the next start
 * finds a durable snapshot that the log does not fit, or that the state machine has not got, and finishes (`recovery.ts`).
 */

import {
  type Clock,
  type LogStorage,
  RaftError,
  type RaftErrorCode,
  type SnapshotChunk,
  type SnapshotChunkResult,
  type SnapshotStorage,
  type StateMachine,
  type StoredSnapshot,
} from "@quorate/contracts";
import { type Index, type Input, memberOf, type NodeId, type Raft, Random, type SnapshotOrder } from "@quorate/core";
import type { Applier } from "./applier.js";
import { checkPart } from "./no-state.js";
import type { Settings } from "./options.js";
import { SnapshotCheck } from "./snapshot-check.js";
import { decodeSnapshotHeader } from "./snapshot-header.js";
import { type IncomingSnapshot, refusalOf, SnapshotReceiver, type SnapshotSource } from "./snapshot-receiver.js";
import { restoreNewest } from "./snapshot-restore.js";
import { restoreSections, type SnapshotSection } from "./snapshot-sections.js";
import { type OutgoingSnapshot, SnapshotSender } from "./snapshot-sender.js";
import { type SnapshotResult, SnapshotTaker } from "./snapshot-taker.js";

/** What there is to see of a node's snapshots. */
export interface SnapshotsStatus {
  /** The last entry that the newest durable snapshot contains; 0 if there is none. */
  readonly index: Index;
  /** Its size. */
  readonly sizeBytes: number;
  /** The log starts right after this entry. */
  readonly compactedIndex: Index;
  /** Whether one is being taken. */
  readonly isTaking: boolean;
  /** Whether the state machine is taking over the state of one that was received. */
  readonly isRestoring: boolean;
  /** Why the last attempt to take one failed, or null. */
  readonly lastError: { readonly code: RaftErrorCode; readonly message: string } | null;
  /** The last one that was found damaged on this server since it started, and replaced; 0 if none was. See to its disk. */
  readonly damagedIndex: Index;
  /** What is being received, or null. */
  readonly incoming: IncomingSnapshot | null;
  /** What is being sent. */
  readonly outgoing: readonly OutgoingSnapshot[];
}

export interface SnapshotsOptions extends Settings {
  readonly nodeId: NodeId;
  readonly clusterId: string;
  readonly seed: number;
  readonly raft: Raft;
  readonly clock: Clock;
  readonly snapshots: SnapshotStorage;
  readonly log: LogStorage;
  readonly applier: Pick<
    Applier<never, unknown>,
    "appliedIndex" | "appliedBytes" | "lastCommandIndex" | "isReplacing" | "atRest" | "replace"
  >;
  readonly stateMachine: Pick<StateMachine<never, unknown>, "snapshot" | "restore" | "sync">;
  /** The library's own state, besides that of the state machine. */
  readonly sections: readonly SnapshotSection[];
  /** Whether this server keeps no state. */
  readonly isWitness: () => boolean;
  /** The first index that some follower is still to be sent from the log. */
  readonly unsentIndex: () => Index;
  readonly send: (message: SnapshotChunk | SnapshotChunkResult) => void;
  readonly step: (input: Input) => void;
  readonly schedule: () => void;
  readonly onWarning: (error: unknown) => void;
  readonly onFailed: (error: unknown) => void;
}

export class Snapshots {
  readonly #options: SnapshotsOptions;
  readonly #taker: SnapshotTaker;
  readonly #check: SnapshotCheck;
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver;

  constructor(options: SnapshotsOptions) {
    const { raft, seed, snapshots: storage, unsentIndex } = options;
    const shared = { ...options, storage };
    this.#options = options;
    this.#taker = new SnapshotTaker({
      ...shared,
      random: new Random(seed),
      neededAfter: () => Math.min(unsentIndex() - 1, this.#sender.neededAfter),
    });
    this.#check = new SnapshotCheck({ ...shared, takeAnew: () => this.#taker.takeAnew() });
    this.#sender = new SnapshotSender({
      ...shared,
      examine: (place) => this.#check.examine(place),
      isWitness: (id) => isWitness(raft, id),
      take: () => this.#taker.take(),
    });
    this.#receiver = new SnapshotReceiver({
      ...shared,
      canInstall: () => !options.applier.isReplacing,
      onWhole: this.#onWhole,
      onKnown: (snapshot, source) => options.step({ kind: "snapshotInstalled", ...source, snapshot }),
    });
  }

  /** See `RaftNode.snapshot`. */
  take(): Promise<SnapshotResult> {
    return this.#taker.take();
  }

  onOrder(order: SnapshotOrder): void {
    this.#sender.onOrder(order);
  }

  onMessage(message: SnapshotChunk | SnapshotChunkResult): void {
    if (message.kind === "snapshotChunkResult") this.#sender.onResult(message);
    else if (this.#taker.canTake) this.#receiver.onChunk(message);
    else this.#options.send(refusalOf(message));
  }

  /** More is applied than before. */
  onApplied(): void {
    this.#taker.takeIfDue(this.#options.clock.now());
  }

  /** What is due. To be called in every turn, after everything else was sent. */
  onTurn(now: number): void {
    this.#receiver.dropIfKnown();
    this.#taker.takeIfDue(now);
    this.#sender.pump(now);
  }

  get wakeAt(): number {
    return Math.min(this.#taker.wakeAt, this.#sender.wakeAt);
  }

  status(): SnapshotsStatus {
    const { snapshots, raft, applier } = this.#options;
    const newest = snapshots.newest();
    const { lastError } = this.#taker;
    return {
      index: newest?.place.index ?? 0,
      sizeBytes: newest?.sizeBytes ?? 0,
      compactedIndex: raft.compacted.index,
      isTaking: this.#taker.isTaking,
      isRestoring: applier.isReplacing,
      lastError: lastError === null ? null : { code: lastError.code, message: lastError.message },
      damagedIndex: this.#check.damagedIndex,
      incoming: this.#receiver.incoming,
      outgoing: this.#sender.transfers,
    };
  }

  stop(error: RaftError): void {
    this.#taker.stop(error);
    this.#check.stop();
    this.#sender.stop();
    this.#receiver.stop();
  }

  readonly #onWhole = (stored: StoredSnapshot, source: SnapshotSource): void => {
    const { raft, applier, step, onFailed, stateMachine, nodeId } = this.#options;
    try {
      const { point, lastCommandIndex } = decodeSnapshotHeader(stored.header, stored.place);
      checkPart(stateMachine, point.membership.configuration, nodeId);
      const { index, term } = point;
      // What the log holds up to there needs no other state: it is committed now, and applied like everything.
      const isInLog = index <= raft.commitIndex || raft.termAt(index) === term;
      if (!isInLog) applier.replace({ appliedIndex: index, lastCommandIndex }, () => this.#restore(stored));
      step({ kind: "snapshotInstalled", ...source, snapshot: point });
      this.#taker.onInstalled();
    } catch (error) {
      onFailed(error);
    }
  };

  async #restore(stored: StoredSnapshot): Promise<void> {
    const { clock, snapshots, stateMachine, sections } = this.#options;
    restoreSections(sections, await restoreNewest(clock, snapshots, stateMachine, stored), stored.place.index);
  }
}

/** Whether that member votes without a state. */
export function isWitness(raft: Raft, id: NodeId): boolean {
  return memberOf(raft.configuration, id)?.isWitness === true;
}

/** Why there is no snapshot to be had from a node without a storage for them. */
export function noSnapshots(): RaftError {
  return new RaftError("INVALID_OPTIONS", "This server was given no storage for snapshots.");
}
