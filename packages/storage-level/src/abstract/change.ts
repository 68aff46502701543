/**
 * Changes of a log. A change is staged: it goes into a batch, and yields the outline that holds once the batch is durable.
 * The outline it started from stays as it is (PITFALLS P12).
 */

import type { Entry, EntryId, HardState, Index, TermRun } from "@quorate/core";
import type { Batch } from "./database.js";
import type { ErasureStep } from "./erasure.js";
import { encodeHead } from "./head.js";
import { type GroupKeys, placeOfKey } from "./keys.js";
import { headOf, type Outline, termAt } from "./outline.js";
import { putPacks } from "./pack.js";
import type { Plan } from "./plan.js";
import { encodeMembership, encodeTermRun, type StoredRecord } from "./record.js";
import type { StoredTail } from "./tail.js";

/** Puts what is planned into `batch`; `tail` is what is stored behind `plan.keptIndex`. */
export function stageWrites(batch: Batch, keys: GroupKeys, before: Outline, plan: Plan, tail: StoredTail): Outline {
  const change = new Change(batch, keys, before);
  change.hardState = { currentTerm: plan.hardState.currentTerm, votedFor: plan.hardState.votedFor };
  for (const key of tail.keys) batch.del(key);
  // No older head may be the last record of the log if the one that this batch brings is lost.
  if (plan.reset !== null) batch.del(keys.log("head", before.lastIndex));
  if (plan.reset !== null) change.reset(plan.reset);
  else if (plan.keptIndex < before.lastIndex) change.truncateAfter(plan.keptIndex);
  change.append(plan.entries);
  putPacks(batch, keys, tail.survivors.length === 0 ? plan.entries : [...tail.survivors, ...plan.entries]);
  return change.finish();
}

/**
 * Moves the start of the log behind `upTo`, and with it the outline. The entries stay: they are erased afterwards, so
 * that a crash in between leaves entries that nobody asks for, and never a log without its start (PITFALLS S4).
 */
export function stageCompaction(batch: Batch, keys: GroupKeys, before: Outline, upTo: Index): Outline {
  const change = new Change(batch, keys, before);
  // A reset that was under way when the compaction was asked for may have gone further.
  if (upTo > before.compacted.index) change.compact(upTo);
  return change.finish();
}

/** Erases a step of what lies behind the start of the log. The head that counts may be among it by now, and stays. */
export function stageErasure(batch: Batch, keys: GroupKeys, before: Outline, step: ErasureStep): Outline {
  for (const key of step.keys) {
    const place = placeOfKey(key);
    if (place?.part === "pack" || place?.lastIndex !== before.lastIndex) batch.del(key);
  }
  return new Change(batch, keys, { ...before, erasedIndex: step.erasedIndex }).finish();
}

/** The lists of the outline are replaced, not written to: readers may still hold them. */
class Change {
  readonly #batch: Batch;
  readonly #keys: GroupKeys;
  readonly #before: Outline;
  #compacted: EntryId;
  #lastIndex: Index;
  #termRuns: TermRun[] | null = null;
  #memberships: Index[] | null = null;
  #checksum: number;
  hardState: HardState;

  constructor(batch: Batch, keys: GroupKeys, before: Outline) {
    this.#batch = batch;
    this.#keys = keys;
    this.#before = before;
    this.#compacted = before.compacted;
    this.#lastIndex = before.lastIndex;
    this.#checksum = before.checksum;
    this.hardState = before.hardState;
  }

  truncateAfter(index: Index): void {
    this.#lastIndex = index;
    while ((this.#lastRun()?.firstIndex ?? 0) > index) {
      const run = this.#ownTermRuns().pop();
      if (run !== undefined) this.#drop(encodeTermRun(this.#keys, run));
    }
    while ((this.#lastMembership() ?? 0) > index) {
      const membership = this.#ownMemberships().pop();
      if (membership !== undefined) this.#drop(encodeMembership(this.#keys, membership));
    }
  }

  append(entries: readonly Entry[]): void {
    let lastTerm = this.#lastRun()?.term;
    for (const { index, term, kind } of entries) {
      if (term !== lastTerm) this.#addTermRun({ firstIndex: index, term });
      lastTerm = term;
      if (kind !== "membership") continue;
      this.#ownMemberships().push(index);
      this.#add(encodeMembership(this.#keys, index));
    }
    this.#lastIndex += entries.length;
  }

  /** What was stored up to `place`, which may be millions of entries, is compacted: it is erased afterwards. */
  reset({ index, term }: EntryId): void {
    for (const run of this.#before.termRuns) this.#drop(encodeTermRun(this.#keys, run));
    for (const at of this.#before.memberships) this.#drop(encodeMembership(this.#keys, at));
    this.#termRuns = [];
    this.#memberships = [];
    this.#compacted = { index, term };
    this.#lastIndex = index;
  }

  compact(upTo: Index): void {
    const term = termAt(this.#before, upTo);
    const gone = this.#before.termRuns.filter(({ firstIndex }) => firstIndex <= upTo);
    for (const run of gone) this.#drop(encodeTermRun(this.#keys, run));
    this.#termRuns = this.#before.termRuns.slice(gone.length);
    if (upTo < this.#lastIndex && this.#termRuns[0]?.firstIndex !== upTo + 1) {
      const rest = { firstIndex: upTo + 1, term };
      this.#termRuns.unshift(rest);
      this.#add(encodeTermRun(this.#keys, rest));
    }
    this.#memberships = [];
    for (const index of this.#before.memberships) {
      if (index > upTo) this.#memberships.push(index);
      else this.#drop(encodeMembership(this.#keys, index));
    }
    this.#compacted = { index: upTo, term };
  }

  /** The head goes with every batch: what it says is never older than what the batch did. */
  finish(): Outline {
    const outline: Outline = {
      hardState: this.hardState,
      compacted: this.#compacted,
      erasedIndex: this.#before.erasedIndex,
      lastIndex: this.#lastIndex,
      termRuns: this.#termRuns ?? this.#before.termRuns,
      memberships: this.#memberships ?? this.#before.memberships,
      checksum: this.#checksum,
    };
    const { key, value } = encodeHead(this.#keys, headOf(outline));
    this.#batch.put(key, value);
    return outline;
  }

  #lastRun(): TermRun | undefined {
    return (this.#termRuns ?? this.#before.termRuns).at(-1);
  }

  #lastMembership(): Index | undefined {
    return (this.#memberships ?? this.#before.memberships).at(-1);
  }

  #ownTermRuns(): TermRun[] {
    this.#termRuns ??= [...this.#before.termRuns];
    return this.#termRuns;
  }

  #ownMemberships(): Index[] {
    this.#memberships ??= [...this.#before.memberships];
    return this.#memberships;
  }

  #addTermRun(run: TermRun): void {
    this.#ownTermRuns().push(run);
    this.#add(encodeTermRun(this.#keys, run));
  }

  #add({ key, value, checksum }: StoredRecord): void {
    this.#batch.put(key, value);
    this.#checksum = (this.#checksum ^ checksum) >>> 0;
  }

  #drop({ key, checksum }: StoredRecord): void {
    this.#batch.del(key);
    this.#checksum = (this.#checksum ^ checksum) >>> 0;
  }
}
