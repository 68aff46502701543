/** Keys over HTTP: what is stored, what comes back, and everything that is refused. */

import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { RaftError } from "quorate";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MAX_VALUE_BYTES } from "../src/limits.js";
import { type FakeServer, startFakeServer } from "./fake-node.js";
import { readJson } from "./json.js";

let server: FakeServer;

beforeEach(async () => {
  server = await startFakeServer();
});

afterEach(async () => {
  await server.close();
});

function call(method: string, path: string, body?: string | Uint8Array, headers: Record<string, string> = {}) {
  return fetch(server.url + path, { method, headers, ...(body === undefined ? {} : { body }) });
}

/** Sends a path exactly as it is written, which `fetch` does not. */
async function callRaw(method: string, path: string, headers: Record<string, string> = {}) {
  const outgoing = httpRequest(server.url, { method, path, headers }).end();
  const [response] = await once(outgoing, "response");
  return { status: response.statusCode as number, body: JSON.parse((await text(response)) || "null") };
}

async function put(key: string, value: string): Promise<number | undefined> {
  const response = await call("PUT", `/v1/kv/${encodeURIComponent(key)}`, value);
  expect(response.status).toBe(200);
  return (await readJson(response)).revision;
}

describe("PUT, GET and DELETE /v1/kv/{key}", () => {
  it("stores bytes as they are, with the revision as ETag", async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const written = await call("PUT", "/v1/kv/bytes", bytes, { "content-type": "image/png" });
    expect(written.status).toBe(200);
    expect(written.headers.get("etag")).toBe('"1"');
    expect(await written.json()).toEqual({ key: "bytes", revision: 1, createRevision: 1, version: 1 });
    const read = await call("GET", "/v1/kv/bytes");
    expect(read.status).toBe(200);
    expect(read.headers.get("etag")).toBe('"1"');
    expect(read.headers.get("content-type")).toBe("application/octet-stream");
    expect(read.headers.get("x-content-type-options")).toBe("nosniff");
    expect(read.headers.get("cache-control")).toBe("no-cache");
    expect((await call("GET", "/v1/kv")).headers.get("cache-control")).toBe("no-store");
    expect(new Uint8Array(await read.arrayBuffer())).toEqual(bytes);
  });

  it("takes an empty value, and one of exactly 1 MiB", async () => {
    expect((await call("PUT", "/v1/kv/empty")).status).toBe(200);
    expect(await (await call("GET", "/v1/kv/empty")).text()).toBe("");
    expect((await call("PUT", "/v1/kv/big", new Uint8Array(MAX_VALUE_BYTES))).status).toBe(200);
    expect((await (await call("GET", "/v1/kv/big")).arrayBuffer()).byteLength).toBe(MAX_VALUE_BYTES);
  });

  it.each([
    ["slashes, bare and encoded", "/v1/kv/a/b%2Fc//d/", "a/b/c//d/"],
    ["a leading slash", "/v1/kv//a", "/a"],
    ["percent and plus signs", "/v1/kv/100%25+2%252F", "100%+2%2F"],
    ["a question mark and a hash", "/v1/kv/what%3F%23", "what?#"],
    ["text beyond ASCII", "/v1/kv/%C3%A9%F0%9F%98%80", "é😀"],
    ["NUL and control characters", "/v1/kv/%00%0A", "\0\n"],
    ["dots within a path", "/v1/kv/a/../b", "a/../b"],
    ["the path of another resource", "/v1/kv/v1/kv/x", "v1/kv/x"],
  ])("reads a key with %s", async (_what, path, key) => {
    expect(await callRaw("PUT", path)).toMatchObject({ status: 200, body: { key } });
    expect(server.store.get(key)?.revision).toBe(1);
  });

  it("takes the absolute form of a request target", async () => {
    const response = await callRaw("PUT", `${server.url}/v1/kv/a`);
    expect(response).toMatchObject({ status: 200, body: { key: "a" } });
  });

  it("tells HEAD what GET would say, without the value", async () => {
    await put("a", "12345");
    const response = await call("HEAD", "/v1/kv/a");
    expect([response.status, response.headers.get("etag"), response.headers.get("content-length")]).toEqual([
      200,
      '"1"',
      "5",
    ]);
    expect(await response.text()).toBe("");
  });

  it("answers 304 to a reader that has the revision", async () => {
    await put("a", "1");
    const fresh = await call("GET", "/v1/kv/a", undefined, { "if-none-match": 'W/"9", "1"' });
    expect([fresh.status, await fresh.text()]).toEqual([304, ""]);
    expect((await call("GET", "/v1/kv/a", undefined, { "if-none-match": '"2"' })).status).toBe(200);
  });

  it("deletes, and says 404 when there is nothing", async () => {
    await put("a", "1");
    const deleted = await call("DELETE", "/v1/kv/a");
    expect([deleted.status, await deleted.json()]).toEqual([200, { key: "a", deleted: true, revision: 2 }]);
    for (const method of ["DELETE", "GET"]) {
      const response = await call(method, "/v1/kv/a");
      expect([response.status, (await readJson(response)).code]).toEqual([404, "KEY_NOT_FOUND"]);
    }
  });

  it("If-Match writes only at that revision, and says which it is", async () => {
    const revision = await put("a", "1");
    expect((await call("PUT", "/v1/kv/a", "2", { "if-match": `"${revision}"` })).status).toBe(200);
    const refused = await call("PUT", "/v1/kv/a", "3", { "if-match": `"${revision}"` });
    expect([refused.status, refused.headers.get("etag")]).toEqual([412, '"2"']);
    expect(await refused.json()).toMatchObject({ code: "REVISION_MISMATCH", revision: 2 });
    expect(await (await call("GET", "/v1/kv/a")).text()).toBe("2");
    expect((await call("DELETE", "/v1/kv/a", undefined, { "if-match": '"1"' })).status).toBe(412);
    expect((await call("DELETE", "/v1/kv/a", undefined, { "if-match": "2" })).status).toBe(200);
    expect(await (await call("DELETE", "/v1/kv/a", undefined, { "if-match": '"2"' })).json()).toMatchObject({
      revision: 0,
    });
  });

  it("If-None-Match: * creates, If-Match: * replaces, If-Match: 0 creates", async () => {
    expect((await call("PUT", "/v1/kv/a", "1", { "if-match": "*" })).status).toBe(412);
    expect((await call("PUT", "/v1/kv/a", "1", { "if-none-match": "*" })).status).toBe(200);
    expect((await call("PUT", "/v1/kv/a", "2", { "if-none-match": "*" })).status).toBe(412);
    expect((await call("PUT", "/v1/kv/a", "2", { "if-match": "*" })).status).toBe(200);
    expect((await call("PUT", "/v1/kv/a", "3", { "if-match": '"0"' })).status).toBe(412);
    expect((await call("PUT", "/v1/kv/b", "3", { "if-match": '"0"' })).status).toBe(200);
  });
});

describe("what is malformed is refused, and nothing is written", () => {
  const longKey = "é".repeat(512);

  it.each([
    ["an empty key", "PUT", "/v1/kv/", {}, 400, "INVALID_KEY"],
    ["the key .", "PUT", "/v1/kv/.", {}, 400, "INVALID_KEY"],
    ["the key ..", "PUT", "/v1/kv/%2e%2e", {}, 400, "INVALID_KEY"],
    ["a broken percent sequence", "PUT", "/v1/kv/%zz", {}, 400, "INVALID_URL"],
    ["a truncated percent sequence", "GET", "/v1/kv/a%2", {}, 400, "INVALID_URL"],
    ["percent-encoded bytes that are not UTF-8", "PUT", "/v1/kv/%ff", {}, 400, "INVALID_URL"],
    ["a key over 1 KiB", "PUT", `/v1/kv/${encodeURIComponent(`${longKey}x`)}`, {}, 400, "KEY_TOO_LARGE"],
    ["another spelling of the path", "PUT", "/v1/%6bv/a", {}, 400, "INVALID_URL"],
    ["a query parameter on PUT", "PUT", "/v1/kv/a?ttl=5", {}, 400, "INVALID_QUERY"],
    ["a query parameter on DELETE", "DELETE", "/v1/kv/a?x", {}, 400, "INVALID_QUERY"],
    ["an unknown query parameter on GET", "GET", "/v1/kv/a?consistant=stale", {}, 400, "INVALID_QUERY"],
    ["a query parameter given twice", "GET", "/v1/kv/a?consistency=stale&consistency=stale", {}, 400, "INVALID_QUERY"],
    ["an unknown consistency", "GET", "/v1/kv/a?consistency=eventual", {}, 400, "INVALID_QUERY"],
    ["an age that is none", "GET", "/v1/kv/a?consistency=stale&max_staleness_ms=0", {}, 400, "INVALID_QUERY"],
    ["an age for a read that may not be old", "GET", "/v1/kv?max_staleness_ms=10", {}, 400, "INVALID_QUERY"],
    ["broken percent-encoding in a query", "GET", "/v1/kv?prefix=%zz", {}, 400, "INVALID_QUERY"],
    ["a limit of 0", "GET", "/v1/kv?limit=0", {}, 400, "INVALID_QUERY"],
    ["a limit beyond the most", "GET", "/v1/kv?limit=1001", {}, 400, "INVALID_QUERY"],
    ["a limit that is no number", "GET", "/v1/kv?limit=1e2", {}, 400, "INVALID_QUERY"],
    ["an empty limit", "GET", "/v1/kv?limit=", {}, 400, "INVALID_QUERY"],
    ["a cursor that nobody gave", "GET", "/v1/kv?cursor=!", {}, 400, "INVALID_QUERY"],
    ["an If-Match that is no revision", "PUT", "/v1/kv/a", { "if-match": '"abc"' }, 400, "INVALID_HEADER"],
    ["a weak If-Match", "PUT", "/v1/kv/a", { "if-match": 'W/"1"' }, 400, "INVALID_HEADER"],
    ["several revisions in If-Match", "PUT", "/v1/kv/a", { "if-match": '"1", "2"' }, 400, "INVALID_HEADER"],
    ["a revision beyond what is safe", "PUT", "/v1/kv/a", { "if-match": '"9999999999999999"' }, 400, "INVALID_HEADER"],
    ["a negative revision", "DELETE", "/v1/kv/a", { "if-match": "-1" }, 400, "INVALID_HEADER"],
    ["an If-None-Match that is not *", "PUT", "/v1/kv/a", { "if-none-match": '"1"' }, 400, "INVALID_HEADER"],
    ["both preconditions", "PUT", "/v1/kv/a", { "if-match": '"1"', "if-none-match": "*" }, 400, "INVALID_HEADER"],
    ["a broken timeout", "PUT", "/v1/kv/a", { "quorate-timeout-ms": "soon" }, 400, "INVALID_HEADER"],
    ["a compressed body", "PUT", "/v1/kv/a", { "content-encoding": "gzip" }, 415, "UNSUPPORTED_MEDIA_TYPE"],
    ["an unknown path", "GET", "/v2/kv/a", {}, 404, "NO_SUCH_PATH"],
    ["POST on a key", "POST", "/v1/kv/a", {}, 405, "METHOD_NOT_ALLOWED"],
    ["PUT on the list", "PUT", "/v1/kv", {}, 405, "METHOD_NOT_ALLOWED"],
    ["an unusual method", "PATCH", "/v1/kv/a", {}, 405, "METHOD_NOT_ALLOWED"],
    ["a method fastify does not know", "PROPFIND", "/v1/kv/a", {}, 405, "METHOD_NOT_ALLOWED"],
  ] as const)("%s", async (_what, method, path, headers, status, code) => {
    const response = await callRaw(method, path, headers);
    expect(response).toMatchObject({ status, body: { code, message: expect.stringMatching(/\.$/) } });
    expect(server.store.revision).toBe(0);
    expect(server.errors).toEqual([]);
  });

  it("takes a key of exactly 1 KiB", async () => {
    expect((await callRaw("PUT", `/v1/kv/${encodeURIComponent(longKey)}`)).status).toBe(200);
  });

  it("says what a path takes when it answers 405", async () => {
    const response = await call("POST", "/v1/kv/a");
    expect(response.headers.get("allow")).toBe("GET, HEAD, PUT, DELETE");
  });

  it.each([
    ["a byte too much", MAX_VALUE_BYTES + 1],
    ["several megabytes", 8 * MAX_VALUE_BYTES],
  ])("a value with %s is refused, and its sender hears so, with and without a length", async (_what, sizeBytes) => {
    for (const headers of [{ "content-length": String(sizeBytes) }, { "transfer-encoding": "chunked" }]) {
      const outgoing = httpRequest(`${server.url}/v1/kv/a`, { method: "PUT", headers });
      outgoing.end(Buffer.alloc(sizeBytes));
      const [response] = await once(outgoing, "response");
      expect(response.statusCode).toBe(413);
      expect(JSON.parse(await text(response))).toMatchObject({ code: "VALUE_TOO_LARGE" });
    }
    expect(server.store.revision).toBe(0);
  });

  it("what is not HTTP is answered in JSON, and so are headers that are too large", async () => {
    const cases = [
      ["GARBAGE\r\n\r\n", 400, "BAD_REQUEST"],
      [`GET /v1/kv/${"a".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431, "HEADERS_TOO_LARGE"],
    ] as const;
    for (const [sent, status, code] of cases) {
      const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
      socket.write(sent);
      const answer = await text(socket);
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")))).toMatchObject({ code });
    }
  });
});

describe("when the cluster cannot", () => {
  it.each([
    [new RaftError("NO_LEADER", "x"), 503, "not-executed"],
    [new RaftError("OVERLOADED", "x"), 503, "not-executed"],
    [new RaftError("TIMED_OUT", "x"), 503, "unknown"],
    [new RaftError("CLOSED_UNDER_WAY", "x"), 503, "unknown"],
  ])("K6: %s becomes a 503 that says whether the write took effect", async (error, status, outcome) => {
    server.node.proposeError = error;
    for (const [method, path] of [
      ["PUT", "/v1/kv/a"],
      ["DELETE", "/v1/kv/a"],
    ] as const) {
      const response = await call(method, path);
      expect(response.status).toBe(status);
      expect(await response.json()).toEqual({ code: error.code, message: error.message, outcome });
    }
  });

  it("a command that is too large for the log is a 413", async () => {
    server.node.proposeError = new RaftError("COMMAND_TOO_LARGE", "x");
    expect((await call("PUT", "/v1/kv/a")).status).toBe(413);
  });

  it("a linearizable read is a 503 that was not executed, and a stale one is answered", async () => {
    await put("a", "1");
    server.node.readError = new RaftError("TIMED_OUT", "x");
    for (const path of ["/v1/kv/a", "/v1/kv"]) {
      const refused = await call("GET", path);
      expect([refused.status, (await readJson(refused)).outcome]).toEqual([503, "not-executed"]);
      expect((await call("GET", `${path}?consistency=stale`)).status).toBe(200);
    }
  });

  it("a read says how fresh it must be", async () => {
    await put("a", "1");
    for (const path of ["/v1/kv/a", "/v1/kv"]) {
      for (const [query, freshness] of [
        ["", { consistency: "linearizable" }],
        ["?consistency=lease", { consistency: "lease" }],
        ["?consistency=stale", { consistency: "stale" }],
        ["?consistency=stale&max_staleness_ms=250", { consistency: "stale", maxStalenessMs: 250 }],
      ] as const) {
        expect((await call("GET", path + query)).status).toBe(200);
        expect(server.node.lastFreshness).toEqual(freshness);
      }
    }
    server.node.readError = new RaftError("READ_TOO_STALE", "x");
    const refused = await call("GET", "/v1/kv/a");
    expect([refused.status, await readJson(refused)]).toMatchObject([
      503,
      { code: "READ_TOO_STALE", outcome: "not-executed" },
    ]);
  });

  it("a mistake of the server is a 500 that tells nothing of the inside, and is logged", async () => {
    server.node.proposeError = new Error("secret");
    const response = await call("PUT", "/v1/kv/a");
    expect([response.status, await response.json()]).toEqual([
      500,
      { code: "INTERNAL", message: "This server failed on the request; its log says why.", outcome: "unknown" },
    ]);
    expect(server.errors).toEqual([server.node.proposeError]);
  });

  it("the client's timeout shortens the server's, and never lengthens it", async () => {
    await call("PUT", "/v1/kv/a", "1", { "quorate-timeout-ms": "120" });
    expect(server.node.lastTimeoutMs).toBe(120);
    await call("PUT", "/v1/kv/a", "1", { "quorate-timeout-ms": "120000" });
    expect(server.node.lastTimeoutMs).toBe(5000);
  });
});

describe("GET /v1/kv", () => {
  beforeEach(async () => {
    for (const key of ["b", "a/2", "a/1", "a/3"]) await put(key, key.toUpperCase());
  });

  async function list(query: string) {
    const response = await call("GET", `/v1/kv${query}`);
    expect(response.status).toBe(200);
    return readJson(response);
  }

  it("lists keys in order, with values and revisions", async () => {
    expect(await list("?prefix=a/&limit=2")).toEqual({
      revision: 4,
      entries: [
        { key: "a/1", valueBase64: "QS8x", revision: 3, createRevision: 3, version: 1 },
        { key: "a/2", valueBase64: "QS8y", revision: 2, createRevision: 2, version: 1 },
      ],
      nextCursor: expect.any(String),
    });
  });

  it("goes on from a cursor, to the end", async () => {
    const { nextCursor } = await list("?prefix=a/&limit=2");
    const last = await list(`?prefix=a/&limit=2&cursor=${nextCursor}`);
    expect(last.entries?.map(({ key }) => key)).toEqual(["a/3"]);
    expect(last).not.toHaveProperty("nextCursor");
    expect(await list("?prefix=nothing")).toEqual({ revision: 4, entries: [] });
  });

  it("ends a page before it grows without bound", async () => {
    const value = new Uint8Array(MAX_VALUE_BYTES);
    for (let i = 0; i < 6; i++) server.node.apply({ type: "put", key: `big/${i}`, value });
    const first = await list("?prefix=big/");
    expect(first.entries).toHaveLength(3);
    const second = await list(`?prefix=big/&cursor=${first.nextCursor}`);
    expect(second.entries).toHaveLength(3);
  });
});

describe("GET /health and /v1/cluster", () => {
  it("is UP with a leader, and DOWN without one, after a fatal error, and before it has caught up", async () => {
    const health = async () => {
      const response = await call("GET", "/health");
      return [response.status, await response.json()];
    };
    expect(await health()).toEqual([200, { status: "UP" }]);
    server.node.setLeader(0);
    expect(await health()).toEqual([503, { status: "DOWN", reason: "NO_LEADER", message: expect.any(String) }]);
    server.node.awaitedFounders = ["n2"];
    expect(await health()).toMatchObject([503, { status: "DOWN", reason: "FOUNDERS_AWAITED" }]);
    server.node.setLeader(11);
    server.node.fail(new Error("disk"));
    expect(await health()).toMatchObject([503, { status: "DOWN", reason: "FAILED" }]);
  });

  it("O10: is not UP before a read confirmed by a quorum went through", async () => {
    await server.close();
    const { node } = server;
    node.readError = new RaftError("READ_TIMED_OUT", "x");
    server = await startFakeServer({}, node);
    expect(await (await call("GET", "/health")).json()).toMatchObject({ status: "DOWN", reason: "CATCHING_UP" });
    node.readError = null;
    node.setLeader(11);
    expect((await call("GET", "/health")).status).toBe(200);
  });

  it("shows what the server knows", async () => {
    await put("a", "1");
    const response = await call("GET", "/v1/cluster");
    expect(await response.json()).toEqual({
      server: { id: 11, name: "n1", role: "leader", health: { status: "UP" }, watches: 0 },
      leader: { id: 11, name: "n1" },
      ...{ term: 3, commitIndex: 1, appliedIndex: 1, lastIndex: 1, sessions: 0, revision: 1, keys: 1 },
      process: {
        rssBytes: expect.any(Number),
        peakRssBytes: expect.any(Number),
        eventLoopDelay: { p99Ms: expect.any(Number), maxMs: expect.any(Number) },
      },
      membership: {
        version: 1,
        phase: "done",
        featureLevels: { library: 1, application: 1 },
        members: [
          {
            ...{ id: 11, name: "n1", address: "127.0.0.1:7001" },
            ...{ role: "voter", isVoting: true, wantedRole: "voter", priority: 0 },
          },
        ],
        committed: { version: 1, members: [{ id: 11, name: "n1", address: "127.0.0.1:7001" }] },
      },
    });
  });
});

describe("closing", () => {
  beforeEach(async () => {
    await server.close();
    // So long that no test passes because the server gave up waiting.
    server = await startFakeServer({ requestTimeoutMs: 3_600_000 });
  });

  it("does not wait for a connection that never asked anything", async () => {
    const silent = connect(Number(new URL(server.url).port), "127.0.0.1");
    await once(silent, "connect");
    const ended = once(silent, "close");
    await call("GET", "/health");
    await server.close();
    await ended;
  });

  it("finishes what is under way, and takes nothing new", async () => {
    let open: () => void = () => undefined;
    server.node.gate = new Promise((resolve) => {
      open = resolve;
    });
    const arrived = new Promise<void>((resolve) => {
      server.node.onPropose = resolve;
    });
    const underWay = call("PUT", "/v1/kv/a", "1");
    await arrived;
    const closed = server.close();
    const status = await call("GET", "/v1/kv/a").then(
      (response) => response.status,
      () => "refused",
    );
    expect(["refused", 503]).toContain(status);
    open();
    expect((await underWay).status).toBe(200);
    await closed;
  });
});
