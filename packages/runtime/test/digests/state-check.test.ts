/** A state machine that answers differently on one server stops that server, whichever it is (PITFALLS O8, C10). */

import { expect, it } from "vitest";
import { Cluster } from "../support/cluster.js";

it.each(["the leader", "a follower"])(
  "O8: stops %s where its state machine went another way, and names the entry",
  async (who) => {
    const cluster = await Cluster.open(3, { stateCheckIntervalMs: 200 });
    const leader = await cluster.leader();
    const wrong = who === "the leader" ? leader : (cluster.others(leader)[0] as number);
    for (let line = 1; line <= 20; line += 1) await cluster.world.finish(cluster.propose(leader, `${line}`));
    const { lastIndex } = cluster.server(leader).node.status();
    await cluster.world.until(() => cluster.server(wrong).node.status().appliedIndex === lastIndex);
    // From here on this server counts one too many.
    cluster.server(wrong).journal.lines.push("out of nowhere");
    for (let line = 21; line <= 25; line += 1) await cluster.world.finish(cluster.propose(leader, `${line}`));
    await cluster.world.until(() => cluster.server(wrong).node.status().fatal !== null);
    const { fatal } = cluster.server(wrong).node.status();
    expect(fatal).toMatchObject({
      code: "STATE_DIVERGED",
      message: expect.stringContaining(`entry ${lastIndex + 1}.`),
    });
    const next = await cluster.leader();
    expect(next).not.toBe(wrong);
    expect(await cluster.world.finish(cluster.propose(next, "on"))).toBe(26);
  },
);

it("lets servers be whose state machines agree, also after a restart", async () => {
  const cluster = await Cluster.open(3, { stateCheckIntervalMs: 200 });
  const leader = await cluster.leader();
  await cluster.world.finish(cluster.propose(leader, "a"));
  const other = cluster.others(leader)[0] as number;
  await cluster.world.finish(cluster.server(other).node.close());
  await cluster.start(other);
  for (let line = 1; line <= 20; line += 1) {
    await cluster.world.finish(cluster.propose(leader, `${line}`));
    await cluster.world.run(150);
  }
  for (const { node } of cluster.servers) expect(node.status()).toMatchObject({ fatal: null, warnings: 0 });
});

it("F15: an interval that cannot work is refused", async () => {
  await expect(Cluster.open(1, { stateCheckIntervalMs: 0 })).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
});
