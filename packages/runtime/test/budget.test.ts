/** What is under way is bounded, and whoever finds no room is told when to come back (PITFALLS F4, F5). */

import { RaftError } from "@quorate/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Budget } from "../src/budget.js";

function refusalOf(budget: Budget, bytes: number, now: number): RaftError | null {
  try {
    budget.take(bytes, now);
    return null;
  } catch (error) {
    if (error instanceof RaftError) return error;
    throw error;
  }
}

describe("Budget", () => {
  it("F4: takes up to its limit, and refuses what is more", () => {
    const budget = new Budget(100);
    budget.take(60, 0);
    budget.take(40, 0);
    expect(refusalOf(budget, 1, 0)).toMatchObject({ code: "OVERLOADED", outcome: "not-executed" });
    budget.giveBack(60);
    expect(refusalOf(budget, 60, 0)).toBeNull();
    expect(budget.used).toBe(100);
  });

  it("F5: one that is larger than everything is taken when nothing else is", () => {
    const budget = new Budget(100);
    expect(refusalOf(budget, 500, 0)).toBeNull();
    expect(refusalOf(budget, 1, 0)).not.toBeNull();
    budget.giveBack(500);
    expect(budget.used).toBe(0);
  });

  it("says when there is likely to be room, from how fast it was made", () => {
    const budget = new Budget(1000);
    budget.take(1000, 0);
    expect(refusalOf(budget, 100, 1000)?.retryAfterMs).toBe(1000);
    for (let now = 1000; now < 2000; now += 10) {
      budget.giveBack(10);
      budget.take(10, now);
    }
    expect(refusalOf(budget, 100, 2000)?.retryAfterMs).toBe(100);
    expect(refusalOf(budget, 900, 2001)?.retryAfterMs).toBe(900);
    // Nothing moves any more: the rate of long ago says nothing.
    expect(refusalOf(budget, 100, 60_000)?.retryAfterMs).toBe(1000);
  });

  it("the hint is a whole number of milliseconds within bounds, whatever happened", () => {
    const steps = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 300 }), afterMs: fc.nat({ max: 2000 }) }));
    fc.assert(
      fc.property(steps, (list) => {
        const budget = new Budget(1000);
        const taken: number[] = [];
        let now = 0;
        for (const { bytes, afterMs } of list) {
          now += afterMs;
          const refusal = refusalOf(budget, bytes, now);
          if (refusal === null) {
            taken.push(bytes);
            continue;
          }
          expect(refusal.retryAfterMs).toSatisfy((ms: number) => Number.isSafeInteger(ms) && ms >= 5 && ms <= 1000);
          budget.giveBack(taken.shift() as number);
        }
        expect(budget.used).toBe(taken.reduce((sum, bytes) => sum + bytes, 0));
      }),
    );
  });
});
