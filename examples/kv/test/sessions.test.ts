/** Sessions over HTTP against whole servers: what is sent again, wherever and whenever, is executed once. */

import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { KvClient } from "../src/client.js";
import { Cluster, closeClusters } from "./cluster.js";

afterEach(closeClusters);

type Headers = Readonly<Record<string, string>>;

async function send(url: string, method: string, path: string, headers: Headers = {}, value?: string) {
  const response = await fetch(url + path, { method, headers, ...(value === undefined ? {} : { body: value }) });
  const text = await response.text();
  return { status: response.status, body: (text === "" ? {} : JSON.parse(text)) as Record<string, unknown> };
}

async function open(url: string, expiresAfterMs = 60_000): Promise<string> {
  const { status, body } = await send(url, "POST", `/v1/sessions?expires_after_ms=${expiresAfterMs}`);
  expect(status).toBe(200);
  return String(body["id"]);
}

/** Writes `value` to `key` under a number of a session. */
function put(url: string, key: string, value: string, session: string, sequence: number, more: Headers = {}) {
  const headers = { "quorate-session": session, "quorate-sequence": String(sequence), ...more };
  return send(url, "PUT", `/v1/kv/${key}`, headers, value);
}

async function versionOf(cluster: Cluster, key: string): Promise<number | undefined> {
  return (await cluster.client().get(key))?.version;
}

async function eachServer(cluster: Cluster, act: (id: string) => Promise<unknown>): Promise<void> {
  await Promise.all([...cluster.servers.keys()].map(act));
}

describe("three servers", () => {
  it("K1: any of them takes a write of a session that another one opened, and answers as the first did", async () => {
    const cluster = await Cluster.start(3);
    const [one = "", two = "", three = ""] = cluster.urls;
    const session = await open(one);
    const first = await put(two, "a", "1", session, 1);
    expect(first).toMatchObject({ status: 200, body: { version: 1 } });
    for (const url of [one, two, three]) expect(await put(url, "a", "1", session, 1)).toEqual(first);
    const both = await Promise.all([one, two, three].map((url) => put(url, "a", "2", session, 2)));
    expect(both.map(({ body }) => body["version"])).toEqual([2, 2, 2]);
    expect(await versionOf(cluster, "a")).toBe(2);
  });

  it("K1, K2: remember across a restart of all of them, and across snapshots", async () => {
    const cluster = await Cluster.start(3);
    const session = await open(cluster.urls[0] ?? "");
    const first = await put(cluster.urls[1] ?? "", "a", "1", session, 1);
    const refused = await put(cluster.urls[1] ?? "", "a", "2", session, 2, { "if-match": '"0"' });
    expect([first.status, refused.status]).toEqual([200, 412]);
    for (const takesSnapshot of [false, true]) {
      if (takesSnapshot)
        await eachServer(
          cluster,
          (id) => cluster.servers.get(id)?.node.snapshot({ timeoutMs: 10_000 }) ?? Promise.reject(),
        );
      const ids = [...cluster.servers.keys()];
      await Promise.all(ids.map((id) => cluster.stop(id)));
      await Promise.all(ids.map((id) => cluster.start(id)));
      for (const url of cluster.urls) {
        expect(await put(url, "a", "1", session, 1)).toEqual(first);
        expect(await put(url, "a", "2", session, 2, { "if-match": '"0"' })).toEqual(refused);
      }
      expect(await versionOf(cluster, "a")).toBe(1);
    }
  });

  it("K1: a client with many writes under way, while one server after the other restarts, doubles and misses none", async () => {
    const cluster = await Cluster.start(3);
    const client = new KvClient({ servers: cluster.urls, timeoutMs: 30_000 });
    let isDone = false;
    let written = 0;
    const write = async (key: string): Promise<number> => {
      let count = 0;
      for (; !isDone; count += 1) {
        const { version } = await client.put(key, String(count));
        expect(version).toBe(count + 1);
        written += 1;
      }
      return count;
    };
    const keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
    const writing = Promise.all(keys.map(write));
    for (const id of ["n1", "n2", "n3"]) {
      const target = written + 50;
      while (written < target) await Promise.race([turnOfTheLoop(), writing]);
      await cluster.stop(id);
      await cluster.start(id);
    }
    isDone = true;
    const counts = await writing;
    await client.close();
    for (const [at, key] of keys.entries()) expect(await versionOf(cluster, key)).toBe(counts[at]);
  });
});

describe("a server", () => {
  it("K3: executes nothing in a session that has expired, and says what that means", async () => {
    const cluster = await Cluster.start(1);
    const [url = ""] = cluster.urls;
    const client = cluster.client();
    // The first is the server's own, to tell its address.
    while ((await client.cluster()).sessions < 1) await turnOfTheLoop();
    const session = await open(url, 1500);
    const renewed = await open(url, 60_000);
    expect(await put(url, "a", "1", session, 1)).toMatchObject({ status: 200 });
    // It goes by the cluster's time, which needs no writes.
    while ((await client.cluster()).sessions > 2) await turnOfTheLoop();
    const retry = await put(url, "a", "1", session, 1);
    expect(retry).toMatchObject({ status: 503, body: { code: "SESSION_EXPIRED_UNDER_WAY", outcome: "unknown" } });
    const fresh = await put(url, "a", "2", session, 2, { "quorate-retry": "false" });
    expect(fresh).toMatchObject({ status: 410, body: { code: "SESSION_EXPIRED" } });
    expect((await send(url, "PUT", `/v1/sessions/${session}`)).status).toBe(410);
    expect((await send(url, "PUT", `/v1/sessions/${renewed}`)).status).toBe(204);
    expect((await send(url, "DELETE", `/v1/sessions/${renewed}`)).status).toBe(204);
    expect((await put(url, "a", "3", renewed, 1, { "quorate-retry": "false" })).status).toBe(410);
    expect(await versionOf(cluster, "a")).toBe(1);
  });

  it("K11, K13: takes numbers in any order, within a window, each for one command", async () => {
    const cluster = await Cluster.start(1);
    const [url = ""] = cluster.urls;
    const [session, other] = [await open(url), await open(url)];
    expect(await put(url, "a", "6", session, 6)).toMatchObject({ body: { version: 1 } });
    expect(await put(url, "a", "5", session, 5)).toMatchObject({ body: { version: 2 } });
    expect(await put(url, "a", "5", session, 6)).toMatchObject({ status: 409, body: { code: "SEQUENCE_REUSED" } });
    expect(await put(url, "b", "6", session, 6)).toMatchObject({ status: 409 });
    expect(await put(url, "a", "6", other, 6)).toMatchObject({ body: { version: 3 } });
    const far = await put(url, "a", "far", session, 5000);
    expect(far).toMatchObject({ status: 503, body: { code: "OVERLOADED", outcome: "not-executed" } });
    const acknowledging = { "quorate-acknowledged-below": "5000" };
    expect(await put(url, "a", "far", session, 5000, acknowledging)).toMatchObject({ body: { version: 4 } });
    // What was acknowledged is not executed any more, though nobody knows whether it was.
    const late = await put(url, "a", "1", session, 1);
    expect(late).toMatchObject({ status: 503, body: { code: "OUTCOME_UNKNOWN" } });
    expect(await versionOf(cluster, "a")).toBe(4);
  });
});
