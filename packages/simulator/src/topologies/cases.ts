/** What there was before the links broke: who led, and whose log has entries that others lack. */

import { NOBODY, type NodeId } from "@quorate/core";
import {
  type Graph,
  type GraphClass,
  graphClasses,
  graphClassOf,
  idsOf,
  type Permutation,
  parseGraph,
  quorumConnected,
} from "./graphs.js";

/**
 * - `equal`: all logs are the same.
 * - `ahead`: the leader made an entry that reached nobody but `other`; nobody at all if that is the leader itself.
 * - `rival`: `other` led before, and has entries that nobody got; the entry with which the leader opened its term, nobody
 *   has but the leader. So two logs contradict each other, and all others are shorter.
 * - `behind`: `other` lacks what the rest has committed, and keeps in snapshots alone.
 */
export type Past = "equal" | "ahead" | "rival" | "behind";

export interface TopologyCase {
  readonly size: number;
  readonly graph: Graph;
  readonly leader: NodeId;
  readonly past: Past;
  /** NOBODY where all logs are equal. */
  readonly other: NodeId;
}

/** The cases in which some server can talk with a majority: all of `size` servers, those left out that differ by names. */
export function topologyCases(size: number): TopologyCase[] {
  return graphClasses(size).flatMap((graphClass) => casesOf(size, graphClass));
}

/** The cases of one graph, by its links, as in `1-2 2-4 3>5`. Throws a `RangeError` on other words. */
export function casesOfLinks(size: number, links: string): TopologyCase[] {
  return casesOf(size, graphClassOf(size, parseGraph(size, links)));
}

/** All of one graph. None if nobody can talk with a majority. */
function casesOf(size: number, { graph, symmetries }: GraphClass): TopologyCase[] {
  if (quorumConnected(size, graph).length === 0) return [];
  const cases: TopologyCase[] = [];
  for (const leader of idsOf(size)) {
    for (const other of [NOBODY, ...idsOf(size)]) {
      if (!isFirst(leader, other, symmetries)) continue;
      if (other === NOBODY) cases.push({ size, graph, leader, past: "equal", other });
      else cases.push({ size, graph, leader, past: "ahead", other });
      if (other === NOBODY || other === leader) continue;
      cases.push({ size, graph, leader, past: "rival", other }, { size, graph, leader, past: "behind", other });
    }
  }
  return cases;
}

/** Whether no other choice, that is the same but for the names, comes before this one. */
function isFirst(leader: NodeId, other: NodeId, symmetries: readonly Permutation[]): boolean {
  return symmetries.every((permutation) => {
    const [newLeader, newOther] = [permutation[leader] as NodeId, permutation[other] as NodeId];
    return newLeader > leader || (newLeader === leader && newOther >= other);
  });
}
