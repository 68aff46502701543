/**
 * Reads (dissertation 6.4; PITFALLS Q4, Q7, Q11): ask the core for an index, wait until that much is applied here, then
 * run the query. One question to the core covers all reads of a turn. Every read settles (Q3).
 *
 * A read under a lease is looked at again when the query has run: if the lease is over by then, the query runs anew, for
 * a quorum to confirm (L5).
 *
 * A stale read with a bound rests on the answers to earlier questions. Whatever was acknowledged before this server asked
 * is at or below the index that a quorum confirmed; once that much is applied, this server is as fresh as the moment at
 * which it asked, by its own clock, and needs nobody to tell it how old that is. So one question serves all reads for as
 * long as their bound, on any server, however late messages are and whoever leads; a server that has just started has
 * asked nothing yet, and so is not fresh (Q8).
 */

import { type Clock, RaftError } from "@quorate/contracts";
import { type Index, type Input, NOBODY, type NodeId, type Raft, type ReadOutcome, type Term } from "@quorate/core";
import { abortError, listenTo } from "./abort.js";
import type { Budget } from "./budget.js";
import { DeadlineQueue } from "./deadlines.js";
import { type Answer, PendingRead, type Question } from "./pending-read.js";
import type { ReadOptions } from "./read-options.js";
import type { RequestIds } from "./request-ids.js";

/** What a read takes, about: reads are bounded together with proposals (PITFALLS Q5). */
const READ_BYTES = 512;

/** How many questions the core is asked before it has answered the first; later reads share the next one. */
const MAX_QUESTIONS = 64;

type ReadInput = Extract<Input, { kind: "read" }>;

const NO_INPUTS: readonly ReadInput[] = [];

export interface ReadsOptions {
  readonly raft: Raft;
  readonly clock: Clock;
  readonly budget: Budget;
  readonly ids: RequestIds;
  readonly readTimeoutMs: number;
  readonly maxClockDrift: number;
  /** How long to wait before a leader that refused is asked again. */
  readonly retryAfterMs: number;
  /** Asks for a turn. */
  readonly schedule: () => void;
}

export class Reads {
  readonly #options: ReadsOptions;
  readonly #deadlines = new DeadlineQueue<PendingRead>();
  /** For the next questions; may hold settled ones, as the other lists may. */
  #gathered: PendingRead[] = [];
  #gatheredForLease: PendingRead[] = [];
  readonly #asked = new Map<number, Question>();
  /** Refused, or without a leader to ask: again with the next leadership, or at `#retryAt`. */
  #refused: PendingRead[] = [];
  #retryAt = Number.POSITIVE_INFINITY;
  #unapplied: Answer[] = [];
  #appliedIndex: Index;
  /** Everything that was acknowledged before this moment, by any server, is applied here. */
  #freshAt = Number.NEGATIVE_INFINITY;
  /** Stale reads will soon have to wait, unless the core is asked. */
  #isGettingOld = false;
  #leaderId: NodeId = NOBODY;
  #term: Term = 0;

  constructor(options: ReadsOptions, appliedIndex: Index) {
    this.#options = options;
    this.#appliedIndex = appliedIndex;
  }

  /** How many have not settled. */
  get count(): number {
    return this.#deadlines.size;
  }

  /** When a turn is needed, if nothing else happens. */
  get wakeAt(): number {
    return Math.min(this.#deadlines.earliest, this.#retryAt);
  }

  read<Value>(query: () => Value, options: ReadOptions): Promise<Value> {
    const { consistency, maxStalenessMs = Number.POSITIVE_INFINITY, signal } = options;
    if (signal?.aborted === true) return Promise.reject(abortError(signal, false));
    if (consistency === "stale" && this.#isFresh(maxStalenessMs)) return new Promise((resolve) => resolve(query()));
    return new Promise((resolve, reject) => {
      const attempt = (): (() => void) => {
        try {
          const value = query();
          return () => resolve(value);
        } catch (error) {
          return () => reject(error);
        }
      };
      this.#begin({ attempt, onError: reject }, options);
    });
  }

  /** Throws `OVERLOADED` if too much is under way. */
  #begin(ways: Pick<PendingRead, "attempt" | "onError">, { consistency, timeoutMs, signal }: ReadOptions): void {
    const { clock, budget, schedule, readTimeoutMs } = this.#options;
    const now = clock.now();
    budget.take(READ_BYTES, now);
    const read = new PendingRead(ways, {
      isLease: consistency === "lease",
      timeoutCode: consistency === "stale" ? "READ_TOO_STALE" : "READ_TIMED_OUT",
      deadline: now + (timeoutMs ?? readTimeoutMs),
    });
    this.#deadlines.add(read);
    this.#gather(read);
    schedule();
    if (signal === undefined) return;
    read.onSettled = listenTo(signal, () => {
      this.#settle(read);
      read.onError(abortError(signal, false));
    });
  }

  /**
   * Whether this server is fresh enough for a stale read that begins now. Asks ahead of time, so that reads that keep
   * coming need not wait. A slow clock makes too little of the time that has passed, by the drift at most.
   */
  #isFresh(maxStalenessMs: number): boolean {
    if (maxStalenessMs === Number.POSITIVE_INFINITY) return true;
    const { clock, maxClockDrift, schedule } = this.#options;
    const ageMs = (clock.now() - this.#freshAt) * (1 + maxClockDrift);
    if (ageMs > maxStalenessMs) return false;
    if (ageMs > maxStalenessMs / 2 && !this.#isGettingOld) {
      this.#isGettingOld = true;
      schedule();
    }
    return true;
  }

  #gather(read: PendingRead): void {
    (read.isLease ? this.#gatheredForLease : this.#gathered).push(read);
  }

  /** The questions for the core. To be called in every turn. */
  ask(now: number): readonly ReadInput[] {
    const { raft } = this.#options;
    const isNewLeadership = raft.leaderId !== this.#leaderId || raft.currentTerm !== this.#term;
    this.#leaderId = raft.leaderId;
    this.#term = raft.currentTerm;
    if (isNewLeadership || now >= this.#retryAt) this.#retry();
    const isWanted = this.#gathered.length > 0 || (this.#isGettingOld && !this.#isConfirming());
    this.#isGettingOld = false;
    if (!isWanted && this.#gatheredForLease.length === 0) return NO_INPUTS;
    const inputs: ReadInput[] = [];
    if (isWanted && this.#asked.size < MAX_QUESTIONS) {
      this.#ask({ isLease: false, askedAt: now, reads: this.#gathered }, inputs);
      this.#gathered = [];
    }
    if (this.#gatheredForLease.length > 0 && this.#asked.size < MAX_QUESTIONS) {
      this.#ask({ isLease: true, askedAt: now, reads: this.#gatheredForLease }, inputs);
      this.#gatheredForLease = [];
    }
    return inputs;
  }

  #ask(question: Question, inputs: ReadInput[]): void {
    const { raft, ids } = this.#options;
    if (raft.leaderId === NOBODY) {
      this.#refused = this.#refused.concat(question.reads);
      return;
    }
    const readId = ids.next();
    this.#asked.set(readId, question);
    inputs.push({ kind: "read", readId, isLease: question.isLease });
  }

  /** Whether an answer is on its way that will tell how fresh this server is. */
  #isConfirming(): boolean {
    for (const { isLease } of this.#asked.values()) if (!isLease) return true;
    return this.#unapplied.some(({ isLease }) => !isLease);
  }

  /** The core's answer to a question. */
  onOutcome(outcome: ReadOutcome, now: number): void {
    const question = this.#asked.get(outcome.readId);
    if (question === undefined) return;
    this.#asked.delete(outcome.readId);
    if (this.#gathered.length + this.#gatheredForLease.length > 0) this.#options.schedule();
    if (!outcome.ready) {
      if (outcome.refusal === "overloaded") return this.#refuse(question.reads);
      this.#refused = this.#refused.concat(question.reads);
      this.#retryAt = Math.min(this.#retryAt, now + this.#options.retryAfterMs);
      return;
    }
    const answer: Answer = { ...question, index: outcome.index, lease: outcome.lease ?? null };
    if (answer.index <= this.#appliedIndex) this.#take(answer);
    else this.#unapplied.push(answer);
  }

  /** The state machine has reached `index`. */
  onApplied(index: Index): void {
    this.#appliedIndex = index;
    if (this.#unapplied.length === 0) return;
    const answers = this.#unapplied;
    this.#unapplied = answers.filter((answer) => answer.index > index);
    for (const answer of answers) if (answer.index <= index) this.#take(answer);
  }

  /** Everything up to the answer's index is applied. */
  #take({ askedAt, reads, lease }: Answer): void {
    const { raft, clock, schedule } = this.#options;
    // What a stale read may rest on is a quorum's word alone.
    if (lease === null) this.#freshAt = Math.max(this.#freshAt, askedAt);
    for (const read of reads) {
      if (read.isSettled) continue;
      const handOut = read.attempt();
      if (lease === null || raft.lasts(lease, clock.now())) {
        this.#settle(read);
        handOut();
      } else {
        read.isLease = false;
        this.#gather(read);
        schedule();
      }
    }
  }

  #refuse(reads: readonly PendingRead[]): void {
    const { retryAfterMs } = this.#options;
    for (const read of reads) {
      if (read.isSettled) continue;
      this.#settle(read);
      read.onError(new RaftError("OVERLOADED", "Too many reads wait for the leader.", { retryAfterMs }));
    }
  }

  /** Settles all whose deadline has come. */
  expire(now: number): void {
    if (this.#deadlines.earliest > now) return;
    for (let due = this.#deadlines.takeDue(now); due !== undefined; due = this.#deadlines.takeDue(now)) {
      this.#settle(due);
      due.onError(new RaftError(due.timeoutCode, "No leader confirmed that it leads, or the log is not applied yet."));
    }
    this.#gathered = this.#gathered.filter(({ isSettled }) => !isSettled);
    this.#gatheredForLease = this.#gatheredForLease.filter(({ isSettled }) => !isSettled);
    this.#refused = this.#refused.filter(({ isSettled }) => !isSettled);
  }

  stop(errorFor: () => RaftError): void {
    for (const read of this.#deadlines.items()) {
      this.#settle(read);
      read.onError(errorFor());
    }
    this.#gathered = [];
    this.#gatheredForLease = [];
    this.#refused = [];
    this.#unapplied = [];
    this.#asked.clear();
    this.#retryAt = Number.POSITIVE_INFINITY;
  }

  #retry(): void {
    this.#retryAt = Number.POSITIVE_INFINITY;
    const refused = this.#refused;
    this.#refused = [];
    for (const read of refused) this.#gather(read);
  }

  #settle(read: PendingRead): void {
    read.isSettled = true;
    read.onSettled?.();
    this.#deadlines.remove(read);
    this.#options.budget.giveBack(READ_BYTES);
  }
}
