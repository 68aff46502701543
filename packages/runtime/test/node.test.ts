/** A node among its ports: late timers, broken disks, rude listeners, and its own end. */

import type { Message } from "@quorate/core";
import { describe, expect, it } from "vitest";
import { bytesCodec, type LeaderEvent, RaftNode, type RoleEvent } from "../src/index.js";
import { Cluster, Journal } from "./support/cluster.js";
import { FakeNetwork, FakeTransport } from "./support/fake-network.js";
import { FakeStorage } from "./support/fake-storage.js";
import { World } from "./support/world.js";

function heartbeat(from: number, to: number, term: number): Message {
  return { kind: "heartbeat", from, to, term, round: 1, leaderCommit: 0, isQuiet: false };
}

describe("F2: after a stall", () => {
  /** Server 2 follows server 1, stalls, and gets its next message one round of the loop after its timer. */
  async function stall(isHeartbeatWaiting: boolean): Promise<Cluster> {
    const cluster = await Cluster.open(3, {}, [2]);
    const { world } = cluster;
    const { transport } = cluster.server(2);
    transport.receive(0, heartbeat(1, 2, 5));
    await world.run(10);
    world.stall(2000);
    if (isHeartbeatWaiting) {
      world.clock.soon(() => world.clock.soon(() => transport.receive(0, heartbeat(1, 2, 5))));
    }
    await world.run(100);
    return cluster;
  }

  it("what has come in is read before a leader is given up", async () => {
    const cluster = await stall(true);
    expect(cluster.server(2).node.status()).toMatchObject({ role: "follower", leaderId: 1 });
    expect(cluster.network.sent.map(({ kind }) => kind)).not.toContain("requestPreVote");
  });

  it("what has come in is read before a leader is given up, however short it was", async () => {
    const silent = await Cluster.open(3, {}, [2]);
    silent.server(2).transport.receive(0, heartbeat(1, 2, 5));
    await silent.world.until(() => silent.network.sent.some(({ kind }) => kind === "requestPreVote"));

    const cluster = await Cluster.open(3, {}, [2]);
    const { world } = cluster;
    const { transport } = cluster.server(2);
    transport.receive(0, heartbeat(1, 2, 5));
    await world.run(10);
    world.stall(silent.world.now - world.now + 20);
    world.clock.soon(() => world.clock.soon(() => transport.receive(0, heartbeat(1, 2, 5))));
    await world.run(100);
    expect(cluster.server(2).node.status()).toMatchObject({ role: "follower", leaderId: 1 });
    expect(cluster.network.sent.map(({ kind }) => kind)).not.toContain("requestPreVote");
  });

  it("it is given up if nothing has", async () => {
    const cluster = await stall(false);
    expect(cluster.server(2).node.status().leaderId).toBe(0);
    expect(cluster.network.sent.map(({ kind }) => kind)).toContain("requestPreVote");
  });
});

describe("F14: who leads", () => {
  it("is told to all, with the term, and to those who come late", async () => {
    const cluster = await Cluster.open(3);
    const early: LeaderEvent[] = [];
    cluster.server(1).node.subscribe("leader", (event) => early.push(event));
    expect(early).toEqual([{ leaderId: 0, leaderName: null, term: 1 }]);
    const leader = await cluster.leader();
    const { currentTerm } = cluster.server(1).node.status();
    const now = { leaderId: leader, leaderName: `n${leader}`, term: currentTerm };
    expect(early.at(-1)).toEqual(now);
    const late: LeaderEvent[] = [];
    cluster.server(1).node.subscribe("leader", (event) => late.push(event));
    expect(late).toEqual([now]);
  });

  it("is told change by change, also when leaders change within one turn", async () => {
    const cluster = await Cluster.open(3, {}, [2]);
    const { node, transport } = cluster.server(2);
    await cluster.world.run(250);
    const leaders: LeaderEvent[] = [];
    const roles: RoleEvent[] = [];
    node.subscribe("leader", (event) => leaders.push(event));
    node.subscribe("role", (event) => roles.push(event));
    for (const [from, term] of [
      [1, 2],
      [3, 3],
      [1, 4],
      [1, 5],
    ] as const)
      transport.receive(0, heartbeat(from, 2, term));
    await cluster.world.run(1);
    const known = leaders.filter(({ leaderId }) => leaderId !== 0).map(({ leaderId, term }) => [leaderId, term]);
    expect(known).toEqual([
      [1, 2],
      [3, 3],
      [1, 4],
      [1, 5],
    ]);
    expect(roles.map(({ term }) => term)).toEqual([1, 2, 3, 4, 5]);
  });

  it("a leader that closes is told so: whoever acts for it must stop", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const { node } = cluster.server(leader);
    const roles: string[] = [];
    const leaders: number[] = [];
    node.subscribe("role", ({ role }) => roles.push(role));
    node.subscribe("leader", ({ leaderId }) => leaders.push(leaderId));
    await cluster.world.finish(node.close());
    expect(roles).toEqual(["leader", "stopped"]);
    expect(leaders).toEqual([leader, 0]);
    expect(node.status()).toMatchObject({ role: "stopped", leaderId: 0, followers: [], fatal: null });
  });

  it("is not told any more to who has unsubscribed, and a listener that throws hurts nobody", async () => {
    const warnings: unknown[] = [];
    const cluster = await Cluster.open(3, { onWarning: (error) => warnings.push(error) });
    const told: string[] = [];
    const { node } = cluster.server(1);
    node.subscribe("role", () => {
      throw new Error("rude");
    });
    const unsubscribe = node.subscribe("role", ({ role }) => told.push(role));
    unsubscribe();
    const leader = await cluster.leader();
    expect(told).toEqual(["follower"]);
    expect(warnings.length).toBeGreaterThan(1);
    expect(warnings[0]).toEqual(new Error("rude"));
    expect(node.status().warnings).toBe(warnings.length);
    expect(await cluster.world.finish(cluster.propose(leader, "still here"))).toBe(1);
  });

  it("an `onWarning` that throws hurts nobody either", async () => {
    const cluster = await Cluster.open(1, {
      onWarning: () => {
        throw new Error("rude, too");
      },
    });
    cluster.server(1).node.subscribe("role", () => {
      throw new Error("rude");
    });
    await cluster.leader();
    expect(await cluster.world.finish(cluster.propose(1, "still here"))).toBe(1);
  });
});

describe("F16: what is fatal is told, and ends it", () => {
  it("P5, P12, R17: a failed write: nothing that depends on it is sent, applied or tried again", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    await cluster.world.finish(cluster.propose(leader, "first"));
    await cluster.world.run(50);
    const { node, storage, journal, transport } = cluster.server(leader);
    const fatals: unknown[] = [];
    node.subscribe("fatal", (fatal) => fatals.push(fatal));
    storage.failNextWrite = new Error("EIO");
    const [follower] = cluster.others(leader) as [number];
    storage.writeMs = 10;
    void cluster.propose(follower, "forwarded");
    await cluster.world.run(2);
    const written = cluster.propose(leader, "not written");
    // The followers have stored the first: it is committed, but not for this server to apply.
    await cluster.world.run(6);
    const waiting = cluster.propose(leader, "waits");
    const read = cluster.read(leader);
    const failure = await cluster.world.failure(written);
    expect(failure).toMatchObject({ code: "STOPPED_UNDER_WAY", outcome: "unknown", cause: { code: "STORAGE_FAILED" } });
    expect(await cluster.world.failure(waiting)).toMatchObject({ code: "STOPPED_UNDER_WAY" });
    expect(await cluster.world.failure(read)).toMatchObject({ code: "STOPPED" });
    const [sent, batches] = [cluster.network.sent.length, storage.batches.length];
    await cluster.world.run(200);
    expect(cluster.network.sent.slice(sent).filter(({ from }) => from === leader)).toEqual([]);
    expect(cluster.network.sent.map(({ kind }) => kind)).not.toContain("proposeResult");
    expect(storage.batches).toHaveLength(batches);
    expect(journal.lines).toEqual(["first"]);
    expect(transport.isRegistered).toBe(false);
    expect(fatals).toEqual([null, { error: expect.objectContaining({ code: "STORAGE_FAILED" }) }]);
    expect(node.status()).toMatchObject({ role: "stopped", fatal: { code: "STORAGE_FAILED" }, pendingProposals: 0 });
    const late = await cluster.world.failure(cluster.propose(leader, "late"));
    expect(late).toMatchObject({ code: "STOPPED", outcome: "not-executed" });
    // The others go on, and it can be closed.
    const [next] = cluster.others(leader) as [number];
    await cluster.leader();
    expect(await cluster.world.finish(cluster.propose(next, "without it"))).toBeGreaterThan(1);
    await cluster.world.finish(node.close());
  });

  it("C13: a state machine that throws stops each server that comes to apply the command", async () => {
    const apply = (): never => {
      throw new Error("no such key");
    };
    const cluster = await Cluster.open(3, { stateMachine: { apply } });
    const leader = await cluster.leader();
    const failure = await cluster.world.failure(cluster.propose(leader, "poison"));
    expect(failure).toMatchObject({ code: "STOPPED_UNDER_WAY", cause: { code: "STATE_MACHINE_FAILED" } });
    await cluster.world.run(5000);
    // The next leader commits it as well, and stops before it has told the last one, which is a minority then.
    const codes = cluster.servers.map(({ node }) => node.status().fatal?.code);
    expect(codes.filter((code) => code === "STATE_MACHINE_FAILED")).toHaveLength(2);
    expect(
      cluster.servers.filter(({ node }) => node.status().role === "leader" && node.status().fatal === null),
    ).toEqual([]);
  });

  it("E24: proof that safety is lost", async () => {
    const cluster = await Cluster.open(3, {}, [2]);
    const { node, transport } = cluster.server(2);
    await cluster.world.run(250);
    transport.receive(0, heartbeat(1, 2, 5));
    transport.receive(0, heartbeat(3, 2, 5));
    await cluster.world.run(1);
    expect(node.status().fatal?.code).toBe("INVARIANT_BROKEN");
    expect(node.status().fatal?.message).toContain("both lead term 5");
  });

  it("F19: a transport that throws is none of it: what it did not send is lost", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const { node, transport } = cluster.server(leader);
    transport.throwOnSend = true;
    const asked = cluster.propose(leader, "unsent");
    await cluster.world.run(100);
    expect(node.status().fatal).toBeNull();
    expect(node.status().warnings).toBeGreaterThan(0);
    transport.throwOnSend = false;
    expect(await cluster.world.finish(asked)).toBe(1);
  });
});

describe("a disk that hangs", () => {
  it("P8: a leader falls silent, another one is elected, and it follows when the disk is back", async () => {
    const cluster = await Cluster.open(3, { storageStallMs: 600 });
    const former = await cluster.leader();
    await cluster.world.finish(cluster.propose(former, "first"));
    cluster.server(former).storage.isHanging = true;
    const stuck = cluster.propose(former, "stuck", 60_000);
    // P9: not before its time.
    await cluster.world.run(550);
    expect(cluster.server(former).node.status()).toMatchObject({ role: "leader", storage: { isStalled: false } });
    const [one, two] = cluster.others(former) as [number, number];
    await cluster.world.until(() => [one, two].some((id) => cluster.server(id).node.status().role === "leader"), 2000);
    expect(cluster.server(former).node.status().storage.isStalled).toBe(true);
    await cluster.world.finish(cluster.propose(one, "without it"));
    await cluster.world.run(5000);
    expect([one, two].map((id) => cluster.server(id).node.status().role)).toContain("leader");
    cluster.server(former).storage.resume();
    // The followers had the entry: it was committed by the next leader, as it was.
    expect(await cluster.world.finish(stuck)).toBe(2);
    await cluster.world.run(1000);
    for (const { journal } of cluster.servers) expect(journal.lines).toEqual(["first", "stuck", "without it"]);
    expect(cluster.server(former).node.status().storage.isStalled).toBe(false);
  });

  it("C12: a server applies nothing that it does not have on disk", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    await cluster.world.run(50);
    const [follower] = cluster.others(leader) as [number];
    const { storage, journal } = cluster.server(follower);
    storage.isHanging = true;
    await cluster.world.finish(cluster.propose(leader, "committed"));
    await cluster.world.run(150);
    expect(journal.lines).toEqual([]);
    storage.resume();
    await cluster.world.run(10);
    expect(journal.lines).toEqual(["committed"]);
  });
});

describe("F11: bytes", () => {
  it("of a command are the caller's to reuse, and the state machine's to write to", async () => {
    const world = new World();
    const seen: string[] = [];
    const node = await RaftNode.open<Uint8Array, Uint8Array>({
      id: "n1",
      bootstrap: { clusterId: "test", members: [{ name: "n1", address: "n1" }] },
      storage: new FakeStorage(world),
      transport: new FakeTransport(new FakeNetwork(world), "n1"),
      stateMachine: {
        apply: ({ command }) => {
          seen.push(Buffer.from(command).toString());
          command.fill(0);
          return command;
        },
      },
      codec: bytesCodec,
      clock: world.clock,
      seed: 1,
    });
    const buffer = Buffer.from("first");
    const asked = node.propose(buffer);
    buffer.write("OTHER");
    await world.finish(asked);
    expect(seen).toEqual(["first"]);
    // The runtime itself copies what a command is encoded to.
    const { encodeCommand: _, ...copying } = bytesCodec;
    for (const convert of Object.values(copying)) {
      const bytes = Buffer.from("bytes");
      const copy = convert(bytes);
      bytes.fill(0);
      expect(Buffer.from(copy).toString()).toBe("bytes");
    }
  });
});

describe("F18: close", () => {
  it("leaves no timer, no port open, and may be called twice", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    for (const id of [1, 2, 3]) void cluster.propose(id, `${id}`);
    await cluster.world.run(0);
    const closings = cluster.servers.flatMap(({ node }) => [node.close(), node.close()]);
    await cluster.world.finish(Promise.all(closings));
    expect(cluster.server(leader).node.close()).toBe(closings[2 * (leader - 1)]);
    // What is left are writes that were under way, and messages on the wire.
    await cluster.world.run(5);
    expect(cluster.world.pending).toBe(0);
    for (const { storage, transport } of cluster.servers) {
      expect([storage.isClosed, transport.isClosed, transport.isRegistered]).toEqual([true, true, false]);
    }
  });

  it("writes nothing more", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const { node, storage } = cluster.server(leader);
    storage.writeMs = 20;
    for (const line of ["under way", "next"]) {
      void cluster.propose(leader, line);
      await cluster.world.run(0);
    }
    const batches = storage.batches.length;
    await cluster.world.finish(node.close());
    await cluster.world.run(1000);
    expect(storage.batches).toHaveLength(batches);
  });

  it("applies nothing more, and takes back the turn that was asked for", async () => {
    const applied: string[] = [];
    let release = (): void => undefined;
    const apply = ({ command }: { readonly command: string }): Promise<number> => {
      applied.push(command);
      return new Promise((resolve) => {
        release = () => resolve(1);
      });
    };
    const cluster = await Cluster.open(1, { stateMachine: { apply } });
    await cluster.leader();
    const asked = [cluster.propose(1, "x"), cluster.propose(1, "y")];
    await cluster.world.until(() => applied.length === 1);
    void cluster.propose(1, "z");
    await cluster.world.finish(cluster.server(1).node.close());
    expect(cluster.world.pending).toBe(0);
    release();
    await cluster.world.run(10);
    expect(applied).toEqual(["x"]);
    for (const each of asked) expect(await cluster.world.failure(each)).toMatchObject({ code: "CLOSED_UNDER_WAY" });
  });

  it("does not wait for ever, and says what did not end", async () => {
    const cluster = await Cluster.open(1);
    await cluster.leader();
    const { node, storage } = cluster.server(1);
    storage.close = () => new Promise(() => undefined);
    const failure = await cluster.world.failure(node.close(), 20_000);
    expect(failure).toMatchObject({ code: "STORAGE_FAILED" });
    expect(cluster.world.now).toBeGreaterThanOrEqual(10_000);
    expect(cluster.world.pending).toBe(0);
  });

  it("rejects with what a port rejects with, when everything is settled", async () => {
    const cluster = await Cluster.open(1);
    const { node, transport } = cluster.server(1);
    const asked = cluster.propose(1, "x");
    transport.close = () => Promise.reject(new Error("EBADF"));
    expect(await cluster.world.failure(node.close())).toEqual(new Error("EBADF"));
    expect(await cluster.world.failure(asked)).toMatchObject({ code: "CLOSED" });
  });

  it("from within a listener, a query or the state machine is fine", async () => {
    const closers = ["listener", "query", "apply"] as const;
    for (const closer of closers) {
      let close = (): void => undefined;
      const journal = new Journal();
      const apply = (committed: Parameters<Journal["apply"]>[0]): number => {
        if (closer === "apply") close();
        return journal.apply(committed);
      };
      const cluster = await Cluster.open(1, { stateMachine: { apply } });
      const { node } = cluster.server(1);
      let closed: Promise<void> | null = null;
      close = () => {
        closed = node.close();
      };
      if (closer === "listener") node.subscribe("role", ({ role }) => role === "leader" && close());
      const asked = [cluster.propose(1, "x"), cluster.propose(1, "y")];
      const { world } = cluster;
      node.read(() => closer === "query" && close()).catch(() => undefined);
      await world.until(() => closed !== null);
      await world.finish(Promise.allSettled(asked));
      await world.run(10);
      expect(world.pending).toBe(0);
      expect(node.status()).toMatchObject({ role: "stopped", fatal: null });
    }
  });
});

it("status is one plain object", async () => {
  const cluster = await Cluster.open(3);
  const leader = await cluster.leader();
  await cluster.world.finish(cluster.propose(leader, "x"));
  await cluster.world.run(100);
  const status = cluster.server(leader).node.status();
  expect(JSON.parse(JSON.stringify(status))).toEqual(status);
  expect(status).toMatchObject({
    id: leader,
    name: `n${leader}`,
    clusterId: "test",
    role: "leader",
    leaderId: leader,
    leaderName: `n${leader}`,
    commitIndex: status.lastIndex,
    appliedIndex: status.lastIndex,
    durableIndex: status.lastIndex,
    members: [{ id: 1 }, { id: 2 }, { id: 3 }],
    pendingProposals: 0,
    pendingReads: 0,
    pendingBytes: 0,
    storage: { durability: "volatile", isStalled: false },
    transport: { connected: cluster.others(leader) },
    refusedMessages: 0,
    warnings: 0,
    fatal: null,
  });
  expect(status.followers.map(({ id, matchIndex }) => [id, matchIndex])).toEqual(
    cluster.others(leader).map((id) => [id, status.lastIndex]),
  );
  const [follower] = cluster.others(leader) as [number];
  expect(cluster.server(follower).node.status()).toMatchObject({ role: "follower", leaderId: leader, followers: [] });
});
