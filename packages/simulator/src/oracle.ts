/**
 * What must hold, whatever happens: every violation is recorded with the two facts that contradict each other.
 *
 * - Election Safety: one leader at most in a term.
 * - State Machine Safety: the same entry at an index on every server, in every life of it.
 * - Exactly the answered outcomes: a result is where the line really is; what was "not executed" never appears.
 * - Linearizability: a read sees everything that was acknowledged, or read, before it began.
 */

import type { CommittedCommand, RaftError } from "@quorate/contracts";
import type { Index, Term } from "@quorate/core";

interface Applied {
  readonly term: Term;
  readonly line: string;
  readonly by: string;
}

export class Oracle {
  readonly #leaders = new Map<Term, string>();
  readonly #applied = new Map<Index, Applied>();
  /** Line by line, the list that all servers must agree on. */
  readonly #lines: string[] = [];
  readonly #notExecuted = new Set<string>();
  #acknowledged = 0;
  violation: string | null = null;

  get committedLines(): number {
    return this.#lines.length;
  }

  /** The length that a read beginning now must see at least. */
  get acknowledgedLength(): number {
    return this.#acknowledged;
  }

  onLeader(name: string, term: Term): void {
    const other = this.#leaders.get(term) ?? name;
    this.#leaders.set(term, other);
    if (other !== name) this.#violated(`Election Safety: ${other} and ${name} both lead term ${term}`);
  }

  onApplied(by: string, { index, term, command: line }: CommittedCommand<string>, place: number): void {
    const known = this.#applied.get(index) ?? { term, line, by };
    this.#applied.set(index, known);
    if (known.term !== term || known.line !== line) {
      this.#violated(
        `State Machine Safety: at index ${index}, ${known.by} applied ${known.line} of term ${known.term}, ${by} applied ${line} of term ${term}`,
      );
    }
    if (place > this.#lines.length) this.#lines.push(line);
    if (this.#lines[place - 1] !== line) {
      this.#violated(`Same order: line ${place} is ${this.#lines[place - 1]}, but ${by} has ${line} there`);
    }
  }

  onResult(line: string, place: number): void {
    if (this.#lines[place - 1] !== line) {
      this.#violated(`Answers: ${line} was acknowledged at ${place}, where ${this.#lines[place - 1]} stands`);
    }
    this.#acknowledged = Math.max(this.#acknowledged, place);
  }

  onRefused(line: string, error: RaftError): void {
    if (error.outcome === "not-executed") this.#notExecuted.add(line);
  }

  onRead(by: string, length: number, atLeast: number): void {
    if (length < atLeast)
      this.#violated(`Linearizability: ${by} read ${length} lines after ${atLeast} were acknowledged`);
    this.#acknowledged = Math.max(this.#acknowledged, length);
  }

  onFailure(what: string): void {
    this.#violated(what);
  }

  /** Once all is quiet: nothing twice, nothing that was refused. */
  conclude(): void {
    const seen = new Set<string>();
    for (const line of this.#lines) {
      if (seen.has(line)) this.#violated(`Once: ${line} was executed twice`);
      if (this.#notExecuted.has(line))
        this.#violated(`Outcomes: ${line} was executed, but its client was told it was not`);
      seen.add(line);
    }
  }

  #violated(message: string): void {
    this.violation ??= message;
  }
}
