/** Commands that are executed once, whatever happens on their way: sessions, as those who use them see them. */

import { describe, expect, it } from "vitest";
import { Cluster, type Server } from "../support/cluster.js";

function counts(servers: readonly Server[], line: string): number[] {
  return servers.map(({ journal }) => journal.lines.filter((each) => each === line).length);
}

async function openCluster(options: Parameters<typeof Cluster.open>[1] = {}) {
  const cluster = await Cluster.open(3, options);
  const leader = await cluster.leader();
  const [follower, other] = cluster.others(leader) as [number, number];
  return { cluster, world: cluster.world, network: cluster.network, leader, follower, other };
}

describe("K1: a command is executed once", () => {
  it("though its leader restarts after it was executed, and before it was answered", async () => {
    const { cluster, world, network, leader, follower } = await openCluster();
    await world.finish(cluster.propose(follower, "first"));
    network.fate = ({ kind }) => (kind === "proposeResult" ? "drop" : "deliver");
    const asked = cluster.propose(follower, "asked", 60_000);
    await world.until(() => cluster.server(leader).journal.lines.includes("asked"));
    await world.finish(cluster.server(leader).node.close());
    await cluster.start(leader);
    network.fate = () => "deliver";
    expect(await world.finish(asked)).toBe(2);
    await world.run(1000);
    expect(counts(cluster.servers, "asked")).toEqual([1, 1, 1]);
  });

  it("though every message is doubled or lost at random, on all servers at once", async () => {
    const { cluster, world, network } = await openCluster();
    let sent = 0;
    network.fate = ({ kind }) => {
      if (!kind.startsWith("propose")) return "deliver";
      sent += 1;
      return (["drop", "double", "deliver"] as const)[sent % 3] ?? "deliver";
    };
    const lines = Array.from({ length: 60 }, (_, each) => `line ${each}`);
    const asked = lines.map((line, each) => cluster.propose(1 + (each % 3), line, 100_000));
    const places = await world.finish(Promise.all(asked), 100_000);
    expect([...places].sort((a, b) => a - b)).toEqual(lines.map((_, each) => each + 1));
    await world.run(100);
    for (const line of lines) expect(counts(cluster.servers, line)).toEqual([1, 1, 1]);
  });

  it("a leader that is cut off sends what it appended again, when it is back", async () => {
    const { cluster, world, network, leader, other } = await openCluster();
    await world.finish(cluster.propose(leader, "first"));
    network.isolate(leader);
    const asked = cluster.propose(leader, "asked", 60_000);
    await world.until(() => cluster.server(other).node.status().leaderId !== leader);
    await world.run(2000);
    network.heal();
    expect(await world.finish(asked)).toBe(2);
    await world.run(1000);
    expect(counts(cluster.servers, "asked")).toEqual([1, 1, 1]);
  });
});

describe("the session of a server", () => {
  it("K3: is replaced when it has expired, and what was not executed in it is executed in the next", async () => {
    const { cluster, world, follower } = await openCluster({ sessionTimeoutMs: 500 });
    expect(await world.finish(cluster.propose(follower, "one"))).toBe(1);
    await world.run(5000);
    expect(cluster.server(follower).node.status().sessions).toBe(0);
    expect(await world.finish(cluster.propose(follower, "two"))).toBe(2);
    expect(cluster.server(follower).node.status().sessions).toBe(1);
  });

  it("K3: that expires while a command is under way leaves its outcome unknown, and does not execute it twice", async () => {
    const { cluster, world, network, leader, follower } = await openCluster({ sessionTimeoutMs: 500 });
    await world.finish(cluster.propose(follower, "one"));
    // What it asks is executed, and never answered; its session expires; only then it may ask again.
    network.fate = ({ kind, from }) => (kind.startsWith("propose") && from !== follower ? "drop" : "deliver");
    const asked = cluster.propose(follower, "asked", 60_000);
    await world.until(() => cluster.server(leader).journal.lines.includes("asked"));
    network.isolate(follower);
    await world.run(3000);
    await world.finish(cluster.propose(leader, "time goes on"));
    network.fate = () => "deliver";
    network.heal();
    expect(await world.failure(asked)).toMatchObject({ code: "SESSION_EXPIRED_UNDER_WAY", outcome: "unknown" });
    await world.run(1000);
    expect(counts(cluster.servers, "asked")).toEqual([1, 1, 1]);
  });

  it("K13: gives out numbers as earlier ones are settled, however many commands there are", async () => {
    const { cluster, world, follower } = await openCluster();
    const asked = Array.from({ length: 10_000 }, (_, each) => cluster.propose(follower, `${each}`, 100_000));
    const places = await world.finish(Promise.all(asked), 100_000);
    expect(new Set(places).size).toBe(10_000);
    expect(cluster.server(follower).node.status()).toMatchObject({ pendingProposals: 0, pendingBytes: 0 });
  });
});

describe("a session of one's own", () => {
  it("executes a command once, on whatever servers it is proposed", async () => {
    const { cluster, world, follower, other, leader } = await openCluster();
    const { id } = await world.finish(cluster.server(follower).node.openSession());
    const propose = (server: number, sequence: number, line: string) =>
      cluster.server(server).node.session(id).propose(line, { sequence });
    expect(await world.finish(propose(leader, 1, "a"))).toBe(1);
    expect(await world.finish(propose(other, 2, "b"))).toBe(2);
    expect(await world.finish(propose(other, 1, "a"))).toBe(1);
    const both = [leader, follower, other].map((server) => propose(server, 3, "c"));
    expect(await world.finish(Promise.all(both))).toEqual([3, 3, 3]);
    await world.run(100);
    for (const { journal } of cluster.servers) expect(journal.lines).toEqual(["a", "b", "c"]);
  });

  it("counts by itself for whoever opened it", async () => {
    const { cluster, world, follower } = await openCluster();
    const session = await world.finish(cluster.server(follower).node.openSession({ expiresAfterMs: 5000 }));
    const asked = ["a", "b", "c"].map((line) => session.propose(line));
    expect(await world.finish(Promise.all(asked))).toEqual([1, 2, 3]);
    await expect(session.propose("d", { sequence: 9 })).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
    const resumed = cluster.server(1).node.session(session.id);
    await expect(resumed.propose("d")).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
    for (const sequence of [0, 1.5, Number.NaN]) {
      await expect(resumed.propose("d", { sequence })).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
    }
    await expect(resumed.propose("d", { sequence: 5, acknowledgedBelow: 6 })).rejects.toMatchObject({
      code: "INVALID_OPTIONS",
    });
    expect(() => cluster.server(1).node.session(0)).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS" }));
    const { node } = cluster.server(1);
    await expect(node.openSession({ expiresAfterMs: 2 ** 31 })).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
  });

  it("K11: tells who uses a number for two commands, and executes only the first", async () => {
    const { cluster, world, follower, other } = await openCluster();
    const { id } = await world.finish(cluster.server(follower).node.openSession());
    const [one, two] = [follower, other].map((server) => cluster.server(server).node.session(id));
    await world.finish(one?.propose("pay 5", { sequence: 1 }) ?? Promise.reject());
    const failure = await world.failure(two?.propose("pay 6", { sequence: 1 }) ?? Promise.reject());
    expect(failure).toMatchObject({ code: "SEQUENCE_REUSED", outcome: "not-executed" });
    await world.run(100);
    expect(counts(cluster.servers, "pay 6")).toEqual([0, 0, 0]);
  });

  it("K3: executes nothing when it is closed or has expired", async () => {
    const { cluster, world, follower, other } = await openCluster();
    const closed = await world.finish(cluster.server(follower).node.openSession());
    await world.finish(closed.propose("before"));
    await world.finish(closed.close());
    await world.finish(closed.close());
    const failure = await world.failure(closed.propose("after"));
    expect(failure).toMatchObject({ code: "SESSION_EXPIRED", outcome: "not-executed" });
    expect(await world.failure(closed.keepAlive())).toMatchObject({ code: "SESSION_EXPIRED" });
    const { id } = await world.finish(cluster.server(follower).node.openSession({ expiresAfterMs: 300 }));
    await world.run(2000);
    const resumed = cluster.server(other).node.session(id);
    // It may be a retry of what was executed before the session expired: who knows?
    const retried = await world.failure(resumed.propose("retried", { sequence: 1 }));
    expect(retried).toMatchObject({ code: "SESSION_EXPIRED_UNDER_WAY", outcome: "unknown" });
    // Whoever knows that it is no retry is told for certain.
    const fresh = await world.failure(resumed.propose("fresh", { sequence: 2, isRetry: false }));
    expect(fresh).toMatchObject({ code: "SESSION_EXPIRED", outcome: "not-executed" });
    await world.run(100);
    for (const { journal } of cluster.servers) expect(journal.lines).toEqual(["before"]);
  });

  it("lives as long as it is kept alive, also through a change of leaders", async () => {
    const { cluster, world, network, leader, follower } = await openCluster();
    const session = await world.finish(cluster.server(follower).node.openSession({ expiresAfterMs: 3000 }));
    for (let beat = 0; beat < 5; beat += 1) {
      await world.run(1500);
      if (beat === 2) network.isolate(leader);
      await world.finish(session.keepAlive());
    }
    expect(await world.finish(session.propose("alive"))).toBe(1);
    await world.run(10_000);
    expect(await world.failure(session.keepAlive())).toMatchObject({ code: "SESSION_EXPIRED" });
  });

  it("K12: a command whose answer is not kept any more is known to be executed", async () => {
    const { cluster, world, follower } = await openCluster({
      codec: {
        encodeCommand: (text) => Buffer.from(text),
        decodeCommand: (data) => Buffer.from(data).toString(),
        encodeResult: () => new Uint8Array(1024 * 1024),
        decodeResult: () => 0,
      },
    });
    const session = cluster
      .server(follower)
      .node.session((await world.finish(cluster.server(1).node.openSession())).id);
    for (let sequence = 1; sequence <= 9; sequence += 1) {
      await world.finish(session.propose(`${sequence}`, { sequence }));
    }
    const failure = await world.failure(session.propose("1", { sequence: 1 }));
    expect(failure).toMatchObject({ code: "RESULT_UNAVAILABLE", outcome: "unknown" });
    expect(await world.finish(session.propose("9", { sequence: 9 }))).toBe(0);
    await world.run(100);
    expect(counts(cluster.servers, "1")).toEqual([1, 1, 1]);
  });

  it("F4: cannot run away from what is acknowledged", async () => {
    const { cluster, world, leader } = await openCluster();
    const { id } = await world.finish(cluster.server(leader).node.openSession());
    const session = cluster.server(leader).node.session(id);
    expect(await world.failure(session.propose("far", { sequence: 5000 }))).toMatchObject({ code: "OVERLOADED" });
    expect(await world.finish(session.propose("far", { sequence: 5000, acknowledgedBelow: 4990 }))).toBe(1);
    expect(await world.failure(session.propose("late", { sequence: 1 }))).toMatchObject({ code: "OUTCOME_UNKNOWN" });
  });
});

describe("K9: a signal ends a call", () => {
  it("that has not begun, that waits, and that is under way, and says what it may have done", async () => {
    const { cluster, world, network, leader, follower } = await openCluster();
    await world.finish(cluster.propose(follower, "first"));
    const { node } = cluster.server(follower);
    const reason = new Error("the user left");
    const aborted = AbortSignal.abort(reason);
    const before = await world.failure(node.propose("before", { signal: aborted }));
    expect(before).toMatchObject({ code: "ABORTED", outcome: "not-executed", cause: reason });
    expect(await world.failure(node.read(() => 1, { signal: aborted }))).toMatchObject({ code: "ABORTED" });
    for (const consistency of ["linearizable", "stale"] as const) {
      const read = node.read(() => 1, { signal: aborted, consistency });
      expect(await world.failure(read)).toMatchObject({ code: "ABORTED" });
    }
    network.fate = ({ kind }) => (["appendEntriesResult", "readIndexResult"].includes(kind) ? "drop" : "deliver");
    const controller = new AbortController();
    const { signal } = controller;
    const underWay = node.propose("under way", { signal });
    const own = cluster.server(leader).node.propose("own", { signal });
    const read = node.read(() => 1, { signal });
    await world.run(5);
    const gathered = node.propose("gathered", { signal });
    for (const each of [underWay, own, read, gathered]) each.catch(() => undefined);
    controller.abort(reason);
    expect(await world.failure(underWay)).toMatchObject({ code: "ABORTED_UNDER_WAY", outcome: "unknown" });
    expect(await world.failure(own)).toMatchObject({ code: "ABORTED", outcome: "not-executed" });
    expect(await world.failure(gathered)).toMatchObject({ code: "ABORTED", outcome: "not-executed" });
    expect(await world.failure(read)).toMatchObject({ code: "ABORTED", cause: reason });
    network.fate = () => "deliver";
    await world.run(2000);
    expect(counts(cluster.servers, "gathered")).toEqual([0, 0, 0]);
    for (const { node: each } of cluster.servers) {
      expect(each.status()).toMatchObject({ pendingProposals: 0, pendingReads: 0, pendingBytes: 0 });
    }
  });

  it("and hears no more of it when the call is over", async () => {
    const { cluster, world, follower } = await openCluster();
    let listeners = 0;
    const signal = {
      aborted: false,
      addEventListener: () => {
        listeners += 1;
      },
      removeEventListener: () => {
        listeners -= 1;
      },
    };
    const { node } = cluster.server(follower);
    const asked = [node.propose("a", { signal }), node.read(() => 1, { signal }), node.openSession({ signal })];
    expect(listeners).toBe(3);
    await world.finish(Promise.all(asked));
    expect(listeners).toBe(0);
  });
});
