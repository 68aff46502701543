/**
 * Feeds the state machine: committed entries in order, once each, a time budget at a stretch (PITFALLS F1, C6, K15).
 *
 * What was applied is never stored here, and so can never contradict the state: at every start the state machine is
 * rebuilt from snapshot and log, or says itself what it has kept (C9). It gets nothing but the command and its place, so
 * that every server makes the same of it (C10). If it throws, this server no longer knows its state, and stops (C11, C13).
 */

import type { Cancel, Clock } from "@quorate/contracts";
import type { Entry, Index, Term } from "@quorate/core";
import type { LogReader } from "./log-reader.js";
import type { Answer } from "./sessions/answer.js";
import { type Executor, isPromiseLike } from "./sessions/executor.js";

/** How much is read from the storage at a time, in payload bytes, unless one entry is larger. */
const PAGE_BYTES = 1024 * 1024;

/** How many entries are applied at most between two looks at the clock, each of which takes as long as a small entry. */
const MAX_STRIDE = 8;

export interface ApplierOptions<Command, Result> {
  readonly clock: Clock;
  readonly reader: LogReader;
  readonly executor: Executor<Command, Result>;
  readonly applyBudgetMs: number;
  /** Whether this server keeps no state: then commands, whose payloads it was not sent, are passed over. */
  readonly isWitness: () => boolean;
  /** The command at this place was executed, or refused. */
  readonly onAnswer: (index: Index, term: Term, answer: Answer<Result>) => void;
  /** The entry at `index` is committed and no command. */
  readonly onPassed: (index: Index) => void;
  /** The command at `index` was not given to the state machine, which has its effect already, or keeps no state. */
  readonly onSkipped: (index: Index) => void;
  /** Everything up to `index` is applied; called after each stretch. */
  readonly onApplied: (index: Index) => void;
  readonly onFailed: (error: unknown) => void;
}

/** Where it goes on. */
export interface AppliedState {
  readonly appliedIndex: Index;
  /** The last entry up to there that the state machine was given. */
  readonly lastCommandIndex: Index;
  /** Commands up to here are not given to the state machine, which has their effect already (PITFALLS C9). */
  readonly keptIndex: Index;
}

/** Another state that takes the place of the one that was applied. */
interface Replacement {
  readonly state: Omit<AppliedState, "keptIndex">;
  readonly restore: () => Promise<void>;
}

export class Applier<Command, Result> {
  readonly #options: ApplierOptions<Command, Result>;
  readonly #keptIndex: Index;
  #appliedIndex: Index;
  #lastCommandIndex: Index;
  #appliedBytes = 0;
  #targetIndex: Index;
  /** What was read from the storage: entries around `#appliedIndex`, or none. */
  #page: readonly Entry[] = [];
  /** The page after that, which is read while it is applied. */
  #nextPage: { readonly firstIndex: Index; readonly entries: Promise<readonly Entry[] | null> } | null = null;
  /** A stretch is under way, waits for something, or is scheduled: it sees a new target by itself. */
  #isBusy = false;
  #isStopped = false;
  /** The state machine has a command, and has not answered yet. */
  #isAwaiting = false;
  #replacement: Replacement | null = null;
  /** Want to know when the state is that of one index. */
  #restListeners: (() => void)[] = [];
  /** When the stretch under way must end. */
  #until = 0;
  /** When the clock was last looked at, after how many entries it is next, and how many of them are left. */
  #lookedAt = 0;
  #stride = 1;
  #untilLook = 1;
  /** Takes back the next stretch, if one is scheduled. */
  #cancel: Cancel | null = null;

  constructor(options: ApplierOptions<Command, Result>, { appliedIndex, lastCommandIndex, keptIndex }: AppliedState) {
    this.#options = options;
    this.#keptIndex = keptIndex;
    this.#appliedIndex = appliedIndex;
    this.#lastCommandIndex = lastCommandIndex;
    this.#targetIndex = appliedIndex;
  }

  get appliedIndex(): Index {
    return this.#appliedIndex;
  }

  /** The last entry that the state machine was given. */
  get lastCommandIndex(): Index {
    return this.#lastCommandIndex;
  }

  /** The payloads of all that was applied by this object, in bytes. */
  get appliedBytes(): number {
    return this.#appliedBytes;
  }

  /** Whether another state is being put in place. */
  get isReplacing(): boolean {
    return this.#replacement !== null;
  }

  /** Applies everything up to `index`: now as far as the budget allows, the rest in later turns. */
  applyTo(index: Index): void {
    if (index <= this.#targetIndex) return;
    this.#targetIndex = index;
    if (!this.#isBusy) this.#begin();
  }

  /** Calls `listener` once, when the state is that of `appliedIndex`, between two commands: at once if it is now. */
  atRest(listener: () => void): void {
    this.#restListeners.push(listener);
    this.#rest();
  }

  /**
   * Puts another state in place: from now on nothing is applied until `restore` has resolved, and then what follows
   * on `state.appliedIndex`. A command that the state machine is busy with comes first.
   */
  replace(state: Replacement["state"], restore: () => Promise<void>): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#page = [];
    this.#nextPage = null;
    this.#replacement = { state, restore };
    this.#isBusy = true;
    if (!this.#isAwaiting) this.#replace().catch(this.#options.onFailed);
  }

  /** Applies no further entry. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
    this.#restListeners = [];
  }

  async #replace(): Promise<void> {
    const replacement = this.#replacement;
    if (replacement === null || this.#isStopped) return;
    await replacement.restore();
    if (this.#isStopped) return;
    const { appliedIndex, lastCommandIndex } = replacement.state;
    this.#appliedIndex = appliedIndex;
    this.#lastCommandIndex = lastCommandIndex;
    this.#targetIndex = Math.max(this.#targetIndex, appliedIndex);
    this.#replacement = null;
    this.#rest();
    this.#begin();
  }

  #rest(): void {
    const isAtRest = !this.#isAwaiting && this.#replacement === null && this.#appliedIndex >= this.#keptIndex;
    if (!isAtRest || this.#isStopped || this.#restListeners.length === 0) return;
    const listeners = this.#restListeners;
    this.#restListeners = [];
    for (const listener of listeners) listener();
  }

  readonly #begin = (): void => {
    this.#cancel = null;
    this.#lookedAt = this.#options.clock.now();
    this.#until = this.#lookedAt + this.#options.applyBudgetMs;
    this.#stride = 1;
    this.#untilLook = 1;
    try {
      this.#goOn();
    } catch (error) {
      this.#options.onFailed(error);
    }
  };

  /** The rest comes after the event loop had its turn. */
  #yield(): void {
    if (!this.#isStopped) this.#cancel = this.#options.clock.soon(this.#begin);
  }

  /** Ends with everything applied, or with something that will call it again. */
  #goOn(): void {
    const { reader, onApplied } = this.#options;
    const isWitness = this.#options.isWitness();
    this.#isBusy = true;
    this.#rest();
    while (!this.#isStopped && this.#appliedIndex < this.#targetIndex) {
      const index = this.#appliedIndex + 1;
      const entry = this.#pagedAt(index) ?? reader.cachedAt(index);
      if (entry === undefined) {
        this.#readPage(index).catch(this.#options.onFailed);
        return onApplied(this.#appliedIndex);
      }
      const answer = this.#apply(entry, isWitness);
      if (answer !== null) {
        this.#isAwaiting = true;
        this.#await(entry, answer).catch(this.#options.onFailed);
        return onApplied(this.#appliedIndex);
      }
      if (this.#isTimeUp() && this.#appliedIndex < this.#targetIndex) {
        this.#yield();
        return onApplied(this.#appliedIndex);
      }
    }
    this.#isBusy = false;
    this.#page = [];
    this.#nextPage = null;
    this.#rest();
    if (!this.#isStopped) onApplied(this.#appliedIndex);
  }

  /** Asked after each entry. Looks at the clock the more often, the longer entries take. */
  #isTimeUp(): boolean {
    this.#untilLook -= 1;
    if (this.#untilLook > 0) return false;
    const now = this.#options.clock.now();
    const isQuick = (now - this.#lookedAt) * MAX_STRIDE < this.#options.applyBudgetMs;
    this.#stride = isQuick ? Math.min(MAX_STRIDE, 2 * this.#stride) : 1;
    this.#untilLook = this.#stride;
    this.#lookedAt = now;
    return now >= this.#until;
  }

  /** Applies one entry; the promise of its answer if the state machine is not done yet. */
  #apply(entry: Entry, isWitness: boolean): PromiseLike<Answer<Result>> | null {
    const { executor, onPassed, onFailed } = this.#options;
    if (entry.kind !== "command") {
      this.#onDone(entry);
      onPassed(entry.index);
      return null;
    }
    if (isWitness) return this.#onSkipped(entry);
    let answer: Answer<Result> | PromiseLike<Answer<Result>>;
    try {
      if (entry.index <= this.#keptIndex) {
        executor.skip(entry);
        return this.#onSkipped(entry);
      }
      answer = executor.execute(entry);
    } catch (error) {
      this.stop();
      onFailed(error);
      return null;
    }
    if (isPromiseLike(answer)) return answer;
    this.#onAnswer(entry, answer);
    return null;
  }

  #onSkipped(entry: Entry): null {
    this.#onDone(entry);
    this.#options.onSkipped(entry.index);
    return null;
  }

  async #await(entry: Entry, promise: PromiseLike<Answer<Result>>): Promise<void> {
    let answer: Answer<Result>;
    try {
      answer = await promise;
    } catch (error) {
      this.stop();
      throw error;
    }
    if (this.#isStopped) return;
    this.#isAwaiting = false;
    this.#onAnswer(entry, answer);
    if (this.#replacement !== null) return this.#replace();
    // Promises that are kept at once would never let the event loop have its turn.
    if (this.#options.clock.now() >= this.#until) this.#yield();
    else this.#goOn();
  }

  #onAnswer(entry: Entry, answer: Answer<Result>): void {
    this.#onDone(entry);
    this.#options.onAnswer(entry.index, entry.term, answer);
  }

  #onDone({ index, data }: Entry): void {
    this.#appliedIndex = index;
    this.#lastCommandIndex = Math.max(this.#lastCommandIndex, this.#options.executor.lastGivenIndex);
    this.#appliedBytes += data.length;
  }

  async #readPage(firstIndex: Index): Promise<void> {
    const isUnderWay = this.#nextPage?.firstIndex === firstIndex;
    const page = await ((isUnderWay ? this.#nextPage?.entries : null) ?? this.#read(firstIndex));
    if (page === null) return;
    this.#page = page;
    this.#nextPage = null;
    const next = firstIndex + page.length;
    if (next <= this.#targetIndex && this.#options.reader.cachedAt(next) === undefined) this.#readAhead(next);
    this.#goOn();
  }

  /** Null once it is no longer wanted. */
  #read(firstIndex: Index): Promise<readonly Entry[] | null> {
    const isWanted = (): boolean => !this.#isStopped && this.#replacement === null && this.#appliedIndex < firstIndex;
    return this.#options.reader.read(firstIndex, this.#targetIndex, PAGE_BYTES, isWanted);
  }

  #readAhead(firstIndex: Index): void {
    const entries = this.#read(firstIndex);
    // Whoever comes to need it hears of it.
    entries.catch(() => undefined);
    this.#nextPage = { firstIndex, entries };
  }

  #pagedAt(index: Index): Entry | undefined {
    const first = this.#page[0];
    return first === undefined ? undefined : this.#page[index - first.index];
  }
}
