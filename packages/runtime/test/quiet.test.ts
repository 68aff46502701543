/** Quiets around the core: what a node tells it, and what users see (the rules are tested with the core). */

import type { Input } from "@quorate/core";
import { describe, expect, it } from "vitest";
import { Cluster } from "./support/cluster.js";

const TIMEOUT_MS = 250;

/** A cluster that is quiet, and who leads it. */
async function atRest(): Promise<{ cluster: Cluster; leader: number; others: readonly number[] }> {
  const cluster = await Cluster.open(3);
  const leader = await cluster.leader();
  await cluster.world.finish(cluster.propose(leader, "a"));
  await cluster.world.until(() => cluster.servers.every(({ node }) => node.status().isQuiet));
  return { cluster, leader, others: cluster.others(leader) };
}

describe("a cluster at rest", () => {
  it("is quiet, and sends little; one server that does not want that is enough to keep it awake", async () => {
    const { cluster } = await atRest();
    const before = cluster.network.sent.length;
    await cluster.world.run(10_000);
    // Two heartbeats and two answers, twice in a second.
    expect(cluster.network.sent.length - before).toBeLessThanOrEqual(82);

    const awake = await Cluster.open(3, {}, [1, 2]);
    await awake.start(3, { allowsQuiet: false });
    await awake.world.run(10_000);
    expect(awake.servers.map(({ node }) => node.status().isQuiet)).toEqual([false, false, false]);
  });

  it("elects as soon as ever when the connections to its leader end", async () => {
    const { cluster, leader, others } = await atRest();
    await cluster.server(leader).node.close();
    for (const id of others) cluster.server(id).transport.lose(leader);
    await cluster.world.until(
      () => others.some((id) => cluster.server(id).node.status().role === "leader"),
      3 * TIMEOUT_MS,
    );
  });

  it("elects later when its leader vanishes without a word, unless somebody wants something", async () => {
    const { cluster, leader, others } = await atRest();
    cluster.network.isolate(leader);
    const hasLeader = (): boolean => others.some((id) => cluster.server(id).node.status().role === "leader");
    await cluster.world.run(2 * TIMEOUT_MS);
    expect(hasLeader()).toBe(false);
    const proposed = cluster.propose(others[0] as number, "b");
    await cluster.world.until(hasLeader, 3 * TIMEOUT_MS);
    expect(await cluster.world.finish(proposed)).toBe(2);
  });

  it("is awake at once when an operator, on any server, wants something", async () => {
    const { cluster, others } = await atRest();
    const [id = 0] = others;
    const levels = cluster.server(id).node.raiseFeatureLevels();
    await cluster.world.run(5);
    expect(cluster.servers.map(({ node }) => node.status().isQuiet)).toEqual([false, false, false]);
    expect(await cluster.world.finish(levels)).toEqual({ library: 1, application: 1 });
  });
});

it("a core that is awake is not told of lost connections, nor one that has stopped", async () => {
  const inputs: Input[] = [];
  const observer = {
    onStart: () => undefined,
    onStep: (input: Input) => inputs.push(input),
    onEffects: () => undefined,
  };
  const cluster = await Cluster.open(3, { observer });
  const leader = await cluster.leader();
  const suspicions = (): number => inputs.filter(({ kind }) => kind === "suspect").length;
  for (const { transport } of cluster.servers) transport.lose(leader);
  expect(suspicions()).toBe(0);
  await cluster.world.until(() => cluster.servers.every(({ node }) => node.status().isQuiet));
  const [id = 0, other = 0] = cluster.others(leader);
  cluster.server(id).transport.lose(leader);
  expect(suspicions()).toBe(1);
  await cluster.server(other).node.close();
  cluster.server(other).transport.lose(leader);
  expect(suspicions()).toBe(1);
});
