/** Two servers that do the work, and a witness that has no state machine: on fakes, where time is the test's. */

import type { MemberChange } from "@quorate/core";
import { describe, expect, it } from "vitest";
import { adding, type Bootstrap, removing, updating } from "../src/index.js";
import { Cluster, type Overrides } from "./support/cluster.js";

const bootstrap: Bootstrap = {
  clusterId: "test",
  members: [
    { name: "n1", address: "n1" },
    { name: "n2", address: "n2" },
    { name: "n3", address: "n3", role: "witness" },
  ],
};

const WITNESS: Overrides = { bootstrap, role: "witness" };

async function founded(): Promise<Cluster> {
  const cluster = await Cluster.open(3, {}, []);
  for (const id of [1, 2]) await cluster.start(id, { bootstrap });
  await cluster.start(3, WITNESS);
  return cluster;
}

function roleOf(cluster: Cluster, id: number): string {
  return cluster.server(id).node.status().role;
}

describe("two voters and a witness", () => {
  it.each(["leader", "follower"])("survive the loss of the %s, with everything that was acknowledged", async (lost) => {
    const cluster = await founded();
    const leader = await cluster.leader();
    expect(leader).not.toBe(3);
    const acknowledged: string[] = [];
    for (let line = 0; line < 5; line += 1) {
      await cluster.world.finish(cluster.propose((line % 3) + 1, `line ${line}`));
      acknowledged.push(`line ${line}`);
    }
    const gone = lost === "leader" ? leader : 3 - leader;
    const stays = 3 - gone;
    await cluster.world.finish(cluster.server(gone).node.close());
    await cluster.world.until(() => roleOf(cluster, stays) === "leader");
    expect(await cluster.world.finish(cluster.propose(3, "without it"))).toBe(6);
    expect(await cluster.world.finish(cluster.read(stays))).toEqual([...acknowledged, "without it"]);
    await cluster.start(gone, { bootstrap });
    await cluster.world.until(() => cluster.server(gone).journal.lines.length === 6);
    expect(cluster.server(gone).journal.lines).toEqual([...acknowledged, "without it"]);
  });

  it("the witness never leads nor campaigns, alone or with another, and answers no read", async () => {
    const cluster = await founded();
    const leader = await cluster.leader();
    await cluster.world.finish(cluster.propose(leader, "kept"));
    const { node, storage } = cluster.server(3);
    for (const consistency of ["linearizable", "lease", "stale"] as const) {
      const read = cluster.world.failure(node.read(() => "state", { consistency }));
      expect(await read).toMatchObject({ code: "WITNESS", outcome: "not-executed" });
    }
    for (const id of [1, 2]) await cluster.world.finish(cluster.server(id).node.close());
    const { currentTerm } = node.status();
    await cluster.world.run(5000);
    expect(node.status()).toMatchObject({ role: "follower", currentTerm });
    expect(storage.disk.entries.every(({ kind, data }) => kind !== "command" || data.length === 0)).toBe(true);
  });

  it("what was acknowledged while one was away, only the other one has: without that nobody leads", async () => {
    const cluster = await founded();
    const leader = await cluster.leader();
    const other = 3 - leader;
    await cluster.world.finish(cluster.server(other).node.close());
    await cluster.world.finish(cluster.propose(leader, "with the witness alone"));
    await cluster.world.finish(cluster.server(leader).node.close());
    await cluster.start(other, { bootstrap });
    await cluster.world.run(5000);
    expect(roleOf(cluster, other)).not.toBe("leader");
    expect(roleOf(cluster, 3)).toBe("follower");
    await cluster.start(leader, { bootstrap });
    expect(await cluster.leader()).not.toBe(3);
    expect(await cluster.world.finish(cluster.read(other))).toEqual(["with the witness alone"]);
  });

  it("the witness goes on after a restart, with or without a state machine", async () => {
    const cluster = await founded();
    await cluster.leader();
    for (const how of [WITNESS, { bootstrap }]) {
      await cluster.world.finish(cluster.server(3).node.close());
      const { node, journal } = await cluster.start(3, how);
      await cluster.world.finish(cluster.propose(3, "passed on"));
      expect(journal.lines).toEqual([]);
      expect(node.members().members[2]).toMatchObject({ role: "witness", isVoting: true });
    }
  });
});

describe("a server without a state machine", () => {
  const joining = (role: MemberChange["role"]): Partial<MemberChange> => ({ role });

  it("joins as a witness", async () => {
    const cluster = await Cluster.open(2);
    await cluster.leader();
    const { node } = await cluster.join(3, 1, joining("witness"), { role: "witness" });
    await cluster.world.until(() => node.members().members[2]?.isVoting === true);
    expect(node.status().fatal).toBeNull();
  });

  it.each(["voter", "learner"] as const)("is not taken in as a %s, and nothing is left of it", async (role) => {
    const cluster = await Cluster.open(2);
    const { node } = cluster.server(await cluster.leader());
    await cluster.world.finish(cluster.propose(1, "so that members may change"));
    const { version } = node.members();
    const join = cluster.join(3, 1, joining(role), { role: "witness" });
    await expect(join).rejects.toMatchObject({
      code: "INVALID_MEMBERS",
      outcome: "not-executed",
      message: expect.stringContaining("no state machine"),
    });
    expect(node.members().version).toBe(version);
  });

  it("does not get a place that was made for a voter", async () => {
    const cluster = await Cluster.open(2);
    await cluster.leader();
    const { node } = cluster.server(1);
    await cluster.world.failure(
      node.editMembers(adding({ name: "n3", address: "n3", role: "voter" }), { timeoutMs: 200 }),
    );
    const join = cluster.join(3, 1, joining("witness"), { role: "witness" });
    await expect(join).rejects.toMatchObject({ code: "INVALID_MEMBERS" });
    expect(node.members().members[2]).toMatchObject({ incarnation: 0 });
  });

  it("M24: is not promoted, nor any other server turned into a witness, before anything takes effect", async () => {
    const cluster = await founded();
    const { node } = cluster.server(await cluster.leader());
    await cluster.world.finish(cluster.propose(1, "so that members may change"));
    const { version } = node.members();
    for (const role of ["voter", "learner"] as const) {
      const error = await cluster.world.failure(node.editMembers(updating("n3", { role })));
      expect(error).toMatchObject({
        code: "INVALID_MEMBERS",
        message: expect.stringContaining("remove it, then add it"),
      });
    }
    const other = await cluster.world.failure(node.editMembers(updating("n2", { role: "witness" })));
    expect(other).toMatchObject({ code: "INVALID_MEMBERS" });
    expect(node.members().version).toBe(version);
    expect(cluster.server(3).node.status().fatal).toBeNull();
  });

  it("does not found a cluster, nor go on, as anything else", async () => {
    const cluster = await Cluster.open(1, {}, []);
    await expect(cluster.start(1, { role: "witness" })).rejects.toMatchObject({ code: "NOT_A_WITNESS" });
    await cluster.start(1);
    await cluster.leader();
    await cluster.world.finish(cluster.server(1).node.close());
    const error = await cluster.start(1, { role: "witness" }).then(
      () => null,
      (reason: Error) => reason,
    );
    expect(error).toMatchObject({
      code: "NOT_A_WITNESS",
      message: expect.stringContaining("Start it with a state machine"),
    });
    expect((await cluster.start(1)).node.status().fatal).toBeNull();
  });

  it("stops when it learns that it is something else, though it was let in", async () => {
    const cluster = await Cluster.open(1);
    await cluster.leader();
    const { node } = cluster.server(1);
    // A service that asks on its own account, and leaves out what the server said of itself.
    const admit = () => node.admit({ name: "n2", address: "n2", role: "voter", incarnation: 5 });
    const server = await cluster.start(2, { role: "witness", join: () => cluster.world.finish(admit()) });
    await cluster.world.until(() => server.node.status().role === "stopped");
    expect(server.node.status().fatal).toMatchObject({ code: "NOT_A_WITNESS" });
    expect(node.members()).toMatchObject({ phase: "catchingUp" });
    expect((await cluster.world.finish(node.editMembers(removing("n2")))).phase).toBe("done");
  });
});
