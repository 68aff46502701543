/**
 * E16, E17: whatever links are broken, in one direction or both: as long as some server can talk with a majority in both
 * directions, somebody leads and entries are committed, and the leaders do not chase each other.
 */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NodeId } from "../src/index.js";
import { Cluster } from "./support/cluster.js";
import { numRuns } from "./support/runs.js";
import { ELECTION_TIMEOUT_MS } from "./support/server.js";

type Link = readonly [from: NodeId, to: NodeId];

function linksOf(size: number): Link[] {
  const ids = Array.from({ length: size }, (_, place) => place + 1);
  return ids.flatMap((from) => ids.filter((to) => to !== from).map((to) => [from, to] as const));
}

/** Whether some server can talk with a majority, itself included, in both directions. */
function hasHub(size: number, cut: readonly Link[]): boolean {
  const isUp = (from: NodeId, to: NodeId) => !cut.some((link) => link[0] === from && link[1] === to);
  const partners = (id: NodeId) => linksOf(size).filter(([from, to]) => from === id && isUp(id, to) && isUp(to, id));
  return linksOf(size).some(([id]) => 2 * (partners(id).length + 1) > size);
}

/** Server 1 leads; then the links break. With `isAhead`, it has taken an entry that nobody else has. */
function expectProgress(size: number, cut: readonly Link[], isAhead: boolean): void {
  const cluster = new Cluster({ size });
  cluster.campaign(1);
  cluster.settle();
  cluster.network.hold({ from: 1 });
  if (isAhead) cluster.propose(1, "ahead");
  for (const envelope of cluster.network.select({ from: 1 })) cluster.network.remove(envelope);
  cluster.network.release(cluster.now);
  for (const [from, to] of cut) cluster.network.cut(from, to);
  cluster.run(10 * ELECTION_TIMEOUT_MS);
  const { highestCommit, leaders } = cluster.invariants;
  const reigns = leaders.size;
  for (let times = 0; times < 5; times += 1) {
    for (const { id, raft } of cluster.running) if (raft.role === "leader") cluster.propose(id, `${times}`);
    cluster.run(ELECTION_TIMEOUT_MS);
  }
  expect(cluster.invariants.highestCommit).toBeGreaterThanOrEqual(highestCommit + 5);
  expect(leaders.size).toBe(reigns);
}

describe("broken links", () => {
  it.each([false, true])(
    "E16, E17: three servers, every way in which links may be broken; the old leader ahead: %s",
    (isAhead) => {
      const links = linksOf(3);
      for (let broken = 0; broken < 2 ** links.length; broken += 1) {
        const cut = links.filter((_, place) => (broken & (1 << place)) !== 0);
        if (hasHub(3, cut)) expectProgress(3, cut, isAhead);
      }
    },
  );

  it("E16: five servers, of which one can talk with a majority, and lacks an entry that a neighbour has", () => {
    const up = [1, 2, 2, 4, 3, 5];
    const isUp = (from: NodeId, to: NodeId) =>
      up.some((one, place) => place % 2 === 0 && [one, up[place + 1]].sort().join() === [from, to].sort().join());
    const cut = linksOf(5).filter(([from, to]) => !isUp(from, to));
    expect(cut).toHaveLength(20 - 6);
    expectProgress(5, cut, true);
  });

  it("E16, E17: five servers, links broken at random; the old leader ahead or not", () => {
    fc.assert(
      fc.property(fc.subarray(linksOf(5)), fc.boolean(), (cut, isAhead) => {
        fc.pre(hasHub(5, cut));
        expectProgress(5, cut, isAhead);
      }),
      { numRuns: numRuns(60) },
    );
  });
});
