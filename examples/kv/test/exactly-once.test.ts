/**
 * Exactly once, with real processes, over either protocol: a write is committed, its leader is killed before the client hears of it, and worse.
 * The client asks again elsewhere by itself; the version of the key tells how often the write was executed.
 */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DemoCluster } from "../src/demo/cluster.js";
import { Load } from "../src/demo/load.js";
import { KvClient } from "../src/index.js";
import { startProxy } from "./faulty-proxy.js";
import { startWireProxy } from "./faulty-wire.js";

const WITHIN_MS = 15_000;

let cluster: DemoCluster;
const closers: (() => Promise<void>)[] = [];

describe.each(["http", "kv"] as const)("over %s", (scheme) => {
  beforeEach(async () => {
    cluster = await DemoCluster.start(scheme);
  });

  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
    await cluster.stop();
  });

  /**
   * A client that asks the leader first. When the leader has executed its first write, and answered, the answer is lost;
   * but first `meanwhile` happens.
   */
  async function clientOfLeader(meanwhile: (leader: string) => Promise<unknown>): Promise<KvClient> {
    const { name } = await cluster.leader({ withinMs: WITHIN_MS });
    let isLost = false;
    const start = scheme === "http" ? startProxy : startWireProxy;
    const proxy = await start(cluster.urlOf(name), async ({ isWrite }) => {
      if (isLost || !isWrite) return true;
      isLost = true;
      await meanwhile(name);
      return false;
    });
    closers.push(() => proxy.close());
    const others = cluster.urls.filter((url) => url !== cluster.urlOf(name));
    return new KvClient({ servers: [proxy.url, ...others], timeoutMs: 30_000 });
  }

  async function crashAll(): Promise<void> {
    await Promise.all(cluster.names.map((name) => cluster.end(name, "SIGKILL")));
    await Promise.all(cluster.names.map((name) => cluster.startServer(name)));
  }

  async function versions(): Promise<(number | undefined)[]> {
    const read = async (url: string) => (await new KvClient({ servers: [url] }).get("a"))?.version;
    return Promise.all(cluster.runningUrls.map(read));
  }

  describe("K1: a write is executed once", () => {
    it("though its leader is killed when it was committed, and before it was answered", async () => {
      const client = await clientOfLeader((leader) => cluster.end(leader, "SIGKILL"));
      const written = await client.put("a", "1");
      expect(written).toMatchObject({ version: 1, createRevision: written.revision });
      expect(await versions()).toEqual([1, 1]);
      await client.close();
    });

    it("and a condition that held when it was executed is not judged anew by its own effect", async () => {
      const client = await clientOfLeader((leader) => cluster.end(leader, "SIGKILL"));
      expect(await client.cas("a", 0, "1")).toMatchObject({ succeeded: true, version: 1 });
      expect(await client.cas("a", 0, "2")).toMatchObject({ succeeded: false });
      await client.close();
    });

    it("K2: though all servers crash, and start again, before it is sent again", async () => {
      const client = await clientOfLeader(crashAll);
      expect(await client.put("a", "1")).toMatchObject({ version: 1 });
      expect(await versions()).toEqual([1, 1, 1]);
      await client.close();
    });

    it("K2: though between the two all servers have taken a snapshot, and start from it", async () => {
      const client = await clientOfLeader(async () => {
        await Promise.all(cluster.urls.map((url) => new KvClient({ servers: [url] }).admin.snapshot()));
        await crashAll();
      });
      expect(await client.put("a", "1")).toMatchObject({ version: 1 });
      expect(await versions()).toEqual([1, 1, 1]);
      await client.close();
    });

    it("by each of many clients, under load, when the leader is killed; and none of them is in doubt", async () => {
      const first = await cluster.leader({ withinMs: WITHIN_MS });
      const load = new Load(cluster.urls, 8, 20_000);
      const client = new KvClient({ servers: cluster.urls, timeoutMs: 20_000 });
      const counting = Array.from({ length: 8 }, async (_, key) => {
        for (let version = 1; version <= 40; version += 1) {
          expect((await client.put(`count/${key}`, String(version))).version).toBe(version);
        }
      });
      await cluster.poll(WITHIN_MS, "no load", async () => (load.acknowledged.size > 50 ? true : null));
      await cluster.end(first.name, "SIGKILL");
      await Promise.all(counting);
      await load.stop();
      expect([load.unknown, load.refused]).toEqual([0, 0]);
      const { entries } = await client.list({ limit: 1000, prefix: "client-" });
      for (const { key, version } of entries) expect([key, version]).toEqual([key, 1]);
      await client.close();
    });
  });
});
