/** A cluster that changes its version while it runs, and one that goes back (PITFALLS O7, C11). */

import { expect, it } from "vitest";
import { Cluster } from "./support/cluster.js";

const upgraded = { applicationLevel: 2 };

/** Three servers of the old version, of which those of `ids` were upgraded one after the other. */
async function rolled(ids: readonly number[]): Promise<Cluster> {
  const cluster = await Cluster.open(3);
  await cluster.leader();
  for (const id of ids) {
    await cluster.world.finish(cluster.server(id).node.close());
    await cluster.start(id, upgraded);
    await cluster.world.finish(cluster.propose(await cluster.leader(), `with ${id} upgraded`));
  }
  return cluster;
}

it("O7: a rolling upgrade ends when it is said to, on any server, and not before", async () => {
  const cluster = await rolled([1, 2, 3]);
  for (const { node } of cluster.servers) expect(node.members().featureLevels).toEqual({ library: 1, application: 1 });
  const follower = cluster.others(await cluster.leader())[0] as number;
  const raised = { library: 1, application: 2 };
  expect(await cluster.world.finish(cluster.server(follower).node.raiseFeatureLevels())).toEqual(raised);
  await cluster.world.run(100);
  for (const { node } of cluster.servers) expect(node.members().featureLevels).toEqual(raised);
  // Said again, it changes nothing.
  const { version } = cluster.server(follower).node.members();
  expect(await cluster.world.finish(cluster.server(follower).node.raiseFeatureLevels())).toEqual(raised);
  expect(cluster.server(follower).node.members().version).toBe(version);
});

it("O7: until then a server can go back, and reads all that there is", async () => {
  const cluster = await rolled([1, 2]);
  expect(await cluster.world.finish(cluster.server(1).node.raiseFeatureLevels())).toEqual({
    library: 1,
    application: 1,
  });
  await cluster.world.finish(cluster.server(1).node.close());
  const { journal } = await cluster.start(1);
  await cluster.world.until(() => journal.lines.length === 2);
  await cluster.world.finish(cluster.propose(await cluster.leader(), "on"));
});

it("O7: it is refused while a member is away, and says who", async () => {
  const cluster = await rolled([1, 2, 3]);
  const away = cluster.others(await cluster.leader())[0] as number;
  await cluster.world.finish(cluster.server(away).node.close());
  await cluster.world.run(1000);
  const leader = cluster.server(await cluster.leader()).node;
  expect(await cluster.world.failure(leader.raiseFeatureLevels())).toMatchObject({
    code: "MEMBERS_OUT_OF_TOUCH",
    outcome: "not-executed",
    message: expect.stringContaining(`n${away}`),
  });
});

it("C11: from then on a server of the old version does not start, and keeps what it has", async () => {
  const cluster = await rolled([1, 2, 3]);
  const leader = await cluster.leader();
  await cluster.world.finish(cluster.server(leader).node.raiseFeatureLevels());
  await cluster.world.run(100);
  const other = cluster.others(leader)[0] as number;
  await cluster.world.finish(cluster.server(other).node.close());
  await expect(cluster.start(other)).rejects.toMatchObject({ code: "UNSUPPORTED_FEATURE_LEVEL" });
  const { journal } = await cluster.start(other, upgraded);
  await cluster.world.until(() => journal.lines.length === 3);
});

it("C11: one that runs stops when it is told of a level that it does not support", async () => {
  const cluster = await Cluster.open(1, upgraded);
  await cluster.leader();
  await cluster.world.finish(cluster.server(1).node.raiseFeatureLevels());
  await cluster.join(2, 1, {}, { applicationLevel: 1 });
  await cluster.world.until(() => cluster.server(2).node.status().fatal !== null);
  expect(cluster.server(2).node.status().fatal).toMatchObject({ code: "UNSUPPORTED_FEATURE_LEVEL" });
  await cluster.world.finish(cluster.propose(1, "on without it"));
});
