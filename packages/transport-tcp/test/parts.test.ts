/** The parts that need no socket. */

import { PROTOCOL_VERSION } from "@quorate/codec";
import { describe, expect, it } from "vitest";
import { formatAddress, parseAddress } from "../src/address.js";
import { redialDelayMs } from "../src/backoff.js";
import { decodeHandshake, encodeHandshake, type Handshake, HandshakeError } from "../src/handshake.js";
import { TcpTransport } from "../src/index.js";

describe("addresses", () => {
  it.each([
    ["127.0.0.1:7001", { host: "127.0.0.1", port: 7001 }],
    ["db-1.example.org:65535", { host: "db-1.example.org", port: 65535 }],
    ["[::1]:7001", { host: "::1", port: 7001 }],
    ["0.0.0.0:0", { host: "0.0.0.0", port: 0 }],
  ])("%s", (text, address) => {
    expect(parseAddress(text)).toStrictEqual(address);
    expect(formatAddress(address.host, address.port)).toBe(text);
  });

  it.each([
    ..."|localhost|:7001|localhost:|localhost:x|localhost:65536|localhost:-1|::1:7001|[::1]|[::1]:|[localhost]:7001".split(
      "|",
    ),
    "a b:7001",
    "http://a:7001",
    "a:1:2",
  ])("%j is none", (text) => {
    expect(parseAddress(text)).toBeNull();
  });
});

describe("options", () => {
  it.each([
    { listen: "nowhere" },
    { maxFrameBytes: 1023 },
    { maxFrameBytes: 2 ** 31 },
    { maxFrameBytes: 4096.5 },
    { maxQueueBytes: 0 },
    { handshakeTimeoutMs: 0 },
    { silenceTimeoutMs: 1999 },
    { silenceTimeoutMs: 2 ** 31 },
    { reconnectMinMs: 0 },
    { reconnectMinMs: 50, reconnectMaxMs: 49 },
    { maxIncomingConnections: Number.NaN },
  ])("F15: %j cannot work", (options) => {
    const build = () => new TcpTransport({ listen: "127.0.0.1:0", ...options });
    expect(build).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS", name: "TransportError" }));
    expect(build).toThrow(Object.keys(options).at(-1));
  });

  it.each([
    ["an empty cluster id", { clusterId: "", nodeId: 1 }],
    ["a cluster id of 256 bytes", { clusterId: "é".repeat(128), nodeId: 1 }],
    ["nobody's id", { clusterId: "one", nodeId: 0 }],
    ["a fraction as id", { clusterId: "one", nodeId: 1.5 }],
  ])("%s cannot be opened with", async (_what, identity) => {
    const transport = new TcpTransport({ listen: "127.0.0.1:0" });
    await expect(transport.open(identity)).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
    await transport.close();
  });
});

describe("the wait before the next dial", () => {
  const settings = { reconnectMinMs: 20, reconnectMaxMs: 1000, random: () => 1 };

  it("R21: doubles from the least to the most", () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 8, 2000].map((failures) => redialDelayMs(failures, settings));
    expect(waits).toStrictEqual([20, 40, 80, 160, 320, 640, 1000, 1000, 1000]);
  });

  it("is between half of it and all of it", () => {
    expect(redialDelayMs(3, { ...settings, random: () => 0 })).toBe(40);
    expect(redialDelayMs(3, { ...settings, random: () => 0.5 })).toBe(60);
  });
});

describe("handshakes", () => {
  const hello: Handshake = {
    version: PROTOCOL_VERSION,
    verdict: "hello",
    clusterId: "a cluster ✓",
    from: Number.MAX_SAFE_INTEGER,
    to: 2,
    incarnation: 2 ** 48 - 1,
    address: "a-host:7001",
    maxFrameBytes: 8 << 20,
  };
  const bytes = encodeHandshake(hello);

  it("come back as they were, whatever follows them", () => {
    expect(decodeHandshake(bytes)).toStrictEqual({ handshake: hello, sizeBytes: bytes.length });
    expect(decodeHandshake(Buffer.concat([bytes, bytes]))).toStrictEqual({ handshake: hello, sizeBytes: bytes.length });
  });

  it("are waited for while they are incomplete", () => {
    for (let size = 0; size < bytes.length; size += 1) expect(decodeHandshake(bytes.subarray(0, size))).toBeNull();
  });

  it("O1: with any bit changed are refused", () => {
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      let decoded: ReturnType<typeof decodeHandshake>;
      try {
        decoded = decodeHandshake(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(HandshakeError);
        continue;
      }
      // Another version, whose checksum this one cannot know, or a longer one, that never comes.
      expect(decoded === null || decoded.handshake.version !== PROTOCOL_VERSION).toBe(true);
    }
  });

  it("O7: of another version say so, and what they think of this one", () => {
    const other = encodeHandshake({ ...hello, version: 77, verdict: "versionMismatch" });
    expect(decodeHandshake(other.subarray(0, 8))?.handshake).toMatchObject({ version: 77, verdict: "versionMismatch" });
  });

  it("F12: with an id that is no safe integer are refused", () => {
    const unsafe = encodeHandshake({ ...hello, to: 2 ** 60 });
    expect(() => decodeHandshake(unsafe)).toThrow(HandshakeError);
  });
});
