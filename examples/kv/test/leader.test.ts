/** Where a client of the binary protocol sends what needs the leader, and that it does not depend on it. */

import { afterEach, describe, expect, it } from "vitest";
import { KvClient } from "../src/client.js";
import { ANSWER, type LeaderNews } from "../src/protocol/protocol.js";
import type { KvServer } from "../src/serve.js";
import { KvStore } from "../src/store.js";
import { Cluster, closeClusters } from "./cluster.js";
import { FakeNode, type FakeServer, startFakeServer } from "./fake-node.js";
import { type Frame, RawClient } from "./raw-client.js";

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  await closeClusters();
});

async function start(name: string, clusterId = "fake"): Promise<FakeServer> {
  const node = new FakeNode(new KvStore());
  node.name = name;
  node.clusterId = clusterId;
  const server = await startFakeServer({}, node);
  closers.push(() => server.close());
  return server;
}

/** Two servers, the first of which says that `name` leads, and is at the second's place. */
async function startPair(name: string, other: { readonly name: string; readonly clusterId?: string }) {
  const one = await start("n1");
  const two = await start(other.name, other.clusterId);
  one.node.apply({ type: "announce", server: name, url: two.url });
  one.node.setLeader(12, name);
  return [one, two] as const;
}

/** Puts until a write arrives at `server`. */
async function putUntil(client: KvClient, server: FakeServer): Promise<void> {
  for (const before = server.store.revision; server.store.revision === before; ) await client.put("a", "1");
}

describe("a client that knows one server", () => {
  it("finds the leader by it, and asks the leader for what the leader has to do with", async () => {
    const [follower, leader] = await startPair("n2", { name: "n2" });
    const client = new KvClient({ servers: [follower.kvUrl], exactlyOnce: false });
    await putUntil(client, leader);
    const { revision } = follower.store;
    await client.put("b", "2");
    await client.cas("b", 0, "3");
    await client.txn({ success: [{ type: "get", key: "a" }] });
    expect([follower.store.revision, leader.store.get("b")?.version]).toEqual([revision, 1]);
    expect(await client.get("b")).toMatchObject({ version: 1 });
    expect(await client.get("b", { consistency: "lease" })).toMatchObject({ version: 1 });
    expect(await client.get("b", { consistency: "stale" })).toBeNull();
    await client.close();
  });

  it("comes back when that one leads, or nobody, and follows when there is another", async () => {
    const [one, two] = await startPair("n2", { name: "n2" });
    const client = new KvClient({ servers: [one.kvUrl], exactlyOnce: false });
    await putUntil(client, two);
    one.node.setLeader(0);
    await putUntil(client, one);
    one.node.setLeader(11, "n1");
    await putUntil(client, one);
    const three = await start("n3");
    one.node.apply({ type: "announce", server: "n3", url: three.url });
    one.node.setLeader(13, "n3");
    await putUntil(client, three);
    await client.close();
  });

  it("takes the address of a leader that says it late", async () => {
    const [one, two] = [await start("n1"), await start("n2")];
    one.node.setLeader(12, "n2");
    const client = new KvClient({ servers: [one.kvUrl], exactlyOnce: false });
    await client.put("a", "1");
    one.node.apply({ type: "announce", server: "n2", url: two.url });
    await putUntil(client, two);
    await client.close();
  });

  it("loses nothing when the leader goes, and asks it again when it is back", async () => {
    const [one, two] = await startPair("n2", { name: "n2" });
    const client = new KvClient({ servers: [one.kvUrl], exactlyOnce: false });
    await putUntil(client, two);
    await two.close();
    await Promise.all(Array.from({ length: 100 }, (_, at) => client.put(`k${at}`, "1")));
    expect(one.store.size).toBeGreaterThanOrEqual(100);
    const again = await startFakeServer({ port: Number(new URL(two.url).port) }, two.node);
    closers.push(() => again.close());
    two.node.proposeError = null;
    await putUntil(client, again);
    await client.close();
  });
});

describe("a leader that is not who it should be", () => {
  it.each([
    ["another server", { name: "n3" }],
    ["a server of another cluster", { name: "n2", clusterId: "other" }],
  ])("is asked for nothing: %s", async (_what, other) => {
    const [one, two] = await startPair("n2", other);
    const { status } = two.node;
    const dialled = new Promise<void>((resolve) => {
      two.node.status = () => {
        resolve();
        return status.call(two.node);
      };
    });
    const client = new KvClient({ servers: [one.kvUrl], exactlyOnce: false });
    await client.put("a", "1");
    await dialled;
    // It has been welcomed there when a while of these is over, if not before the first.
    for (let turn = 1; turn <= 200; turn += 1) await client.put("a", "1");
    expect([one.store.get("a")?.version, two.store.revision]).toEqual([201, 0]);
    await client.close();
  });

  it("nor if it cannot be reached, or is at no address", async () => {
    const [one, two] = await startPair("n2", { name: "n2" });
    await two.close();
    for (const url of [two.url, "nowhere", "http://"]) {
      one.node.apply({ type: "announce", server: "n2", url });
      one.node.setLeader(12, "n2");
      const client = new KvClient({ servers: [one.kvUrl] });
      for (let turn = 1; turn <= 20; turn += 1) await client.put(url, "1");
      expect(one.store.get(url)?.version).toBe(20);
      await client.close();
    }
  });
});

/** Follows what a server tells of who leads, until it names `httpUrl`. */
async function hears(server: KvServer, httpUrl: string): Promise<void> {
  const client = await RawClient.open(server.httpUrl);
  const isNamed = ({ kind, body }: Frame): boolean =>
    kind === ANSWER.leader && (JSON.parse(String(body)) as LeaderNews).leader?.url === httpUrl;
  await client.until(() => client.frames.some(isNamed));
  client.socket.destroy();
}

it("the servers of a cluster know where clients reach each other, whoever leads, also after a restart", async () => {
  const cluster = await Cluster.start(3);
  const server = (id: string): KvServer => cluster.servers.get(id) as KvServer;
  const first = await cluster.leader();
  for (const each of cluster.servers.values()) await hears(each, server(first).httpUrl);
  const { commitIndex } = await cluster.client().cluster();
  await cluster.stop(first);
  const second = await cluster.leader();
  for (const each of cluster.servers.values()) await hears(each, server(second).httpUrl);
  await cluster.start(first);
  await server(first).caughtUp;
  await hears(server(first), server(second).httpUrl);
  // It is where it was, and has nothing to say: only the terms of its leaders have begun since.
  const { commitIndex: later } = await cluster.client().cluster();
  expect(later - commitIndex).toBeLessThan(6);
}, 60_000);
