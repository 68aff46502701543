/** Majorities against their definition, tried on every subset (PITFALLS R16, M16). */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type NodeId, quorumValue, type VoterSets, voteResult } from "../src/index.js";
import { numRuns } from "./support/runs.js";

const voterSet = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 7 });
/** One set, or the two of a joint configuration. */
const voterSets: fc.Arbitrary<VoterSets> = fc.array(voterSet, { minLength: 1, maxLength: 2 });

/** By definition: more than half of every set are in favour. Nobody is needed where there is nobody. */
function isQuorum(sets: VoterSets, isInFavour: (id: NodeId) => boolean): boolean {
  return sets.every((voters) => voters.length === 0 || 2 * voters.filter(isInFavour).length > voters.length);
}

describe("quorumValue", () => {
  const values = fc.array(fc.nat({ max: 12 }), { minLength: 10, maxLength: 10 });

  it("R16: is the largest value that a quorum has reached", () => {
    fc.assert(
      fc.property(voterSets, values, (sets, list) => {
        const reachedBy = (id: NodeId) => list[id] ?? 0;
        const reached = Array.from({ length: 14 }, (_, value) => value).filter((value) =>
          isQuorum(sets, (id) => reachedBy(id) >= value),
        );
        const isEmpty = sets.every((voters) => voters.length === 0);
        expect(quorumValue(sets, reachedBy)).toBe(isEmpty ? Number.POSITIVE_INFINITY : Math.max(...reached));
      }),
      { numRuns: numRuns(500) },
    );
  });

  it("takes infinite values, for whoever counts in any case or not at all", () => {
    const { POSITIVE_INFINITY: always, NEGATIVE_INFINITY: never } = Number;
    expect(quorumValue([[1, 2, 3]], (id) => ({ 1: always, 2: 5, 3: never })[id] ?? 0)).toBe(5);
    expect(quorumValue([[1]], () => always)).toBe(always);
    expect(quorumValue([[1, 2]], (id) => (id === 1 ? always : never))).toBe(never);
  });
});

describe("voteResult", () => {
  const votes = fc.array(fc.constantFrom(true, false, undefined), { minLength: 10, maxLength: 10 });

  it("M16: is won by a quorum, lost when the rest could not make one any more, and pending otherwise", () => {
    fc.assert(
      fc.property(voterSets, votes, (sets, list) => {
        const isWon = isQuorum(sets, (id) => list[id] === true);
        const canBeWon = isQuorum(sets, (id) => list[id] !== false);
        expect(voteResult(sets, (id) => list[id])).toBe(isWon ? "won" : canBeWon ? "pending" : "lost");
      }),
      { numRuns: numRuns(500) },
    );
  });

  it("E6: does not ask those outside the sets", () => {
    const asked: NodeId[] = [];
    voteResult(
      [
        [1, 2],
        [2, 3],
      ],
      (id) => {
        asked.push(id);
        return true;
      },
    );
    expect(new Set(asked)).toEqual(new Set([1, 2, 3]));
  });

  it("any two quorums share a voter", () => {
    fc.assert(
      fc.property(
        voterSet.filter(({ length }) => length > 0),
        votes,
        votes,
        (voters, ours, theirs) => {
          const wins = (list: readonly unknown[]) => voteResult([voters], (id) => list[id] === true) === "won";
          const share = voters.some((id) => ours[id] === true && theirs[id] === true);
          expect(share || !wins(ours) || !wins(theirs)).toBe(true);
        },
      ),
      { numRuns: numRuns(500) },
    );
  });
});
