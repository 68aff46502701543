/**
 * The state of a server, in the order of Figure 2, and the only ways to change the parts that safety rests on: one
 * setter for term and vote, one append, one truncation, one commit index that never falls.
 */

import { ConfigurationStack } from "./configuration-stack.js";
import { Outbox } from "./effects.js";
import { invariant } from "./invariant-error.js";
import type { Progress } from "./progress.js";
import { Random } from "./random.js";
import type { Role } from "./roles.js";
import { checkMembership, checkOptions, checkRestored, type RaftOptions, type RestoredState } from "./start.js";
import { TermLog } from "./term-log.js";
import {
  type Entry,
  type EntryId,
  type FeatureLevels,
  type Index,
  NOBODY,
  type NodeId,
  type ProposedEntry,
  type SnapshotPoint,
  type Term,
} from "./types.js";

/** How far a server has got in pulling another's log. Means something in `term` only, while no leader is known there. */
export interface CatchUp {
  readonly from: NodeId;
  readonly term: Term;
  /** The campaign that was refused, and the request under way: each has a number of its own. */
  readonly campaign: number;
  readonly round: number;
  /** What the request asks about: the last entry that the two logs share, or may. */
  readonly asked: EntryId;
  /** Where the other log ended when its server refused. */
  readonly end: EntryId;
}

/** The level of this library's own entries that this version understands. */
const LIBRARY_LEVEL = 1;

/** What this server owes a leader that it has heard; see `lease.ts`. */
export interface LeaderPromise {
  /** NOBODY: whichever it was, before a restart. */
  readonly leaderId: NodeId;
  readonly madeAt: number;
}

const DEFAULT_MAX_CLOCK_DRIFT = 0.05;

export class RaftState {
  readonly id: NodeId;
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  readonly supportedLevels: FeatureLevels;
  /** Whether this server takes part in quiets; see `quiet.ts`. */
  readonly allowsQuiet: boolean;
  /** For how long a leader has a lease, once a quorum has heard it. */
  readonly leaseDurationMs: number;

  // Persistent on all servers.
  #currentTerm: Term;
  #votedFor: NodeId;
  readonly log: TermLog;
  readonly configurations: ConfigurationStack;
  #snapshotIndex: Index;

  // Volatile on all servers.
  #commitIndex: Index;
  role: Role;
  // Both begin at random, so that no answer to a former life of this server fits.
  /** Numbers the campaigns, so that each answer finds its own (PITFALLS E4, E12). */
  campaignRound: number;
  /** Numbers the requests for a read index (PITFALLS Q2). */
  readRequest: number;
  /** The log that this server is pulling, or was; see `catch-up.ts`. */
  catchUp: CatchUp | null = null;

  promise: LeaderPromise;
  /** Not before this does this server, should it lead, hand over to someone of a higher priority. */
  handOverAt = 0;

  now: number;
  readonly outbox: Outbox;
  readonly #random: Random;

  /** Throws a `RangeError` if an option cannot work (PITFALLS F15), or what was restored contradicts itself (P16). */
  constructor(options: RaftOptions, restored: RestoredState, now: number, role: Role) {
    checkOptions(options);
    checkRestored(restored);
    this.id = options.id;
    this.heartbeatIntervalMs = options.heartbeatIntervalMs;
    this.electionTimeoutMs = options.electionTimeoutMs;
    this.supportedLevels = { library: LIBRARY_LEVEL, application: options.applicationLevel ?? 1 };
    this.allowsQuiet = options.allowsQuiet ?? false;
    this.leaseDurationMs = options.electionTimeoutMs / (1 + (options.maxClockDrift ?? DEFAULT_MAX_CLOCK_DRIFT));
    this.#currentTerm = restored.hardState.currentTerm;
    this.#votedFor = restored.hardState.votedFor;
    this.log = new TermLog(restored.compacted, restored.termRuns, restored.lastIndex);
    if (this.log.lastTerm > this.#currentTerm) throw new RangeError("the log has entries of a term to come");
    this.outbox = new Outbox(restored.lastIndex);
    this.configurations = new ConfigurationStack(this.supportedLevels, restored.snapshot?.membership);
    // What a snapshot holds was committed, and so was what was compacted.
    this.#snapshotIndex = restored.snapshot?.index ?? 0;
    this.#commitIndex = this.#snapshotIndex;
    this.#restore(restored);
    this.#random = new Random(options.seed);
    this.readRequest = this.#random.nextUint32() * 2 ** 20;
    this.campaignRound = this.readRequest;
    this.now = now;
    this.role = role;
    this.promise = { leaderId: NOBODY, madeAt: restored.isNew === true ? Number.NEGATIVE_INFINITY : now };
  }

  #restore({ snapshot, memberships }: RestoredState): void {
    const { compacted } = this.log;
    if (snapshot === null) {
      if (compacted.index > 0) throw new RangeError("the log was compacted, but there is no snapshot");
    } else {
      const { index, term } = snapshot;
      if (index < compacted.index || (index === compacted.index && term !== compacted.term))
        throw new RangeError(`a log after entry ${compacted.index}, but a snapshot of entry ${index} of term ${term}`);
      checkMembership(snapshot);
      // It came from a leader of that term or a later one, and the crash came before the term was durable as well.
      if (term > this.#currentTerm) this.setTermAndVote(term, NOBODY);
      if (!this.log.matches(index, term)) return this.#beginAnewAfter(snapshot);
    }
    for (const entry of memberships) this.#restoreMembership(entry);
  }

  #restoreMembership(entry: Entry): void {
    const { kind, index, term } = entry;
    const isInPlace = index >= this.log.firstIndex && this.log.matches(index, term);
    if (kind !== "membership" || !isInPlace)
      throw new RangeError(`entry ${index} of term ${term}, a ${kind}, is no membership entry of the log in its place`);
    const { configurations, snapshotIndex } = this;
    // Up to its own index a snapshot knows the members, and the log may not know better (PITFALLS M19).
    if (configurations.isAtBase && index <= configurations.index) return;
    if (index <= Math.max(configurations.index, snapshotIndex))
      throw new RangeError(`membership entry ${index} is out of order, or missing in the snapshot of ${snapshotIndex}`);
    configurations.onAppend(entry);
  }

  /** The whole log goes; the snapshot, which is durable, stands for all of it (§7; PITFALLS S1, M20). */
  #beginAnewAfter({ index, term, membership }: SnapshotPoint): void {
    this.log.resetTo({ index, term });
    this.configurations.onReset(membership);
    this.outbox.writeReset({ index, term });
  }

  get currentTerm(): Term {
    return this.#currentTerm;
  }

  get votedFor(): NodeId {
    return this.#votedFor;
  }

  get commitIndex(): Index {
    return this.#commitIndex;
  }

  /** Up to here a snapshot of this server is durable. */
  get snapshotIndex(): Index {
    return this.#snapshotIndex;
  }

  /** What this server knows of a follower, if it leads. */
  progressOf(id: NodeId): Progress | undefined {
    return this.role.kind === "leader" ? this.role.progressOf(id) : undefined;
  }

  get isVoter(): boolean {
    return this.configurations.isVoter(this.id);
  }

  /**
   * Figure 2, "votes for at most one candidate in a term": the vote changes with the term, or from nobody to somebody
   * within one, and in no other way (PITFALLS E1, E7). Both are stored as one value (E2).
   */
  setTermAndVote(term: Term, votedFor: NodeId): void {
    const isNewTerm = term > this.#currentTerm;
    const isFirstVote = term === this.#currentTerm && this.#votedFor === NOBODY;
    invariant(
      isNewTerm || isFirstVote,
      () => `vote for ${votedFor} in term ${term} after ${this.#votedFor} in ${this.#currentTerm}`,
    );
    this.#currentTerm = term;
    this.#votedFor = votedFor;
    this.outbox.writeHardState({ currentTerm: term, votedFor });
  }

  /** Appends at the end of the log, under the current term. Only a leader does. */
  appendOwn(proposed: ProposedEntry): Entry {
    const entry: Entry = {
      index: this.log.lastIndex + 1,
      term: this.#currentTerm,
      kind: proposed.kind,
      data: proposed.data,
    };
    this.append(entry);
    return entry;
  }

  append(entry: Entry): void {
    invariant(entry.index === this.log.lastIndex + 1, () => `entry ${entry.index} after entry ${this.log.lastIndex}`);
    this.configurations.onAppend(entry);
    this.log.append(entry.term);
    this.outbox.writeEntry(entry);
  }

  /** The one way in which entries leave the end of the log. Never a committed one (PITFALLS R1–R3, C8). */
  truncateFrom(index: Index): void {
    invariant(
      index > this.#commitIndex,
      () => `entry ${index} would be replaced, but ${this.#commitIndex} is committed`,
    );
    this.log.truncateFrom(index);
    this.configurations.onTruncate(index);
    this.outbox.writeTruncation(index);
  }

  /** Never falls, and never passes the end of the log (PITFALLS R4, C7). */
  commitTo(index: Index): void {
    invariant(index <= this.log.lastIndex, () => `commit ${index} beyond the log's end ${this.log.lastIndex}`);
    if (index > this.#commitIndex) this.#commitIndex = index;
  }

  /** Entries up to `compactTo` are forgotten, which the snapshot up to `snapshotIndex` covers (PITFALLS S4, S21). */
  compact(snapshotIndex: Index, compactTo: Index): void {
    const applied = Math.min(this.#commitIndex, this.outbox.durableIndex);
    if (snapshotIndex > applied || compactTo > snapshotIndex)
      throw new RangeError(`compact to ${compactTo} behind a snapshot of ${snapshotIndex}, with ${applied} to apply`);
    this.#snapshotIndex = Math.max(this.#snapshotIndex, snapshotIndex);
    this.log.compactTo(compactTo);
    this.configurations.onCompact(compactTo);
  }

  /**
   * Takes over a snapshot that reaches beyond what is committed: keeps the log if it contains the snapshot's last entry,
   * otherwise begins it anew (§7, Figure 13, rules 6 and 7; PITFALLS S1).
   */
  installSnapshot(snapshot: SnapshotPoint): void {
    const { index, term } = snapshot;
    invariant(index > this.#commitIndex, () => `a snapshot of ${index} after entry ${this.#commitIndex} was committed`);
    checkMembership(snapshot);
    if (this.log.matches(index, term)) {
      this.outbox.snapshotted(index);
    } else {
      invariant(this.role.kind !== "leader", () => `a leader lacks entry ${index} of term ${term}, which is committed`);
      this.#beginAnewAfter(snapshot);
    }
    this.#snapshotIndex = index;
    this.#commitIndex = index;
  }

  /** A new moment at which to lose patience: each wait is drawn anew (§5.2; PITFALLS E21). */
  drawElectionDeadline(): number {
    return this.now + this.#random.between(this.electionTimeoutMs, 2 * this.electionTimeoutMs);
  }
}
