/**
 * What clients and state machines were told, checked at once:
 *
 * - State machines apply the same commands in the same order, each once.
 * - A result names the place where the command really is, after everything that was known when it was asked for.
 * - A read sees everything that was acknowledged, or read, before it began; a stale one, so long before it began.
 * - What was "not executed" is nowhere.
 * - It is the same time at an entry wherever it is applied, and never earlier than at the one before; what expires by it
 *   does so at the same entry everywhere.
 */

import type { CommittedCommand, CommittedTime, RaftError } from "@quorate/contracts";
import type { Index, Term } from "@quorate/core";
import type { Violation } from "../ledger/index.js";
import type { Command, RegistersState } from "./register-file.js";
import { contradictionIn } from "./restored-registers.js";

interface Applied {
  readonly index: Index;
  readonly term: Term;
  readonly id: string;
  readonly command: Command;
  readonly by: string;
}

interface Time {
  readonly timeMs: number;
  readonly expired: number;
  readonly by: string;
}

type Report = (violation: Violation) => void;

export class Outcomes {
  /** In the order in which all must apply them. */
  readonly #applied: Applied[] = [];
  readonly #places = new Map<string, number>();
  readonly #refused = new Map<string, string>();
  /** By index. */
  readonly #times = new Map<Index, Time>();
  #latest: CommittedTime = { index: 0, term: 0, timeMs: 0 };
  #acknowledged = 0;
  /** When it grew, to what; by rising time. */
  readonly #growth: { readonly atMs: number; readonly length: number }[] = [];
  readonly #report: Report;
  readonly #now: () => number;

  constructor(report: Report, now: () => number) {
    this.#report = report;
    this.#now = now;
  }

  get length(): number {
    return this.#applied.length;
  }

  /** How many commands a request that begins now must come after, or see. */
  get acknowledgedLength(): number {
    return this.#acknowledged;
  }

  /** How many that was before `atMs`. */
  acknowledgedBefore(atMs: number): number {
    const last = this.#growth.findLast((growth) => growth.atMs < atMs);
    return last?.length ?? 0;
  }

  #acknowledge(length: number): void {
    if (length <= this.#acknowledged) return;
    this.#acknowledged = length;
    this.#growth.push({ atMs: this.#now(), length });
  }

  onApplied(by: string, { index, term, command }: CommittedCommand<Command>, place: number): void {
    const { id } = command;
    const known = this.#applied[place - 1];
    if (known === undefined) {
      this.#onFirstApplied({ index, term, id, command, by }, place);
    } else if (known.id !== id || known.index !== index || known.term !== term) {
      this.#report({
        property: "State Machine Safety",
        oracle: "outcomes/same-order",
        statement: "All state machines apply the same commands in the same order (Figure 3).",
        facts: [
          `${known.by} applied ${known.id} as number ${place}, from entry ${known.index}@${known.term}.`,
          `${by} applied ${id} as number ${place}, from entry ${index}@${term}.`,
        ],
      });
    }
  }

  /** A snapshot that is said to reach to entry `index` was made of `state` (PITFALLS S13). */
  onSnapshot(by: string, index: Index, state: RegistersState): void {
    const next = this.#applied[state.length];
    if (state.index <= index && (next?.index ?? Number.POSITIVE_INFINITY) > index) return;
    this.#report({
      property: "State Machine Safety",
      oracle: "outcomes/snapshot",
      statement: "A snapshot holds what was applied up to its place, and nothing else.",
      facts: [
        `${by} makes a snapshot that is said to hold everything up to entry ${index}.`,
        `The state in it holds everything up to entry ${state.index}: ${state.length} commands. The next command is ${next === undefined ? "not known" : `entry ${next.index}`}.`,
      ],
    });
  }

  /** Registers took over a state, after a snapshot or of an earlier life (PITFALLS S2, S13, S19, S20). */
  onRestored(by: string, state: RegistersState): void {
    const last = this.#applied[state.length - 1];
    const next = this.#applied[state.length];
    const isInPlace = (last?.index ?? 0) <= state.index && (next?.index ?? Number.POSITIVE_INFINITY) > state.index;
    const time = this.#times.get(state.index);
    const isInTime = time === undefined || time.expired === state.expired;
    const contradiction = contradictionIn(
      state,
      this.#applied.map(({ command }) => command),
    );
    if (isInPlace && isInTime && contradiction === null) return;
    this.#report({
      property: "State Machine Safety",
      oracle: "outcomes/restored",
      statement: "A state that is taken over is what the commands up to its place make of it, and nothing else.",
      facts: [
        `${by} took over a state that is said to hold everything up to entry ${state.index}: ${state.length} commands, and ${state.expired} leases that were over.`,
        contradiction ??
          (isInPlace
            ? `On ${time?.by}, ${time?.expired} leases were over at that entry.`
            : `The last of them is entry ${last?.index ?? 0}, and the next command that was applied is entry ${next?.index}.`),
      ],
    });
  }

  onTime(by: string, { index, term, timeMs }: CommittedTime, expired: number): void {
    const known = this.#times.get(index);
    if (known === undefined) {
      this.#times.set(index, { timeMs, expired, by });
      const { index: before, timeMs: beforeMs } = this.#latest;
      if (index > before && timeMs < beforeMs)
        this.#reportTime(`At entry ${before} it was ${beforeMs} ms.`, by, index, timeMs);
      if (index > before) this.#latest = { index, term, timeMs };
    } else if (known.timeMs !== timeMs || known.expired !== expired) {
      const fact = `On ${known.by}, it was ${known.timeMs} ms at entry ${index}, and ${known.expired} leases were over.`;
      this.#reportTime(fact, by, index, timeMs, expired);
    }
  }

  #reportTime(fact: string, by: string, index: Index, timeMs: number, expired?: number): void {
    const leases = expired === undefined ? "" : `, and ${expired} leases were over`;
    this.#report({
      property: "Replicated time",
      oracle: "outcomes/time",
      statement: "It is the same time at an entry on every server, and never earlier than at the entry before.",
      facts: [fact, `On ${by}, it was ${timeMs} ms at entry ${index}${leases}.`],
    });
  }

  #onFirstApplied(applied: Applied, place: number): void {
    const { id, by, index, term } = applied;
    const before = this.#places.get(id);
    const refused = this.#refused.get(id);
    this.#applied.push(applied);
    this.#places.set(id, place);
    if (before !== undefined) {
      const first = this.#applied[before - 1] as Applied;
      this.#report({
        property: "Exactly once",
        oracle: "outcomes/once",
        statement: "A command that was proposed once is executed once at most.",
        facts: [
          `${first.by} applied ${id} as number ${before}, from entry ${first.index}@${first.term}.`,
          `${by} applied ${id} again as number ${place}, from entry ${index}@${term}.`,
        ],
      });
    }
    if (refused !== undefined) this.#reportRefused(id, refused, `${by} applied it as number ${place}`);
  }

  #reportRefused(id: string, refused: string, executed: string): void {
    this.#report({
      property: "Honest outcomes",
      oracle: "outcomes/not-executed",
      statement: 'What a client is told was "not executed" is never executed.',
      facts: [`The client of ${id} was told: ${refused}`, `${executed}.`],
    });
  }

  /** `floor` is what {@link acknowledgedLength} was when the command was proposed. */
  onResult(id: string, place: number, floor: number): void {
    const there = this.#applied[place - 1];
    if (there?.id !== id) {
      this.#report({
        property: "Honest outcomes",
        oracle: "outcomes/result",
        statement: "A result comes after its command was applied, and says what became of that very command.",
        facts: [
          `The client of ${id} was told that it is command number ${place}.`,
          there === undefined
            ? `No server had applied ${place} commands then; the most was ${this.#applied.length}.`
            : `Number ${place} is ${there.id}, which ${there.by} applied from entry ${there.index}@${there.term}.`,
        ],
      });
    }
    if (place <= floor) this.#reportOrder(`${id} was proposed`, `${id} was given place ${place}`, floor);
    this.#acknowledge(place);
  }

  onRefused(id: string, error: RaftError): void {
    if (error.outcome === "not-executed") this.onNeverExecuted(id, error);
  }

  /** Whatever `error` says of it, the command must be executed nowhere. */
  onNeverExecuted(id: string, error: RaftError): void {
    const said = `${error.code}: ${error.message}`;
    this.#refused.set(id, said);
    const place = this.#places.get(id);
    if (place !== undefined) {
      const { by, index, term } = this.#applied[place - 1] as Applied;
      this.#reportRefused(id, said, `${by} had applied it as number ${place}, from entry ${index}@${term}`);
    }
  }

  onRead(by: string, length: number, floor: number): void {
    if (length < floor) this.#reportOrder(`a read on ${by} began`, `the read saw only ${length} commands`, floor);
    this.#acknowledge(length);
  }

  /** `floor` is what {@link acknowledgedBefore} says of the moment that the read may be as old as. */
  onStaleRead(by: string, length: number, floor: number, maxStalenessMs: number): void {
    if (length >= floor) return;
    const last = this.#applied[floor - 1];
    this.#report({
      property: "Bounded staleness",
      oracle: "outcomes/staleness",
      statement: "A stale read sees everything that a client knew so long before it began as the read may be old.",
      facts: [
        `${Math.round(maxStalenessMs)} ms before a read on ${by} began, a client knew of ${floor} commands; the last of them was ${last?.id ?? "unknown"}.`,
        `And yet the read saw only ${length} commands.`,
      ],
    });
  }

  #reportOrder(began: string, saw: string, floor: number): void {
    const last = this.#applied[floor - 1];
    this.#report({
      property: "Linearizability",
      oracle: "outcomes/real-time",
      statement: "A request sees, or comes after, everything that any client knew before it began.",
      facts: [
        `Before ${began}, a client knew of ${floor} commands; the last of them was ${last?.id ?? "unknown"}.`,
        `And yet ${saw}.`,
      ],
    });
  }
}
