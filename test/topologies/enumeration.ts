/** The whole enumeration: every graph of three servers and of five, and those that have a name. */

import { casesOfLinks, describeGraph, type TopologyCase, topologyCases } from "@quorate/simulator";
import { byConnected, byGraph, type Failure, failuresOf, type Result, type Row, summarize } from "./results.js";
import { SHAPES } from "./shapes.js";

export interface Part {
  readonly results: readonly Result[];
  readonly rows: readonly Row[];
}

export interface Enumeration {
  readonly three: Part;
  readonly five: Part;
  readonly shapes: readonly Row[];
  readonly failures: readonly Failure[];
  readonly every: number;
  readonly seconds: number;
  readonly seeds: number;
  readonly processes: number;
}

type Run = (cases: readonly TopologyCase[]) => Promise<Result[]>;

/** Of five servers every `every`th case, and at least one of each graph. */
export async function enumerate(
  run: Run,
  every: number,
): Promise<Pick<Enumeration, "three" | "five" | "shapes" | "failures">> {
  const three = await run(topologyCases(3));
  const five = await run(sampleOf(topologyCases(5), every));
  const named = await run(SHAPES.flatMap(({ links }) => casesOfLinks(5, links)));
  const shapes = SHAPES.map(({ name, links }) => {
    const results = named.filter(({ topology }) => describeGraph(5, topology.graph) === links);
    return { ...summarize(results), name: `${name}: ${links}` };
  });
  return {
    three: { results: three, rows: byGraph(three) },
    five: { results: five, rows: byConnected(five) },
    shapes,
    failures: failuresOf([...three, ...five, ...named]),
  };
}

function sampleOf(cases: readonly TopologyCase[], every: number): TopologyCase[] {
  return cases.filter(({ graph }, place) => place % every === 0 || cases[place - 1]?.graph !== graph);
}
