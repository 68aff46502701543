/**
 * Linearizable reads (dissertation 6.4; PITFALLS Q4, Q7, Q11): ask the core for an index, wait until that much is
 * applied here, then run the query. One question to the core covers all reads of a turn. Every read settles (Q3).
 */

import { type Clock, RaftError } from "@quorate/contracts";
import { type Index, type Input, NOBODY, type NodeId, type Raft, type ReadOutcome, type Term } from "@quorate/core";
import type { Budget } from "./budget.js";
import { DeadlineQueue, type Timed } from "./deadlines.js";
import type { RequestIds } from "./request-ids.js";

/** What a read takes, about: reads are bounded together with proposals (PITFALLS Q5). */
const READ_BYTES = 512;

/** How many questions the core is asked before it has answered the first; later reads share the next one. */
const MAX_QUESTIONS = 64;

export interface ReadsOptions {
  readonly raft: Raft;
  readonly clock: Clock;
  readonly budget: Budget;
  readonly ids: RequestIds;
  readonly readTimeoutMs: number;
  /** How long to wait before a leader that refused is asked again. */
  readonly retryAfterMs: number;
  /** Asks for a turn. */
  readonly schedule: () => void;
}

class PendingRead implements Timed {
  /** Runs the query and settles the read. */
  readonly run: () => void;
  readonly onError: (error: RaftError) => void;
  deadline: number;
  slot = -1;
  isSettled = false;

  constructor(run: () => void, onError: (error: RaftError) => void, deadline: number) {
    this.run = run;
    this.onError = onError;
    this.deadline = deadline;
  }
}

/** Reads that wait for the state machine to reach `index`. */
interface Batch {
  readonly index: Index;
  readonly reads: readonly PendingRead[];
}

export class Reads {
  readonly #options: ReadsOptions;
  readonly #deadlines = new DeadlineQueue<PendingRead>();
  /** For the next question; may hold settled ones, as the other lists may. */
  #gathered: PendingRead[] = [];
  readonly #asked = new Map<number, readonly PendingRead[]>();
  /** Refused, or without a leader to ask: again with the next leadership, or at `#retryAt`. */
  #refused: PendingRead[] = [];
  #retryAt = Number.POSITIVE_INFINITY;
  #unapplied: Batch[] = [];
  #appliedIndex: Index;
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

  read<Value>(query: () => Value, timeoutMs: number = this.#options.readTimeoutMs): Promise<Value> {
    const { clock, budget, schedule } = this.#options;
    return new Promise((resolve, reject) => {
      budget.take(READ_BYTES, clock.now());
      const run = (): void => {
        try {
          resolve(query());
        } catch (error) {
          reject(error);
        }
      };
      const read = new PendingRead(run, reject, clock.now() + timeoutMs);
      this.#deadlines.add(read);
      this.#gathered.push(read);
      schedule();
    });
  }

  /** The question for the core, if there is one. To be called in every turn. */
  ask(now: number): Extract<Input, { kind: "read" }> | null {
    const { raft, ids } = this.#options;
    const isNewLeadership = raft.leaderId !== this.#leaderId || raft.currentTerm !== this.#term;
    this.#leaderId = raft.leaderId;
    this.#term = raft.currentTerm;
    if (isNewLeadership || now >= this.#retryAt) this.#retry();
    if (this.#gathered.length === 0 || this.#asked.size >= MAX_QUESTIONS) return null;
    const reads = this.#gathered;
    this.#gathered = [];
    if (raft.leaderId === NOBODY) {
      this.#refused = this.#refused.concat(reads);
      return null;
    }
    const readId = ids.next();
    this.#asked.set(readId, reads);
    return { kind: "read", readId };
  }

  /** The core's answer to a question. */
  onOutcome(outcome: ReadOutcome, now: number): void {
    const reads = this.#asked.get(outcome.readId);
    if (reads === undefined) return;
    this.#asked.delete(outcome.readId);
    if (this.#gathered.length > 0) this.#options.schedule();
    if (!outcome.ready) {
      this.#refused = this.#refused.concat(reads);
      this.#retryAt = Math.min(this.#retryAt, now + this.#options.retryAfterMs);
    } else if (outcome.index <= this.#appliedIndex) {
      this.#run(reads);
    } else {
      this.#unapplied.push({ index: outcome.index, reads });
    }
  }

  /** The state machine has reached `index`. */
  onApplied(index: Index): void {
    this.#appliedIndex = index;
    if (this.#unapplied.length === 0) return;
    const batches = this.#unapplied;
    this.#unapplied = batches.filter((batch) => batch.index > index);
    for (const batch of batches) if (batch.index <= index) this.#run(batch.reads);
  }

  /** Settles all whose deadline has come. */
  expire(now: number): void {
    if (this.#deadlines.earliest > now) return;
    for (let due = this.#deadlines.takeDue(now); due !== undefined; due = this.#deadlines.takeDue(now)) {
      this.#settle(due);
      due.onError(new RaftError("READ_TIMED_OUT", "No leader confirmed that it leads, or the log is not applied yet."));
    }
    this.#gathered = this.#gathered.filter(({ isSettled }) => !isSettled);
    this.#refused = this.#refused.filter(({ isSettled }) => !isSettled);
  }

  stop(errorFor: () => RaftError): void {
    for (const read of this.#deadlines.items()) {
      this.#settle(read);
      read.onError(errorFor());
    }
    this.#gathered = [];
    this.#refused = [];
    this.#unapplied = [];
    this.#asked.clear();
    this.#retryAt = Number.POSITIVE_INFINITY;
  }

  #retry(): void {
    this.#retryAt = Number.POSITIVE_INFINITY;
    this.#gathered = this.#refused.concat(this.#gathered);
    this.#refused = [];
  }

  #run(reads: readonly PendingRead[]): void {
    for (const read of reads) {
      if (read.isSettled) continue;
      this.#settle(read);
      read.run();
    }
  }

  #settle(read: PendingRead): void {
    read.isSettled = true;
    this.#deadlines.remove(read);
    this.#options.budget.giveBack(READ_BYTES);
  }
}
