/**
 * Three real processes on loopback, LevelDB with synced writes, load from real clients, and what operators fear:
 * crashes, stalls, restarts. Whatever was acknowledged must be there afterwards, on every server.
 */

import { afterEach, beforeEach, expect, it } from "vitest";
import { DemoCluster } from "../src/demo/cluster.js";
import { Load } from "../src/demo/load.js";
import { KvClient } from "../src/index.js";

const WITHIN_MS = 15_000;
const CLIENTS = 8;

let cluster: DemoCluster;

beforeEach(async () => {
  cluster = await DemoCluster.start("http");
});

afterEach(async () => {
  await cluster.stop();
});

async function grown(load: Load, by: number): Promise<void> {
  const target = load.acknowledged.size + by;
  await cluster.poll(WITHIN_MS, `less than ${by} further writes were acknowledged`, async () =>
    load.acknowledged.size >= target ? true : null,
  );
}

async function read(url: string, consistency: "linearizable" | "stale"): Promise<Map<string, string>> {
  const client = new KvClient({ servers: [url] });
  const found = new Map<string, string>();
  let cursor: string | undefined;
  do {
    const page = await client.list({ limit: 1000, cursor, consistency });
    for (const { key, value } of page.entries) found.set(key, new TextDecoder().decode(value));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return found;
}

async function expectNothingLost(load: Load): Promise<void> {
  for (const url of cluster.runningUrls) {
    const found = await read(url, "linearizable");
    const lost = [...load.acknowledged].filter(([key, value]) => found.get(key) !== value);
    expect(lost, `missing at ${url}`).toEqual([]);
  }
}

it("loses nothing when the leader is killed under load, and takes it back", async () => {
  const first = await cluster.leader({ withinMs: WITHIN_MS });
  const load = new Load(cluster.urls, CLIENTS);
  await grown(load, 100);
  await cluster.end(first.name, "SIGKILL");
  const second = await cluster.leader({ without: first.name, withinMs: WITHIN_MS });
  expect(second.term).toBeGreaterThan(first.term);
  await grown(load, 100);
  await cluster.startServer(first.name);
  await grown(load, 100);
  await load.stop();
  await expectNothingLost(load);
});

it("a leader that was stopped and goes on has lost its place, and knows it before it answers", async () => {
  const first = await cluster.leader({ withinMs: WITHIN_MS });
  const load = new Load(cluster.urls, CLIENTS);
  await grown(load, 50);
  cluster.pause(first.name);
  await cluster.leader({ without: first.name, withinMs: WITHIN_MS });
  await grown(load, 50);
  const others = cluster.urls.filter((url) => url !== cluster.urlOf(first.name));
  const { revision } = await new KvClient({ servers: others }).put("written", "while the old leader slept");
  const late = new KvClient({ servers: [cluster.urlOf(first.name)] }).get("written");
  cluster.resume(first.name);
  expect((await late)?.revision).toBe(revision);
  await load.stop();
  await expectNothingLost(load);
});

it("every server can be restarted in turn under load", async () => {
  await cluster.leader({ withinMs: WITHIN_MS });
  const load = new Load(cluster.urls, CLIENTS);
  for (const name of cluster.names) {
    await grown(load, 50);
    await cluster.end(name, "SIGTERM");
    await grown(load, 20);
    await cluster.startServer(name);
  }
  await grown(load, 50);
  await load.stop();
  await expectNothingLost(load);
});

it("a crash of all servers at once loses nothing", async () => {
  await cluster.leader({ withinMs: WITHIN_MS });
  const load = new Load(cluster.urls, CLIENTS);
  await grown(load, 100);
  await Promise.all(cluster.names.map((name) => cluster.end(name, "SIGKILL")));
  await Promise.all(cluster.names.map((name) => cluster.startServer(name)));
  await cluster.leader({ withinMs: WITHIN_MS });
  await grown(load, 50);
  await load.stop();
  await expectNothingLost(load);
});

it("without a quorum it says so, and whether a write may have happened", async () => {
  await cluster.leader({ withinMs: WITHIN_MS });
  await new KvClient({ servers: cluster.urls }).put("before", "all is well");
  // A majority has it now; the survivor is to have it too.
  await new KvClient({ servers: [cluster.urlOf("n3")] }).get("before");
  await cluster.end("n1", "SIGKILL");
  await cluster.end("n2", "SIGKILL");
  const url = cluster.urlOf("n3");
  await cluster.poll(WITHIN_MS, "the survivor still believes in a leader", async () => {
    const response = await fetch(`${url}/health`);
    return response.status === 503 ? await response.json() : null;
  });
  const refused = await fetch(`${url}/v1/kv/after`, { method: "PUT", body: "too late" });
  expect(refused.status).toBe(503);
  expect(await refused.json()).toMatchObject({ code: expect.any(String), outcome: "not-executed" });
  const stale = await fetch(`${url}/v1/kv/before?consistency=stale`);
  expect([stale.status, await stale.text()]).toEqual([200, "all is well"]);
});
