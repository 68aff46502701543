/** What a seed leads to, for comparing: some of it differs as soon as anything in the run does. */

import { explore, type Settle } from "@quorate/simulator";

export interface Outcome {
  readonly seed: number;
  readonly hash: string;
  readonly events: number;
  /** What broke, in words; null if nothing did. */
  readonly violation: string | null;
}

/** Runs one seed after the other, as they are given. */
export async function exploreInOrder(seeds: readonly number[], settle: Settle): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const seed of seeds) outcomes.push(await exploreOne(seed, settle));
  return outcomes;
}

export async function exploreOne(seed: number, settle: Settle): Promise<Outcome> {
  const { hash, events, violation } = await explore(seed, { settle });
  const broken = violation === null ? null : [violation.oracle, ...violation.facts].join(" ");
  return { seed, hash, events, violation: broken };
}
