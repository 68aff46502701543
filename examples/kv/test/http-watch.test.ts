/** Watching over HTTP: nothing missed, nothing doubled, nothing without bound. */

import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { Writable } from "node:stream";
import { RaftError } from "quorate";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { KvCommand } from "../src/commands.js";
import { WatchHub } from "../src/http/watch-hub.js";
import { KvStore } from "../src/store.js";
import { EventStream } from "./event-stream.js";
import { type FakeServer, startFakeServer } from "./fake-node.js";
import { readJson } from "./json.js";

let server: FakeServer;
const streams: EventStream[] = [];

beforeEach(async () => {
  server = await startFakeServer({ store: new KvStore({ maxEvents: 20, maxBytes: 1 << 20 }) });
});

afterEach(async () => {
  for (const stream of streams.splice(0)) stream.close();
  await server.close();
});

async function watch(query: string, headers: Record<string, string> = {}): Promise<EventStream> {
  const stream = await EventStream.open(`${server.url}/v1/watch${query}`, headers);
  streams.push(stream);
  return stream;
}

function put(key: string, value = "v"): void {
  server.node.apply({ type: "put", key, value: Buffer.from(value) });
}

async function refusal(query: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}/v1/watch${query}`, { headers });
  return { status: response.status, body: await response.json() };
}

describe("GET /v1/watch", () => {
  it("sends what is written from now on, and says from where", async () => {
    put("old");
    const stream = await watch("");
    expect(stream.response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(await stream.next()).toEqual({ comment: "progress 1" });
    put("a", "1");
    server.node.apply({ type: "delete", key: "a" });
    expect(await stream.nextEvent()).toEqual({
      id: "2",
      revision: 2,
      events: [{ type: "put", key: "a", valueBase64: "MQ==", createRevision: 2, version: 1 }],
    });
    expect(await stream.nextEvent()).toEqual({ id: "3", revision: 3, events: [{ type: "delete", key: "a" }] });
  });

  it("sends the history from a revision, then goes on with what is new", async () => {
    for (const key of ["a", "b", "c"]) put(key);
    const stream = await watch("?from=2");
    put("d");
    const seen = [];
    for (let i = 0; i < 3; i++) seen.push((await stream.nextEvent()).revision);
    expect(seen).toEqual([2, 3, 4]);
  });

  it("E-V3: sends only keys with the prefix", async () => {
    for (const key of ["a/1", "b", "a", "a/2"]) put(key);
    const stream = await watch("?prefix=a/&from=0");
    expect((await stream.nextEvent()).events[0]?.key).toBe("a/1");
    expect((await stream.nextEvent()).events[0]?.key).toBe("a/2");
  });

  it("E-V3: sends all that one revision changed as one event", async () => {
    const txn: KvCommand = {
      ...{ type: "txn", compares: [], failure: [] },
      success: ["a", "x", "b"].map((key) => ({ type: "put", key, value: new Uint8Array(0) })),
    };
    const all = await watch("?from=1");
    const some = await watch("?from=1&prefix=a");
    server.node.apply(txn);
    expect((await all.nextEvent()).events.map(({ key }) => key)).toEqual(["a", "x", "b"]);
    expect((await some.nextEvent()).events.map(({ key }) => key)).toEqual(["a"]);
  });

  it("E-V4: resumes after Last-Event-ID, whatever from says", async () => {
    for (const key of ["a", "b", "c"]) put(key);
    const stream = await watch("?from=1", { "last-event-id": "2" });
    expect(await stream.next()).toEqual({ comment: "progress 2" });
    expect((await stream.nextEvent()).revision).toBe(3);
  });

  it("waits for a revision that is still to come", async () => {
    const stream = await watch("?from=3");
    for (const key of ["a", "b", "c"]) put(key);
    expect((await stream.nextEvent()).revision).toBe(3);
  });

  it("410 when the history no longer reaches back, with the oldest revision that it has", async () => {
    for (let i = 0; i < 30; i++) put("k");
    expect(await refusal("?from=10")).toEqual({
      status: 410,
      body: { code: "REVISION_COMPACTED", message: expect.any(String), oldestRevision: 11 },
    });
    expect((await refusal("", { "last-event-id": "9" })).status).toBe(410);
    const stream = await watch("?from=11");
    expect((await stream.nextEvent()).revision).toBe(11);
  });

  it.each([
    ["?from=-1", {}, "INVALID_QUERY"],
    ["?from=x", {}, "INVALID_QUERY"],
    ["?to=1", {}, "INVALID_QUERY"],
    ["?prefix=%zz", {}, "INVALID_QUERY"],
    ["", { "last-event-id": "x" }, "INVALID_HEADER"],
  ])("refuses %s %o", async (query, headers, code) => {
    expect(await refusal(query, headers as Record<string, string>)).toMatchObject({ status: 400, body: { code } });
  });

  it("has no HEAD, which would never end", async () => {
    expect((await fetch(`${server.url}/v1/watch`, { method: "HEAD" })).status).toBe(405);
  });

  it('"from now" asks the cluster, and fails without a quorum; a given revision does not', async () => {
    put("a");
    server.node.readError = new RaftError("READ_TIMED_OUT", "x");
    expect(await refusal("")).toMatchObject({ status: 503, body: { outcome: "not-executed" } });
    expect((await (await watch("?from=1")).nextEvent()).revision).toBe(1);
    expect(await (await watch("?consistency=stale")).next()).toEqual({ comment: "progress 1" });
  });

  it("takes only so many watches", async () => {
    const small = await startFakeServer({ maxWatches: 1 });
    const first = await EventStream.open(`${small.url}/v1/watch`);
    const second = await fetch(`${small.url}/v1/watch`);
    expect([second.status, await second.json()]).toMatchObject([
      503,
      { code: "TOO_MANY_WATCHES", outcome: "not-executed" },
    ]);
    first.close();
    await small.close();
  });

  it("forgets a watch whose client is gone", async () => {
    const stream = await watch("");
    const watches = async () => (await readJson(await fetch(`${server.url}/v1/cluster`))).server?.watches;
    expect(await watches()).toBe(1);
    stream.close();
    // Every answer gives the server a turn in which to notice; if it never does, the test ends by its timeout.
    while ((await watches()) !== 0);
  });

  it("ends with a last comment when the server closes, at once", async () => {
    const stream = await watch("");
    await stream.next();
    const closed = server.close();
    expect(await stream.next()).toEqual({ comment: "this server is shutting down" });
    expect(await stream.next()).toBeNull();
    await closed;
  });

  it("ends when its server has been without a leader for too long", async () => {
    const lonely = await startFakeServer({ requestTimeoutMs: 20 });
    const stream = await EventStream.open(`${lonely.url}/v1/watch`);
    await stream.next();
    lonely.node.setLeader(0);
    expect(await stream.next()).toEqual({ comment: "this server knows no leader" });
    await lonely.close();
  });

  it("cuts off a client that does not read, holds little for it, and lets it resume without loss", async () => {
    const store = new KvStore({ maxEvents: 100_000, maxBytes: 256 << 20 });
    const busy = await startFakeServer({ store });
    const outgoing = httpRequest(`${busy.url}/v1/watch?from=1`).end();
    const [response] = await once(outgoing, "response");
    let lastRevision = 0;
    let text = "";
    // It reads nothing until it is cut off.
    const gone = new Promise((resolve) => response.once("close", resolve));
    const value = new Uint8Array(512 << 10);
    let cutOffAt = 0;
    const watches = async () => (await readJson(await fetch(`${busy.url}/v1/cluster`))).server?.watches;
    while (cutOffAt === 0) {
      busy.node.apply({ type: "put", key: "k", value });
      if ((await watches()) === 0) cutOffAt = store.revision;
    }
    expect(cutOffAt).toBeLessThan(256);
    response.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
    response.on("error", () => undefined);
    await gone;
    for (const [, id] of text.matchAll(/^id: (\d+)\ndata: .*\n\n/gm)) {
      expect(Number(id)).toBe(lastRevision + 1);
      lastRevision = Number(id);
    }
    const resumed = await EventStream.open(`${busy.url}/v1/watch`, { "last-event-id": String(lastRevision) });
    for (let revision = lastRevision + 1; revision <= cutOffAt; revision++) {
      expect((await resumed.nextEvent()).revision).toBe(revision);
    }
    resumed.close();
    await busy.close();
  });
});

describe("WatchHub", () => {
  /** A connection that takes as much as it is told to. */
  class Pipe extends Writable {
    text = "";
    #release: (() => void)[] = [];
    isOpen = true;

    constructor() {
      super({ highWaterMark: 100, decodeStrings: false });
    }

    override _write(chunk: string, _encoding: string, done: () => void): void {
      this.text += chunk;
      if (this.isOpen) done();
      else this.#release.push(done);
    }

    open(): void {
      this.isOpen = true;
      for (const done of this.#release.splice(0)) done();
    }

    get revisions(): number[] {
      return [...this.text.matchAll(/^data: \{"revision":(\d+)/gm)].map(([, revision]) => Number(revision));
    }
  }

  let store: KvStore;
  let hub: WatchHub;
  let index: number;

  beforeEach(() => {
    vi.useFakeTimers();
    store = new KvStore({ maxEvents: 80, maxBytes: 1 << 20 });
    hub = new WatchHub(store);
    index = 0;
  });

  afterEach(() => {
    hub.close();
    vi.useRealTimers();
  });

  function write(count: number): void {
    for (let i = 0; i < count; i++) {
      store.apply({
        index: ++index,
        term: 1,
        timeMs: 0,
        command: { type: "put", key: "k", value: new Uint8Array(30) },
      });
    }
  }

  function open(pipe: Pipe, afterRevision = 0, prefix = ""): Pipe {
    hub.open(pipe, { prefix, afterRevision });
    return pipe;
  }

  it("waits for a slow connection and then goes on where it was", async () => {
    const pipe = open(new Pipe());
    pipe.isOpen = false;
    write(5);
    await vi.runAllTicks();
    await vi.advanceTimersByTimeAsync(1);
    expect(pipe.revisions.length).toBeLessThan(5);
    pipe.open();
    await vi.advanceTimersByTimeAsync(1);
    expect(pipe.revisions).toEqual([1, 2, 3, 4, 5]);
  });

  it("cuts off a connection that took nothing while an eighth of the history was written", async () => {
    const pipe = open(new Pipe());
    pipe.isOpen = false;
    write(5);
    await vi.advanceTimersByTimeAsync(1);
    write(10);
    await vi.advanceTimersByTimeAsync(1);
    expect(pipe.destroyed).toBe(false);
    write(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(pipe.destroyed).toBe(true);
    expect(hub.size).toBe(0);
  });

  it("cuts off a connection that took nothing for two keep-alive periods", async () => {
    const pipe = open(new Pipe());
    pipe.isOpen = false;
    write(5);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(pipe.destroyed).toBe(false);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(pipe.destroyed).toBe(true);
  });

  it("does not cut off one that is far behind but moves", async () => {
    write(80);
    const pipe = open(new Pipe());
    pipe.isOpen = false;
    const release = setInterval(() => {
      pipe.open();
      pipe.isOpen = false;
    }, 100);
    await vi.advanceTimersByTimeAsync(60_000);
    clearInterval(release);
    expect(pipe.destroyed).toBe(false);
    expect(pipe.revisions).toEqual(Array.from({ length: 80 }, (_, i) => i + 1));
  });

  it("ends one that the history has moved past, instead of leaving a gap", async () => {
    const pipe = open(new Pipe());
    write(200);
    await vi.advanceTimersByTimeAsync(1);
    expect(pipe.revisions).toEqual([]);
    expect(pipe.text).toContain(": the history moved past this watch");
    expect(pipe.writableEnded).toBe(true);
  });

  it("E-V4: tells now and then how far it has come, also of keys that are not watched", async () => {
    const pipe = open(new Pipe(), 0, "other/");
    expect(pipe.text).toContain(": progress 0\nid: 0\n\n");
    write(7);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(pipe.text).toContain(": progress 7\nid: 7\n\n");
    expect(pipe.revisions).toEqual([]);
    write(100);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(pipe.writableEnded).toBe(true);
  });
});
