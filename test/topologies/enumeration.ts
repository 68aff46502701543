/** The whole enumeration: every graph of three servers and of five, and those that have a name. */

import { casesOfLinks, type TopologyCase, topologyCases } from "@quorate/simulator";
import { byConnected, byGraph, type Failure, failuresOf, type Result, type Row, summarize } from "./results.js";
import { SHAPES } from "./shapes.js";

export interface Part {
  readonly results: readonly Result[];
  readonly rows: readonly Row[];
  readonly failures: readonly Failure[];
}

export interface Enumeration {
  readonly three: Part;
  readonly five: Part;
  readonly shapes: readonly Row[];
  readonly seconds: number;
  readonly seeds: number;
  readonly processes: number;
}

type Run = (cases: readonly TopologyCase[]) => Promise<Result[]>;

/** Of five servers every `every`th case. */
export async function enumerate(
  run: Run,
  every: number,
): Promise<Omit<Enumeration, "seconds" | "seeds" | "processes">> {
  const threes = await run(topologyCases(3));
  const fives = await run(topologyCases(5).filter((_, place) => place % every === 0));
  const shapes: Row[] = [];
  for (const { name, links } of SHAPES) {
    const results = await run(casesOfLinks(5, links));
    shapes.push({ ...summarize(results), name: `${name}: ${links}` });
    fives.push(...results.filter(({ problem }) => problem !== null));
  }
  return {
    three: { results: threes, rows: byGraph(threes), failures: failuresOf(threes) },
    five: { results: fives, rows: byConnected(fives), failures: failuresOf(fives) },
    shapes,
  };
}
