/**
 * A client with a session of its own: it retries what it does not know the outcome of, on any server, under the number
 * that it had (PITFALLS K1, K13). Now and then it is rude: asks two servers at once, or uses a number twice.
 */

import { RaftError } from "@quorate/contracts";
import type { Machine } from "./machine.js";
import type { Command } from "./register-file.js";

const MOST_ATTEMPTS = 5;

/** The share of commands that are sent to two servers at the same time, and of numbers that are used twice. */
const TWICE_RATE = 0.1;

/** A number, and the session that it belongs to. */
interface Place {
  readonly id: number;
  readonly sequence: number;
}

export interface SessionCallerOptions {
  readonly machines: readonly Machine[];
  /** A number from 0 up to 1, another one with each call. */
  readonly roll: () => number;
  readonly timeoutMs: number;
  onRetried(): void;
  onRefused(error: RaftError): void;
}

export class SessionCaller {
  readonly #options: SessionCallerOptions;
  #id: Promise<number> | null = null;
  #next = 1;
  readonly #inFlight = new Set<number>();
  /** Requests to servers without an answer, also those that nobody waits for. */
  attempts = 0;
  /** The last command that was executed. */
  #executed: Place | null = null;

  constructor(options: SessionCallerOptions) {
    this.#options = options;
  }

  /** Rejects with a `RaftError` whose outcome speaks of all attempts together. */
  async propose(command: Command): Promise<number> {
    this.#id ??= this.#open(this.#pick());
    let id: number;
    try {
      id = await this.#id;
    } catch (error) {
      this.#id = null;
      // Nothing was sent but the wish for a session.
      throw notExecuted(error);
    }
    const sequence = this.#next;
    this.#next += 1;
    this.#inFlight.add(sequence);
    try {
      const place = await this.#proposeOnceOrTwice(id, sequence, command);
      this.#executed = { id, sequence };
      return place;
    } finally {
      this.#inFlight.delete(sequence);
    }
  }

  #open(machine: Machine): Promise<number> {
    return raced(machine, machine.openSession(this.#options.timeoutMs));
  }

  /** Whether a number is going to be used twice now. */
  get isMisusing(): boolean {
    return this.#executed !== null && this.#options.roll() < TWICE_RATE;
  }

  /** Proposes another command under a number whose command was executed: this one must not be. */
  async misuse(command: Command): Promise<number> {
    const { id, sequence } = this.#executed as Place;
    const { timeoutMs, onRefused } = this.#options;
    try {
      return await this.#attempt(this.#pick(), id, command, { sequence, timeoutMs });
    } catch (error) {
      if (error instanceof RaftError) onRefused(error);
      throw error;
    }
  }

  /** When two are under way, the first answer tells nothing of what becomes of the other, unless it is a result. */
  async #proposeOnceOrTwice(id: number, sequence: number, command: Command): Promise<number> {
    const asked = this.#propose(id, sequence, command, () => true);
    if (this.#options.roll() >= TWICE_RATE) return asked;
    let isAnswered = false;
    this.#propose(id, sequence, command, () => !isAnswered).catch(() => undefined);
    try {
      return await asked;
    } catch (cause) {
      throw cause instanceof RaftError ? new RaftError("OUTCOME_UNKNOWN", "Another was under way.", { cause }) : cause;
    } finally {
      // The other is not asked for again: nobody would wait for it.
      isAnswered = true;
    }
  }

  async #propose(id: number, sequence: number, command: Command, isWanted: () => boolean): Promise<number> {
    const { timeoutMs, onRetried, onRefused } = this.#options;
    let last: unknown = null;
    let isInDoubt = false;
    for (let attempt = 1; attempt <= MOST_ATTEMPTS && isWanted(); attempt += 1) {
      const acknowledgedBelow = Math.min(...this.#inFlight, sequence);
      try {
        return await this.#attempt(this.#pick(), id, command, { sequence, acknowledgedBelow, timeoutMs });
      } catch (error) {
        last = error;
        if (!(error instanceof RaftError)) throw error;
        if (error.outcome !== "not-executed") isInDoubt = true;
        onRefused(error);
        if (error.code !== "SESSION_EXPIRED_UNDER_WAY") {
          onRetried();
          continue;
        }
        this.#id = null;
        this.#executed = null;
        break;
      }
    }
    throw isInDoubt ? new RaftError("OUTCOME_UNKNOWN", "No attempt was answered.", { cause: last }) : last;
  }

  async #attempt(machine: Machine, id: number, command: Command, options: Parameters<Machine["proposeIn"]>[2]) {
    this.attempts += 1;
    try {
      return await raced(machine, machine.proposeIn(id, command, options));
    } finally {
      this.attempts -= 1;
    }
  }

  #pick(): Machine {
    const { machines, roll } = this.#options;
    return machines[Math.floor(roll() * machines.length)] as Machine;
  }
}

/** What a server is asked that dies meanwhile is never answered. */
async function raced<Value>(machine: Machine, asked: Promise<Value>): Promise<Value> {
  const ended = machine.whenEnded().then(() => {
    throw new RaftError("OUTCOME_UNKNOWN", `${machine.name} died.`);
  });
  ended.catch(() => undefined);
  return Promise.race([asked, ended]);
}

function notExecuted(error: unknown): unknown {
  if (!(error instanceof RaftError) || error.outcome === "not-executed") return error;
  return new RaftError("NO_LEADER", "There was no session.", { cause: error });
}
