/** KvClient: what it asks, where it turns when a server fails, and what it never repeats. */

import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { RaftError } from "quorate";
import { afterEach, describe, expect, it } from "vitest";
import { KvClient } from "../src/client.js";
import { type FakeServer, startFakeServer } from "./fake-node.js";

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function startHttp(options: Parameters<typeof startFakeServer>[0] = {}, node?: FakeServer["node"]) {
  const server = await startFakeServer(options, node);
  closers.push(() => server.close());
  return server;
}

const start = startHttp;

/** A server of our own making: it counts its requests and answers as it is told. */
async function startScripted(answer: (response: ServerResponse) => void) {
  let requests = 0;
  const http: Server = createServer((request, response) => {
    requests++;
    request.resume().once("end", () => answer(response));
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  closers.push(async () => {
    http.closeAllConnections();
    http.close();
    await once(http, "close");
  });
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, requests: () => requests };
}

function answerJson(status: number, body: object): (response: ServerResponse) => void {
  return (response) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** A server that was there and is no more. */
async function startGone(): Promise<string> {
  const server = await startFakeServer();
  await server.close();
  return server.url;
}

const text = (value: Uint8Array | undefined) => (value === undefined ? undefined : Buffer.from(value).toString());

describe.each(["http", "kv"] as const)("KvClient over %s", (scheme) => {
  async function start() {
    const server = await startHttp();
    return scheme === "http" ? server : { ...server, url: server.kvUrl };
  }

  it("puts, gets, lists, compares and swaps, and deletes", async () => {
    const { url, node } = await start();
    const client = new KvClient({ servers: [url] });
    expect(await client.put("a/é ?", "1")).toEqual({ revision: 1, createRevision: 1, version: 1 });
    const entry = await client.get("a/é ?");
    expect(entry).toMatchObject({ key: "a/é ?", revision: 1, createRevision: 1, version: 1 });
    expect(text(entry?.value)).toBe("1");
    expect(await client.get("none", { consistency: "stale" })).toBeNull();
    expect(await client.get("none", { consistency: "lease" })).toBeNull();
    expect(node.lastFreshness).toEqual({ consistency: "lease" });
    expect((await client.list({ consistency: "stale", maxStalenessMs: 100 })).entries).toHaveLength(1);
    expect(node.lastFreshness).toEqual({ consistency: "stale", maxStalenessMs: 100 });
    expect(await client.cas("a/é ?", 1, Uint8Array.of(0, 255))).toMatchObject({
      succeeded: true,
      revision: 2,
      version: 2,
    });
    expect(await client.cas("a/é ?", 1, "x")).toEqual({ succeeded: false, currentRevision: 2 });
    expect(await client.cas("b", 0, "new")).toMatchObject({ succeeded: true, revision: 4, version: 1 });
    const first = await client.list({ limit: 1 });
    expect(first.entries.map(({ key, value }) => [key, [...value]])).toEqual([["a/é ?", [0, 255]]]);
    const second = await client.list({ prefix: "", limit: 1, cursor: first.nextCursor });
    expect([second.entries[0]?.key, second.nextCursor, second.revision]).toEqual(["b", undefined, 4]);
    expect(await client.del("b", { expectedRevision: 1 })).toEqual({ deleted: false, currentRevision: 4 });
    expect(await client.del("b", { expectedRevision: 4 })).toMatchObject({ deleted: true });
    expect(await client.del("b")).toEqual({ deleted: false, currentRevision: 0 });
  });

  it("executes transactions with text and bytes", async () => {
    const { url } = await start();
    const client = new KvClient({ servers: [url] });
    const answer = await client.txn({
      compare: [{ key: "a", revision: 0 }],
      success: [
        { type: "put", key: "a", value: Uint8Array.of(0, 255) },
        { type: "put", key: "b", value: "text" },
        { type: "get", key: "a" },
      ],
      failure: [{ type: "delete", key: "a" }],
    });
    expect(answer).toMatchObject({
      succeeded: true,
      revision: 1,
      results: [{ revision: 1 }, { revision: 1 }, { type: "get" }],
    });
    const [, , got] = answer.results;
    expect(got?.type === "get" && [...(got.entry?.value ?? [])]).toEqual([0, 255]);
    expect(await client.txn({ compare: [{ key: "b", value: "other" }] })).toMatchObject({ succeeded: false });
  });

  it("asks how the servers are", async () => {
    const [up, down, gone] = [await start(), await start(), await startGone()];
    down.node.setLeader(0);
    const client = new KvClient({ servers: [up.url, down.url, gone] });
    expect(await client.cluster()).toMatchObject({ server: { name: "n1" }, term: 3 });
    const health = await client.health();
    expect(health).toMatchObject([
      { server: up.url, status: "UP", cluster: { leader: { name: "n1" } } },
      { server: down.url, status: "DOWN", reason: "NO_LEADER", cluster: { leader: null } },
      { server: gone, status: "DOWN", reason: "UNREACHABLE", message: expect.any(String) },
    ]);
  });

  it("refuses keys and servers that cannot be, before it asks anyone", async () => {
    const { url, requests } = await startScripted(answerJson(200, {}));
    const client = new KvClient({ servers: [url] });
    for (const key of ["", ".", "..", "\ud800", "x".repeat(1025)]) {
      await expect(client.put(key, "1")).rejects.toMatchObject({ code: /KEY/, outcome: "not-executed" });
    }
    expect(requests()).toBe(0);
    for (const servers of [[], ["ftp://a"], ["127.0.0.1:8001"], ["http://a/path"], ["http://a?x"]]) {
      expect(() => new KvClient({ servers })).toThrow(TypeError);
    }
  });

  it("throws what the server refuses", async () => {
    const { url } = await start();
    const client = new KvClient({ servers: [url] });
    const tooLarge = client.put("a", new Uint8Array(1024 * 1024 + 1));
    await expect(tooLarge).rejects.toMatchObject({ code: "VALUE_TOO_LARGE", status: 413, outcome: "not-executed" });
    await expect(client.list({ limit: 0 })).rejects.toMatchObject({ code: "INVALID_QUERY", status: 400 });
  });

  it("does not take another server's 404 for an absent key", async () => {
    const { url } = await startScripted((response) => response.writeHead(404).end("not here"));
    const client = new KvClient({ servers: [url] });
    await expect(client.get("a")).rejects.toMatchObject({ code: "UNEXPECTED_ANSWER", status: 404 });
    await expect(client.del("a")).rejects.toMatchObject({ code: "UNEXPECTED_ANSWER" });
  });
});

describe("failover", () => {
  const notExecuted = answerJson(503, { code: "NO_LEADER", message: "x", outcome: "not-executed" });
  const unknown = answerJson(503, { code: "TIMED_OUT", message: "x", outcome: "unknown" });

  it("goes on when a connection is refused, and stays where it was served", async () => {
    const gone = await startGone();
    const refusing = await startScripted(notExecuted);
    const { url, store } = await start();
    const client = new KvClient({ servers: [gone, refusing.url, url] });
    await client.put("a", "1");
    await client.put("a", "2");
    expect([store.revision, refusing.requests()]).toEqual([2, 1]);
  });

  it("K1, K6: never repeats a write whose outcome is unknown, without a session", async () => {
    const doubtful = [
      await startScripted(unknown),
      await startScripted((response) => response.destroy()),
      await startScripted((response) => response.writeHead(503).end("overloaded proxy")),
      await startScripted((response) => {
        response.writeHead(200, { "content-length": "10" }).write("{", () => response.destroy());
      }),
      await startScripted(answerJson(500, { code: "INTERNAL", message: "x" })),
    ];
    const { url, store } = await start();
    for (const server of doubtful) {
      const client = new KvClient({ servers: [server.url, url], exactlyOnce: false });
      await expect(client.put("a", "1")).rejects.toMatchObject({ name: "KvError", outcome: "unknown" });
      await expect(client.del("a")).rejects.toMatchObject({ outcome: "unknown" });
      await expect(client.txn({})).rejects.toMatchObject({ outcome: "unknown" });
      expect(server.requests()).toBe(3);
    }
    expect(store.revision).toBe(0);
  });

  it("repeats a read whatever went wrong", async () => {
    const { url, node } = await start();
    node.apply({ type: "put", key: "a", value: Buffer.from("1") });
    for (const answer of [unknown, notExecuted, (response: ServerResponse) => void response.destroy()]) {
      const server = await startScripted(answer);
      const client = new KvClient({ servers: [server.url, url] });
      expect(text((await client.get("a"))?.value)).toBe("1");
    }
  });

  it("K14: a read leaves a server that hangs for another one, a write in a session too; others wait, and are unknown", async () => {
    const hanging = await startScripted(() => undefined);
    const { url, node } = await start();
    node.apply({ type: "put", key: "a", value: Buffer.from("1") });
    const client = new KvClient({ servers: [hanging.url, url], timeoutMs: 2000 });
    expect(text((await client.get("a"))?.value)).toBe("1");
    expect(await client.put("a", "2")).toMatchObject({ version: 2 });
    const other = new KvClient({ servers: [hanging.url, url], timeoutMs: 100, exactlyOnce: false });
    await expect(other.put("a", "3")).rejects.toMatchObject({ code: "TIMED_OUT", outcome: "unknown" });
    expect(node.store.revision).toBe(2);
  });

  it("goes round until its time is up when no server can, and says what each said", async () => {
    const refusing = await startScripted(notExecuted);
    const gone = await startGone();
    const client = new KvClient({ servers: [refusing.url, gone] });
    for (const call of [() => client.put("a", "1", { timeoutMs: 300 }), () => client.get("a", { timeoutMs: 300 })]) {
      const before = refusing.requests();
      const error = await call().catch((reason) => reason);
      expect(error).toMatchObject({ code: "UNAVAILABLE", outcome: "not-executed" });
      expect(error.message).toContain(`${refusing.url}: NO_LEADER`);
      expect(error.message).toContain(`${gone}: UNREACHABLE`);
      expect(refusing.requests() - before).toBeGreaterThan(1);
    }
  });

  it("asks the server to answer before it gives up itself", async () => {
    const { url, node } = await start();
    await new KvClient({ servers: [url] }).put("a", "1", { timeoutMs: 1000 });
    expect(node.lastTimeoutMs).toBeGreaterThan(800);
    expect(node.lastTimeoutMs).toBeLessThanOrEqual(900);
  });

  it("K9: AbortSignal ends a call at once, under way or between attempts, with its reason", async () => {
    const hanging = await startScripted(() => undefined);
    const refusing = await startScripted(notExecuted);
    const reason = new Error("enough");
    for (const { url } of [hanging, refusing]) {
      const abort = new AbortController();
      const call = new KvClient({ servers: [url] }).put("a", "1", { signal: abort.signal });
      setImmediate(() => abort.abort(reason));
      await expect(call).rejects.toBe(reason);
    }
    await expect(new KvClient({ servers: [hanging.url] }).get("a", { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
  });
});

describe("watch", () => {
  it("starts now, says so, and follows until it is aborted", async () => {
    const { url, node } = await start();
    node.apply({ type: "put", key: "old", value: new Uint8Array(0) });
    const abort = new AbortController();
    const seen: unknown[] = [];
    const client = new KvClient({ servers: [url] });
    const onProgress = (revision: number) => {
      seen.push(revision);
      node.apply({ type: "put", key: "a", value: Buffer.from("1") });
      node.apply({ type: "delete", key: "a" });
    };
    for await (const { revision, events } of client.watch({ signal: abort.signal, onProgress })) {
      const [event] = events;
      seen.push([revision, event?.type, event?.type === "put" && text(event.value)]);
      if (revision === 3) abort.abort();
    }
    expect(seen).toEqual([1, [2, "put", "1"], [3, "delete", false]]);
  });

  it("J-W5, E-V4: resumes across servers, under writes, without loss or double, whatever is lost", async () => {
    const total = 300;
    const servers = [await startFakeServer(), await startFakeServer(), await startFakeServer()];
    closers.push(async () => {
      for (const server of servers) await server.close();
    });
    const client = new KvClient({ servers: servers.map(({ url }) => url) });
    // Every server applies the same commands, each at its own pace, while the watch goes on.
    let turn = 0;
    const write = () => {
      turn++;
      servers.forEach(({ node, store }, of) => {
        if (store.revision === total || turn % (of + 1) !== 0) return;
        const value = Buffer.from(String(store.revision));
        node.apply({ type: "put", key: `k/${store.revision % 2}`, value });
      });
      if (servers.some(({ store }) => store.revision < total)) setImmediate(write);
    };
    write();
    const seen: number[] = [];
    let connections = 0;
    const onProgress = () => connections++;
    for await (const { revision } of client.watch({ prefix: "k/", fromRevision: 1, onProgress })) {
      seen.push(revision);
      if (revision === total) break;
      if (revision % 20 !== 0) continue;
      // One server after the other goes away and comes back, the one that serves the watch among them.
      const of = (revision / 20) % servers.length;
      const { node, url, close } = servers[of]!;
      await close();
      servers[of] = await startFakeServer({ port: Number(new URL(url).port) }, node);
    }
    expect(seen).toEqual(Array.from({ length: total }, (_, i) => i + 1));
    expect(connections).toBeGreaterThan(2);
  });

  it("goes on where it was after a server that breaks off in the middle of an event", async () => {
    const { url, node } = await start();
    for (const key of ["a", "b", "c"]) node.apply({ type: "put", key, value: new Uint8Array(0) });
    const event = (revision: number, key: string) =>
      `id: ${revision}\ndata: ${JSON.stringify({ revision, events: [{ type: "delete", key }] })}\n\n`;
    const breaking = await startScripted((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`: progress 0\nid: 0\n\n${event(1, "a")}${event(2, "b").slice(0, -1)}`, () => response.destroy());
    });
    const seen: unknown[] = [];
    for await (const { revision, events } of new KvClient({ servers: [breaking.url, url] }).watch({
      fromRevision: 0,
    })) {
      seen.push([revision, events[0]?.type]);
      if (revision === 3) break;
    }
    expect(seen).toEqual([
      [1, "delete"],
      [2, "put"],
      [3, "put"],
    ]);
  });

  it("ignores what it has seen, should a server send it again", async () => {
    const twice = await startScripted((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (const revision of [5, 5, 4, 6])
        response.write(`id: ${revision}\ndata: {"revision":${revision},"events":[]}\n\n`);
    });
    const seen: number[] = [];
    for await (const { revision } of new KvClient({ servers: [twice.url] }).watch({ fromRevision: 5 })) {
      seen.push(revision);
      if (revision === 6) break;
    }
    expect(seen).toEqual([5, 6]);
  });

  it("throws when the history no longer has what it asks for", async () => {
    const { url, node } = await start();
    for (let i = 0; i < 10_010; i++) node.apply({ type: "put", key: "k", value: new Uint8Array(0) });
    const watch = new KvClient({ servers: [url] }).watch({ fromRevision: 5 });
    await expect(watch.next()).rejects.toMatchObject({ code: "REVISION_COMPACTED", status: 410, oldestRevision: 11 });
  });

  it("throws when no server is there for too long, and says how far it came", async () => {
    const server = await startFakeServer();
    server.node.apply({ type: "put", key: "k", value: new Uint8Array(0) });
    const watch = new KvClient({ servers: [server.url] }).watch({ fromRevision: 1, timeoutMs: 300 });
    expect((await watch.next()).value?.revision).toBe(1);
    await server.close();
    await expect(watch.next()).rejects.toMatchObject({ code: "UNAVAILABLE", lastRevision: 1, outcome: "not-executed" });
  });

  it("does not ask a server for a watch that the server cannot start", async () => {
    const [cutOff, { url, node }] = [await start(), await start()];
    cutOff.node.readError = new RaftError("READ_TIMED_OUT", "x");
    node.apply({ type: "put", key: "k", value: new Uint8Array(0) });
    const progress = await new Promise((resolve) => {
      const watch = new KvClient({ servers: [cutOff.url, url] }).watch({ onProgress: resolve, signal: aborted.signal });
      void watch.next();
    });
    expect(progress).toBe(1);
    aborted.abort();
  });

  const aborted = new AbortController();

  it("ends quietly when it is aborted while it waits or looks for a server", async () => {
    const { url } = await start();
    for (const servers of [[url], [await startGone()]]) {
      const abort = new AbortController();
      const next = new KvClient({ servers }).watch({ signal: abort.signal }).next();
      setImmediate(() => abort.abort());
      expect(await next).toEqual({ value: undefined, done: true });
    }
  });
});
