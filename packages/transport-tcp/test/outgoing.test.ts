/** What goes out: to peers that are away, stuck, slow, or not the ones that they were taken for. */

import { decodeMessage, OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION } from "@quorate/codec";
import type { PeerMessage } from "@quorate/contracts";
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from "vitest";
import { BEAT_MS } from "../src/channel.js";
import { KEEP_ALIVE } from "../src/frame.js";
import type { TcpTransport, TcpTransportOptions } from "../src/index.js";
import { accepting, Bench, handshake, heartbeat, type RawPeer, turn } from "./raw-peer.js";

const MiB = 1 << 20;

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => {
  vi.useRealTimers();
  return bench.close();
});

function append(stream: number, sizeBytes: number): PeerMessage {
  const entry = { index: 1, term: 1, kind: "command" as const, data: new Uint8Array(sizeBytes) };
  const place = { prevLogIndex: 0, prevLogTerm: 0, leaderCommit: 0 };
  return { kind: "appendEntries", from: 1, to: 2, term: 1, stream, ...place, entries: [entry] };
}

/** A transport that knows a raw server as server 2, and the first connection that reaches it there. */
async function dialled(options: Partial<TcpTransportOptions> = {}): Promise<{ a: TcpTransport; peers: RawPeer[] }> {
  const a = await bench.open({ reconnectMinMs: 1, reconnectMaxMs: 1, ...options });
  const peers: RawPeer[] = [];
  const address = await bench.listen((peer) => peers.push(peer));
  a.setPeers(new Map([[2, address]]));
  await bench.until(() => peers.length > 0);
  return { a, peers };
}

/** The same, with the handshake done. */
async function connected(options: Partial<TcpTransportOptions> = {}, maxFrameBytes = 16 * MiB) {
  const { a, peers } = await dialled(options);
  const peer = peers[0]!;
  expect(await peer.takeHandshake()).toMatchObject({ verdict: "hello", clusterId: "one", from: 1, to: 2 });
  peer.socket.write(accepting(2, 1, { maxFrameBytes }));
  await bench.until(() => a.status().connected.length === 1);
  return { a, peer, peers };
}

describe("the handshake", () => {
  it.each([
    ["O1: another cluster", handshake(0, 1, { verdict: "clusterMismatch", clusterId: "" }), "CLUSTER_MISMATCH"],
    ["O12: another server", handshake(0, 1, { verdict: "wrongNode", clusterId: "" }), "WRONG_NODE"],
    ["O12: this server's own id", handshake(0, 1, { verdict: "ownId", clusterId: "" }), "OWN_ID"],
    ["O7: another version", handshake(0, 1, { verdict: "versionMismatch", version: 99 }), "VERSION_MISMATCH"],
    ["O7: consent, in another version", accepting(2, 1, { version: PROTOCOL_VERSION + 1 }), "VERSION_MISMATCH"],
    ["O1: consent, for another cluster", accepting(2, 1, { clusterId: "another" }), "CLUSTER_MISMATCH"],
    ["O12: consent, from another server", accepting(3, 1), "WRONG_NODE"],
    ["O12: consent, to another server", accepting(2, 3), "WRONG_NODE"],
    ["a question", handshake(2, 1), "BAD_HANDSHAKE"],
    ["nonsense", Buffer.from("HTTP/1.1 400 Bad Request"), "BAD_HANDSHAKE"],
  ] as const)("that says %s ends the connection and sends nothing", async (_what, answer, code) => {
    const { a, peers } = await dialled();
    const peer = peers[0]!;
    a.send(1, heartbeat(1, 2, 1));
    await peer.takeHandshake();
    peer.socket.write(answer);
    await peer.ended;
    expect(peer.unread.length).toBe(0);
    expect(await bench.warning(code)).toMatchObject({ direction: "outgoing", peer: 2 });
    expect(a.status()).toMatchObject({ connected: [], droppedMessages: 1 });
  });

  it("O7: with an older server is begun again in its version, and spoken in it, each way", async () => {
    const newer = await bench.open({}, 1);
    const older = await bench.open({ maxProtocolVersion: OLDEST_PROTOCOL_VERSION }, 2);
    newer.setPeers(new Map([[2, older.address]]));
    older.setPeers(new Map([[1, newer.address]]));
    await bench.until(() => newer.status().connected.length === 1 && older.status().connected.length === 1);
    const supportedLevels = { library: 1, application: 9 };
    for (const [transport, from, to] of [[newer, 1, 2] as const, [older, 2, 1] as const]) {
      transport.send(1, { kind: "heartbeatResult", from, to, term: 1, round: 1, supportedLevels, allowsQuiet: false });
    }
    await bench.until(() => bench.received.length === 2);
    for (const message of bench.received) expect(message).toMatchObject({ supportedLevels: { application: 1 } });
    expect(bench.warnings).toEqual([]);
  });

  it("O7: with a server that was upgraded is in the newest version again", async () => {
    const a = await bench.open({ reconnectMinMs: 1 }, 1);
    const older = await bench.open({ maxProtocolVersion: OLDEST_PROTOCOL_VERSION }, 2);
    const listen = older.address;
    a.setPeers(new Map([[2, listen]]));
    await bench.until(() => a.status().connected.length === 1);
    await older.close();
    await bench.until(() => a.status().connected.length === 0);
    await bench.open({ listen }, 2);
    await bench.until(() => a.status().connected.length === 1);
    const supportedLevels = { library: 1, application: 9 };
    a.send(1, { kind: "heartbeatResult", from: 1, to: 2, term: 1, round: 1, supportedLevels, allowsQuiet: false });
    await bench.until(() => bench.received.length === 1);
    expect(bench.received).toMatchObject([{ supportedLevels }]);
  });

  it("that does not come is not waited for", async () => {
    const { peers } = await dialled({ handshakeTimeoutMs: 50 });
    await bench.until(() => peers.length === 3);
    expect(bench.warnings).toMatchObject([{ code: "SILENT", direction: "outgoing", peer: 2 }]);
  });

  it("messages wait for it", async () => {
    const { a, peers } = await dialled();
    const peer = peers[0]!;
    a.send(1, heartbeat(1, 2, 1));
    await peer.takeHandshake();
    await turn();
    expect(peer.unread.length).toBe(0);
    peer.socket.write(Buffer.concat([accepting(2, 1), KEEP_ALIVE]));
    expect(decodeMessage(await peer.takeFrame()).message).toStrictEqual(heartbeat(1, 2, 1));
  });
});

describe("a connection", () => {
  it("F19: that breaks at any moment is dialled again, and send never throws", async () => {
    const { a, peers } = await dialled();
    let served = 0;
    await bench.until(() => {
      for (let i = 0; i < 20; i += 1) a.send(1, append(i, 10_000));
      const peer = peers[served];
      if (peer === undefined) return false;
      // Reset before the handshake, with it, and after it.
      if (served % 3 > 0) peer.socket.write(accepting(2, 1));
      if (served % 3 < 2 || a.status().connected.length > 0) {
        peer.socket.resetAndDestroy();
        served += 1;
      }
      return served === 30;
    });
    const last = await bench.until(() => peers[30]);
    last.socket.write(accepting(2, 1));
    await bench.until(() => a.status().connected.length === 1);
  });

  it("F17: that fails again and again is warned of once", async () => {
    const a = await bench.open({ reconnectMinMs: 1, reconnectMaxMs: 1 });
    let count = 0;
    const address = await bench.listen((peer) => {
      count += 1;
      peer.socket.destroy();
    });
    a.setPeers(new Map([[2, address]]));
    await bench.until(() => count === 20);
    expect(bench.warnings).toMatchObject([{ code: "UNREACHABLE", direction: "outgoing", peer: 2, address }]);
  });

  it("is given up when the peer falls silent, and not while it gives signs of life", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const { a, peer, peers } = await connected({ silenceTimeoutMs: 2 * BEAT_MS });
    for (let beats = 0; beats < 4; beats += 1) {
      vi.advanceTimersByTime(BEAT_MS);
      expect(await peer.take(8)).toStrictEqual(KEEP_ALIVE);
      await peer.say(KEEP_ALIVE);
    }
    expect(peers.length).toBe(1);
    vi.advanceTimersByTime(2 * BEAT_MS);
    expect(a.status().connected).toStrictEqual([2]);
    vi.advanceTimersByTime(BEAT_MS);
    await peer.ended;
    expect(await bench.warning("SILENT")).toMatchObject({ direction: "outgoing", peer: 2 });
    expect(a.status().connected).toStrictEqual([]);
    await bench.until(() => peers.length === 2);
  });

  it("on which the peer says anything but signs of life is ended", async () => {
    const { peer } = await connected();
    peer.socket.write(Buffer.of(0, 0, 0, 1, 0, 0, 0, 0, 7));
    await peer.ended;
    expect(await bench.warning("BAD_FRAME")).toMatchObject({ direction: "outgoing", peer: 2 });
  });

  it("is dialled at once when the peer is heard of", async () => {
    const a = await bench.open({ reconnectMinMs: 3_600_000, reconnectMaxMs: 3_600_000 });
    const b = await bench.open({}, 2);
    const { address } = b;
    await b.close();
    a.setPeers(new Map([[2, address]]));
    await bench.warning("UNREACHABLE");
    const again = await bench.open({ listen: address }, 2);
    again.setPeers(new Map([[1, a.address]]));
    await bench.until(() => a.status().connected.length === 1);
  });

  it("a peer whose address is none is warned of", async () => {
    const a = await bench.open();
    a.setPeers(new Map([[2, "nowhere"]]));
    a.send(1, heartbeat(1, 2, 1));
    expect(bench.warnings).toMatchObject([{ code: "BAD_ADDRESS", peer: 2, address: "nowhere" }]);
    expect(a.status()).toStrictEqual({ connected: [], droppedMessages: 1 });
  });
});

describe("the wait between dials", () => {
  /** What the timers were set to that are not of a handshake. */
  function waits(timers: MockInstance<typeof setTimeout>): (number | undefined)[] {
    return timers.mock.calls.map(([, delayMs]) => delayMs).filter((delayMs) => delayMs !== HANDSHAKE_TIMEOUT_MS);
  }
  const HANDSHAKE_TIMEOUT_MS = 7777;
  const settings = { reconnectMinMs: 1, random: () => 1, handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS };

  it.each([
    ["led to nothing", false],
    ["led to a connection that did not last", true],
  ])("doubles after each dial that %s", async (_what, accepts) => {
    const timers = vi.spyOn(globalThis, "setTimeout");
    const a = await bench.open({ ...settings, reconnectMaxMs: 60_000 });
    let count = 0;
    const address = await bench.listen((peer) => {
      count += 1;
      peer.socket.end(accepts ? accepting(2, 1) : "");
    });
    a.setPeers(new Map([[2, address]]));
    await bench.until(() => count === 6);
    expect(waits(timers)).toStrictEqual([1, 2, 4, 8, 16]);
    timers.mockRestore();
  });

  it("R21: starts anew after a connection that lasted", async () => {
    const timers = vi.spyOn(globalThis, "setTimeout");
    const { a, peers } = await dialled({ ...settings, reconnectMaxMs: 4 });
    for (let i = 0; i < 4; i += 1) (await bench.until(() => peers[i])).socket.destroy();
    (await bench.until(() => peers[4])).socket.write(accepting(2, 1));
    await bench.until(() => a.status().connected.length === 1);
    const sinceMs = performance.now();
    await bench.until(() => performance.now() > sinceMs + 4);
    peers[4]?.socket.destroy();
    await bench.until(() => peers.length === 6);
    expect(waits(timers)).toStrictEqual([1, 2, 4, 4, 1]);
    timers.mockRestore();
  });
});

describe("a message", () => {
  it.each([
    ["R20: above the own limit", { maxFrameBytes: 4096 }, MiB, append(1, 5000)],
    ["R20: above the peer's limit", {}, 4096, append(1, 5000)],
    ["F12: with a number that is no safe integer", {}, MiB, heartbeat(1, 2, 2 ** 53)],
  ])("%s is dropped, counted and warned of once; the connection stays", async (_what, options, limit, message) => {
    const { a, peer, peers } = await connected(options, limit);
    a.send(1, message);
    a.send(1, message);
    a.send(1, heartbeat(1, 2, 5));
    expect(decodeMessage(await peer.takeFrame()).message).toStrictEqual(heartbeat(1, 2, 5));
    expect(bench.warnings).toMatchObject([{ code: "MESSAGE_REFUSED", direction: "outgoing", peer: 2 }]);
    expect(a.status()).toStrictEqual({ connected: [2], droppedMessages: 2 });
    expect(peers.length).toBe(1);
  });

  it("O14: in the name of another server is dropped and counted; the connection stays", async () => {
    const { a, peer, peers } = await connected();
    a.send(1, heartbeat(42, 2, 1));
    a.send(1, heartbeat(1, 2, 5));
    expect(decodeMessage(await peer.takeFrame()).message).toStrictEqual(heartbeat(1, 2, 5));
    expect(a.status()).toStrictEqual({ connected: [2], droppedMessages: 1 });
    expect(peers.length).toBe(1);
  });

  it("sent right before close still leaves", async () => {
    const { a, peer } = await connected();
    a.send(1, heartbeat(1, 2, 5));
    await a.close();
    expect(decodeMessage(await peer.takeFrame()).message).toStrictEqual(heartbeat(1, 2, 5));
  });
});

describe("a peer that does not read", () => {
  it("F6, F8: costs a bounded queue; what does not fit is dropped and counted, and others are served", async () => {
    const { a, peer } = await connected({ maxQueueBytes: 4 * MiB });
    peer.socket.pause();
    const b = await bench.open({}, 3);
    const addressOfPeer = `127.0.0.1:${peer.socket.localPort}`;
    a.setPeers(
      new Map([
        [2, addressOfPeer],
        [3, b.address],
      ]),
    );
    const message = append(1, MiB - 1000);
    for (let i = 0; i < 64; i += 1) {
      a.send(1, message);
      await turn();
    }
    expect(a.status().droppedMessages).toBeGreaterThan(30);
    await bench.until(() => a.status().connected.length === 2);
    a.send(1, { ...heartbeat(1, 3, 5) });
    await bench.until(() => bench.received.length === 1);
  });

  it("F9: once it reads again, a heartbeat comes before the entries that waited", async () => {
    const { a, peer } = await connected({ maxQueueBytes: 256 * MiB });
    peer.socket.pause();
    const bulk = append(1, MiB);
    for (let i = 0; i < 48; i += 1) a.send(1, bulk);
    await turn(); // the socket has taken what it can
    a.send(1, heartbeat(1, 2, 5));
    peer.socket.resume();
    let before = 0;
    while (decodeMessage(await peer.takeFrame()).message.kind !== "heartbeat") before += 1;
    // Only what the kernel had already taken goes before it.
    expect(before).toBeLessThan(24);
    for (let rest = before; rest < 48; rest += 1) await peer.takeFrame();
  });
});
