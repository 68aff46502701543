/** Founders whose disk is blank, because they found or because they lost it: on fakes (PITFALLS M18). */

import { describe, expect, it } from "vitest";
import { Cluster } from "./support/cluster.js";

const ELECTION_TIMEOUT_MS = 250;

function incarnationsAt(cluster: Cluster, id: number): (number | undefined)[] {
  return cluster
    .server(id)
    .node.members()
    .committed.members.map(({ incarnation }) => incarnation);
}

async function close(cluster: Cluster, ...ids: readonly number[]): Promise<void> {
  for (const id of ids) await cluster.world.finish(cluster.server(id).node.close());
}

/**
 * Three founders: 3 has lived, but has not got the part of the log that says who they are, nor the line that the leader
 * and another one have acknowledged. All are down; the follower that acknowledged it has lost its disk.
 */
async function scattered(
  joins: readonly number[] = [],
): Promise<{ cluster: Cluster; leader: number; wiped: number; lagging: number }> {
  const cluster = await Cluster.open(3);
  cluster.network.saysIncarnations = true;
  let lagging = 0;
  cluster.network.fate = ({ kind, from, to }) => {
    // The last of them is cut off as soon as it has heard of a leader: whoever that is not.
    if (kind === "heartbeat" && lagging === 0) lagging = [1, 2, 3].find((id) => id !== from && id !== to) ?? 0;
    return kind !== "heartbeat" && lagging > 0 && (from === lagging || to === lagging) ? "drop" : "deliver";
  };
  const leader = await cluster.leader();
  const wiped = [1, 2, 3].find((id) => id !== leader && id !== lagging) as number;
  await cluster.world.finish(cluster.propose(leader, "acknowledged"));
  await cluster.world.until(() => incarnationsAt(cluster, wiped).filter((each) => each !== undefined).length >= 2);
  for (const id of joins) {
    await cluster.join(id, leader);
    await cluster.world.until(() => {
      const { phase, members } = cluster.server(id).node.members();
      return phase === "done" && members.some((member) => member.id === id && member.isVoting);
    });
  }
  expect(incarnationsAt(cluster, lagging).filter((each) => each !== undefined)).toEqual([]);
  expect(cluster.server(lagging).node.status().currentTerm).toBeGreaterThan(1);
  await close(cluster, 1, 2, 3, ...joins);
  cluster.network.fate = () => "deliver";
  cluster.wipe(wiped);
  return { cluster, leader, wiped, lagging };
}

describe("a founder with a blank disk", () => {
  it("founds with whoever is there, an election timeout after it started at the latest", async () => {
    const cluster = await Cluster.open(3, {}, [1, 2]);
    await cluster.leader();
    expect(await cluster.world.finish(cluster.propose(1, "two of three"))).toBe(1);
    const all = await Cluster.open(3);
    await all.leader();
    // Those who have met at once do not wait for the time to pass.
    expect(all.world.now).toBeLessThan(2.5 * ELECTION_TIMEOUT_MS);
    expect(cluster.network.sent.filter(({ kind }) => kind === "adminRequest").length).toBeGreaterThan(0);
  });

  it("M18: neither votes nor acknowledges where the cluster has lived, before a majority of the others has met it", async () => {
    const { cluster, leader, wiped, lagging } = await scattered();
    const warnings: unknown[] = [];
    await cluster.start(lagging);
    const { node, storage } = await cluster.start(wiped, { onWarning: (warning) => warnings.push(warning) });
    await cluster.world.run(5000);
    expect(cluster.server(lagging).node.status()).toMatchObject({ leaderId: 0 });
    expect(node.status()).toMatchObject({ role: "follower", currentTerm: 1, fatal: null });
    expect(storage.disk).toMatchObject({ hardState: { currentTerm: 1, votedFor: 0 }, entries: [{ index: 1 }] });
    expect(warnings).toMatchObject([{ code: "FOUNDERS_AWAITED", message: expect.stringContaining(`n${leader}`) }]);
    // Nor does a restart make it one that may.
    await close(cluster, wiped);
    await cluster.start(wiped);
    await cluster.world.run(5000);
    expect(cluster.server(lagging).node.status()).toMatchObject({ leaderId: 0 });
    // The one that knows better comes back: nothing is lost, and the blank one learns what it is.
    await cluster.start(leader);
    await cluster.world.until(() => cluster.server(wiped).node.status().role === "stopped");
    expect(cluster.server(wiped).node.status().fatal).toMatchObject({ code: "FOREIGN_INCARNATION" });
    await cluster.world.until(() => [leader, lagging].some((id) => cluster.server(id).node.status().role === "leader"));
    expect(await cluster.world.finish(cluster.read(lagging))).toEqual(["acknowledged"]);
  });

  it("M18: is told by those who have met its former disk, before any leader has noted it", async () => {
    const cluster = await Cluster.open(3);
    cluster.network.saysIncarnations = true;
    await cluster.world.run(20);
    expect(cluster.servers.every(({ node }) => node.status().leaderId === 0)).toBe(true);
    await close(cluster, 2);
    cluster.wipe(2);
    const { node } = await cluster.start(2);
    await cluster.world.run(20);
    expect(node.status().fatal).toMatchObject({ code: "FOREIGN_INCARNATION" });
    // The other two are a majority.
    await cluster.world.until(() => [1, 3].some((id) => cluster.server(id).node.status().role === "leader"));
  });

  it("that comes late to a cluster that lives is let in by a majority of the others, and noted", async () => {
    const cluster = await Cluster.open(3, {}, [1, 2]);
    cluster.network.saysIncarnations = true;
    await cluster.leader();
    await cluster.world.finish(cluster.propose(1, "before"));
    await close(cluster, 2);
    const { node, journal } = await cluster.start(3);
    await cluster.world.run(3000);
    expect(node.status()).toMatchObject({ currentTerm: 1, leaderId: 0 });
    await cluster.start(2);
    await cluster.world.until(() => journal.lines.length === 1);
    await cluster.world.until(() => incarnationsAt(cluster, 3).every((each) => each !== undefined));
  });

  it("M18: is told by members of later days as well, who were no founders, when they speak to it", async () => {
    const { cluster, wiped, lagging } = await scattered([4, 5]);
    await cluster.start(lagging);
    const { node } = await cluster.start(wiped);
    await cluster.world.run(2000);
    expect(node.status()).toMatchObject({ fatal: null, currentTerm: 1 });
    for (const id of [4, 5]) await cluster.start(id);
    await cluster.world.until(() => node.status().role === "stopped", 3000);
    expect(node.status().fatal).toMatchObject({ code: "FOREIGN_INCARNATION" });
  });
});
