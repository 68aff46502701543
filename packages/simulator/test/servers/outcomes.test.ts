/** What the book of outcomes must notice: each lie that a client or a state machine could be told, told to it. */

import { RaftError } from "@quorate/contracts";
import { describe, expect, it } from "vitest";
import type { Violation } from "../../src/ledger/index.js";
import { Outcomes } from "../../src/servers/outcomes.js";

class Book {
  readonly violations: Violation[] = [];
  now = 0;
  readonly outcomes = new Outcomes(
    (violation) => this.violations.push(violation),
    () => this.now,
  );

  apply(by: string, id: string, place: number, index = place + 1): void {
    this.outcomes.onApplied(
      by,
      { index, term: 1, timeMs: 0, command: { id, f: "append", key: "x", value: id } },
      place,
    );
  }

  get oracles(): string[] {
    return this.violations.map(({ oracle }) => oracle);
  }
}

/** Two commands, applied by two servers and acknowledged. */
function orderly(): Book {
  const book = new Book();
  for (const by of ["n1", "n2"]) {
    book.apply(by, "a", 1);
    book.apply(by, "b", 2);
  }
  book.outcomes.onResult("a", 1, 0);
  book.outcomes.onResult("b", 2, 1);
  return book;
}

describe("the book of outcomes", () => {
  it("has nothing against an honest run", () => {
    const book = orderly();
    book.outcomes.onRead("n2", 2, 2);
    book.outcomes.onRefused("c", new RaftError("NO_LEADER", "There was none."));
    book.outcomes.onRefused("d", new RaftError("TIMED_OUT", "It took too long."));
    book.apply("n1", "d", 3);
    expect(book.violations).toEqual([]);
    expect(book.outcomes.length).toBe(3);
    expect(book.outcomes.acknowledgedLength).toBe(2);
  });

  it("Bounded staleness: a stale read that misses what was known long enough before", () => {
    const book = new Book();
    for (const [place, id] of ["a", "b", "c"].entries()) {
      book.now = 100 * place;
      book.apply("n1", id, place + 1);
      book.outcomes.onResult(id, place + 1, place);
    }
    expect([0, 1, 100, 101, 500].map((atMs) => book.outcomes.acknowledgedBefore(atMs))).toEqual([0, 1, 1, 2, 3]);
    book.outcomes.onStaleRead("n2", 2, 2, 50);
    expect(book.violations).toEqual([]);
    book.outcomes.onStaleRead("n2", 1, 2, 50);
    expect(book.oracles).toEqual(["outcomes/staleness"]);
    // Whoever read something old knows no more by it.
    expect(book.outcomes.acknowledgedLength).toBe(3);
  });

  it("State Machine Safety: another command at a place", () => {
    const book = orderly();
    book.apply("n3", "a", 1);
    book.apply("n3", "c", 2);
    expect(book.oracles).toEqual(["outcomes/same-order"]);
    expect(book.violations[0]?.facts).toEqual([
      "n1 applied b as number 2, from entry 3@1.",
      "n3 applied c as number 2, from entry 3@1.",
    ]);
  });

  it("State Machine Safety: the same command from another entry", () => {
    const book = orderly();
    book.apply("n3", "a", 1, 7);
    expect(book.oracles).toEqual(["outcomes/same-order"]);
  });

  it("K1, C12: a command that is applied twice", () => {
    const book = orderly();
    book.apply("n1", "a", 3);
    expect(book.oracles).toEqual(["outcomes/once"]);
  });

  it("K6: a result for another command, and one before anybody applied it", () => {
    const book = orderly();
    book.outcomes.onResult("a", 2, 0);
    book.outcomes.onResult("c", 3, 2);
    expect(book.oracles).toEqual(["outcomes/result", "outcomes/result"]);
  });

  it("K6: what was not executed, and was", () => {
    const book = orderly();
    const refusal = new RaftError("NO_LEADER", "Another leader took its place.");
    book.outcomes.onRefused("c", refusal);
    book.apply("n1", "c", 3);
    book.apply("n1", "d", 4);
    book.outcomes.onRefused("d", refusal);
    expect(book.oracles).toEqual(["outcomes/not-executed", "outcomes/not-executed"]);
  });

  it("Q2: a read, and a result, from before what was known when they were asked for", () => {
    const book = orderly();
    book.outcomes.onRead("n2", 1, 2);
    book.outcomes.onResult("a", 1, 2);
    expect(book.oracles).toEqual(["outcomes/real-time", "outcomes/real-time"]);
    expect(book.violations[0]?.facts[0]).toContain("a read on n2 began");
  });

  it("a read that is behind another read", () => {
    const book = orderly();
    book.apply("n1", "c", 3);
    book.outcomes.onRead("n1", 3, 2);
    book.outcomes.onRead("n2", 2, book.outcomes.acknowledgedLength);
    expect(book.oracles).toEqual(["outcomes/real-time"]);
  });
});
