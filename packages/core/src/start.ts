/** What a server starts with: its options, and what it remembers of its former lives. Either is refused if it cannot be. */

import type { Entry, EntryId, HardState, Index, NodeId, SnapshotPoint, TermRun } from "./types.js";

export interface RaftOptions {
  /** This server. Positive. */
  readonly id: NodeId;
  /** How often a leader speaks up, in milliseconds. */
  readonly heartbeatIntervalMs: number;
  /**
   * The least time without a leader after which a server campaigns, in milliseconds. Each wait is drawn anew, from
   * once to twice this.
   */
  readonly electionTimeoutMs: number;
  /**
   * By how much the clock of one server may run faster than that of another, as a ratio: what leases rest on. From 0 to
   * 1; default 0.05. The same on every server, as `electionTimeoutMs` must be.
   */
  readonly maxClockDrift?: number;
  /** Where the randomness begins: a whole number, another one on each server and at each start (PITFALLS E21, Q2). */
  readonly seed: number;
  /**
   * Whether this server takes part in quiets, which make a cluster at rest cheap (see `quiet.ts`). One that does not keeps
   * its whole cluster awake. Default false.
   */
  readonly allowsQuiet?: boolean;
  /** The level of the application's commands that this server understands: a whole number from 1 up. Default 1. */
  readonly applicationLevel?: number;
}

/** What a server remembers: the part of Figure 2 that is persistent. */
export interface RestoredState {
  readonly hardState: HardState;
  /** The last entry that was compacted away; `{ index: 0, term: 0 }` if none was. */
  readonly compacted: EntryId;
  readonly lastIndex: Index;
  readonly termRuns: readonly TermRun[];
  /** Every entry of kind `membership` in the log, committed or not, by rising index (PITFALLS M5). */
  readonly memberships: readonly Entry[];
  /**
   * The newest durable snapshot, if there is one: it must reach to `compacted` at least (PITFALLS S4). Where the log does
   * not have its entry, a crash came before the log could begin anew after it: the first drain orders that again. So it
   * does with the term, where the snapshot is of a later one.
   */
  readonly snapshot: SnapshotPoint | null;
  /**
   * Whether this server has never run before, and so has promised nothing that it could have forgotten (PITFALLS L7).
   * Default false.
   */
  readonly isNew?: boolean;
}

export function checkOptions({
  id,
  heartbeatIntervalMs,
  electionTimeoutMs,
  maxClockDrift = 0,
  seed,
  applicationLevel = 1,
}: RaftOptions): void {
  if (!Number.isSafeInteger(applicationLevel) || applicationLevel < 1)
    throw new RangeError(`applicationLevel must be a whole number from 1 up, not ${applicationLevel}`);
  if (!Number.isSafeInteger(id) || id <= 0) throw new RangeError(`id must be a positive whole number, not ${id}`);
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seed must be a whole number, not ${seed}`);
  if (!(heartbeatIntervalMs > 0))
    throw new RangeError(`heartbeatIntervalMs must be above 0, not ${heartbeatIntervalMs}`);
  if (!(electionTimeoutMs > heartbeatIntervalMs && electionTimeoutMs < Number.POSITIVE_INFINITY))
    throw new RangeError(
      `electionTimeoutMs (${electionTimeoutMs}) must be above heartbeatIntervalMs (${heartbeatIntervalMs}), and finite`,
    );
  if (!(maxClockDrift >= 0 && maxClockDrift <= 1))
    throw new RangeError(`maxClockDrift must be from 0 to 1, not ${maxClockDrift}`);
}

/** A snapshot holds what was in force at its index, not what came later (PITFALLS M19). */
export function checkMembership({ index, membership }: SnapshotPoint): void {
  if (membership.index > index)
    throw new RangeError(`a snapshot of entry ${index} with the members of entry ${membership.index}`);
}

export function checkRestored({ hardState: { currentTerm, votedFor }, compacted, lastIndex }: RestoredState): void {
  const numbers = { currentTerm, votedFor, compactedIndex: compacted.index, compactedTerm: compacted.term, lastIndex };
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${name} is ${value}, not a whole number`);
  }
}
