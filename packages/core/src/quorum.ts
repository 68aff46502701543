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
 * Sorts what was reached each time: sets are small, and cleverer ways went wrong before (PITFALLS R16).
 * What `reachedBy` has to know may be given as `known`, so that where it is asked often no closure needs to be made.
 */
export function quorumValue(voterSets: VoterSets, reachedBy: (id: NodeId) => number): number;
export function quorumValue<Known>(voterSets: VoterSets, reachedBy: ReachedBy<Known>, known: Known): number;
export function quorumValue<Known>(voterSets: VoterSets, reachedBy: ReachedBy<Known>, known?: Known): number {
  let result = Number.POSITIVE_INFINITY;
  for (const voters of voterSets) {
    if (voters.length > 0) result = Math.min(result, majorityValue(voters, reachedBy, known as Known));
  }
  return result;
}

type ReachedBy<Known> = (id: NodeId, known: Known) => number;

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

/** Good for one call of {@link majorityValue}, which every drain makes several times. */
const descending: number[] = [];

/** The value that a majority of `voters` has reached: the element at the majority's place, counted from the top. */
function majorityValue<Known>(voters: readonly NodeId[], reachedBy: ReachedBy<Known>, known: Known): number {
  let count = 0;
  for (const id of voters) {
    const value = reachedBy(id, known);
    let place = count;
    for (; place > 0 && (descending[place - 1] as number) < value; place -= 1) {
      descending[place] = descending[place - 1] as number;
    }
    descending[place] = value;
    count += 1;
  }
  return descending[majorityOf(count) - 1] as number;
}
