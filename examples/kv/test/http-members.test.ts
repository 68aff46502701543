/** Members and leadership over HTTP. */

import { RaftError } from "quorate";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KvClient, KvError } from "../src/index.js";
import { type FakeServer, startFakeServer } from "./fake-node.js";

let server: FakeServer;

beforeEach(async () => {
  server = await startFakeServer();
});

afterEach(async () => {
  await server.close();
});

async function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const json = body === undefined ? {} : { "content-type": "application/json" };
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { ...json, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe("members", () => {
  it("are shown, added, changed and removed", async () => {
    expect(await send("GET", "/v1/members")).toMatchObject({
      status: 200,
      body: { version: 1, phase: "done", members: [{ name: "n1", role: "voter", isVoting: true, priority: 0 }] },
    });
    const member = { name: "n2", address: "127.0.0.1:7002", role: "learner" };
    expect(await send("POST", "/v1/members", member)).toMatchObject({ status: 200, body: { members: [{}, member] } });
    expect(await send("PATCH", "/v1/members/n2", { role: "voter", priority: 3 })).toMatchObject({ status: 200 });
    expect(server.node.wanted[1]).toMatchObject({ ...member, role: "voter", priority: 3 });
    expect(await send("DELETE", "/v1/members/n2")).toMatchObject({ status: 200 });
    const all = [{ name: "n7", address: "127.0.0.1:7007", role: "voter" }];
    expect(await send("PUT", "/v1/members", { members: all, version: 1 })).toMatchObject({ status: 200 });
    expect(server.node.wanted).toMatchObject(all);
  });

  it("take in a server that wants to join, which learns who it is", async () => {
    const request = { name: "n2", address: "127.0.0.1:7002", incarnation: 77 };
    expect(await send("POST", "/v1/members/join", request)).toEqual({
      status: 200,
      body: { clusterId: "fake", nodeId: 12 },
    });
    expect(server.node.wanted[1]).toMatchObject({ ...request, role: "voter" });
  });

  it.each([
    ["PUT", "/v1/members", { members: 1 }, 400, "INVALID_MEMBERS"],
    ["PUT", "/v1/members", { members: [{ name: "n1" }] }, 400, "INVALID_MEMBERS"],
    ["PUT", "/v1/members", { member: [] }, 400, "INVALID_MEMBERS"],
    ["POST", "/v1/members", { name: "n2", address: "a:1", role: "boss" }, 400, "INVALID_MEMBERS"],
    ["POST", "/v1/members", { name: "n2", address: "a:1", priority: -1 }, 400, "INVALID_MEMBERS"],
    ["POST", "/v1/members", { name: "n1", address: "a:1" }, 409, "MEMBER_EXISTS"],
    ["PATCH", "/v1/members/n1", {}, 400, "INVALID_MEMBERS"],
    ["PATCH", "/v1/members/n9", { priority: 1 }, 404, "MEMBER_NOT_FOUND"],
    ["DELETE", "/v1/members/n9", undefined, 404, "MEMBER_NOT_FOUND"],
    ["POST", "/v1/transfer", { too: "n2" }, 400, "INVALID_MEMBERS"],
    ["GET", "/v1/members?all=1", undefined, 400, "INVALID_QUERY"],
    ["DELETE", "/v1/members", undefined, 405, "METHOD_NOT_ALLOWED"],
  ])("%s %s with %j is refused", async (method, path, body, status, code) => {
    expect(await send(method, path, body)).toMatchObject({ status, body: { code } });
    expect(server.node.wanted).toHaveLength(1);
  });

  it.each([
    ["MEMBERS_CHANGED", 409],
    ["CHANGE_PENDING", 409],
    ["WOULD_LOSE_QUORUM", 409],
    ["INVALID_MEMBERS", 400],
    ["NO_LEADER", 503],
    ["CHANGE_UNDER_WAY", 503],
  ] as const)("M24: a refusal with %s says so", async (code, status) => {
    server.node.adminError = new RaftError(code, "The reason.");
    const answer = await send("PATCH", "/v1/members/n1", { priority: 1 });
    expect(answer).toMatchObject({ status, body: { code, message: expect.stringContaining("The reason.") } });
    const call = new KvClient({ servers: [server.url], timeoutMs: 300 }).admin.updateMember(
      "n1",
      { priority: 1 },
      { timeoutMs: 300 },
    );
    const error = await call.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(KvError);
    expect((error as KvError).outcome).toBe(code === "CHANGE_UNDER_WAY" ? "unknown" : "not-executed");
  });

  it("wait as long as the request says, and no longer than a minute", async () => {
    await send("PATCH", "/v1/members/n1", { priority: 1 }, { "quorate-timeout-ms": "1234" });
    expect(server.node.lastTimeoutMs).toBe(1234);
    await send("PATCH", "/v1/members/n1", { priority: 1 }, { "quorate-timeout-ms": "999999" });
    expect(server.node.lastTimeoutMs).toBe(60_000);
  });
});

it("leadership is handed over, to whom it is asked or to whoever fits best", async () => {
  expect(await send("POST", "/v1/transfer", { to: "n3" })).toEqual({ status: 200, body: { leader: "n3" } });
  expect(await send("POST", "/v1/transfer")).toEqual({ status: 200, body: { leader: "n2" } });
  server.node.adminError = new RaftError("NO_SUCCESSOR", "Nobody.");
  expect(await send("POST", "/v1/transfer")).toMatchObject({ status: 409, body: { code: "NO_SUCCESSOR" } });
});

it("O7: feature levels are shown, and raised when every member can be asked", async () => {
  const levels = { library: 1, application: 1 };
  expect(await send("GET", "/v1/members")).toMatchObject({ body: { featureLevels: levels } });
  expect(await send("GET", "/v1/cluster")).toMatchObject({ body: { membership: { featureLevels: levels } } });
  expect(await send("POST", "/v1/feature-levels/raise")).toEqual({ status: 200, body: { library: 1, application: 2 } });
  server.node.adminError = new RaftError("MEMBERS_OUT_OF_TOUCH", "n2 is away.");
  const { admin } = new KvClient({ servers: [server.url] });
  await expect(admin.raiseFeatureLevels()).rejects.toMatchObject({
    code: "MEMBERS_OUT_OF_TOUCH",
    outcome: "not-executed",
    status: 409,
  });
});

it("O11: health says what to do with a server that was removed, or wiped", async () => {
  server.node.fail(new RaftError("REMOVED", "Gone."));
  expect(await send("GET", "/health")).toMatchObject({ status: 503, body: { reason: "REMOVED" } });
  server.node.fail(new RaftError("FOREIGN_INCARNATION", "Wiped."));
  expect(await send("GET", "/health")).toMatchObject({ status: 503, body: { reason: "WIPED" } });
});
