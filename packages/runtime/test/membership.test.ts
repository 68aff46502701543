/** Members that come and go, and leadership that is handed over, on fakes: nothing here waits for real time. */

import type { MemberChange } from "@quorate/core";
import { describe, expect, it } from "vitest";
import { adding, type NodeEventMap, removing, updating } from "../src/index.js";
import { Cluster } from "./support/cluster.js";

const voter = (id: number): MemberChange => ({ name: `n${id}`, address: `n${id}`, role: "voter" });

function voters(cluster: Cluster, id: number): number[] {
  const { members } = cluster.server(id).node.members();
  return members.filter(({ isVoting }) => isVoting).map((member) => member.id);
}

/** A cluster of one that has grown to `size`. */
async function grown(size: number): Promise<Cluster> {
  const cluster = await Cluster.open(1);
  await cluster.leader();
  for (let id = 2; id <= size; id += 1) {
    await cluster.join(id, 1);
    await cluster.world.until(
      () => cluster.server(1).node.members().phase === "done" && voters(cluster, 1).length === id,
    );
  }
  return cluster;
}

describe("changeMembers", () => {
  it("grows from one server to three, which all have what was written before and after", async () => {
    const cluster = await Cluster.open(1);
    await cluster.leader();
    await cluster.world.finish(cluster.propose(1, "alone"));
    await cluster.join(2, 1);
    await cluster.join(3, 1);
    await cluster.world.until(() => voters(cluster, 1).length === 3);
    await cluster.world.finish(cluster.propose(3, "together"));
    await cluster.world.run(100);
    for (const { journal } of cluster.servers) expect(journal.lines).toEqual(["alone", "together"]);
    expect(cluster.server(2).node.members()).toMatchObject({ phase: "done", members: [1, 2, 3].map((id) => ({ id })) });
  });

  it("is taken on any server, and resolves with what is in force then", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower, other] = cluster.others(leader) as [number, number];
    const kept = [leader, follower].map(voter);
    const membership = await cluster.world.finish(cluster.server(follower).node.changeMembers({ members: kept }));
    expect(membership).toMatchObject({
      phase: "done",
      members: kept.map(({ name }) => ({ name, role: "voter" })).sort(),
    });
    expect(membership.committed.version).toBe(membership.version);
    expect(voters(cluster, follower)).toEqual([leader, follower].sort());
    await cluster.world.until(() => cluster.server(other).node.status().role === "stopped");
    await cluster.world.finish(cluster.propose(follower, "two are enough"));
  });

  it("M23: is refused if another version is in force than it is based on", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const { node } = cluster.server(leader);
    const { version } = node.members();
    const priority = cluster.server(leader).node.editMembers(updating(`n${leader}`, { priority: 3 }));
    await cluster.world.finish(priority);
    for (const { node: any } of cluster.servers) {
      const late = any.changeMembers({ members: [1, 2].map(voter), version });
      expect(await cluster.world.failure(late)).toMatchObject({ code: "MEMBERS_CHANGED", outcome: "not-executed" });
    }
    expect(node.members().members).toHaveLength(3);
  });

  it("M24: says why it refuses, whoever is asked", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower, away] = cluster.others(leader) as [number, number];
    for (const id of [leader, follower]) {
      const { node } = cluster.server(id);
      const twice = node.changeMembers({ members: [voter(1), { ...voter(2), address: "n1" }] });
      expect(await cluster.world.failure(twice)).toMatchObject({ code: "INVALID_MEMBERS" });
      const nobody = node.changeMembers({ members: [] });
      expect(await cluster.world.failure(nobody)).toMatchObject({ code: "INVALID_MEMBERS" });
      const nameless = node.changeMembers({ members: [{ ...voter(1), name: "" }] });
      expect(await cluster.world.failure(nameless)).toMatchObject({ code: "INVALID_MEMBERS" });
    }
    cluster.network.isolate(away);
    await cluster.world.run(1000);
    const unsafe = cluster.server(follower).node.changeMembers({ members: [leader, away].map(voter) });
    expect(await cluster.world.failure(unsafe)).toMatchObject({ code: "WOULD_LOSE_QUORUM", outcome: "not-executed" });
    expect(await cluster.world.finish(cluster.propose(follower, "and goes on"))).toBe(1);
  });

  it("M22: a voter that never catches up does not vote, and the change says at its deadline that it goes on", async () => {
    const cluster = await Cluster.open(1);
    await cluster.leader();
    const { node } = cluster.server(1);
    const change = node.changeMembers({ members: [1, 2].map(voter), timeoutMs: 500 });
    expect(await cluster.world.failure(change)).toMatchObject({ code: "CHANGE_UNDER_WAY", outcome: "unknown" });
    expect(node.members()).toMatchObject({
      phase: "catchingUp",
      members: [
        { id: 1, role: "voter", isVoting: true, wantedRole: "voter", progress: null },
        { id: 2, role: "learner", isVoting: false, wantedRole: "voter", progress: { id: 2, matchIndex: 0 } },
      ],
    });
    expect(await cluster.world.finish(cluster.propose(1, "alone still"))).toBe(1);
    const instead = await cluster.world.finish(node.changeMembers({ members: [voter(1)] }));
    expect(instead).toMatchObject({ phase: "done", members: [{ id: 1 }] });
  });

  it("a change that another one replaces says so", async () => {
    const cluster = await Cluster.open(1);
    await cluster.leader();
    const { node } = cluster.server(1);
    const first = cluster.world.failure(node.changeMembers({ members: [1, 2].map(voter) }));
    await cluster.world.until(() => node.members().phase === "catchingUp" && node.members().committed.version > 1);
    const second = node.changeMembers({ members: [voter(1)] });
    expect(await first).toMatchObject({ code: "CHANGE_REPLACED" });
    expect((await cluster.world.finish(second)).members).toHaveLength(1);
  });

  it("O9: members that are in force are told from those that are committed", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    await cluster.world.finish(cluster.propose(leader, "so that something is committed"));
    const { node } = cluster.server(leader);
    const before = node.members();
    cluster.network.fate = ({ kind }) => (kind === "appendEntriesResult" ? "drop" : "deliver");
    const change = node.changeMembers({
      members: [1, 2, 3].map((id) => ({ ...voter(id), priority: id === leader ? 1 : 0 })),
    });
    await cluster.world.run(20);
    const meanwhile = node.members();
    expect(meanwhile).toMatchObject({ phase: "committing", committed: { version: before.version } });
    expect(meanwhile.version).toBeGreaterThan(before.version);
    expect(meanwhile.committed.members.every(({ priority }) => priority === undefined)).toBe(true);
    cluster.network.fate = () => "deliver";
    const after = await cluster.world.finish(change);
    expect(after).toMatchObject({ phase: "done", committed: { version: after.version } });
  });

  it("M7: goes on when its leader falls, and whoever asked learns of its end", async () => {
    const cluster = await grown(3);
    const former = await cluster.leader();
    const [asked, other] = cluster.others(former) as [number, number];
    const change = cluster.server(asked).node.changeMembers({ members: [asked, other].map(voter) });
    await cluster.world.until(() => cluster.server(asked).node.members().phase === "joint");
    cluster.network.isolate(former);
    const membership = await cluster.world.finish(change);
    expect(membership.members.map(({ id }) => id)).toEqual([asked, other].sort());
    // The old leader comes back, and is told.
    cluster.network.heal();
    await cluster.world.until(() => cluster.server(former).node.status().role === "stopped");
    expect(cluster.server(former).node.status().fatal).toMatchObject({ code: "REMOVED" });
  });

  it("an answer that is lost does no harm: the change is done once, and known to be", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower] = cluster.others(leader) as [number];
    cluster.network.fate = ({ kind }) => (kind === "adminResult" ? "drop" : "deliver");
    const { node } = cluster.server(follower);
    const change = node.editMembers(updating(`n${leader}`, { priority: 2 }));
    await cluster.world.until(() => cluster.network.sent.some(({ kind }) => kind === "adminResult"));
    cluster.network.fate = () => "deliver";
    const { version } = await cluster.world.finish(change);
    await cluster.world.run(1000);
    expect(node.members().version).toBe(version);
  });

  it("M12, M14: the leader can be removed, by itself, and another one leads without a pause", async () => {
    const cluster = await Cluster.open(3);
    const former = await cluster.leader();
    const rest = cluster.others(former);
    const { node } = cluster.server(former);
    const startedAt = cluster.world.now;
    await cluster.world.finish(node.editMembers(removing(`n${former}`)));
    await cluster.world.until(() => rest.some((id) => cluster.server(id).node.status().role === "leader"));
    expect(cluster.world.now - startedAt).toBeLessThan(250);
    expect(await cluster.world.finish(cluster.propose(rest[0] as number, "without it"))).toBe(1);
    await cluster.world.until(() => node.status().role === "stopped");
    expect(node.status().fatal).toMatchObject({ code: "REMOVED" });
    expect(await cluster.world.failure(cluster.propose(former, "too late"))).toMatchObject({ code: "STOPPED" });
  });

  it("M13: two become one, whichever of them stays", async () => {
    for (const leaves of ["leader", "follower"]) {
      const cluster = await Cluster.open(2);
      const leader = await cluster.leader();
      const [follower] = cluster.others(leader) as [number];
      const [gone, stays] = leaves === "leader" ? [leader, follower] : [follower, leader];
      await cluster.world.finish(cluster.server(leader).node.editMembers(removing(`n${gone}`)));
      await cluster.world.until(() => cluster.server(gone).node.status().role === "stopped");
      expect(await cluster.world.finish(cluster.propose(stays, "alone"))).toBe(1);
      expect(voters(cluster, stays)).toEqual([stays]);
    }
  });

  it("M23, O6: edits that race are all done; an address in the log does not touch those that are set locally", async () => {
    const cluster = await Cluster.open(3, { addresses: { n1: "n1", n2: "n2", n3: "n3" } });
    await cluster.leader();
    const edits = cluster.servers.map(({ node }, place) => {
      return node.editMembers(updating(`n${place + 1}`, { priority: 0, address: `elsewhere ${place}` }));
    });
    await cluster.world.finish(Promise.all(edits));
    await cluster.world.run(200);
    const addresses = cluster
      .server(1)
      .node.members()
      .members.map(({ address }) => address);
    expect(addresses).toEqual(["elsewhere 0", "elsewhere 1", "elsewhere 2"]);
  });

  it("promotes and demotes, and tells whoever subscribes of each version", async () => {
    const cluster = await grown(3);
    const leader = await cluster.leader();
    const { node } = cluster.server(leader);
    const versions: number[] = [];
    node.subscribe("members", ({ version }) => versions.push(version));
    const [other] = cluster.others(leader) as [number];
    await cluster.world.finish(node.editMembers(updating(`n${other}`, { role: "learner" })));
    expect(node.members().members.find(({ id }) => id === other)).toMatchObject({ role: "learner", isVoting: false });
    await cluster.world.finish(node.editMembers(updating(`n${other}`, { role: "voter" })));
    expect(node.members().members.find(({ id }) => id === other)).toMatchObject({ role: "voter", isVoting: true });
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
    expect(versions.at(-1)).toBe(node.members().version);
  });

  it("settles what is under way when the node closes", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    await cluster.world.finish(cluster.propose(leader, "so that something is committed"));
    const { node } = cluster.server(leader);
    cluster.network.isolate(leader);
    const change = node.editMembers(updating("n1", { priority: 1 }));
    await cluster.world.run(10);
    const waiting = cluster.world.failure(change);
    await cluster.world.finish(node.close());
    expect(await waiting).toMatchObject({ code: "CLOSED_UNDER_WAY" });
    expect(await cluster.world.failure(node.editMembers(removing("n1")))).toMatchObject({ code: "CLOSED" });
    expect(await cluster.world.failure(node.transferLeadership())).toMatchObject({ code: "CLOSED" });
  });
});

describe("a server that joins", () => {
  it("O3: takes no part until it is fed, and stays who it is over a restart", async () => {
    const cluster = await Cluster.open(1);
    await cluster.leader();
    cluster.network.isolate(2);
    const { node } = await cluster.join(2, 1);
    await cluster.world.run(2000);
    expect(node.status()).toMatchObject({ id: 2, role: "follower", currentTerm: 0, lastIndex: 0 });
    await cluster.world.finish(node.close());
    cluster.network.heal();
    const again = await cluster.start(2);
    expect(again.node.status()).toMatchObject({ id: 2, clusterId: "test" });
    await cluster.world.until(() => voters(cluster, 2).length === 2);
  });

  it("M17: gets a number that nobody had, though it has the name of one that left", async () => {
    const cluster = await grown(3);
    const leader = await cluster.leader();
    const [gone] = cluster.others(leader) as [number];
    await cluster.world.finish(cluster.server(leader).node.editMembers(removing(`n${gone}`)));
    await cluster.world.until(() => cluster.server(gone).node.status().role === "stopped");
    cluster.wipe(gone);
    const { node } = await cluster.join(gone, leader);
    expect(node.status()).toMatchObject({ id: 4, name: `n${gone}` });
    await cluster.world.until(() => voters(cluster, leader).length === 3);
    expect(voters(cluster, leader)).toContain(4);
    await cluster.world.until(() => voters(cluster, gone).includes(4));
    expect(node.status().fatal).toBeNull();
  });

  it("M17: that crashed before it wrote down who it is comes again, under another number, and nobody need help", async () => {
    const cluster = await Cluster.open(1);
    cluster.network.saysIncarnations = true;
    await cluster.leader();
    const { node } = cluster.server(1);
    const grants: number[] = [];
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      const crashing = cluster.start(2, {
        join: async (request) => {
          grants.push((await cluster.world.finish(node.admit({ ...voter(2), ...request }))).nodeId);
          throw new Error("the power fails");
        },
      });
      await expect(crashing).rejects.toThrow("the power fails");
    }
    const server = await cluster.join(2, 1);
    await cluster.world.until(() => voters(cluster, 1).length === 2);
    expect(grants).toEqual([2, 3]);
    expect(server.node.status()).toMatchObject({ id: 4, fatal: null });
    expect(node.members().members).toMatchObject([{ name: "n1" }, { id: 4, name: "n2", role: "voter" }]);
    expect(await cluster.world.finish(cluster.propose(2, "here"))).toBe(1);
  });

  it("M17: whoever was replaced, and comes after all, takes no part", async () => {
    const cluster = await Cluster.open(1);
    cluster.network.saysIncarnations = true;
    await cluster.leader();
    const { node } = cluster.server(1);
    const slow = await cluster.world.finish(node.admit({ ...voter(2), incarnation: 7 }));
    await cluster.join(2, 1);
    await cluster.world.until(() => voters(cluster, 1).length === 2);
    const late = await cluster.start(5, { id: "n2", join: async () => slow });
    await cluster.world.run(3000);
    expect(late.node.status()).toMatchObject({ id: 2, currentTerm: 0, leaderId: 0 });
    expect(voters(cluster, 1)).toEqual([1, 3]);
  });

  it("M18: is refused under the name of a member", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const error = await cluster.world.failure(cluster.server(leader).node.admit(voter(2)));
    expect(error).toMatchObject({ code: "INVALID_MEMBERS" });
    expect(String(error)).toContain("remove it, then let it join anew");
  });

  it("M11: whoever asks for a vote is answered, though it is not known yet", async () => {
    const cluster = await Cluster.open(3, {}, [1]);
    const { node, transport } = cluster.server(1);
    await cluster.world.run(250);
    transport.receive(0, {
      kind: "requestVote",
      from: 7,
      to: 1,
      term: 9,
      round: 1,
      lastLogIndex: 9,
      lastLogTerm: 8,
      isTransfer: false,
    });
    await cluster.world.run(10);
    expect(node.status()).toMatchObject({ currentTerm: 9, refusedMessages: 0 });
  });
});

describe("incarnations", () => {
  async function known(size: number, ids?: readonly number[]): Promise<Cluster> {
    const cluster = await Cluster.open(size, {}, ids);
    cluster.network.saysIncarnations = true;
    await cluster.leader();
    return cluster;
  }

  /** Those that are known to be committed; nobody's until something is. */
  function incarnations(cluster: Cluster, id: number): (number | undefined)[] {
    const { members } = cluster.server(id).node.members().committed;
    return members.length === 0 ? [undefined] : members.map(({ incarnation }) => incarnation);
  }

  it("M18: those of the founders are noted soon after the founding, once, and everywhere the same", async () => {
    const cluster = await known(3);
    await cluster.world.until(() => incarnations(cluster, 1).every((each) => each !== undefined), 500);
    await cluster.world.run(2000);
    const { version } = cluster.server(1).node.members();
    expect(new Set(incarnations(cluster, 1)).size).toBe(3);
    for (const id of [2, 3]) {
      expect(incarnations(cluster, id)).toEqual(incarnations(cluster, 1));
      expect(cluster.server(id).node.members().version).toBe(version);
    }
    const next = cluster.others(await cluster.leader())[0] as number;
    await cluster.world.finish(cluster.server(1).node.transferLeadership({ to: `n${next}` }));
    await cluster.world.run(2000);
    expect(cluster.server(1).node.members().version).toBe(version);
  });

  it("M18: a founder that comes late is noted when it comes", async () => {
    const cluster = await known(3, [1, 2]);
    await cluster.world.until(() => incarnations(cluster, 1).filter((each) => each !== undefined).length === 2);
    expect(incarnations(cluster, 1)[2]).toBeUndefined();
    await cluster.start(3);
    await cluster.world.until(() => incarnations(cluster, 3).every((each) => each !== undefined));
  });

  it("M18: a wiped founder is refused with what to do, and its votes do not count", async () => {
    const cluster = await known(3);
    await cluster.world.until(() =>
      [1, 2, 3].every((id) => incarnations(cluster, id).every((each) => each !== undefined)),
    );
    const leader = await cluster.leader();
    const [wiped, other] = cluster.others(leader) as [number, number];
    await cluster.world.finish(cluster.propose(leader, "kept by all"));
    await cluster.world.run(100);
    await cluster.world.finish(cluster.server(wiped).node.close());
    await cluster.world.finish(cluster.server(leader).node.close());
    cluster.wipe(wiped);
    // Only the wiped one and one that knows better are there: no leader comes of that.
    const { node } = await cluster.start(wiped);
    await cluster.world.until(() => node.status().role === "stopped");
    expect(node.status().fatal).toMatchObject({ code: "FOREIGN_INCARNATION" });
    expect(node.status().fatal?.message).toContain("remove it from the cluster");
    await cluster.world.run(2000);
    expect(cluster.server(other).node.status().leaderId).toBe(0);
    // What it has to do helps.
    await cluster.start(leader);
    await cluster.world.until(() => [leader, other].some((id) => cluster.server(id).node.status().role === "leader"));
    await cluster.world.finish(cluster.server(other).node.editMembers(removing(`n${wiped}`)));
    cluster.wipe(wiped);
    await cluster.join(wiped, other);
    await cluster.world.until(() => voters(cluster, wiped).length === 3);
    expect(await cluster.world.finish(cluster.read(wiped))).toEqual(["kept by all"]);
  });

  it("M17: a place that was added waits for the first server that claims it, and for no other", async () => {
    const cluster = await known(1);
    const { node } = cluster.server(1);
    await cluster.world.failure(node.editMembers(adding(voter(2)), { timeoutMs: 200 }));
    expect(node.members().members[1]).toMatchObject({ id: 2, role: "learner", wantedRole: "voter", incarnation: 0 });
    await cluster.join(2, 1);
    await cluster.world.until(() => voters(cluster, 1).length === 2);
    const again = await cluster.world.failure(node.admit({ ...voter(2), incarnation: 7 }));
    expect(again).toMatchObject({ code: "INVALID_MEMBERS" });
    const { incarnation = 0 } = node.members().members[1] ?? {};
    expect(incarnation).toBeGreaterThan(0);
    // Whoever did not hear the answer asks again.
    expect(await cluster.world.finish(node.admit({ ...voter(2), incarnation }))).toEqual({
      clusterId: "test",
      nodeId: 2,
    });
  });
});

describe("places that were made in advance", () => {
  it("M11, M18: whoever has claimed one is heard by a server that knows only of the place", async () => {
    const cluster = await Cluster.open(3);
    cluster.network.saysIncarnations = true;
    const leader = await cluster.leader();
    const [other, behind] = cluster.others(leader) as [number, number];
    const { node } = cluster.server(leader);
    await cluster.world.failure(node.editMembers(adding(voter(4)), { timeoutMs: 200 }));
    const { committed } = cluster.server(behind).node.members();
    expect(committed.members[3]).toMatchObject({ id: 4, incarnation: 0 });
    cluster.network.isolate(behind);
    await cluster.join(4, other);
    await cluster.world.until(() => voters(cluster, leader).length === 4);
    await cluster.world.finish(node.transferLeadership({ to: "n4" }));
    cluster.network.heal();
    await cluster.world.until(() => voters(cluster, behind).length === 4);
    expect(cluster.server(4).node.status()).toMatchObject({ role: "leader", fatal: null });
  });

  it("M22: two of them can be claimed, though nobody is there who could be in touch", async () => {
    const cluster = await Cluster.open(1);
    await cluster.leader();
    const { node } = cluster.server(1);
    for (const id of [2, 3]) await cluster.world.failure(node.editMembers(adding(voter(id)), { timeoutMs: 500 }));
    await cluster.join(2, 1);
    await cluster.join(3, 1);
    await cluster.world.until(() => voters(cluster, 1).length === 3);
  });
});

describe("a witness", () => {
  it("votes and counts, but keeps no payloads, never leads, and answers no read", async () => {
    const cluster = await grown(2);
    await cluster.join(3, 1, { role: "witness" });
    await cluster.world.until(() => voters(cluster, 1).length === 3);
    expect(cluster.server(1).node.members().members[2]).toMatchObject({ role: "witness", isVoting: true });
    await cluster.world.finish(cluster.propose(3, "passed on"));
    const { node, journal, storage } = cluster.server(3);
    for (const consistency of ["linearizable", "stale"] as const) {
      const read = node.read(() => journal.lines.length, { consistency });
      expect(await cluster.world.failure(read)).toMatchObject({ code: "WITNESS", outcome: "not-executed" });
    }
    // With the witness one of the two others is enough.
    const leader = await cluster.leader();
    const other = 3 - leader;
    cluster.network.isolate(other);
    await cluster.world.finish(cluster.propose(leader, "with the witness"));
    await cluster.world.run(200);
    expect(journal.lines).toEqual([]);
    const commands = storage.disk.entries.filter(({ kind }) => kind === "command");
    expect(commands.length).toBeGreaterThanOrEqual(2);
    expect(commands.every(({ data }) => data.length === 0)).toBe(true);
    expect(await cluster.world.failure(node.transferLeadership({ to: "n3" }))).toMatchObject({ code: "NO_SUCCESSOR" });
    // Alone it elects nobody, though its log is as long as any.
    cluster.network.isolate(leader);
    const { currentTerm } = node.status();
    await cluster.world.run(3000);
    expect(node.status()).toMatchObject({ role: "follower", currentTerm });
  });
});

describe("a server that was removed", () => {
  it("O11: is told by whoever it asks, and stops, also after the others have restarted", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [ghost] = cluster.others(leader) as [number];
    cluster.network.isolate(ghost);
    await cluster.world.finish(cluster.server(leader).node.editMembers(removing(`n${ghost}`)));
    for (const id of cluster.others(ghost)) {
      await cluster.world.finish(cluster.server(id).node.close());
      await cluster.start(id);
    }
    await cluster.world.until(() =>
      cluster.others(ghost).some((id) => cluster.server(id).node.status().role === "leader"),
    );
    const term = cluster.server(leader).node.status().currentTerm;
    cluster.network.heal();
    const { node } = cluster.server(ghost);
    let fatal: NodeEventMap["fatal"] = null;
    node.subscribe("fatal", (event) => {
      fatal = event;
    });
    await cluster.world.until(() => node.status().role === "stopped");
    expect(fatal).toMatchObject({ error: { code: "REMOVED" } });
    expect(cluster.server(leader).node.status().currentTerm).toBe(term);
  });
});

describe("a server that was removed while it was away", () => {
  it("O11: learns of it from the first answer to its question, though but one follower is within its reach", async () => {
    const cluster = await Cluster.open(5);
    const leader = await cluster.leader();
    const [ghost, near, ...far] = cluster.others(leader) as [number, number, ...number[]];
    cluster.network.isolate(ghost);
    await cluster.world.finish(cluster.server(leader).node.editMembers(removing(`n${ghost}`)));
    // It asks, and asks again, and nobody hears it.
    await cluster.world.run(5000);
    const { node } = cluster.server(ghost);
    expect(node.status().role).not.toBe("stopped");
    cluster.network.heal();
    const unreachable = new Set([leader, ...far]);
    cluster.network.fate = ({ from, to }) =>
      (from === ghost && unreachable.has(to)) || (to === ghost && unreachable.has(from)) ? "drop" : "deliver";
    const sentBefore = cluster.network.sent.length;
    const startedAt = cluster.world.now;
    await cluster.world.until(() => node.status().role === "stopped");
    expect(node.status().fatal).toMatchObject({ code: "REMOVED" });
    // One wait for a leader, at its longest, and one round trip.
    expect(cluster.world.now - startedAt).toBeLessThanOrEqual(2 * 250 + 2);
    const asked = cluster.network.sent.slice(sentBefore).filter(({ from, to }) => from === ghost && to === near);
    expect(asked.map(({ kind }) => kind)).toEqual(["requestPreVote"]);
    expect(cluster.server(leader).node.status()).toMatchObject({ role: "leader" });
  });
});

describe("transferLeadership", () => {
  it("has the named server lead, whichever server is asked", async () => {
    const cluster = await Cluster.open(3);
    for (let round = 0; round < 6; round += 1) {
      const leader = await cluster.leader();
      const to = cluster.others(leader)[round % 2] as number;
      const asked = (round % 3) + 1;
      const result = await cluster.world.finish(cluster.server(asked).node.transferLeadership({ to: `n${to}` }));
      expect(result).toBe(`n${to}`);
      expect(cluster.server(asked).node.status().leaderId).toBe(to);
    }
  });

  it("T1: proposals wait meanwhile, and none is lost", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const transfer = cluster.server(leader).node.transferLeadership();
    const proposals = Array.from({ length: 30 }, (_, line) => cluster.propose((line % 3) + 1, `${line}`));
    const name = await cluster.world.finish(transfer);
    expect(name).not.toBe(`n${leader}`);
    const results = await cluster.world.finish(Promise.all(proposals));
    expect([...results].sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, place) => place + 1));
  });

  it("T2: ends by its deadline when the target is away, and the leader leads on", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [target, other] = cluster.others(leader) as [number, number];
    cluster.network.isolate(target);
    const startedAt = cluster.world.now;
    const error = await cluster.world.failure(cluster.server(other).node.transferLeadership({ to: `n${target}` }));
    expect(error).toMatchObject({ code: "TRANSFER_FAILED" });
    expect(cluster.world.now - startedAt).toBeLessThan(500);
    expect(await cluster.world.finish(cluster.propose(other, "on"))).toBe(1);
    expect(cluster.server(leader).node.status().role).toBe("leader");
  });

  it("is refused where nobody can take over, or the name is not known", async () => {
    const cluster = await Cluster.open(1);
    await cluster.leader();
    const { node } = cluster.server(1);
    expect(await cluster.world.failure(node.transferLeadership())).toMatchObject({ code: "NO_SUCCESSOR" });
    expect(await cluster.world.failure(node.transferLeadership({ to: "n9" }))).toMatchObject({ code: "NO_SUCCESSOR" });
    expect(await cluster.world.finish(node.transferLeadership({ to: "n1" }))).toBe("n1");
  });

  it("without a leader it ends by its deadline", async () => {
    const cluster = await Cluster.open(3, {}, [1]);
    const transfer = cluster.server(1).node.transferLeadership({ timeoutMs: 700 });
    expect(await cluster.world.failure(transfer)).toMatchObject({ code: "NO_LEADER", outcome: "not-executed" });
  });

  it("close hands over if it is told to, so that nobody waits for an election", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const startedAt = cluster.world.now;
    await cluster.world.finish(cluster.server(leader).node.close({ handOver: true }));
    const next = await cluster.leader();
    expect(next).not.toBe(leader);
    expect(cluster.world.now - startedAt).toBeLessThan(100);
    await cluster.world.finish(cluster.server(next).node.close({ handOver: true }));
    const [last] = cluster.others(leader).filter((id) => id !== next) as [number];
    await cluster.world.finish(cluster.server(last).node.close({ handOver: true }));
  });

  it("a leader of low priority hands over to one of higher priority", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [preferred] = cluster.others(leader) as [number];
    await cluster.world.finish(cluster.server(leader).node.editMembers(updating(`n${preferred}`, { priority: 5 })));
    await cluster.world.until(() => cluster.server(preferred).node.status().role === "leader");
  });
});

it("F14: leadership gained and lost is told with its term, to those who come late as well", async () => {
  const cluster = await Cluster.open(3);
  const told: string[] = [];
  for (const [place, { node }] of cluster.servers.entries()) {
    for (const kind of ["leadershipGained", "leadershipLost"] as const) {
      node.subscribe(kind, (event) => {
        if (event !== null) told.push(`n${place + 1} ${kind} ${event.term}`);
      });
    }
  }
  const first = await cluster.leader();
  const term = cluster.server(first).node.status().currentTerm;
  const [second] = cluster.others(first) as [number];
  await cluster.world.finish(cluster.server(first).node.transferLeadership({ to: `n${second}` }));
  const next = cluster.server(second).node.status().currentTerm;
  expect(told).toEqual([
    `n${first} leadershipGained ${term}`,
    `n${first} leadershipLost ${term}`,
    `n${second} leadershipGained ${next}`,
  ]);
  let late: unknown;
  cluster.server(second).node.subscribe("leadershipGained", (event) => {
    late = event;
  });
  expect(late).toEqual({ term: next });
  expect(adding(voter(9))([])).toEqual([voter(9)]);
});
