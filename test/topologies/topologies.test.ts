/** E16, E17: of three servers all that is enumerated, of five a part; `pnpm topologies` runs the whole. */

import { casesOfLinks, runTopology, type TopologyCase, topologyCases } from "@quorate/simulator";
import { describe, expect, it } from "vitest";
import { describeCase } from "./results.js";
import { SHAPES } from "./shapes.js";

/** Of five servers, every so many-th case. A prime, so that all kinds of cases come up. */
const EVERY = 331;

function problemsOf(cases: readonly TopologyCase[]): string[] {
  return cases.flatMap((topology) => {
    const { problem } = runTopology(topology);
    return problem === null ? [] : [`${describeCase(topology)}: ${problem}`];
  });
}

describe("as long as some server can talk with a majority in both directions, entries are committed", () => {
  it("E16, E17: three servers, every graph", () => {
    const cases = topologyCases(3);
    expect(cases).toHaveLength(153);
    expect(problemsOf(cases)).toEqual([]);
  });

  it("E16, E17: five servers, a sample of all graphs", { timeout: 120_000 }, () => {
    const cases = topologyCases(5);
    expect(cases).toHaveLength(415_965);
    expect(problemsOf(cases.filter((_, place) => place % EVERY === 0))).toEqual([]);
  });

  it.each(SHAPES)("E16, E17: five servers, $name", { timeout: 60_000 }, ({ links }) => {
    const cases = casesOfLinks(5, links);
    expect(cases.length).toBeGreaterThan(0);
    expect(problemsOf(cases)).toEqual([]);
  });

  it("E16, E17: three servers at rest, every graph, and five servers of every shape", () => {
    const cases = [...topologyCases(3), ...SHAPES.flatMap(({ links }) => casesOfLinks(5, links))];
    const atRest = cases.filter(({ past }) => past === "equal");
    expect(atRest.length).toBeGreaterThan(40);
    const problems = atRest.flatMap((topology) => {
      const { problem } = runTopology(topology, 0, true);
      return problem === null ? [] : [`${describeCase(topology)}: ${problem}`];
    });
    expect(problems).toEqual([]);
  });

  it("the same case has the same outcome", () => {
    const [topology] = casesOfLinks(5, "1-2 2-4 3-5");
    expect(runTopology(topology as TopologyCase)).toEqual(runTopology(topology as TopologyCase));
  });
});
