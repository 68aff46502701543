/** Sessions over HTTP: how they are opened, renewed and closed, and what a write in one says. */

import { RaftError } from "quorate";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeServer, startFakeServer } from "./fake-node.js";
import { readJson } from "./json.js";

let server: FakeServer;

beforeEach(async () => {
  server = await startFakeServer();
});

afterEach(async () => {
  await server.close();
});

async function send(method: string, path: string, headers: Record<string, string> = {}, body?: string) {
  const response = await fetch(server.url + path, { method, headers, ...(body === undefined ? {} : { body }) });
  const text = await response.text();
  return { status: response.status, body: text === "" ? null : (JSON.parse(text) as Record<string, unknown>) };
}

async function open(): Promise<string> {
  const response = await fetch(`${server.url}/v1/sessions`, { method: "POST" });
  expect(response.status).toBe(200);
  return String((await readJson(response)).id);
}

const numbered = (session: string, sequence: number, more: Record<string, string> = {}) => ({
  "quorate-session": session,
  "quorate-sequence": String(sequence),
  ...more,
});

describe("/v1/sessions", () => {
  it("opens, renews and closes sessions", async () => {
    const opened = await send("POST", "/v1/sessions?expires_after_ms=1500", { "quorate-timeout-ms": "777" });
    expect(opened).toEqual({ status: 200, body: { id: expect.any(Number), expiresAfterMs: 1500 } });
    expect(server.node.lastTimeoutMs).toBe(777);
    const path = `/v1/sessions/${opened.body?.["id"]}`;
    expect(await send("PUT", path)).toEqual({ status: 204, body: null });
    expect(await send("DELETE", path)).toEqual({ status: 204, body: null });
    expect(await send("DELETE", path)).toEqual({ status: 204, body: null });
    expect(await send("PUT", path)).toMatchObject({ status: 410, body: { code: "SESSION_EXPIRED" } });
    expect((await send("POST", "/v1/sessions")).body).toMatchObject({ expiresAfterMs: 60_000 });
  });

  it.each([
    ["POST", "/v1/sessions?expires_after_ms=0", 400, "INVALID_QUERY"],
    ["POST", "/v1/sessions?expires_after_ms=86400001", 400, "INVALID_QUERY"],
    ["POST", "/v1/sessions?ttl=1", 400, "INVALID_QUERY"],
    ["PUT", "/v1/sessions/0", 400, "INVALID_URL"],
    ["PUT", "/v1/sessions/abc", 400, "INVALID_URL"],
    ["DELETE", "/v1/sessions/99999999999999999", 400, "INVALID_URL"],
    ["PUT", "/v1/sessions/7?force=1", 400, "INVALID_QUERY"],
    ["GET", "/v1/sessions", 405, "METHOD_NOT_ALLOWED"],
    ["POST", "/v1/sessions/7", 405, "METHOD_NOT_ALLOWED"],
  ])("refuses %s %s", async (method, path, status, code) => {
    expect(await send(method, path)).toMatchObject({ status, body: { code } });
  });

  it("says when no session can be opened", async () => {
    server.node.openError = new RaftError("NO_LEADER", "x");
    expect(await send("POST", "/v1/sessions")).toMatchObject({ status: 503, body: { outcome: "not-executed" } });
  });
});

describe("a write in a session", () => {
  it("says its number, what is acknowledged, and whether it is a retry", async () => {
    const id = await open();
    expect((await send("PUT", "/v1/kv/a", numbered(id, 7), "1")).status).toBe(200);
    expect(server.node.lastNumbering).toEqual({ id: Number(id), sequence: 7, acknowledgedBelow: 0, isRetry: true });
    const more = { "quorate-acknowledged-below": "8", "quorate-retry": "false" };
    expect((await send("DELETE", "/v1/kv/a", numbered(id, 8, more))).status).toBe(200);
    expect(server.node.lastNumbering).toEqual({ id: Number(id), sequence: 8, acknowledgedBelow: 8, isRetry: false });
    const json = { "content-type": "application/json", "quorate-retry": "true" };
    expect((await send("POST", "/v1/txn", numbered(id, 9, json), "{}")).status).toBe(200);
    expect(server.node.lastNumbering).toMatchObject({ sequence: 9, isRetry: true });
  });

  it("K1: that comes again is answered as it was, whatever the answer was", async () => {
    const id = await open();
    for (let round = 0; round < 2; round += 1) {
      const put = await send("PUT", "/v1/kv/a", numbered(id, 1), "1");
      expect(put).toEqual({ status: 200, body: { key: "a", revision: 1, createRevision: 1, version: 1 } });
      const cas = await send("PUT", "/v1/kv/a", numbered(id, 2, { "if-match": '"9"' }), "2");
      expect(cas).toMatchObject({ status: 412, body: { revision: 1 } });
      expect(await send("DELETE", "/v1/kv/none", numbered(id, 3))).toMatchObject({ status: 404 });
      expect(await send("DELETE", "/v1/kv/a", numbered(id, 4))).toMatchObject({ status: 200, body: { revision: 4 } });
    }
  });

  it("K3: in one that is over is not executed, and says what is known", async () => {
    const first = await send("PUT", "/v1/kv/a", numbered("7", 1, { "quorate-retry": "false" }), "1");
    expect(first).toMatchObject({
      status: 410,
      body: { code: "SESSION_EXPIRED", message: expect.stringContaining("Open another session") },
    });
    const retry = await send("PUT", "/v1/kv/a", numbered("7", 1), "1");
    const problem = {
      code: "SESSION_EXPIRED_UNDER_WAY",
      outcome: "unknown",
      message: expect.stringContaining("Read first"),
    };
    expect(retry).toMatchObject({ status: 503, body: problem });
    expect(server.store.revision).toBe(0);
  });

  it.each([
    ["without its session", { "quorate-sequence": "1" }],
    ["that acknowledges, without its session", { "quorate-acknowledged-below": "1" }],
    ["that is a retry, without its session", { "quorate-retry": "true" }],
    ["without its number", { "quorate-session": "7" }],
    ["with the number 0", { "quorate-session": "7", "quorate-sequence": "0" }],
    ["with a session that is none", { "quorate-session": "x", "quorate-sequence": "1" }],
    ["with two numbers", { "quorate-session": "7", "quorate-sequence": "1, 2" }],
    [
      "that acknowledges itself",
      { "quorate-session": "7", "quorate-sequence": "1", "quorate-acknowledged-below": "2" },
    ],
    ["that may be a retry", { "quorate-session": "7", "quorate-sequence": "1", "quorate-retry": "perhaps" }],
  ])("%s is refused", async (_what, headers) => {
    const answer = await send("PUT", "/v1/kv/a", headers as Record<string, string>, "1");
    expect(answer).toMatchObject({ status: 400, body: { code: "INVALID_HEADER" } });
  });
});
