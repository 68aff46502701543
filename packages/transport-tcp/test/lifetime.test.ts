/** Opening and closing, and what is left behind. */

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TcpTransport } from "../src/index.js";
import { Bench } from "./raw-peer.js";

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.close());

const identity = { clusterId: "one", nodeId: 1 };

describe("a TCP transport", () => {
  it("says where it listens, also after it was closed", async () => {
    const transport = new TcpTransport({ listen: "127.0.0.1:0" });
    expect(transport.address).toBe("127.0.0.1:0");
    await transport.open(identity);
    const { address } = transport;
    expect(address).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
    await transport.close();
    expect(transport.address).toBe(address);
  });

  it("opens once", async () => {
    const transport = await bench.open();
    await expect(transport.open(identity)).rejects.toMatchObject({ code: "TRANSPORT_FAILED" });
    await transport.close();
    await expect(transport.open(identity)).rejects.toMatchObject({ code: "TRANSPORT_FAILED" });
  });

  it("that cannot listen says why", async () => {
    const { address } = await bench.open();
    const second = new TcpTransport({ listen: address });
    const failure = expect.objectContaining({ code: "EADDRINUSE" });
    await expect(second.open(identity)).rejects.toMatchObject({ code: "TRANSPORT_FAILED", cause: failure });
    await second.close();
  });

  it("F18: closed while it opens, settles both", async () => {
    const transport = new TcpTransport({ listen: "127.0.0.1:0" });
    const opening = expect(transport.open(identity)).rejects.toMatchObject({ code: "TRANSPORT_FAILED" });
    await transport.close();
    await opening;
  });

  it("F18: closed while it dials, settles", async () => {
    const a = await bench.open();
    a.setPeers(new Map([[2, await bench.listen(() => undefined)]]));
    await a.close();
    expect(a.status().connected).toStrictEqual([]);
    expect(bench.warnings).toStrictEqual([]);
  });

  it("F18: lets the process end by itself once it is closed", async () => {
    const script = fileURLToPath(new URL("open-and-close.ts", import.meta.url));
    const args = ["--conditions=source", "--import", "tsx", script];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    const exitCode = await new Promise((resolve) => child.once("exit", resolve));
    expect(output).toBe("closed\n");
    expect(exitCode).toBe(0);
  });
});
