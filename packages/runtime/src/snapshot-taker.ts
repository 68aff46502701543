/**
 * Takes snapshots of this server's own state, and compacts the log behind them (PITFALLS S8, S11, S13, S21, S22).
 *
 * One at a time. The state machine hands out its state as it is at one applied index; writing it down takes as long as it
 * takes, while commands are applied on. Only what is durable counts. What fails is told, and tried again later.
 */

import {
  type Clock,
  type LogStorage,
  RaftError,
  type SnapshotStorage,
  type StateMachine,
  type StoredSnapshot,
} from "@quorate/contracts";
import type { Index, Input, Raft, Random, SnapshotPoint } from "@quorate/core";
import type { Applier } from "./applier.js";
import { messageOf } from "./fatal.js";
import { prefixed, writeBody } from "./snapshot-body.js";
import { encodeSnapshotHeader } from "./snapshot-header.js";
import { encodeSections, type SnapshotSection } from "./snapshot-sections.js";

/** How long after a failure the next attempt begins by itself, in milliseconds. */
const RETRY_AFTER_MS = 10_000;

/** How far thresholds differ from one snapshot to the next: servers that start together must not take turns (S22). */
const JITTER = 0.25;

/** How many times `snapshotAfterEntries` the log waits for those who still need it, besides what is kept anyway (S14). */
const HOLD_FACTOR = 4;

export interface SnapshotTakerOptions {
  readonly clusterId: string;
  readonly raft: Raft;
  readonly clock: Clock;
  readonly random: Random;
  readonly storage: SnapshotStorage;
  readonly log: LogStorage;
  readonly applier: Pick<
    Applier<never, unknown>,
    "appliedIndex" | "appliedBytes" | "lastCommandIndex" | "isReplacing" | "atRest"
  >;
  readonly stateMachine: Pick<StateMachine<never, unknown>, "snapshot" | "restore" | "sync">;
  readonly sections: readonly SnapshotSection[];
  readonly snapshotAfterEntries: number;
  readonly snapshotAfterBytes: number;
  readonly snapshotKeepEntries: number;
  /** Whether this server keeps no state: its snapshots are empty. */
  readonly isWitness: () => boolean;
  /** The last index before what somebody still reads from the log. */
  readonly neededAfter: () => Index;
  readonly step: (input: Input) => void;
  readonly onWarning: (error: unknown) => void;
  /** Something may have become due. */
  readonly schedule: () => void;
}

/** What a caller of `snapshot()` gets. */
export interface SnapshotResult {
  /** The last entry whose effect it contains. */
  readonly index: Index;
  readonly sizeBytes: number;
}

interface Waiter {
  readonly resolve: (result: SnapshotResult) => void;
  readonly reject: (error: unknown) => void;
}

/** What is captured at one applied index, before anything is written. */
interface Captured {
  readonly point: SnapshotPoint;
  readonly header: Uint8Array;
  /** Null for a witness. */
  readonly pieces: AsyncIterable<Uint8Array> | null;
  readonly appliedBytes: number;
}

export class SnapshotTaker {
  readonly #options: SnapshotTakerOptions;
  #isTaking = false;
  #isStopped = false;
  #lastError: RaftError | null = null;
  #retryAt = Number.NEGATIVE_INFINITY;
  #bytesAtLast = 0;
  #thresholdFactor = 1;
  /** For the one under way. */
  #waiters: Waiter[] = [];
  /** Came too late for the one under way. */
  #nextWaiters: Waiter[] = [];

  constructor(options: SnapshotTakerOptions) {
    this.#options = options;
    this.#drawThreshold();
  }

  get isTaking(): boolean {
    return this.#isTaking;
  }

  /** Why the last attempt failed; null if it did not. */
  get lastError(): RaftError | null {
    return this.#lastError;
  }

  /** When it wants a turn to try again; `Infinity` if it does not. */
  get wakeAt(): number {
    return this.#lastError !== null && !this.#isTaking ? this.#retryAt : Number.POSITIVE_INFINITY;
  }

  /** Whether this server can take one at all. */
  get canTake(): boolean {
    const { stateMachine, isWitness } = this.#options;
    return isWitness() || (stateMachine.snapshot !== undefined && stateMachine.restore !== undefined);
  }

  /** Begins one if it is due. To be called whenever something was applied, and in every turn. */
  takeIfDue(now: number): void {
    if (!this.#isTaking && now >= this.#retryAt && this.#isDue() && this.canTake) this.#begin();
  }

  /** A snapshot of everything that is applied now: one that there is, or a new one. */
  take(): Promise<SnapshotResult> {
    const { applier, storage } = this.#options;
    return new Promise((resolve, reject) => {
      const newest = storage.newest();
      if (!this.canTake) {
        reject(new RaftError("INVALID_OPTIONS", "The state machine has no `snapshot` and `restore`."));
      } else if (newest !== null && newest.place.index >= applier.appliedIndex) {
        resolve(resultOf(newest));
      } else if (applier.appliedIndex === 0) {
        reject(new RaftError("SNAPSHOT_FAILED", "Nothing is applied yet."));
      } else {
        this.#takeFor({ resolve, reject });
      }
    });
  }

  /** A snapshot that begins from here on, whatever there is: in place of one that was found damaged, say. */
  takeAnew(): Promise<SnapshotResult> {
    return new Promise((resolve, reject) => this.#takeFor({ resolve, reject }));
  }

  #takeFor(waiter: Waiter): void {
    (this.#isTaking ? this.#nextWaiters : this.#waiters).push(waiter);
    if (!this.#isTaking) this.#begin();
  }

  /** Another snapshot is the newest now, one that was received: the count begins anew. */
  onInstalled(): void {
    this.#bytesAtLast = this.#options.applier.appliedBytes;
    this.#drawThreshold();
  }

  stop(error: RaftError): void {
    this.#isStopped = true;
    for (const { reject } of [...this.#waiters, ...this.#nextWaiters]) reject(error);
    this.#waiters = [];
    this.#nextWaiters = [];
  }

  #isDue(): boolean {
    const { applier, storage, snapshotAfterEntries, snapshotAfterBytes } = this.#options;
    const entries = applier.appliedIndex - (storage.newest()?.place.index ?? 0);
    const bytes = applier.appliedBytes - this.#bytesAtLast;
    if (entries <= 0) return false;
    return (
      entries >= snapshotAfterEntries * this.#thresholdFactor || bytes >= snapshotAfterBytes * this.#thresholdFactor
    );
  }

  #drawThreshold(): void {
    this.#thresholdFactor = 1 - JITTER * (this.#options.random.nextUint32() / 2 ** 32);
  }

  #begin(): void {
    this.#isTaking = true;
    this.#options.applier.atRest(() => {
      this.#run().then(
        (stored) => this.#onTaken(stored),
        (error: unknown) => this.#onFailed(error),
      );
    });
  }

  /** What is said before the first `await` is said at one applied index (PITFALLS S13). */
  async #run(): Promise<StoredSnapshot> {
    const { clock, storage, stateMachine } = this.#options;
    const { point, header, pieces, appliedBytes } = this.#capture();
    const isWanted = (): boolean => !this.#isStopped;
    const writer = await storage.create({ index: point.index, term: point.term }, header);
    try {
      if (pieces !== null) await writeBody(clock, writer, pieces, isWanted);
      await stateMachine.sync?.();
      if (this.#isStopped) throw new RaftError("CLOSED", "The node was closed.");
      const stored = await writer.commit();
      this.#bytesAtLast = Math.max(this.#bytesAtLast, appliedBytes);
      this.#drawThreshold();
      // One that was received meanwhile may reach further: then there is nothing to compact behind this one.
      if (stored.place.index === point.index && !this.#isStopped) this.#compact(point.index);
      return stored;
    } catch (error) {
      await writer.abort();
      throw error;
    }
  }

  #capture(): Captured {
    const { clusterId, raft, applier, stateMachine, sections, isWitness } = this.#options;
    const index = applier.appliedIndex;
    const term = raft.termAt(index);
    if (typeof term === "string") throw new RaftError("INVARIANT_BROKEN", `Entry ${index} is applied, and ${term}.`);
    const point: SnapshotPoint = { index, term, membership: raft.configurationAt(index) };
    const header = encodeSnapshotHeader({ clusterId, point, lastCommandIndex: applier.lastCommandIndex });
    const { appliedBytes } = applier;
    if (isWitness()) return { point, header, pieces: null, appliedBytes };
    const state = stateMachine.snapshot?.();
    if (state === undefined) throw new RaftError("INVALID_OPTIONS", "The state machine has no `snapshot`.");
    return { point, header, pieces: prefixed(encodeSections(sections), state), appliedBytes };
  }

  /** Keeps a tail for followers that are a little behind, and what is being read (PITFALLS S14, S22). */
  #compact(snapshotIndex: Index): void {
    const { raft, log, step, neededAfter, snapshotKeepEntries, snapshotAfterEntries } = this.#options;
    const tailStart = snapshotIndex - snapshotKeepEntries;
    const held = Math.max(neededAfter(), tailStart - HOLD_FACTOR * snapshotAfterEntries);
    const compactTo = Math.max(raft.compacted.index, Math.min(tailStart, held), 0);
    step({ kind: "compact", snapshotIndex, compactTo });
    if (compactTo === 0) return;
    log.compact(compactTo).catch((error: unknown) => {
      if (!this.#isStopped) this.#options.onWarning(error);
    });
  }

  #onTaken(stored: StoredSnapshot): void {
    this.#lastError = null;
    this.#retryAt = Number.NEGATIVE_INFINITY;
    this.#settle(({ resolve }) => resolve(resultOf(stored)));
  }

  #onFailed(cause: unknown): void {
    if (this.#isStopped) return;
    const error = new RaftError("SNAPSHOT_FAILED", `No snapshot was taken: ${messageOf(cause)}.`, { cause });
    this.#lastError = error;
    this.#retryAt = this.#options.clock.now() + RETRY_AFTER_MS;
    this.#options.onWarning(error);
    this.#settle(({ reject }) => reject(error));
  }

  /** Whatever came meanwhile is looked at now, or nobody would (PITFALLS S11). */
  #settle(tell: (waiter: Waiter) => void): void {
    const waiters = this.#waiters;
    this.#waiters = this.#nextWaiters;
    this.#nextWaiters = [];
    this.#isTaking = false;
    for (const waiter of waiters) tell(waiter);
    if (this.#waiters.length > 0 && !this.#isStopped) this.#begin();
    else this.#options.schedule();
  }
}

function resultOf({ place, sizeBytes }: StoredSnapshot): SnapshotResult {
  return { index: place.index, sizeBytes };
}
