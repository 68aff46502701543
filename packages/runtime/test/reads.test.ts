import { describe, expect, it } from "vitest";
import { Cluster } from "./support/cluster.js";

describe("a linearizable read", () => {
  it("Q9: of a leader that was replaced does not see old data: it waits, or fails", async () => {
    const cluster = await Cluster.open(3);
    const former = await cluster.leader();
    await cluster.world.finish(cluster.propose(former, "old"));
    cluster.network.isolate(former);
    const [one, two] = cluster.others(former) as [number, number];
    await cluster.world.until(() => [one, two].some((id) => cluster.server(id).node.status().role === "leader"));
    await cluster.world.finish(cluster.propose(one, "new"));
    const impatient = cluster.read(former, { timeoutMs: 500 });
    const patient = cluster.read(former, { timeoutMs: 60_000 });
    expect(await cluster.world.failure(impatient)).toMatchObject({ code: "READ_TIMED_OUT", outcome: "not-executed" });
    cluster.network.heal();
    expect(await cluster.world.finish(patient)).toEqual(["old", "new"]);
  });

  it("Q7: waits until this server has applied what was committed when it began", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower] = cluster.others(leader) as [number];
    const { storage } = cluster.server(follower);
    await cluster.world.run(50);
    storage.isHanging = true;
    await cluster.world.finish(cluster.propose(leader, "acknowledged"));
    let lines: readonly string[] | null = null;
    const read = cluster.read(follower).then((value) => {
      lines = value;
    });
    await cluster.world.run(200);
    expect(lines).toBeNull();
    expect(await cluster.world.finish(cluster.read(follower, { consistency: "stale" }))).toEqual([]);
    storage.resume();
    await cluster.world.finish(read);
    expect(lines).toEqual(["acknowledged"]);
  });

  it("Q3: without a leader it waits for one, and fails by its deadline", async () => {
    const cluster = await Cluster.open(3, {}, [1]);
    const patient = cluster.read(1, { timeoutMs: 60_000 });
    expect(await cluster.world.failure(cluster.read(1, { timeoutMs: 300 }))).toMatchObject({ code: "READ_TIMED_OUT" });
    await cluster.start(2);
    expect(await cluster.world.finish(patient)).toEqual([]);
    expect(cluster.server(1).node.status()).toMatchObject({ pendingReads: 0, pendingBytes: 0 });
  });

  it("Q3: is tried again, at a pace, when the leader refuses or its answer is lost", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower] = cluster.others(leader) as [number];
    cluster.network.fate = (message) => {
      if (message.kind === "readIndexResult") Object.assign(message, { success: false });
      return "deliver";
    };
    const read = cluster.read(follower);
    await cluster.world.run(1000);
    const asked = cluster.network.sent.filter(({ kind }) => kind === "readIndex").length;
    expect(asked).toBeGreaterThan(5);
    expect(asked).toBeLessThan(25);
    cluster.network.fate = ({ kind }) => (kind === "readIndexResult" ? "drop" : "deliver");
    await cluster.world.run(1000);
    cluster.network.fate = () => "deliver";
    expect(await cluster.world.finish(read)).toEqual([]);
  });

  it("shares its question with all reads of the same turn", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower] = cluster.others(leader) as [number];
    const reads = Array.from({ length: 500 }, () => cluster.read(follower));
    await cluster.world.finish(Promise.all(reads));
    expect(cluster.network.sent.filter(({ kind }) => kind === "readIndex")).toHaveLength(1);
  });

  it("goes on by the hundred while the leader has not answered the first", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    cluster.network.delayMs = 40;
    const reads: Promise<unknown>[] = [];
    for (let turn = 0; turn < 300; turn += 1) {
      reads.push(cluster.read(leader, { timeoutMs: 60_000 }));
      await cluster.world.run(0);
    }
    await cluster.world.finish(Promise.all(reads));
  });

  it("Q5: is refused when too much is under way", async () => {
    const cluster = await Cluster.open(3, { maxPendingBytes: 5000, maxCommandBytes: 5000 }, [1]);
    const reads = Array.from({ length: 9 }, () => cluster.read(1, { timeoutMs: 100 }));
    expect(await cluster.world.failure(cluster.read(1))).toMatchObject({ code: "OVERLOADED" });
    await cluster.world.finish(Promise.allSettled(reads));
    expect(cluster.server(1).node.status().pendingBytes).toBe(0);
  });

  it("fails alone when its query throws", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const { node } = cluster.server(leader);
    const failing = node.read(() => {
      throw new Error("no such key");
    });
    const other = cluster.read(leader);
    expect(await cluster.world.failure(failing)).toEqual(new Error("no such key"));
    expect(await cluster.world.finish(other)).toEqual([]);
    expect(node.status().fatal).toBeNull();
  });
});

describe("a stale read", () => {
  it("is answered at once, without a leader or a message", async () => {
    const cluster = await Cluster.open(3, {}, [1]);
    const { node, journal } = cluster.server(1);
    const sent = cluster.network.sent.length;
    await expect(node.read(() => journal.lines.length, { consistency: "stale" })).resolves.toBe(0);
    expect(cluster.network.sent).toHaveLength(sent);
  });

  it("rejects with what its query throws", async () => {
    const cluster = await Cluster.open(1);
    const query = (): never => {
      throw new Error("no such key");
    };
    const read = cluster.server(1).node.read(query, { consistency: "stale" });
    await expect(read).rejects.toThrow("no such key");
  });
});
