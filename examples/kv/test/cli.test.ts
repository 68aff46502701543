/** The program itself, as a process: what it prints, and with which code it exits. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { run } from "../src/cli/program.js";
import { programArguments, type SpawnedServer, spawnServer } from "../src/spawn.js";
import { EventStream } from "./event-stream.js";
import { startProxy } from "./faulty-proxy.js";
import { freeAddresses } from "./free-addresses.js";

let directory: string;
let address: string;
let server: SpawnedServer;
const children: ChildProcess[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "quorate-kv-cli-"));
  [address = ""] = await freeAddresses(1);
  server = await start();
}, 20_000);

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await server.stop("SIGTERM");
  await rm(directory, { recursive: true });
});

async function start(onLine: (line: string) => void = () => undefined): Promise<SpawnedServer> {
  return spawnServer({ id: "n1", directory: join(directory, "n1"), members: { n1: address }, onLine });
}

interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function kv(args: readonly string[], input = "", servers = server.httpUrl): Promise<Finished> {
  const child = spawnKv(args, servers);
  child.stdin?.end(input);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, "exit")]);
  return { code, stdout, stderr };
}

function spawnKv(args: readonly string[], servers = server.httpUrl): ChildProcess {
  const child = spawn(process.execPath, [...programArguments(), ...args], {
    env: { ...process.env, QUORATE_SERVERS: servers },
    // One that does not end by itself shows what it said, instead of nothing.
    timeout: 15_000,
  });
  children.push(child);
  return child;
}

/** The same in this process, for command lines that never get as far as a server. */
async function runHere(args: readonly string[]): Promise<Finished> {
  const written = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    vi.spyOn(process[stream], "write").mockImplementation((chunk) => {
      written[stream] += String(chunk);
      return true;
    });
  }
  const before = process.exitCode;
  try {
    await run(args);
    return { code: Number(process.exitCode ?? 0), ...written };
  } finally {
    process.exitCode = before;
    vi.restoreAllMocks();
  }
}

const lines = (finished: Finished) => finished.stdout.trimEnd().split("\n");
const json = (finished: Finished) => lines(finished).map((line) => JSON.parse(line));

describe("keys", () => {
  it("are written, read, swapped, listed and deleted", async () => {
    const put = await kv(["put", "greeting", "hello", "--json"]);
    expect([put.code, put.stderr]).toEqual([0, ""]);
    const [{ revision }] = json(put) as [{ revision: number }];
    expect(await kv(["get", "greeting"])).toEqual({ code: 0, stdout: "hello\n", stderr: "" });
    expect(await kv(["cas", "greeting", "--expect", String(revision), "hello again"])).toMatchObject({ code: 0 });
    const late = await kv(["cas", "greeting", "--expect", String(revision), "too late"]);
    expect(late).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("is at revision") });
    const listed = json(await kv(["list", "gre", "--json"]));
    expect(listed).toMatchObject([{ key: "greeting", value: "hello again", valueBase64: "aGVsbG8gYWdhaW4=" }]);
    expect(lines(await kv(["list"]))[0]).toMatch(/^KEY +REVISION +VALUE$/);
    expect(await kv(["del", "greeting"])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^revision \d+\n$/) });
    expect(await kv(["get", "greeting"])).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("no key"),
    });
    expect(json(await kv(["get", "greeting", "--json"]))).toEqual([{ key: "greeting", found: false }]);
    expect(await kv(["put", "fleeting", "hello", "--ttl", "1ms"])).toMatchObject({ code: 0 });
    // Written once more, some time later, whatever is over by then is gone.
    expect(await kv(["cas", "fleeting", "again", "--expect", "0"])).toMatchObject({ code: 0 });
    expect(await kv(["get", "fleeting"])).toMatchObject({ code: 0, stdout: "again\n" });
    expect((await kv(["del", "greeting"])).code).toBe(1);
  });

  it("take bytes from files and standard input, and give them back exactly", async () => {
    const path = join(directory, "bytes");
    await writeFile(path, Uint8Array.of(0, 255, 10));
    expect((await kv(["put", "bytes", "--file", path])).code).toBe(0);
    expect((await kv(["get", "bytes"])).stdout).toBe("base64:AP8K\n");
    const raw = spawnKv(["get", "bytes", "--raw"]);
    const chunks: Buffer[] = [];
    for await (const chunk of raw.stdout!) chunks.push(chunk);
    expect([...Buffer.concat(chunks)]).toEqual([...(await readFile(path))]);
    expect((await kv(["put", "text", "-"], "two\nlines")).code).toBe(0);
    for (const freshness of [["stale"], ["stale", "--max-staleness-ms", "5000"], ["lease"]])
      expect((await kv(["get", "text", "--consistency", ...freshness])).stdout).toBe("two\nlines\n");
  }, 30_000);

  it("change together in a transaction", async () => {
    const txn = {
      compare: [{ key: "once", revision: 0 }],
      success: [{ type: "put", key: "once", value: "1" }],
      failure: [{ type: "get", key: "once" }],
    };
    expect(await kv(["txn", "-"], JSON.stringify(txn))).toMatchObject({
      code: 0,
      stdout: /^success at revision \d+\nput/,
    });
    const path = join(directory, "txn.json");
    await writeFile(path, JSON.stringify(txn));
    const second = await kv(["txn", path, "--json"]);
    expect([second.code, json(second)]).toMatchObject([
      1,
      [{ succeeded: false, results: [{ entry: { value: "1" } }] }],
    ]);
  }, 30_000);
});

it("K1: a write whose answer is lost is asked for again, executed once, and leaves no session behind", async () => {
  let lost = 0;
  const proxy = await startProxy(server.httpUrl, ({ isWrite }) => {
    if (lost > 0 || !isWrite) return true;
    lost += 1;
    return false;
  });
  try {
    const [put] = json(await kv(["put", "once-only", "1", "--json"], "", `${proxy.url},${server.httpUrl}`));
    expect([put.version, lost]).toEqual([1, 1]);
    const [get] = json(await kv(["get", "once-only", "--json"]));
    expect(get).toMatchObject({ revision: put.revision, version: 1 });
    // But for the one in which the server tells its address, which expires by itself.
    const cluster = (await (await fetch(`${server.httpUrl}/v1/cluster`)).json()) as { readonly sessions: number };
    expect(cluster.sessions).toBeLessThanOrEqual(1);
  } finally {
    await proxy.close();
  }
}, 30_000);

it("watch prints each change once, from the past and as it happens", async () => {
  const [{ revision }] = json(await kv(["put", "w/1", "a", "--json"])) as [{ revision: number }];
  const watch = spawnKv(["watch", "w/", "--from", String(revision), "--json"]);
  const seen: unknown[] = [];
  let pending = "";
  for await (const chunk of watch.stdout!) {
    pending += chunk;
    const complete = pending.split("\n");
    pending = complete.pop() ?? "";
    seen.push(...complete.map((line) => JSON.parse(line)));
    if (seen.length === 1) void kv(["del", "w/1"]);
    if (seen.length === 2) break;
  }
  watch.kill();
  expect(seen).toMatchObject([
    { revision, type: "put", key: "w/1", value: "a" },
    { type: "delete", key: "w/1" },
  ]);
}, 30_000);

it("status shows every server, also one that is down", async () => {
  const [gone = ""] = await freeAddresses(1);
  const status = await kv(["status"], "", `${server.httpUrl},http://${gone}`);
  expect(status.code).toBe(0);
  expect(lines(status)[1]).toMatch(/ n1 +leader +\d+ +n1 +1 v\d+ +1\.1 +\d+ +\d+ +\d+ MiB +[\d.]+ ms +UP$/);
  expect(lines(status)[2]).toMatch(/DOWN \(UNREACHABLE\)$/);
  const down = await kv(["status", "--json"], "", `http://${gone}`);
  expect([down.code, json(down)]).toMatchObject([3, [{ servers: [{ status: "DOWN" }] }]]);
}, 30_000);

describe("exit codes", () => {
  it("3 when no server answers, within the time given", async () => {
    const [gone = ""] = await freeAddresses(1);
    const put = await kv(["put", "a", "1", "--timeout-ms", "300", "--json"], "", `http://${gone}`);
    expect([put.code, put.stdout]).toEqual([3, ""]);
    expect(JSON.parse(put.stderr)).toMatchObject({ code: "UNAVAILABLE", outcome: "not-executed" });
  }, 20_000);

  it.each([
    [["put", "a"], /^USAGE: /],
    [["put"], /missing required argument/],
    [["put", "", "1"], /^INVALID_KEY: /],
    [["cas", "a", "1"], /--expect/],
    [["put", "a", "1", "--ttl", "soon"], /a time such as/],
    [["put", "a", "1", "--ttl", "0s"], /a time such as/],
    [["list", "--limit", "many"], /whole number/],
    [["get", "a", "--consistency", "some"], /linearizable, lease or stale/],
    [["list", "--max-staleness-ms", "5000"], /--consistency stale/],
    [["get", "a", "--servers", "nowhere"], /^USAGE: .*http:/],
    [["txn", "/does/not/exist"], /^USAGE: Cannot read/],
    [["conquer"], /unknown command/],
    [[], /Usage: quorate-kv/],
    [["serve", "--id", "n1"], /--data/],
    [
      ["serve", "--id", "n2", "--data", "d", "--listen", "a:1", "--http", "a:2", "--peers", "n1=a:1"],
      /n2 is not among/,
    ],
    [
      ["serve", "--id", "n1", "--data", "d", "--listen", "a:1", "--http", "a:2", "--peers", "n1=a:3"],
      /reach n1 at a:3/,
    ],
    [["serve", "--id", "n1", "--data", "d", "--listen", "here", "--http", "a:2"], /host:port/],
    [["serve", "--id", "n1", "--data", "d", "--listen", "a:1", "--http", "a:2", "--peers", "n1"], /name=host:port/],
  ])("2 for %j", async (args, stderr) => {
    const finished = await runHere(args);
    expect(finished).toMatchObject({ code: 2, stdout: "" });
    expect(finished.stderr).toMatch(stderr);
  });

  it("0 for help, which has examples for every command", async () => {
    for (const command of ["serve", "put", "get", "del", "cas", "list", "txn", "watch", "status"]) {
      const help = await runHere([command, "--help"]);
      expect([help.code, help.stdout]).toEqual([0, expect.stringContaining("Examples:\n  $ quorate-kv")]);
    }
  });
});

describe("serve", () => {
  it("1 and a code when it cannot start", async () => {
    const n1 = ["serve", "--id", "n1", "--data", join(directory, "n1"), "--http", "127.0.0.1:0"];
    const locked = await kv([...n1, "--listen", address]);
    expect(locked).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/^STORAGE_LOCKED: .*\n$/) });
    const other = ["serve", "--id", "x", "--data", join(directory, "x"), "--http", "127.0.0.1:0"];
    const taken = await kv([...other, "--listen", address, "--json"]);
    expect([taken.code, JSON.parse(taken.stderr)]).toMatchObject([
      1,
      { code: "TRANSPORT_FAILED", message: /EADDRINUSE/ },
    ]);
    const [free = ""] = await freeAddresses(1);
    const http = await kv([...other.slice(0, -1), server.httpUrl.slice("http://".length), "--listen", free]);
    expect(http).toMatchObject({ code: 1, stderr: expect.stringMatching(/^HTTP_LISTEN_FAILED: .*EADDRINUSE/) });
  }, 30_000);

  it("shuts down in good order at SIGTERM, keeps its data, and refuses another server's", async () => {
    await kv(["put", "kept", "yes"]);
    const watch = await EventStream.open(`${server.httpUrl}/v1/watch`);
    await watch.next();
    const [exit, last] = await Promise.all([server.stop("SIGTERM"), watch.next()]);
    expect([exit, last]).toEqual([0, { comment: "this server is shutting down" }]);
    expect(await watch.next()).toBeNull();
    const foreign = [
      "serve",
      "--id",
      "other",
      "--data",
      join(directory, "n1"),
      "--listen",
      address,
      "--http",
      "127.0.0.1:0",
    ];
    expect(await kv(foreign)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^FOREIGN_STORAGE: /) });
    server = await start();
    expect((await kv(["get", "kept"])).stdout).toBe("yes\n");
  }, 30_000);

  it("ends at once at the second signal", async () => {
    await server.stop("SIGTERM");
    let onStopping: () => void = () => undefined;
    const stopping = new Promise<void>((resolve) => {
      onStopping = resolve;
    });
    const held = await start((line) => line.includes('"stopping"') && onStopping());
    // A request that never ends keeps the server from closing at once.
    const { hostname, port } = new URL(held.httpUrl);
    const endless = connect(Number(port), hostname);
    endless.on("error", () => undefined);
    endless.write("PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n");
    await once(endless, "data");
    held.process.kill("SIGINT");
    await stopping;
    expect(await held.stop("SIGINT")).toBe(1);
    endless.destroy();
    server = await start();
  }, 30_000);
});
