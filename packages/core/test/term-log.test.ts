/** `TermLog` against the plainest log there is: an array with the term of every entry. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type EntryId, type Index, type Term, TermLog, type TermLookup, type TermRun } from "../src/index.js";
import { numRuns } from "./support/runs.js";

class NaiveLog {
  readonly compacted: EntryId;
  readonly terms: Term[];

  constructor(compacted: EntryId, terms: readonly Term[]) {
    this.compacted = compacted;
    this.terms = [...terms];
  }

  get lastIndex(): Index {
    return this.compacted.index + this.terms.length;
  }

  get lastTerm(): Term {
    return this.terms[this.terms.length - 1] ?? this.compacted.term;
  }

  get runs(): TermRun[] {
    return this.terms.flatMap((term, place) =>
      place > 0 && this.terms[place - 1] === term ? [] : [{ firstIndex: this.compacted.index + 1 + place, term }],
    );
  }

  termAt(index: Index): TermLookup {
    if (index === this.compacted.index) return this.compacted.term;
    if (index < this.compacted.index) return "compacted";
    return this.terms[index - this.compacted.index - 1] ?? "beyond";
  }

  /** §5.3: as far up to `index` as a log may agree whose entry there is of `term`. */
  findConflictByTerm(index: Index, term: Term): EntryId {
    for (let place = Math.min(index, this.lastIndex); place > this.compacted.index; place -= 1) {
      const known = this.termAt(place) as Term;
      if (known <= term) return { index: place, term: known };
    }
    return this.compacted;
  }
}

/** Term steps rather than terms, so that terms never fall. */
const steps = fc.array(fc.constantFrom(0, 0, 0, 1, 2), { maxLength: 25 });
const start = fc.record({ index: fc.nat({ max: 6 }), term: fc.nat({ max: 3 }), steps });

/** Append (a step in term) or truncate (so many from the end). */
const change = fc.oneof(
  fc.record({ append: fc.constantFrom(0, 0, 1, 3) }),
  fc.record({ truncate: fc.nat({ max: 30 }) }),
);

function termsOf(firstTerm: Term, list: readonly number[]): Term[] {
  let term = firstTerm;
  return list.map((step) => {
    term += step;
    return term;
  });
}

function build({
  index,
  term,
  steps: list,
}: {
  index: Index;
  term: Term;
  steps: readonly number[];
}): [TermLog, NaiveLog] {
  const compacted = { index, term };
  const naive = new NaiveLog(compacted, termsOf(term, list));
  return [new TermLog(compacted, naive.runs, naive.lastIndex), naive];
}

function expectEqual(log: TermLog, naive: NaiveLog): void {
  expect([log.firstIndex, log.lastIndex, log.lastTerm]).toEqual([
    naive.compacted.index + 1,
    naive.lastIndex,
    naive.lastTerm,
  ]);
  expect(log.runs).toEqual(naive.runs);
  for (let index = 0; index <= naive.lastIndex + 2; index += 1) {
    expect(log.termAt(index)).toBe(naive.termAt(index));
    for (let term = 0; term <= naive.lastTerm + 1; term += 1) {
      expect(log.matches(index, term)).toBe(naive.termAt(index) === term);
      expect(log.findConflictByTerm(index, term)).toEqual(naive.findConflictByTerm(index, term));
      const isUpToDate = term > naive.lastTerm || (term === naive.lastTerm && index >= naive.lastIndex);
      expect(log.isUpToDate({ index, term })).toBe(isUpToDate);
    }
  }
}

describe("TermLog", () => {
  it("R23, R24: answers as the plain log does, whatever was appended and truncated", () => {
    fc.assert(
      fc.property(start, fc.array(change, { maxLength: 12 }), (given, changes) => {
        const [log, naive] = build(given);
        for (const one of changes) {
          if ("append" in one) {
            const term = naive.lastTerm + one.append;
            log.append(term);
            naive.terms.push(term);
          } else {
            const from = Math.max(naive.compacted.index + 1, naive.lastIndex + 1 - one.truncate);
            log.truncateFrom(from);
            naive.terms.splice(from - naive.compacted.index - 1);
          }
        }
        expectEqual(log, naive);
      }),
      { numRuns: numRuns(150) },
    );
  });

  it("keeps one run for each change of term, however long the log", () => {
    const log = new TermLog({ index: 0, term: 0 }, [], 0);
    for (let index = 1; index <= 10_000; index += 1) log.append(index <= 5000 ? 1 : 2);
    expect(log.runs).toEqual([
      { firstIndex: 1, term: 1 },
      { firstIndex: 5001, term: 2 },
    ]);
  });

  it("refuses a term that falls, and a truncation of what is compacted", () => {
    const log = new TermLog({ index: 3, term: 2 }, [{ firstIndex: 4, term: 2 }], 4);
    expect(() => log.append(1)).toThrow(RangeError);
    expect(() => log.truncateFrom(3)).toThrow(RangeError);
    log.truncateFrom(9);
    expect(log.lastIndex).toBe(4);
  });

  it("copies the runs that it is given (F11)", () => {
    const runs = [{ firstIndex: 1, term: 1 }];
    const log = new TermLog({ index: 0, term: 0 }, runs, 1);
    log.append(2);
    expect(runs).toHaveLength(1);
  });
});
