/**
 * Feeds the state machine: committed entries in order, once each, a time budget at a stretch (PITFALLS F1, C6, K15).
 *
 * The state machine is rebuilt from the log at every start: what was applied is never stored, and so can never
 * contradict the state (C9). It gets nothing but the command and its place, so that every server makes the same of
 * it (C10). If it throws, this server no longer knows its state, and stops (C11, C13).
 */

import { type Cancel, type Clock, type CommandCodec, RaftError, type StateMachine } from "@quorate/contracts";
import type { Entry, Index, Term } from "@quorate/core";
import type { LogReader } from "./log-reader.js";

/** How much is read from the storage at a time, in payload bytes, unless one entry is larger. */
const PAGE_BYTES = 1024 * 1024;

export interface ApplierOptions<Command, Result> {
  readonly clock: Clock;
  readonly reader: LogReader;
  readonly stateMachine: StateMachine<Command, Result>;
  readonly codec: CommandCodec<Command, Result>;
  readonly applyBudgetMs: number;
  /** The state machine answered the command at this place. */
  readonly onResult: (index: Index, term: Term, result: Result) => void;
  /** The entry at `index` is committed and no command. */
  readonly onPassed: (index: Index) => void;
  /** Everything up to `index` is applied; called after each stretch. */
  readonly onApplied: (index: Index) => void;
  readonly onFailed: (error: unknown) => void;
}

export class Applier<Command, Result> {
  readonly #options: ApplierOptions<Command, Result>;
  #appliedIndex: Index;
  #targetIndex: Index;
  /** What was read from the storage: entries around `#appliedIndex`, or none. */
  #page: readonly Entry[] = [];
  /** A stretch is under way, waits for something, or is scheduled: it sees a new target by itself. */
  #isBusy = false;
  #isStopped = false;
  /** When the stretch under way must end. */
  #until = 0;
  /** Takes back the next stretch, if one is scheduled. */
  #cancel: Cancel | null = null;

  constructor(options: ApplierOptions<Command, Result>, appliedIndex: Index) {
    this.#options = options;
    this.#appliedIndex = appliedIndex;
    this.#targetIndex = appliedIndex;
  }

  get appliedIndex(): Index {
    return this.#appliedIndex;
  }

  /** Applies everything up to `index`: now as far as the budget allows, the rest in later turns. */
  applyTo(index: Index): void {
    if (index <= this.#targetIndex) return;
    this.#targetIndex = index;
    if (!this.#isBusy) this.#begin();
  }

  /** Applies no further entry. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  readonly #begin = (): void => {
    this.#cancel = null;
    this.#until = this.#options.clock.now() + this.#options.applyBudgetMs;
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
    const { clock, reader, onApplied } = this.#options;
    this.#isBusy = true;
    while (!this.#isStopped && this.#appliedIndex < this.#targetIndex) {
      const index = this.#appliedIndex + 1;
      const entry = this.#pagedAt(index) ?? reader.cachedAt(index);
      if (entry === undefined) {
        this.#readPage(index).catch(this.#options.onFailed);
        return onApplied(this.#appliedIndex);
      }
      const answer = this.#apply(entry);
      if (answer !== null) {
        this.#await(entry, answer).catch(this.#options.onFailed);
        return onApplied(this.#appliedIndex);
      }
      if (clock.now() >= this.#until && this.#appliedIndex < this.#targetIndex) {
        this.#yield();
        return onApplied(this.#appliedIndex);
      }
    }
    this.#isBusy = false;
    this.#page = [];
    if (!this.#isStopped) onApplied(this.#appliedIndex);
  }

  /** Applies one entry; the promise of its answer if the state machine is not done yet. */
  #apply(entry: Entry): PromiseLike<Result> | null {
    const { onPassed, onFailed } = this.#options;
    if (entry.kind !== "command") {
      this.#appliedIndex = entry.index;
      onPassed(entry.index);
      return null;
    }
    let answer: Result | PromiseLike<Result>;
    try {
      answer = this.#hand(entry);
    } catch (error) {
      this.stop();
      onFailed(error);
      return null;
    }
    if (isPromiseLike(answer)) return answer;
    this.#onAnswer(entry, answer);
    return null;
  }

  #hand({ index, term, data }: Entry): Result | PromiseLike<Result> {
    const { codec, stateMachine } = this.#options;
    let command: Command;
    try {
      command = codec.decodeCommand(data);
    } catch (cause) {
      throw new RaftError("STATE_MACHINE_FAILED", `The command at entry ${index} cannot be decoded.`, { cause });
    }
    try {
      return stateMachine.apply({ index, term, command });
    } catch (cause) {
      throw failed(index, cause);
    }
  }

  async #await(entry: Entry, answer: PromiseLike<Result>): Promise<void> {
    let result: Result;
    try {
      result = await answer;
    } catch (cause) {
      this.stop();
      throw failed(entry.index, cause);
    }
    if (this.#isStopped) return;
    this.#onAnswer(entry, result);
    // Promises that are kept at once would never let the event loop have its turn.
    if (this.#options.clock.now() >= this.#until) this.#yield();
    else this.#goOn();
  }

  #onAnswer({ index, term }: Entry, result: Result): void {
    this.#appliedIndex = index;
    this.#options.onResult(index, term, result);
  }

  async #readPage(firstIndex: Index): Promise<void> {
    const isWanted = (): boolean => !this.#isStopped;
    const page = await this.#options.reader.read(firstIndex, this.#targetIndex, PAGE_BYTES, isWanted);
    if (page === null) return;
    this.#page = page;
    this.#goOn();
  }

  #pagedAt(index: Index): Entry | undefined {
    const first = this.#page[0];
    return first === undefined ? undefined : this.#page[index - first.index];
  }
}

function failed(index: Index, cause: unknown): RaftError {
  return new RaftError("STATE_MACHINE_FAILED", `The state machine failed on the command at entry ${index}.`, { cause });
}

function isPromiseLike<Value>(value: Value | PromiseLike<Value>): value is PromiseLike<Value> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
