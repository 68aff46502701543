/**
 * Majorities: the one place that knows how many servers are enough. Votes, commit, reads and check-quorum all ask
 * here (PITFALLS M16). Several voter sets, as in joint consensus (§6), must each agree by a majority of their own.
 */

import type { NodeId } from "./types.js";

/** The sets that must each have a majority: one, or two while a joint configuration is in force. */
export type VoterSets = readonly (readonly NodeId[])[];

/**
 * The largest value that a majority of every set has reached; `Infinity` where there is no voter at all.
 *
 * Sorts a copy each time: sets are small, and cleverer ways went wrong before (PITFALLS R16).
 */
export function quorumValue(voterSets: VoterSets, reachedBy: (id: NodeId) => number): number {
  let result = Number.POSITIVE_INFINITY;
  for (const voters of voterSets) {
    if (voters.length > 0) result = Math.min(result, majorityValue(voters, reachedBy));
  }
  return result;
}

export type VoteResult = "won" | "lost" | "pending";

/**
 * How an election stands: won if a majority of every set granted, lost if a majority of some set can no longer grant.
 * Votes of servers outside the sets do not count (PITFALLS E6).
 */
export function voteResult(voterSets: VoterSets, voteOf: (id: NodeId) => boolean | undefined): VoteResult {
  let result: VoteResult = "won";
  for (const voters of voterSets) {
    const majority = majorityOf(voters.length);
    let granted = 0;
    let possible = 0;
    for (const id of voters) {
      const vote = voteOf(id);
      if (vote === true) granted += 1;
      if (vote !== false) possible += 1;
    }
    if (voters.length === 0 || granted >= majority) continue;
    if (possible < majority) return "lost";
    result = "pending";
  }
  return result;
}

function majorityOf(size: number): number {
  return Math.floor(size / 2) + 1;
}

/** The value that a majority of `voters` has reached: the element at the majority's place, counted from the top. */
function majorityValue(voters: readonly NodeId[], reachedBy: (id: NodeId) => number): number {
  const descending: number[] = [];
  for (const id of voters) {
    const value = reachedBy(id);
    let place = descending.length;
    while (place > 0 && (descending[place - 1] as number) < value) place -= 1;
    descending.splice(place, 0, value);
  }
  return descending[majorityOf(voters.length) - 1] as number;
}
