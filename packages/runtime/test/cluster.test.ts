/** What a cluster does for those who use it, on fakes: nothing here waits for real time. */

import { describe, expect, it } from "vitest";
import { Cluster } from "./support/cluster.js";

describe("a cluster of three", () => {
  it("takes proposals on every server, and applies them everywhere in one order", async () => {
    const cluster = await Cluster.open(3);
    await cluster.leader();
    const results = await cluster.world.finish(
      Promise.all([1, 2, 3].flatMap((id) => ["a", "b"].map((line) => cluster.propose(id, `${id}${line}`)))),
    );
    expect([...results].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6]);
    await cluster.world.run(100);
    const [first, ...others] = cluster.servers.map(({ journal }) => journal.lines);
    expect(first).toHaveLength(6);
    for (const lines of others) expect(lines).toEqual(first);
  });

  it("reads on every server what was acknowledged on another", async () => {
    const cluster = await Cluster.open(3);
    await cluster.leader();
    for (const id of [1, 2, 3]) {
      await cluster.world.finish(cluster.propose(id, `line ${id}`));
      for (const reader of [1, 2, 3]) {
        const { node, journal } = cluster.server(reader);
        expect(await cluster.world.finish(node.read(() => journal.lines.at(-1)))).toBe(`line ${id}`);
      }
    }
  });

  it("goes on without its leader, which catches up when it is back", async () => {
    const cluster = await Cluster.open(3);
    const former = await cluster.leader();
    await cluster.world.finish(cluster.propose(former, "before"));
    await cluster.world.finish(cluster.server(former).node.close());
    const next = await cluster.leader();
    expect(next).not.toBe(former);
    await cluster.world.finish(cluster.propose(next, "meanwhile"));
    const { journal } = await cluster.start(former);
    await cluster.world.until(() => journal.lines.length === 2);
    expect(journal.lines).toEqual(["before", "meanwhile"]);
  });

  it("E28: rebuilds the state machine from the log, and starts as follower, when all were down", async () => {
    const cluster = await Cluster.open(3);
    const former = await cluster.leader();
    for (let line = 1; line <= 5; line += 1) await cluster.world.finish(cluster.propose(former, `${line}`));
    for (const { node } of cluster.servers) await cluster.world.finish(node.close());
    for (const id of [1, 2, 3]) {
      await cluster.start(id);
      expect(cluster.server(id).node.status()).toMatchObject({ role: "follower", appliedIndex: 0 });
    }
    const { node, journal } = cluster.server(await cluster.leader());
    expect(await cluster.world.finish(node.read(() => [...journal.lines]))).toEqual(["1", "2", "3", "4", "5"]);
  });
});

it("works with a single server", async () => {
  const cluster = await Cluster.open(1);
  await cluster.leader();
  expect(await cluster.world.finish(cluster.propose(1, "alone"))).toBe(1);
  const { node, journal } = cluster.server(1);
  expect(await cluster.world.finish(node.read(() => journal.lines.length))).toBe(1);
});
