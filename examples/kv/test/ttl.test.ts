/** Keys that expire: when, where in the log, and who is told. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { openNode } from "quorate";
import { afterEach, describe, expect, it } from "vitest";
import { KvClient } from "../src/client.js";
import type { KvCommand } from "../src/commands.js";
import { MAX_EXPIRED_AT_ONCE, MAX_TTL_MS } from "../src/limits.js";
import { KvStore } from "../src/store.js";
import { type FakeServer, startFakeServer } from "./fake-node.js";
import { freeAddresses } from "./free-addresses.js";

const value = new Uint8Array([1]);

describe("the store", () => {
  function open() {
    const store = new KvStore();
    let index = 0;
    const apply = (timeMs: number, command: KvCommand) => store.apply({ index: ++index, term: 1, timeMs, command });
    const tick = (timeMs: number) => store.onTime({ index: ++index, term: 1, timeMs });
    return { store, apply, tick };
  }

  it("forgets a key at the first entry at its time, and says so in the history", () => {
    const { store, apply, tick } = open();
    apply(1000, { type: "put", key: "a", value, ttlMs: 500 });
    expect(store.nextExpiryMs()).toBe(1500);
    tick(1499);
    expect(store.get("a")).not.toBeNull();
    tick(1500);
    expect([store.get("a"), store.revision, store.nextExpiryMs()]).toEqual([null, 3, Number.POSITIVE_INFINITY]);
    expect(store.history.next(1)).toMatchObject({ revision: 3, events: [{ type: "expire", key: "a" }] });
  });

  it("expires before it executes: a condition sees the key gone, and its next life begins anew", () => {
    const { store, apply } = open();
    apply(0, { type: "put", key: "lock", value, ttlMs: 100 });
    const condition = { target: "revision", operator: "=", operand: 0 } as const;
    const take: KvCommand = { type: "put", key: "lock", value, ttlMs: 100, condition };
    expect(apply(99, take)).toEqual({ type: "conflict", revision: 1 });
    expect(apply(100, take)).toEqual({ type: "put", revision: 3, createRevision: 3, version: 1 });
    expect(store.history.next(2)?.events.map(({ type }) => type)).toEqual(["expire", "put"]);
  });

  it("gives a key that is written again its new time, or none", () => {
    const { store, apply, tick } = open();
    apply(0, { type: "put", key: "a", value, ttlMs: 100 });
    apply(50, { type: "put", key: "a", value, ttlMs: 100 });
    apply(60, { type: "put", key: "b", value, ttlMs: 10 });
    apply(61, { type: "put", key: "b", value });
    apply(62, { type: "put", key: "c", value, ttlMs: 10 });
    apply(63, { type: "delete", key: "c" });
    tick(149);
    expect([store.get("a"), store.get("b")].map((entry) => entry?.version)).toEqual([2, 2]);
    expect(store.nextExpiryMs()).toBe(150);
    tick(10_000);
    expect([store.get("a"), store.get("b")?.version]).toEqual([null, 2]);
  });

  it("expires no more at once than the event loop can bear; the rest follows", () => {
    const { store, apply, tick } = open();
    for (let key = 0; key <= MAX_EXPIRED_AT_ONCE; key += 1) apply(0, { type: "put", key: `${key}`, value, ttlMs: 10 });
    tick(10);
    expect(store.size).toBe(1);
    expect(store.nextExpiryMs()).toBe(10);
    tick(11);
    expect(store.size).toBe(0);
  });

  it("C10: holds what a model holds, after a snapshot too", async () => {
    const step = fc.record({
      key: fc.constantFrom("a", "b", "c", "d"),
      what: fc.constantFrom("put", "put", "put", "delete", "tick"),
      ttlMs: fc.option(fc.integer({ min: 1, max: 50 })),
      passes: fc.nat(30),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.nat(40), async (steps, restoredAt) => {
        const { apply, tick, ...opened } = open();
        let store = opened.store;
        const model = new Map<string, number>();
        let timeMs = 0;
        let index = 100;
        for (const [place, { key, what, ttlMs, passes }] of steps.entries()) {
          timeMs += passes;
          index += 1;
          for (const [each, expiresAtMs] of model) if (expiresAtMs <= timeMs) model.delete(each);
          const ttl = ttlMs === null ? {} : { ttlMs };
          const command: KvCommand = what === "delete" ? { type: "delete", key } : { type: "put", key, value, ...ttl };
          if (what === "tick") store.onTime({ index, term: 1, timeMs });
          else store.apply({ index, term: 1, timeMs, command });
          if (what === "put") model.set(key, timeMs + (ttlMs ?? Number.POSITIVE_INFINITY));
          if (what === "delete") model.delete(key);
          if (place === restoredAt) {
            const restored = new KvStore();
            await restored.restore(store.snapshot());
            store = restored;
          }
          const { entries } = store.list({ prefix: "", afterKey: null, limit: 10, maxBytes: 1000 });
          expect(entries.map((entry) => entry.key)).toEqual([...model.keys()].sort());
          expect(store.nextExpiryMs()).toBe(Math.min(...model.values()));
        }
      }),
    );
  });

  it.each([0, -1, 1.5, Number.NaN, "1"])("C11: a log with a time of %s is of no version that is known", (ttlMs) => {
    const { apply } = open();
    expect(() => apply(0, { type: "put", key: "a", value, ttlMs: ttlMs as number })).toThrow(/does not know/);
  });
});

describe("over HTTP", () => {
  let server: FakeServer | null = null;

  afterEach(async () => {
    await server?.close();
    server = null;
  });

  it("a key is written for a while, by PUT, by compare-and-swap and in a transaction", async () => {
    server = await startFakeServer();
    const client = new KvClient({ servers: [server.url] });
    await client.put("a", "1", { ttlMs: 100 });
    const { revision } = await client.put("b", "1");
    await client.cas("b", revision, "2", { ttlMs: 200 });
    await client.txn({ success: [{ type: "put", key: "c", value: "1", ttlMs: 300 }] });
    const left: string[][] = [];
    for (const timeMs of [99, 100, 200, 300]) {
      server.node.timeMs = timeMs;
      await client.put("d", "tick");
      left.push((await client.list()).entries.map(({ key }) => key));
    }
    expect(left).toEqual([["a", "b", "c", "d"], ["b", "c", "d"], ["c", "d"], ["d"]]);
    const seen: string[] = [];
    for await (const { events } of client.watch({ fromRevision: 1 })) {
      for (const event of events) if (event.type === "expire") seen.push(event.key);
      if (seen.length === 3) break;
    }
    expect(seen).toEqual(["a", "b", "c"]);
  });

  it("refuses times that cannot be", async () => {
    server = await startFakeServer();
    const { url } = server;
    for (const ttl of ["0", "-1", "soon", String(MAX_TTL_MS + 1)]) {
      const response = await fetch(`${url}/v1/kv/a?ttl_ms=${ttl}`, { method: "PUT", body: "1" });
      expect([response.status, await response.json()]).toMatchObject([400, { code: "INVALID_QUERY" }]);
    }
    for (const operation of [
      { type: "put", key: "a", value: "1", ttlMs: 0 },
      { type: "delete", key: "a", ttlMs: 5 },
    ]) {
      const body = JSON.stringify({ success: [operation] });
      const headers = { "content-type": "application/json" };
      const response = await fetch(`${url}/v1/txn`, { method: "POST", body, headers });
      expect([response.status, await response.json()]).toMatchObject([400, { code: "INVALID_TXN" }]);
    }
  });
});

it("expires at the same entry on every server of a cluster, soon after its time, though nobody writes", async () => {
  const addresses = await freeAddresses(3);
  const members = Object.fromEntries(addresses.map((address, place) => [`n${place + 1}`, address]));
  const stores = addresses.map(() => new KvStore());
  const home = await mkdtemp(join(tmpdir(), "quorate-kv-"));
  const nodes = await Promise.all(
    stores.map((stateMachine, place) => {
      const id = `n${place + 1}`;
      return openNode({ id, members, directory: join(home, id), stateMachine });
    }),
  );
  try {
    const gone = stores.map(
      (store) => new Promise<void>((resolve) => store.onWrite(() => store.size === 0 && resolve())),
    );
    await nodes[0]?.propose({ type: "put", key: "a", value, ttlMs: 300 });
    await Promise.all(gone);
    const records = stores.map(({ history }) => history.next(history.oldestRevision));
    expect(records[0]?.events).toEqual([{ type: "expire", key: "a" }]);
    expect(records).toEqual([records[0], records[0], records[0]]);
  } finally {
    await Promise.all(nodes.map((node) => node.close()));
    await rm(home, { recursive: true });
  }
});
