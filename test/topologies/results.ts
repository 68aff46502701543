/** What came out of many cases: how long each group of them took, in election timeouts, and what went wrong. */

import { describeGraph, quorumConnected, type TopologyCase, type TopologyOutcome } from "@quorate/simulator";

export interface Result extends TopologyOutcome {
  readonly topology: TopologyCase;
}

export interface Summary {
  readonly graphs: number;
  readonly cases: number;
  /** Until the first commit, in election timeouts. */
  readonly median: number;
  readonly worst: number;
  readonly worstCase: string;
}

export interface Row extends Summary {
  /** How many servers could talk with a majority, or which links there were. */
  readonly name: string;
}

export interface Failure {
  readonly case: string;
  readonly problem: string;
}

/** "1-2 2-4 3-5; server 1 led, with an entry that nobody got". */
export function describeCase({ size, graph, leader, past, other }: TopologyCase): string {
  return `${describeGraph(size, graph)}; ${describePast({ leader, past, other })}`;
}

function describePast({ leader, past, other }: Pick<TopologyCase, "leader" | "past" | "other">): string {
  if (past === "equal") return `${leader} led`;
  if (past === "behind") return `${leader} led, and ${other} lacks what all others have only in snapshots`;
  if (past === "rival") return `${leader} led, after ${other}, and each has entries of its own`;
  return `${leader} led, with an entry that ${other === leader ? "nobody" : `only ${other}`} got`;
}

export function failuresOf(results: readonly Result[]): Failure[] {
  return results.flatMap(({ topology, problem }) =>
    problem === null ? [] : [{ case: describeCase(topology), problem }],
  );
}

/** By the number of servers that can talk with a majority, the fewest first. */
export function byConnected(results: readonly Result[]): Row[] {
  const groups = new Map<number, Result[]>();
  for (const result of results) {
    const { size, graph } = result.topology;
    const count = quorumConnected(size, graph).length;
    const group = groups.get(count) ?? [];
    groups.set(count, group);
    group.push(result);
  }
  return [...groups].sort(([a], [b]) => a - b).map(([count, group]) => ({ name: String(count), ...summarize(group) }));
}

/** One row for each graph, by its links. */
export function byGraph(results: readonly Result[]): Row[] {
  const names = new Set(results.map(({ topology }) => describeGraph(topology.size, topology.graph)));
  return [...names].map((name) => ({
    name,
    ...summarize(results.filter(({ topology }) => describeGraph(topology.size, topology.graph) === name)),
  }));
}

export function summarize(results: readonly Result[]): Summary {
  const graphs = new Set(results.map(({ topology }) => topology.graph)).size;
  const times = results.flatMap(({ firstCommit }) => (firstCommit === null ? [] : [firstCommit])).sort((a, b) => a - b);
  const worst = times[times.length - 1] ?? Number.NaN;
  const worstResult = results.find(({ firstCommit }) => firstCommit === worst);
  return {
    graphs,
    cases: results.length,
    median: times[Math.floor(times.length / 2)] ?? Number.NaN,
    worst,
    worstCase: worstResult === undefined ? "" : describeCase(worstResult.topology),
  };
}
