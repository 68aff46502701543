/** Transactions over HTTP. */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MAX_TXN_BYTES, MAX_VALUE_BYTES } from "../src/limits.js";
import { type FakeServer, startFakeServer } from "./fake-node.js";

let server: FakeServer;

beforeEach(async () => {
  server = await startFakeServer();
});

afterEach(async () => {
  await server.close();
});

async function post(body: unknown, headers: Record<string, string> = { "content-type": "application/json" }) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(`${server.url}/v1/txn`, { method: "POST", headers, body: text });
  return { status: response.status, body: await response.json() };
}

describe("POST /v1/txn", () => {
  it("executes success when every compare holds, at one revision, in order", async () => {
    server.node.apply({ type: "put", key: "a", value: Buffer.from("1") });
    const answer = await post({
      compare: [
        { key: "a", revision: 1 },
        { key: "a", operator: "<", version: 2 },
        { key: "a", operator: "!=", value: "2" },
        { key: "b", revision: 0 },
      ],
      success: [
        { type: "put", key: "b", value: "é" },
        { type: "get", key: "b" },
        { type: "delete", key: "a" },
        { type: "get", key: "a" },
        { type: "delete", key: "c" },
      ],
      failure: [{ type: "put", key: "c", value: "no" }],
    });
    expect(answer).toEqual({
      status: 200,
      body: {
        succeeded: true,
        revision: 2,
        results: [
          { type: "put", revision: 2, createRevision: 2, version: 1 },
          { type: "get", entry: { key: "b", valueBase64: "w6k=", revision: 2, createRevision: 2, version: 1 } },
          { type: "delete", deleted: true, revision: 2 },
          { type: "get", entry: null },
          { type: "delete", deleted: false, revision: 0 },
        ],
      },
    });
    expect(server.store.history.next(1)?.events).toHaveLength(2);
  });

  it("executes failure when one compare does not hold", async () => {
    const answer = await post({
      compare: [{ key: "a", value: "1" }],
      success: [{ type: "put", key: "a", value: "2" }],
      failure: [{ type: "put", key: "b", valueBase64: "AAE=" }],
    });
    expect(answer.body).toMatchObject({ succeeded: false, revision: 1 });
    expect(server.store.get("a")).toBeNull();
    expect([...server.store.get("b")!.value]).toEqual([0, 1]);
  });

  it("writes nothing and makes no revision when it only reads", async () => {
    expect((await post({ success: [{ type: "get", key: "a" }] })).body).toMatchObject({ succeeded: true, revision: 0 });
    expect((await post({})).body).toEqual({ succeeded: true, revision: 0, results: [] });
  });

  const put = { type: "put", key: "a", value: "1" };
  it.each([
    ["no JSON", "{", "INVALID_JSON"],
    ["no body", "", "INVALID_JSON"],
    ["no object", "[]", "INVALID_TXN"],
    ["an unknown field", { sucess: [put] }, "INVALID_TXN"],
    ["__proto__", '{"__proto__":{"success":[]},"success":[]}', "INVALID_TXN"],
    ["a branch that is no list", { success: put }, "INVALID_TXN"],
    ["an operation of unknown type", { success: [{ type: "touch", key: "a" }] }, "INVALID_TXN"],
    ["an operation with an unknown field", { success: [{ ...put, ttl: 1 }] }, "INVALID_TXN"],
    ["an operation without a key", { success: [{ type: "get" }] }, "INVALID_TXN"],
    ["an empty key", { success: [{ type: "get", key: "" }] }, "INVALID_KEY"],
    ["half a surrogate pair", '{"success":[{"type":"get","key":"\\ud800"}]}', "INVALID_KEY"],
    ["a put without a value", { success: [{ type: "put", key: "a" }] }, "INVALID_TXN"],
    ["a put with two values", { success: [{ ...put, valueBase64: "" }] }, "INVALID_TXN"],
    ["a value that is no text", { success: [{ ...put, value: 1 }] }, "INVALID_TXN"],
    ["a value that is no base64", { success: [{ type: "put", key: "a", valueBase64: "a" }] }, "INVALID_TXN"],
    ["a delete with a value", { success: [{ type: "delete", key: "a", value: "1" }] }, "INVALID_TXN"],
    ["a key written twice", { success: [put, { type: "delete", key: "a" }] }, "INVALID_TXN"],
    [
      "too many operations",
      { success: Array.from({ length: 129 }, (_, i) => ({ type: "get", key: `k${i}` })) },
      "INVALID_TXN",
    ],
    ["a compare without an operand", { compare: [{ key: "a" }] }, "INVALID_TXN"],
    ["a compare with two", { compare: [{ key: "a", revision: 1, version: 1 }] }, "INVALID_TXN"],
    ["an unknown operator", { compare: [{ key: "a", operator: ">=", revision: 1 }] }, "INVALID_TXN"],
    ["a revision that is no whole number", { compare: [{ key: "a", revision: 1.5 }] }, "INVALID_TXN"],
    ["a null", { compare: [null] }, "INVALID_TXN"],
  ])("refuses %s with a 400 and writes nothing", async (_what, body, code) => {
    const answer = await post(body);
    expect(answer).toMatchObject({ status: 400, body: { code, message: expect.any(String) } });
    expect(server.store.revision).toBe(0);
  });

  it("refuses what is not UTF-8", async () => {
    const response = await fetch(`${server.url}/v1/txn`, {
      ...{ method: "POST", headers: { "content-type": "application/json" }, body: Uint8Array.of(0x22, 0xff, 0x22) },
    });
    expect(await response.json()).toMatchObject({ code: "INVALID_JSON" });
  });

  it("refuses other media types with a 415", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "nonsense"]) {
      const answer = await post({ success: [put] }, { "content-type": type });
      expect(answer).toMatchObject({ status: 415, body: { code: "UNSUPPORTED_MEDIA_TYPE" } });
    }
    expect((await post({ success: [put] }, { "content-type": "application/json; charset=utf-8" })).status).toBe(200);
  });

  it("refuses what is too large with a 413", async () => {
    const value = (sizeBytes: number) => "x".repeat(sizeBytes);
    const putOf = (key: string, sizeBytes: number) => ({ type: "put", key, value: value(sizeBytes) });
    const half = MAX_TXN_BYTES / 2;
    expect(await post({ success: [putOf("a", MAX_VALUE_BYTES + 1)] })).toMatchObject({
      status: 413,
      body: { code: "VALUE_TOO_LARGE" },
    });
    expect(await post({ success: [putOf("a", half)], failure: [putOf("b", half)] })).toMatchObject({
      status: 413,
      body: { code: "TXN_TOO_LARGE" },
    });
    expect(await post({ success: [putOf("a", 5 * MAX_TXN_BYTES)] })).toMatchObject({
      status: 413,
      body: { code: "TXN_TOO_LARGE" },
    });
    expect(server.store.revision).toBe(0);
    expect(await post({ success: [putOf("a", half - 1)], failure: [putOf("b", half - 1)] })).toMatchObject({
      status: 200,
    });
    for (const key of ["b", "c"]) server.node.apply({ type: "put", key, value: new Uint8Array(half) });
    const gets = ["b", "c"].map((key) => ({ type: "get", key }));
    expect(await post({ success: [...gets, putOf("d", 1)] })).toMatchObject({
      status: 413,
      body: { code: "TXN_TOO_LARGE" },
    });
    expect(server.store.get("d")).toBeNull();
  });

  it("answers 405 to other methods", async () => {
    const response = await fetch(`${server.url}/v1/txn`);
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
  });
});
