/** What comes in: whoever connects may be broken, hostile or somebody else, and costs its own connection at most. */

import { OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION } from "@quorate/codec";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BEAT_MS } from "../src/channel.js";
import { KEEP_ALIVE } from "../src/frame.js";
import type { TcpTransport } from "../src/index.js";
import { Bench, frameOf, handshake, heartbeat, messageFrame, turn } from "./raw-peer.js";

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => {
  vi.useRealTimers();
  return bench.close();
});

/** A sound peer, connected and heard, to see that it is none the worse for what others do. */
async function soundPeer(transport: TcpTransport) {
  const peer = await bench.introduce(transport, 9);
  let round = 1000;
  const isHeard = async () => {
    round += 1;
    const sent = round;
    peer.socket.write(messageFrame(heartbeat(9, 1, sent)));
    return bench.until(() => bench.received.some((message) => message.kind === "heartbeat" && message.round === sent));
  };
  await isHeard();
  return { isHeard };
}

describe("a stranger", () => {
  it.each([
    ["speaks HTTP", Buffer.from("GET / HTTP/1.1\r\n\r\n"), /does not start as one/],
    ["sends a megabyte of zeros", Buffer.alloc(1 << 20), /does not start as one/],
    ["sends a frame before a handshake", messageFrame(heartbeat(2, 1, 1)), /does not start as one/],
    ["does not say who it is", handshake(0, 1), /does not say who/],
    ["answers before it was asked", handshake(2, 1, { verdict: "accepted" }), /nobody asked/],
    ["names a verdict that is none", handshake(2, 1).fill(0xff, 6, 8), /verdict/],
    ["says a cluster id without an end", handshake(2, 1).fill(0xff, 36, 38), /too long/],
    ["says an address without an end", handshake(2, 1).fill(0xff, 38, 40), /too long/],
    ["says a handshake with a wrong checksum", handshake(2, 1).fill(0xff, 40, 41), /checksum/],
  ])("that %s is hung up on", async (_what, bytes, reason) => {
    const transport = await bench.open();
    const sound = await soundPeer(transport);
    const stranger = bench.dial(transport);
    stranger.socket.write(bytes);
    await stranger.ended;
    expect(stranger.unread.length).toBe(0); // it learns nothing
    expect((await bench.warning("BAD_HANDSHAKE")).message).toMatch(reason);
    expect(await sound.isHeard()).toBe(true);
  });

  it("that says nothing, or not enough, is hung up on in time", async () => {
    const transport = await bench.open({ handshakeTimeoutMs: 100 });
    const strangers = [bench.dial(transport), bench.dial(transport)];
    strangers[1]!.socket.write(handshake(2, 1).subarray(0, 20));
    await Promise.all(strangers.map(({ ended }) => ended));
    await bench.until(() => bench.warnings.length === 2);
    expect(bench.warnings).toMatchObject([
      { code: "SILENT", direction: "incoming", peer: 0 },
      { code: "SILENT", direction: "incoming", peer: 0 },
    ]);
  });

  it.each([
    ["O1: of another cluster", handshake(2, 1, { clusterId: "another" }), "clusterMismatch", "CLUSTER_MISMATCH"],
    ["O12: that looks for another server", handshake(2, 5), "wrongNode", "WRONG_NODE"],
    ["O12: with this server's own id", handshake(1, 1), "ownId", "OWN_ID"],
    [
      "O7: of another version",
      handshake(2, 1, { version: OLDEST_PROTOCOL_VERSION - 1 }),
      "versionMismatch",
      "VERSION_MISMATCH",
    ],
  ] as const)("%s is told why it is refused, and nothing else", async (_what, hello, verdict, code) => {
    const transport = await bench.open();
    const sound = await soundPeer(transport);
    const stranger = bench.dial(transport);
    stranger.socket.write(Buffer.concat([hello, messageFrame(heartbeat(2, 1, 7))]));
    expect(await stranger.takeHandshake()).toMatchObject({ verdict, clusterId: "", from: 0 });
    await stranger.ended;
    expect(await bench.warning(code)).toMatchObject({ direction: "incoming" });
    expect(await sound.isHeard()).toBe(true);
    expect(bench.received.every(({ from }) => from === 9)).toBe(true);
  });

  it("O7: of a newer version is told which one to come back with, and nobody is warned", async () => {
    const transport = await bench.open();
    const stranger = bench.dial(transport);
    stranger.socket.write(handshake(2, 1, { version: PROTOCOL_VERSION + 1 }));
    expect(await stranger.takeHandshake()).toMatchObject({ verdict: "versionMismatch", version: PROTOCOL_VERSION });
    await stranger.ended;
    expect(bench.warnings).toEqual([]);
  });

  it("makes room when there are too many of its kind", async () => {
    const transport = await bench.open({ maxIncomingConnections: 3 });
    const sound = await soundPeer(transport);
    const strangers = Array.from({ length: 8 }, () => bench.dial(transport));
    await Promise.all(strangers.slice(0, 6).map(({ ended }) => ended));
    expect(bench.warnings.map(({ code }) => code)).toStrictEqual(new Array(6).fill("TOO_MANY_CONNECTIONS"));
    strangers[7]!.socket.write(handshake(2, 1));
    expect(await strangers[7]!.takeHandshake()).toMatchObject({ verdict: "accepted" });
    expect(await sound.isHeard()).toBe(true);
  });

  it("does not push out those who have introduced themselves", async () => {
    const transport = await bench.open({ maxIncomingConnections: 1 });
    const sound = await soundPeer(transport);
    const stranger = bench.dial(transport);
    await stranger.ended;
    expect(bench.warnings).toMatchObject([{ code: "TOO_MANY_CONNECTIONS", peer: 0 }]);
    expect(await sound.isHeard()).toBe(true);
  });
});

describe("a peer", () => {
  it.each([
    ["a frame with a wrong checksum", messageFrame(heartbeat(2, 1, 7)).fill(0xff, 5, 6), /checksum/],
    ["R20: a frame above the limit", frameOf(Buffer.alloc(5000)), /above the limit of 4096/],
    ["O13: a frame that is no message", frameOf(Buffer.from("nonsense")), /version/],
    ["O14: a message in the name of another", messageFrame(heartbeat(3, 1, 7)), /from server 3 to server 1/],
    ["O12: a message for another", messageFrame(heartbeat(2, 3, 7)), /from server 2 to server 3/],
  ])("that sends %s loses its connection, and nobody else does", async (_what, bytes, reason) => {
    const transport = await bench.open({ maxFrameBytes: 4096 });
    const sound = await soundPeer(transport);
    const peer = await bench.introduce(transport, 2);
    // What comes after it in the same packet is not looked at.
    peer.socket.write(Buffer.concat([messageFrame(heartbeat(2, 1, 5)), bytes, messageFrame(heartbeat(2, 1, 6))]));
    await peer.ended;
    const warning = await bench.warning("BAD_FRAME");
    expect(warning).toMatchObject({ direction: "incoming", peer: 2 });
    expect(warning.message).toMatch(reason);
    expect(await sound.isHeard()).toBe(true);
    expect(bench.received.filter(({ from }) => from !== 9)).toStrictEqual([heartbeat(2, 1, 5)]);
  });

  it("may send its bytes one by one", async () => {
    const transport = await bench.open();
    const peer = bench.dial(transport);
    const bytes = Buffer.concat([handshake(2, 1), messageFrame(heartbeat(2, 1, 1)), messageFrame(heartbeat(2, 1, 2))]);
    for (const byte of bytes) {
      peer.socket.write(Buffer.of(byte));
      await turn();
    }
    await bench.until(() => bench.received.length === 2);
    expect(bench.received).toStrictEqual([heartbeat(2, 1, 1), heartbeat(2, 1, 2)]);
  });

  it("may send messages in one packet with its handshake", async () => {
    const transport = await bench.open();
    const peer = bench.dial(transport);
    peer.socket.write(Buffer.concat([handshake(2, 1), KEEP_ALIVE, messageFrame(heartbeat(2, 1, 1))]));
    await bench.until(() => bench.received.length === 1);
  });

  it("that connects again takes the place of its older connection", async () => {
    const transport = await bench.open();
    const older = await bench.introduce(transport, 2);
    const newer = await bench.introduce(transport, 2);
    await older.ended;
    expect(await bench.warning("REPLACED")).toMatchObject({ direction: "incoming", peer: 2 });
    newer.socket.write(messageFrame(heartbeat(2, 1, 5)));
    await bench.until(() => bench.received.length === 1);
  });

  it("that falls silent loses its connection, one that gives signs of life does not", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const transport = await bench.open({ silenceTimeoutMs: 2 * BEAT_MS });
    const silent = await bench.introduce(transport, 2);
    const alive = await bench.introduce(transport, 3);
    for (let beats = 0; beats < 6; beats += 1) {
      vi.advanceTimersByTime(BEAT_MS);
      expect(await alive.take(8)).toStrictEqual(KEEP_ALIVE);
      await alive.say(KEEP_ALIVE);
    }
    await silent.ended;
    expect(await bench.warning("SILENT")).toMatchObject({ direction: "incoming", peer: 2 });
    expect(alive.socket.closed).toBe(false);
  });

  it("that hangs up is no news", async () => {
    const transport = await bench.open();
    const peer = await bench.introduce(transport, 2);
    peer.socket.end();
    await peer.ended;
    const sound = await soundPeer(transport);
    expect(await sound.isHeard()).toBe(true);
    expect(bench.warnings).toStrictEqual([]);
  });
});
