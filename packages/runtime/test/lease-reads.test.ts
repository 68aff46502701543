/** Reads under a lease, and stale ones with a bound (PITFALLS L5, L8, Q6, Q8, Q9). */

import { describe, expect, it } from "vitest";
import { Cluster } from "./support/cluster.js";

const LEASE = { consistency: "lease" } as const;

/** A cluster whose leader has a lease. */
async function withLease(size = 3): Promise<{ readonly cluster: Cluster; readonly leader: number }> {
  const cluster = await Cluster.open(size);
  const leader = await cluster.leader();
  await cluster.world.finish(cluster.propose(leader, "first"));
  await cluster.world.run(100);
  return { cluster, leader };
}

describe("a read under a lease", () => {
  it("sends no message on the leader, and one question from a follower, however many reads there are", async () => {
    const { cluster, leader } = await withLease();
    const [follower] = cluster.others(leader) as [number];
    const before = cluster.network.sent.length;
    const reads = Array.from({ length: 100 }, () => cluster.read(leader, LEASE));
    await cluster.world.run(0);
    expect(await cluster.world.finish(Promise.all(reads))).toEqual(reads.map(() => ["first"]));
    expect(cluster.network.sent).toHaveLength(before);
    const onFollower = Array.from({ length: 100 }, () => cluster.read(follower, LEASE));
    await cluster.world.finish(Promise.all(onFollower));
    const kinds = cluster.network.sent.slice(before).map(({ kind }) => kind);
    expect(kinds.filter((kind) => !kind.startsWith("heartbeat"))).toEqual(["readIndex", "readIndexResult"]);
    expect(cluster.server(leader).node.status().pendingReads).toBe(0);
  });

  it("L1, Q9: of a leader that was cut off is not answered once another may lead", async () => {
    const { cluster, leader } = await withLease();
    cluster.network.isolate(leader);
    const reads: Promise<void>[] = [];
    const [one, two] = cluster.others(leader) as [number, number];
    const leads = (id: number): boolean => cluster.server(id).node.status().role === "leader";
    let seenAfter = 0;
    while (!leads(one) && !leads(two)) {
      await cluster.world.run(5);
      reads.push(
        cluster.read(leader, { ...LEASE, timeoutMs: 200 }).then(
          () => {
            if (leads(one) || leads(two)) seenAfter += 1;
          },
          () => undefined,
        ),
      );
    }
    await cluster.world.finish(cluster.propose(leads(one) ? one : two, "second"));
    expect(await cluster.world.failure(cluster.read(leader, { ...LEASE, timeoutMs: 500 }))).toMatchObject({
      code: "READ_TIMED_OUT",
    });
    await cluster.world.finish(Promise.all(reads));
    expect(reads.length).toBeGreaterThan(30);
    expect(seenAfter).toBe(0);
  });

  it("L5: a lease that ends while the query runs does not vouch for it: it runs anew, and a quorum confirms", async () => {
    const { cluster, leader } = await withLease();
    const { node, journal } = cluster.server(leader);
    const seen: string[][] = [];
    const query = (): string[] => {
      if (seen.length === 0) cluster.world.stall(1000);
      seen.push([...journal.lines]);
      return seen[seen.length - 1] as string[];
    };
    const sent = cluster.network.sent.length;
    const read = node.read(query, LEASE);
    read.catch(() => undefined);
    await cluster.world.finish(read);
    expect(seen).toHaveLength(2);
    expect(cluster.network.sent.slice(sent).some(({ kind }) => kind === "heartbeat")).toBe(true);
  });

  it("L5: so it is on a follower; and what the query throws counts as little", async () => {
    const { cluster, leader } = await withLease();
    const [follower] = cluster.others(leader) as [number];
    let runs = 0;
    const query = (): string => {
      runs += 1;
      if (runs > 1) return "fresh";
      cluster.world.stall(300);
      throw new Error("no such key");
    };
    const read = cluster.server(follower).node.read(query, LEASE);
    expect(await cluster.world.finish(read)).toBe("fresh");
    expect(runs).toBe(2);
  });

  it("L8: a leader whose disk hangs loses its lease", async () => {
    const { cluster, leader } = await withLease();
    cluster.server(leader).storage.isHanging = true;
    void cluster.propose(leader, "stuck", 60_000);
    await cluster.world.until(() => cluster.server(leader).node.status().storage.isStalled);
    await cluster.world.run(250);
    const read = cluster.read(leader, { ...LEASE, timeoutMs: 60_000 });
    await cluster.world.run(0);
    expect(cluster.server(leader).node.status().pendingReads).toBe(1);
    cluster.server(leader).storage.resume();
    await cluster.world.finish(read);
  });

  it("is linearizable without a lease: in a cluster that has none yet, it waits for one", async () => {
    const cluster = await Cluster.open(3, {}, [1]);
    const read = cluster.read(1, { ...LEASE, timeoutMs: 60_000 });
    await cluster.start(2);
    expect(await cluster.world.finish(read)).toEqual([]);
  });
});

describe("a stale read with a bound", () => {
  const within = (maxStalenessMs: number, timeoutMs = 60_000) =>
    ({ consistency: "stale", maxStalenessMs, timeoutMs }) as const;

  it("asks once, and is then answered at once for as long as the bound", async () => {
    const { cluster, leader } = await withLease();
    for (const id of [leader, ...cluster.others(leader)]) {
      expect(await cluster.world.finish(cluster.read(id, within(1000)))).toEqual(["first"]);
      await cluster.world.run(100);
      const before = cluster.network.sent.length;
      const reads = Array.from({ length: 100 }, () => cluster.read(id, within(1000)));
      await expect(Promise.all(reads)).resolves.toHaveLength(100);
      expect(cluster.network.sent).toHaveLength(before);
    }
  });

  it("reads that keep coming do not wait: the server asks ahead of time, twice per bound at most", async () => {
    const { cluster, leader } = await withLease();
    const [follower] = cluster.others(leader) as [number];
    await cluster.world.finish(cluster.read(follower, within(400)));
    const before = cluster.network.sent.length;
    for (let passedMs = 0; passedMs < 4000; passedMs += 10) {
      let isAnswered = false;
      void cluster.read(follower, within(400)).then(() => {
        isAnswered = true;
      });
      await Promise.resolve();
      expect(isAnswered).toBe(true);
      await cluster.world.run(10);
    }
    const asked = cluster.network.sent.slice(before).filter(({ kind }) => kind === "readIndex").length;
    expect(asked).toBeGreaterThanOrEqual(10);
    expect(asked).toBeLessThanOrEqual(21);
  });

  it("Q9: of a server that is cut off is refused when the bound is over, and not before", async () => {
    const { cluster, leader } = await withLease();
    const others = cluster.others(leader) as [number, number];
    for (const id of [leader, others[0]]) await cluster.world.finish(cluster.read(id, within(1000)));
    for (const id of [leader, others[0]]) cluster.network.isolate(id);
    await cluster.world.run(800);
    for (const id of [leader, others[0]]) {
      await expect(cluster.read(id, within(1000, 1))).resolves.toEqual(["first"]);
    }
    await cluster.world.run(200);
    for (const id of [leader, others[0]]) {
      const error = await cluster.world.failure(cluster.read(id, within(1000, 300)));
      expect(error).toMatchObject({ code: "READ_TOO_STALE", outcome: "not-executed" });
      await expect(cluster.read(id, { consistency: "stale" })).resolves.toEqual(["first"]);
    }
  });

  it("counts from when the server asked, not from when it was told, and on the fastest clock", async () => {
    const { cluster, leader } = await withLease();
    const [follower] = cluster.others(leader) as [number];
    cluster.network.delayMs = 40;
    const askedAt = cluster.world.now;
    await cluster.world.finish(cluster.read(follower, within(210)));
    expect(cluster.world.now - askedAt).toBeGreaterThan(100);
    cluster.network.isolate(follower);
    await cluster.world.run(askedAt + 199 - cluster.world.now);
    await expect(cluster.read(follower, within(210, 1))).resolves.toEqual(["first"]);
    await cluster.world.run(3);
    expect(await cluster.world.failure(cluster.read(follower, within(210, 50)))).toMatchObject({
      code: "READ_TOO_STALE",
    });
  });

  it("is as fresh as its bound: waits until this server has applied enough", async () => {
    const { cluster, leader } = await withLease();
    const [follower] = cluster.others(leader) as [number];
    const { storage } = cluster.server(follower);
    storage.isHanging = true;
    await cluster.world.finish(cluster.propose(leader, "second"));
    const read = cluster.read(follower, within(100));
    await cluster.world.run(100);
    expect(cluster.server(follower).node.status().pendingReads).toBe(1);
    storage.resume();
    expect(await cluster.world.finish(read)).toEqual(["first", "second"]);
  });

  it("Q8: right after a start it waits for a quorum, whatever the bound", async () => {
    const { cluster } = await withLease();
    for (const { node } of cluster.servers) await node.close();
    await cluster.start(1);
    const error = await cluster.world.failure(cluster.read(1, within(3_600_000, 300)));
    expect(error).toMatchObject({ code: "READ_TOO_STALE" });
    const patient = cluster.read(1, within(3_600_000));
    await cluster.start(2);
    expect(await cluster.world.finish(patient)).toEqual(["first"]);
  });
});

describe("what a read asks for", () => {
  it("F15: is refused when it makes no sense", async () => {
    const cluster = await Cluster.open(1);
    for (const options of [
      { consistency: "eventual" as "stale" },
      { maxStalenessMs: 100 },
      { consistency: "lease", maxStalenessMs: 100 } as const,
      { consistency: "stale", maxStalenessMs: 0 } as const,
      { consistency: "stale", maxStalenessMs: Number.NaN } as const,
      { consistency: "stale", timeoutMs: 0 } as const,
    ]) {
      expect(await cluster.world.failure(cluster.read(1, options))).toMatchObject({ code: "INVALID_OPTIONS" });
    }
    await expect(Cluster.open(1, { maxClockDrift: 2 })).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
  });
});
