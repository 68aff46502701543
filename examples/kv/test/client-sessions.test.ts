/**
 * KvClient's writes in sessions, over either protocol, in one process: several servers of one store, and between them and
 * the client what loses answers.
 */

import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import { RaftError } from "quorate";
import { afterEach, describe, expect, it } from "vitest";
import type { WriteRequest } from "../src/client/requests.js";
import type { Answered, Call } from "../src/client/servers.js";
import { SessionWriter } from "../src/client/session-writer.js";
import { KvClient } from "../src/client.js";
import { type FakeServer, startFakeServer } from "./fake-node.js";
import { type Fate, type FaultyProxy, startProxy } from "./faulty-proxy.js";
import { startWireProxy } from "./faulty-wire.js";

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

it("K13: acknowledges nothing that is under way, and no more numbers are out than a session holds", async () => {
  const asked: number[] = [];
  let [acknowledged, answerSlow] = [0, (): void => undefined];
  const slow = new Promise<void>((resolve) => {
    answerSlow = resolve;
  });
  const request = async ({ request: { kind }, placeOf }: Call): Promise<Answered> => {
    if (placeOf === undefined) return { reply: { kind: "session", id: 7 }, isRetried: false };
    const place = placeOf(false);
    asked.push(place.sequence);
    acknowledged = place.acknowledgedBelow;
    if (kind === "txn") await slow;
    return { reply: { kind: "done" }, isRetried: false };
  };
  const writer = new SessionWriter({ request });
  const quick = { kind: "delete", key: "a", expectedRevision: undefined } as const;
  const write = (what: WriteRequest, timeoutMs = 60_000) => writer.write(what, { timeoutMs });
  await write(quick);
  const last = [
    write({ kind: "txn", txn: { compare: [], success: [], failure: [] } }),
    ...Array.from({ length: 5000 }, () => write(quick)),
  ];
  const hurried = write(quick, 50).catch((error) => error);
  while (asked.length < 4097) await turnOfTheLoop();
  expect(await hurried).toMatchObject({ code: "OVERLOADED", outcome: "not-executed" });
  expect([asked.length, acknowledged]).toEqual([4097, 2]);
  answerSlow();
  await Promise.all(last);
  await write(quick);
  expect(asked).toEqual(Array.from({ length: 5003 }, (_, at) => at + 1));
  expect(acknowledged).toBe(5003);
});

describe.each(["http", "kv"] as const)("over %s", (scheme) => {
  async function start(node?: FakeServer["node"]): Promise<FakeServer> {
    const server = await startFakeServer({}, node);
    closers.push(() => server.close());
    return scheme === "http" ? server : { ...server, url: server.kvUrl };
  }

  async function lossy(target: string, isDelivered: Fate): Promise<FaultyProxy> {
    const proxy = await (scheme === "http" ? startProxy : startWireProxy)(target, isDelivered);
    closers.push(() => proxy.close());
    return proxy;
  }

  describe("K1: a write is executed once", () => {
    it("though its answer is lost, and answered by another server as it was", async () => {
      const { url, node, store } = await start();
      const other = await start(node);
      const loses = await lossy(url, ({ isWrite }) => !isWrite);
      const client = new KvClient({ servers: [loses.url, other.url] });
      expect(await client.put("a", "1")).toEqual({ revision: 1, createRevision: 1, version: 1 });
      expect(loses.requests).toBe(2);
      expect(node.lastNumbering).toMatchObject({ sequence: 1, acknowledgedBelow: 1, isRetry: true });
      const again = new KvClient({ servers: [loses.url, other.url] });
      expect(await again.cas("a", 1, "2")).toEqual({ succeeded: true, revision: 2, createRevision: 1, version: 2 });
      expect(await again.cas("a", 1, "3")).toEqual({ succeeded: false, currentRevision: 2 });
      const third = new KvClient({ servers: [loses.url, other.url] });
      expect(await third.del("a")).toMatchObject({ deleted: true });
      expect(store.size).toBe(0);
      const fourth = new KvClient({ servers: [loses.url, other.url] });
      const txn = { compare: [{ key: "a", revision: 0 }], success: [{ type: "put" as const, key: "a", value: "4" }] };
      expect(await fourth.txn(txn)).toMatchObject({ succeeded: true });
      expect(store.get("a")).toMatchObject({ version: 1 });
    });

    it("however many are under way, and though many an answer is lost, doubled by a retry elsewhere", async () => {
      const { url, node, store } = await start();
      const other = await start(node);
      // Over the binary protocol each loss is one of all that is under way.
      const [count, lossEvery] = scheme === "http" ? [200, 2] : [40, 5];
      let answers = 0;
      const fate = (): boolean => {
        answers += 1;
        return answers % lossEvery !== 0;
      };
      const proxies = [await lossy(url, fate), await lossy(other.url, fate)];
      const client = new KvClient({ servers: proxies.map((proxy) => proxy.url) });
      const written = await Promise.all(Array.from({ length: count }, (_, at) => client.put(`k/${at % 10}`, `${at}`)));
      expect(new Set(written.map(({ revision }) => revision)).size).toBe(count);
      expect(store.revision).toBe(count);
      for (let key = 0; key < 10; key += 1) expect(store.get(`k/${key}`)?.version).toBe(count / 10);
    });

    it("and when no session could be opened, not at all, and says so", async () => {
      const { url, node, store } = await start();
      node.openError = new RaftError("NO_LEADER", "x");
      const client = new KvClient({ servers: [url] });
      const error = await client.put("a", "1", { timeoutMs: 1000 }).catch((reason) => reason);
      expect(error).toMatchObject({ code: "UNAVAILABLE", outcome: "not-executed" });
      expect(error.message).toContain("NO_LEADER");
      expect(store.revision).toBe(0);
      node.openError = null;
      expect(await client.put("a", "1")).toMatchObject({ version: 1 });
    });
  });

  describe("a session", () => {
    it("is opened by the first write, once, and used by all of them", async () => {
      const { url, node } = await start();
      const client = new KvClient({ servers: [url] });
      await client.get("a");
      await client.list();
      expect(node.sessions.size).toBe(0);
      await Promise.all([client.put("a", "1"), client.put("b", "1"), client.del("c"), client.txn({})]);
      await client.cas("a", 1, "2");
      expect(node.sessions.size).toBe(1);
      expect([...(node.sessions.values().next().value?.keys() ?? [])]).toEqual([1, 2, 3, 4, 5]);
      expect(node.lastNumbering).toMatchObject({ sequence: 5, acknowledgedBelow: 5, isRetry: false });
    });

    it("ends when the client is closed, after what is under way; a later write opens another", async () => {
      const { url, node } = await start();
      const client = new KvClient({ servers: [url] });
      await client.close();
      await client.put("a", "1");
      let open: () => void = () => undefined;
      node.gate = new Promise((resolve) => {
        open = resolve;
      });
      const proposed = new Promise<void>((resolve) => {
        node.onPropose = resolve;
      });
      const late = client.put("a", "2");
      await proposed;
      const closed = client.close();
      // Whatever was asked for at once would have arrived by now.
      for (let round = 0; round < 5; round += 1) await client.get("a");
      expect(node.sessions.size).toBe(1);
      open();
      expect(await late).toMatchObject({ version: 2 });
      await closed;
      expect(node.sessions.size).toBe(0);
      expect(await client.put("a", "3")).toMatchObject({ version: 3 });
      expect(node.sessions.size).toBe(1);
    });

    it("closes though no server can be told", async () => {
      const server = await startFakeServer();
      const client = new KvClient({ servers: [server.url] });
      await client.put("a", "1");
      await server.close();
      await client.close({ timeoutMs: 100 });
    });

    it("two clients have two, and each its own numbers", async () => {
      const { url, node, store } = await start();
      const [one, two] = [new KvClient({ servers: [url] }), new KvClient({ servers: [url] })];
      await Promise.all([one.put("a", "same"), two.put("a", "same")]);
      expect(store.get("a")?.version).toBe(2);
      expect([...node.sessions.values()].map((executed) => [...executed.keys()])).toEqual([[1], [1]]);
    });

    it("is not opened for whom it is not wanted", async () => {
      const { url, node } = await start();
      await new KvClient({ servers: [url], exactlyOnce: false }).put("a", "1");
      expect([node.sessions.size, node.lastNumbering]).toEqual([0, null]);
    });
  });

  describe("K3: a session that is over", () => {
    it("is replaced, and a write that was certainly not executed goes to the next one, unnoticed", async () => {
      const { url, node, store } = await start();
      const client = new KvClient({ servers: [url] });
      await client.put("a", "1");
      node.sessions.clear();
      expect(await Promise.all([client.put("a", "2"), client.put("b", "1")])).toHaveLength(2);
      expect([store.get("a")?.version, store.get("b")?.version, node.sessions.size]).toEqual([2, 1, 1]);
    });

    it("leaves a write unknown that may have been executed, and does not execute it again", async () => {
      const { url, node, store } = await start();
      let isLosing = true;
      const loses = await lossy(url, ({ isWrite }) => {
        if (!isLosing || !isWrite) return true;
        isLosing = false;
        node.sessions.clear();
        return false;
      });
      const client = new KvClient({ servers: [loses.url, url] });
      const error = await client.put("a", "1").catch((reason) => reason);
      expect(error).toMatchObject({ code: "SESSION_EXPIRED_UNDER_WAY", outcome: "unknown", status: 503 });
      expect(error.message).toContain("Read first");
      expect(store.get("a")?.version).toBe(1);
      expect(await new KvClient({ servers: [url] }).put("a", "2")).toMatchObject({ version: 2 });
      expect(await client.put("b", "1")).toMatchObject({ version: 1 });
    });
  });

  it("K12: a write whose answer is no longer known is not asked for again", async () => {
    const { url, node } = await start();
    const proxy = await lossy(url, () => true);
    const client = new KvClient({ servers: [proxy.url] });
    node.proposeError = new RaftError("RESULT_UNAVAILABLE", "x");
    await expect(client.put("a", "1")).rejects.toMatchObject({ code: "RESULT_UNAVAILABLE", outcome: "unknown" });
    expect(proxy.requests).toBe(2);
  });

  it("K11: a refusal of the retry says nothing of the attempt before it", async () => {
    const { url, node } = await start();
    const loses = await lossy(url, ({ isWrite }) => {
      if (!isWrite) return true;
      node.proposeError = new RaftError("SEQUENCE_REUSED", "x");
      for (const executed of node.sessions.values()) executed.clear();
      return false;
    });
    const client = new KvClient({ servers: [loses.url, url] });
    const error = await client.put("a", "1").catch((reason) => reason);
    expect(error).toMatchObject({ code: "SEQUENCE_REUSED", status: 409, outcome: "unknown" });
  });

  describe("K14: the deadline", () => {
    it("ends a write that is asked for again and again, and says that it may have been executed", async () => {
      const { url, store } = await start();
      const loses = await lossy(url, ({ isWrite }) => !isWrite);
      const client = new KvClient({ servers: [loses.url] });
      const error = await client.put("a", "1", { timeoutMs: 500 }).catch((reason) => reason);
      expect(error).toMatchObject({ code: "TIMED_OUT", outcome: "unknown" });
      expect(error.message).toContain(`${loses.url}: CONNECTION_LOST`);
      expect(loses.requests).toBeGreaterThan(2);
      expect(store.get("a")?.version).toBe(1);
    });

    it("is each write's own, also while a session is being opened for several", async () => {
      const { url, node } = await start();
      node.openError = new RaftError("NO_LEADER", "x");
      const client = new KvClient({ servers: [url] });
      const long = client.put("b", "1");
      const short = await client.put("a", "1", { timeoutMs: 150 }).catch((reason) => reason);
      expect(short).toMatchObject({ code: "UNAVAILABLE", outcome: "not-executed" });
      const reason = new Error("enough");
      const abort = new AbortController();
      const aborted = client.put("c", "1", { signal: abort.signal });
      await turnOfTheLoop();
      abort.abort(reason);
      await expect(aborted).rejects.toBe(reason);
      node.openError = null;
      expect(await long).toMatchObject({ version: 1 });
      expect(node.store.size).toBe(1);
    });

    it("nobody opens a session for those who gave up", async () => {
      const { url, node } = await start();
      node.openError = new RaftError("NO_LEADER", "x");
      const proxy = await lossy(url, () => true);
      const client = new KvClient({ servers: [proxy.url] });
      const abort = new AbortController();
      const put = client.put("a", "1", { signal: abort.signal });
      while (node.lastTimeoutMs === 0) await turnOfTheLoop();
      abort.abort();
      await expect(put).rejects.toThrow();
      const asked = proxy.requests;
      node.openError = null;
      // A write that begins at once must not join what was given up.
      expect(await client.put("b", "1")).toMatchObject({ version: 1 });
      expect(proxy.requests - asked).toBe(2);
      expect(node.sessions.size).toBe(1);
    });
  });
});
