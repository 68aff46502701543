/** The binary protocol over real sockets: what a server answers to whom, and what it does with those who misbehave. */

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import fc from "fast-check";
import { pack, unpack } from "msgpackr";
import { RaftError } from "quorate";
import { afterEach, describe, expect, it } from "vitest";
import { KvClient } from "../src/client.js";
import { ANSWER, FRESHNESS, PROTOCOL, REQUEST, WRITE_FLAGS } from "../src/protocol/protocol.js";
import { type FakeServer, startFakeServer } from "./fake-node.js";
import { bodyOf, problemOf, RawClient } from "./raw-client.js";

const closers: (() => Promise<unknown> | unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start(options: Parameters<typeof startFakeServer>[0] = {}): Promise<FakeServer> {
  const server = await startFakeServer({ requestTimeoutMs: 200, ...options });
  closers.push(() => server.close());
  return server;
}

async function open(url: string, protocol?: string): Promise<RawClient> {
  const client = await RawClient.open(url, protocol);
  closers.push(() => client.socket.destroy());
  return client;
}

function put({ writer }: RawClient, id: number, key: string, value: string | Uint8Array, flags = 0): void {
  const bytes = Buffer.from(value);
  writer.begin(REQUEST.put, id, 4 + 1 + 2 + key.length + bytes.length);
  writer.u32(0);
  writer.u8(flags);
  writer.u16(key.length);
  writer.text(key, key.length);
  writer.bytes(bytes);
}

function get({ writer }: RawClient, id: number, key: string, level = 2): void {
  writer.begin(REQUEST.get, id, 4 + 1 + key.length);
  writer.u32(0);
  writer.u8(level);
  writer.text(key, key.length);
}

/** A proposal that waits until it is let go. */
function hold({ node }: FakeServer): () => void {
  let letGo = (): void => undefined;
  node.gate = new Promise((resolve) => {
    letGo = resolve;
  });
  return letGo;
}

describe("the handshake", () => {
  it("is an upgrade of HTTP, answered with who serves and its limits", async () => {
    const { url } = await start();
    const client = await open(url);
    await client.until(() => client.frames.length > 0);
    expect(client.head).toContain(`Upgrade: ${PROTOCOL}`);
    const [welcome] = client.frames;
    expect([welcome?.kind, welcome?.id]).toEqual([ANSWER.welcome, 0]);
    expect(JSON.parse(String(welcome?.body))).toMatchObject({
      ...{ server: "n1", cluster: "fake", beatMs: 5000, silenceMs: 15_000 },
      ...{ maxFrameBytes: expect.any(Number), maxInFlight: expect.any(Number) },
    });
  });

  it("goes on at once, in the same bytes", async () => {
    const { url } = await start();
    const client = await open(url, "");
    put(client, 1, "a", "1");
    client.socket.write(
      `GET /v1/connection HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${PROTOCOL}\r\n\r\n`,
    );
    client.send();
    expect((await client.answer(1)).kind).toBe(ANSWER.written);
  });

  it.each(["quorate-kv/2", "websocket"])("is refused for %s, with what is spoken here", async (protocol) => {
    const { url } = await start();
    const client = await open(url, protocol);
    await client.until(() => client.isEnded);
    expect(client.head).toContain("HTTP/1.1 426 Upgrade Required");
    expect(client.head).toContain(`Upgrade: ${PROTOCOL}`);
    expect(client.head).toContain("UNSUPPORTED_PROTOCOL");
  });

  it("is missed by a request without an upgrade, which is told", async () => {
    const { url } = await start();
    const response = await fetch(`${url}/v1/connection`);
    expect([response.status, response.headers.get("upgrade")]).toEqual([426, PROTOCOL]);
    expect(await response.json()).toMatchObject({ code: "UNSUPPORTED_PROTOCOL" });
  });

  it("tells a KvClient why, when it meets another version, or something else", async () => {
    const server = createServer((socket: Socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => {
        const body = '{"code":"UNSUPPORTED_PROTOCOL","message":"only quorate-kv/9"}';
        socket.end(`HTTP/1.1 426 Upgrade Required\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closers.push(() => server.close());
    const address = server.address();
    const url = `kv://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
    const error = await new KvClient({ servers: [url] }).get("a", { timeoutMs: 2000 }).catch((reason) => reason);
    expect(error).toMatchObject({ code: "UNAVAILABLE", outcome: "not-executed" });
    expect(error.message).toContain("UNSUPPORTED_PROTOCOL: only quorate-kv/9");
  });

  it("leaves requests alone that ask for another upgrade in passing, with their bodies", async () => {
    const { url, store } = await start();
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    closers.push(() => socket.destroy());
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk;
    });
    const upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA";
    socket.write(`PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\n${upgrade}\r\nContent-Length: 10\r\n\r\nhello`);
    socket.write("world");
    while (!text.includes('"version":1}')) await once(socket, "data");
    socket.write(`GET /v1/kv/a HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n\r\n`);
    while (!text.endsWith("helloworld")) await once(socket, "data");
    expect(store.get("a")?.version).toBe(1);
  });
});

describe("requests", () => {
  it("are answered as they are ready, and not in their order", async () => {
    const server = await start();
    const client = await open(server.url);
    const letGo = hold(server);
    put(client, 7, "a", "1");
    get(client, 8, "a");
    client.send();
    expect((await client.answer(8)).kind).toBe(ANSWER.absent);
    expect(client.frames.some(({ id }) => id === 7)).toBe(false);
    letGo();
    expect((await client.answer(7)).kind).toBe(ANSWER.written);
  });

  it("can be many at once, of which each has its answer", async () => {
    const { url } = await start();
    const client = new KvClient({ servers: [url.replace("http", "kv")] });
    const values = Array.from({ length: 500 }, (_, at) => "x".repeat(at * 100));
    await Promise.all(values.map((value, at) => client.put(`k${at}`, value)));
    const entries = await Promise.all(values.map((_, at) => client.get(`k${at}`)));
    expect(entries.map((entry) => String(entry?.value))).toEqual(values);
    await client.close();
  });

  it("are written with what stands in the description", async () => {
    const { url, store, node } = await start();
    const client = await open(url);
    const { writer } = client;
    writer.begin(REQUEST.openSession, 1, 12);
    writer.u32(0);
    writer.u64(0);
    client.send();
    const session = bodyOf(await client.answer(1));
    const id = session.u64();
    expect([id, session.u64(), session.restBytes]).toEqual([101, 60_000, 0]);

    const { inSession, isFirst, ifRevision, ifExists, expires } = WRITE_FLAGS;
    writer.begin(REQUEST.put, 2, 4 + 1 + 24 + 8 + 8 + 2 + 1 + 1);
    writer.u32(150);
    writer.u8(inSession | isFirst | ifRevision | expires);
    for (const number of [id, 5, 3, 0, 60_000]) writer.u64(number);
    writer.u16(1);
    writer.text("kv", 2);
    client.send();
    const written = bodyOf(await client.answer(2));
    expect([written.u64(), written.u64(), written.u64()]).toEqual([1, 1, 1]);
    expect(node.lastNumbering).toEqual({ id, sequence: 5, acknowledgedBelow: 3, isRetry: false });
    expect([
      node.lastTimeoutMs,
      Buffer.from(store.get("k")?.value ?? []).toString(),
      store.get("k")?.expiresAtMs,
    ]).toEqual([150, "v", 60_000]);

    put(client, 3, "none", "x", ifExists);
    client.send();
    const conflict = await client.answer(3);
    expect([conflict.kind, bodyOf(conflict).u64()]).toEqual([ANSWER.conflict, 0]);

    const txn = pack({
      success: [
        { type: "put", key: "b", value: Buffer.of(255) },
        { type: "get", key: "b" },
      ],
    });
    writer.begin(REQUEST.txn, 4, 5 + txn.length);
    writer.u32(0);
    writer.u8(0);
    writer.bytes(txn);
    client.send();
    const entry = { key: "b", value: Buffer.of(255), revision: 3, createRevision: 3, version: 1 };
    expect(unpack((await client.answer(4)).body)).toMatchObject({
      succeeded: true,
      results: [{ type: "put" }, { entry }],
    });

    for (const [kind, request] of [
      [REQUEST.keepSession, 5],
      [REQUEST.closeSession, 6],
    ] as const) {
      writer.begin(kind, request, 12);
      writer.u32(0);
      writer.u64(id);
      client.send();
      expect((await client.answer(request)).kind).toBe(ANSWER.done);
    }
    expect(node.sessions.size).toBe(0);
  });

  it("are refused with the status and words of HTTP", async () => {
    const { url, node } = await start();
    const client = await open(url);
    put(client, 1, ".", "1");
    put(client, 2, "a", new Uint8Array(1024 * 1024 + 1));
    client.writer.begin(REQUEST.get, 3, 4 + 1 + 8 + 1);
    client.writer.u32(0);
    client.writer.u8(FRESHNESS.linearizable | FRESHNESS.bounded);
    client.writer.u64(1000);
    client.writer.text("a", 1);
    client.writer.begin(99, 4, 4);
    client.writer.u32(0);
    client.writer.begin(REQUEST.get, 5, 4 + 1 + 1);
    client.writer.u32(0);
    client.writer.u8(FRESHNESS.stale);
    client.writer.bytes(Buffer.of(0xff));
    client.send();
    expect(problemOf(await client.answer(1))).toMatchObject({ status: 400, code: "INVALID_KEY" });
    expect(problemOf(await client.answer(2))).toMatchObject({ status: 413, code: "VALUE_TOO_LARGE" });
    expect(problemOf(await client.answer(3))).toMatchObject({ status: 400, code: "INVALID_QUERY" });
    expect(problemOf(await client.answer(5))).toMatchObject({ status: 400, code: "INVALID_KEY" });
    expect(problemOf(await client.answer(4))).toMatchObject({ status: 400, code: "BAD_REQUEST" });
    node.proposeError = new RaftError("NO_LEADER", "x");
    put(client, 6, "a", "1");
    client.send();
    expect(problemOf(await client.answer(6))).toMatchObject({
      status: 503,
      code: "NO_LEADER",
      outcome: "not-executed",
    });
  });
});

describe("a connection that makes no sense", () => {
  const frame = (kind: number, body: readonly number[]) => {
    const bytes = Buffer.alloc(9 + body.length);
    bytes.writeUInt32BE(5 + body.length);
    bytes[4] = kind;
    bytes.writeUInt32BE(1, 5);
    bytes.set(body, 9);
    return bytes;
  };

  it.each([
    ["a frame that is too large", Buffer.of(0xff, 0, 0, 0, 1, 0, 0, 0, 1)],
    ["a frame that is too small", Buffer.of(0, 0, 0, 1, 1, 0, 0, 0, 1)],
    ["a frame without its fields", frame(REQUEST.put, [0, 0, 0, 0])],
    ["unknown flags", frame(REQUEST.put, [0, 0, 0, 0, 255, 0, 1, 65])],
    ["an unknown consistency", frame(REQUEST.get, [0, 0, 0, 0, 3, 65])],
    ["something after the end", frame(REQUEST.closeSession, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 9])],
    ["a transaction that is none", frame(REQUEST.txn, [0, 0, 0, 0, 0, 0x92, 1])],
  ])("is told so, and ended: %s", async (_what, bytes) => {
    const { url, errors } = await start();
    const client = await open(url);
    client.socket.write(bytes);
    await client.until(() => client.isEnded);
    const problem = client.frames.find(({ kind }) => kind === ANSWER.problem);
    expect(problem?.id).toBe(0);
    expect(problem !== undefined && problemOf(problem)).toMatchObject({ status: 400, code: "BAD_FRAME" });
    expect(errors).toEqual([]);
  });

  it("of whatever kind, does no harm to the others", async () => {
    const { url, errors } = await start();
    const good = new KvClient({ servers: [url.replace("http", "kv")] });
    await good.put("a", "1");
    const kind = fc.constantFrom(...Object.values(REQUEST), 0, 200);
    const chunk = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc.tuple(kind, fc.array(fc.nat(255), { maxLength: 40 })).map(([of, body]) => frame(of, [0, 0, 0, 0, ...body])),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(chunk, { minLength: 1, maxLength: 5 }), async (chunks) => {
        const client = await open(url);
        for (const bytes of chunks) client.socket.write(bytes);
        client.socket.end();
        await client.until(() => client.isEnded);
        expect(await good.get("a", { consistency: "stale" })).toMatchObject({ key: "a" });
      }),
      { numRuns: 100 },
    );
    expect(errors).toEqual([]);
    await good.close();
  }, 60_000);
});

describe("back-pressure", () => {
  it("begins no more than so many requests of one client at a time, and all of them in the end", async () => {
    const server = await start({ requestTimeoutMs: 10_000 });
    let begun = 0;
    server.node.onPropose = () => {
      begun += 1;
    };
    const letGo = hold(server);
    const client = await open(server.url);
    for (let id = 1; id <= 6000; id += 1) put(client, id, "a", "1");
    client.send();
    // By the time that a later connection is served, all of these were let in that would be.
    await new KvClient({ servers: [server.kvUrl] }).get("a");
    await client.until(() => client.frames.length > 0);
    while (begun < 4096) await new Promise(setImmediate);
    for (let round = 0; round < 5; round += 1) await new KvClient({ servers: [server.kvUrl] }).get("a");
    expect(begun).toBe(4096);
    letGo();
    await client.until(() => client.frames.filter(({ id }) => id !== 0).length === 6000);
    expect(begun).toBe(6000);
  }, 30_000);

  it("begins no more for a client that does not read, whatever it sends, and serves the others", async () => {
    const server = await start();
    server.node.apply({ type: "put", key: "big", value: new Uint8Array(1024 * 1024) });
    let reads = 0;
    const { read } = server.node;
    server.node.read = (query, options) => {
      reads += 1;
      return read.call(server.node, query, options) as never;
    };
    const client = await open(server.url);
    await client.until(() => client.frames.length > 0);
    client.socket.pause();
    for (let id = 1; id <= 9000; id += 1) get(client, id, "big");
    client.send();
    const other = new KvClient({ servers: [server.kvUrl] });
    while (reads === 0) await new Promise(setImmediate);
    const rounds = async (): Promise<number> => {
      for (let round = 0; round < 20; round += 1) await other.get("none", { consistency: "stale" });
      return reads;
    };
    const before = await rounds();
    // It answers with the store's own bytes, and copies none.
    expect(before).toBeLessThan(5000);
    expect(await rounds()).toBe(before + 20);
    client.socket.destroy();
    await other.close();
  }, 30_000);
});

describe("a server that closes", () => {
  it("tells its clients to go, answers what is under way, and begins nothing more", async () => {
    const server = await start({ requestTimeoutMs: 5000 });
    const client = await open(server.url);
    const letGo = hold(server);
    const begun = new Promise<void>((resolve) => {
      server.node.onPropose = resolve;
    });
    put(client, 1, "a", "1");
    client.send();
    await begun;
    const closed = server.close();
    await client.until(() => client.frames.some(({ kind }) => kind === ANSWER.goingAway));
    put(client, 2, "a", "2");
    client.send();
    expect(problemOf(await client.answer(2))).toMatchObject({
      status: 503,
      code: "SHUTTING_DOWN",
      outcome: "not-executed",
    });
    expect(client.frames.some(({ id }) => id === 1)).toBe(false);
    letGo();
    expect((await client.answer(1)).kind).toBe(ANSWER.written);
    await closed;
    expect(client.isEnded).toBe(true);
    expect(server.store.get("a")?.version).toBe(1);
  });

  it("loses no write of a KvClient, which goes elsewhere by itself, and hangs up at once", async () => {
    const one = await start({ requestTimeoutMs: 5000 });
    const other = await startFakeServer({}, one.node);
    closers.push(() => other.close());
    const client = new KvClient({ servers: [one.kvUrl, other.kvUrl], exactlyOnce: false });
    await client.put("a", "0");
    const writing = Array.from({ length: 200 }, async (_, at) => {
      for (let turn = 0; turn < 5; turn += 1) await client.put(`k${at}`, `${turn}`);
    });
    const startedAt = performance.now();
    const closed = one.close();
    await Promise.all([...writing, closed]);
    // Without the second that those are granted who stay.
    expect(performance.now() - startedAt).toBeLessThan(900);
    for (let at = 0; at < 200; at += 1) expect(one.store.get(`k${at}`)?.version).toBe(5);
    await client.close();
  });
});
