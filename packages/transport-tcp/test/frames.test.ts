import { crc32 } from "node:zlib";
import { type EncodedMessage, encodeMessage } from "@quorate/codec";
import { describe, expect, it } from "vitest";
import { FrameError, KEEP_ALIVE } from "../src/frame.js";
import { FrameReader } from "../src/frame-reader.js";
import { FrameWriter } from "../src/frame-writer.js";
import { frameOf, heartbeat } from "./raw-peer.js";

const MAX_BYTES = 1 << 20;

function noise(sizeBytes: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  let state = seed;
  for (let i = 0; i < sizeBytes; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** Reads `bytes` in pieces of the given sizes, over and over; returns copies of the bodies. */
function readInPieces(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const bodies: Buffer[] = [];
  const reader = new FrameReader(MAX_BYTES, (body) => bodies.push(Buffer.from(body)));
  let at = 0;
  for (let i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length]!;
    reader.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return bodies;
}

describe("a frame reader", () => {
  const bodies = [noise(40), noise(0), noise(1), noise(70_000), noise(7), noise(300_000), noise(64), noise(65_536)];
  const stream = Buffer.concat(bodies.map(frameOf));

  it.each([[[1 << 30]], [[65_536]], [[1]], [[7]], [[1000, 1, 8, 3]], [[9, 70_007]], [[100_000, 5]]])(
    "finds the frames in pieces of %j bytes",
    (sizes) => {
      const read = readInPieces(stream, sizes);
      expect(read.map(({ length }) => length)).toStrictEqual(bodies.map(({ length }) => length));
      expect(read.every((body, i) => body.equals(bodies[i]!))).toBe(true);
    },
  );

  it("finds them wherever the stream is cut in two", () => {
    const small = [noise(3), noise(0), noise(20), noise(9)];
    const bytes = Buffer.concat(small.map(frameOf));
    for (let cut = 1; cut < bytes.length; cut += 1) {
      expect(readInPieces(bytes, [cut, bytes.length])).toStrictEqual(small);
    }
  });

  it("F11: gives away the memory of a frame that it had to put together, and never writes to it again", () => {
    const given: Uint8Array[] = [];
    const reader = new FrameReader(1 << 22, (body, isGiven) => {
      if (isGiven) given.push(body);
    });
    const [whole, cut, alsoCut, large] = [noise(50), noise(90_000, 2), noise(90_000, 3), noise(3 << 20, 4)];
    const bytes = Buffer.concat([whole, cut, alsoCut, large].map((body) => frameOf(body as Buffer)));
    for (let at = 0; at < bytes.length; at += 65_536) reader.push(Buffer.from(bytes.subarray(at, at + 65_536)));
    expect(given.slice(0, 2).map((body) => Buffer.from(body))).toStrictEqual([cut, alsoCut]);
    for (const body of given) expect(body.buffer.byteLength).toBe(body.length);
  });

  it("R20: refuses a frame above the limit as soon as its size is there", () => {
    const header = frameOf(noise(MAX_BYTES + 1)).subarray(0, 8);
    expect(() => readInPieces(header, [8])).toThrow(FrameError);
    expect(() => readInPieces(header, [1])).toThrow(FrameError);
    expect(readInPieces(frameOf(noise(MAX_BYTES)), [60_000]).length).toBe(1);
  });

  it("refuses a frame with any bit changed", () => {
    const frame = frameOf(noise(12));
    for (let bit = 32; bit < frame.length * 8; bit += 1) {
      const damaged = Buffer.from(frame);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => readInPieces(damaged, [frame.length])).toThrow(FrameError);
      expect(() => readInPieces(damaged, [5])).toThrow(FrameError);
    }
  });

  it("holds memory for what came, not for what was announced", () => {
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 50 }, () => {
      const reader = new FrameReader(1 << 30, () => undefined);
      const header = Buffer.alloc(9);
      header.writeUInt32BE(1 << 29, 0);
      reader.push(header);
      return reader;
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(readers.length * (1 << 20));
  });

  it("copies a large frame in small pieces a bounded number of times", () => {
    // Copying all that is held for every piece would take 8 MiB * 8192 / 2 bytes: half a minute at the least.
    const frame = frameOf(noise(8 << 20));
    const reader = new FrameReader(8 << 20, () => undefined);
    const start = performance.now();
    for (let at = 0; at < frame.length; at += 1024) reader.push(frame.subarray(at, at + 1024));
    expect(performance.now() - start).toBeLessThan(5000);
  });
});

describe("a frame writer", () => {
  function append(...sizes: number[]): EncodedMessage {
    const entries = sizes.map((size, i) => ({ index: 1 + i, term: 1, kind: "command" as const, data: noise(size, i) }));
    const place = { from: 1, to: 2, term: 1, stream: 1, prevLogIndex: 0, prevLogTerm: 0, leaderCommit: 0 };
    return encodeMessage(1, { kind: "appendEntries", ...place, entries });
  }

  /** Writes `messages`, all in one gathering or each in its own. */
  function write(messages: readonly EncodedMessage[], takeEach: boolean): Buffer {
    const writer = new FrameWriter();
    const pieces: Uint8Array[] = [];
    for (const message of messages) {
      writer.add(message);
      if (takeEach) pieces.push(...writer.take());
    }
    pieces.push(...writer.take());
    expect(writer.gatheredBytes).toBe(0);
    return Buffer.concat(pieces);
  }

  it.each([
    ["small messages", Array.from({ length: 5000 }, (_, i) => encodeMessage(i, heartbeat(1, 2, i)))],
    ["entries on both sides of every limit", [append(1, 8191, 8192, 8193, 0, 65_535, 65_536, 65_537, 3)]],
    ["many entries that fill blocks", [append(...Array.from({ length: 500 }, (_, i) => (i * 37) % 8192))]],
    ["a mixture", [append(100), encodeMessage(1, heartbeat(1, 2, 3)), append(100_000), append(7000, 9000), append()]],
  ])("%s come out as frames", (_what, messages) => {
    const expected = Buffer.concat(messages.map(({ chunks }) => frameOf(Buffer.concat(chunks))));
    expect(write(messages, false).equals(expected)).toBe(true);
    expect(write(messages, true).equals(expected)).toBe(true);
  });

  it("counts what it gathers", () => {
    const writer = new FrameWriter();
    writer.add(append(10, 20_000));
    const [total] = [writer.gatheredBytes];
    expect(Buffer.concat(writer.take()).length).toBe(total);
  });

  it("F11: never writes again to what it handed out", () => {
    const writer = new FrameWriter();
    writer.add(append(100));
    const taken = writer.take();
    const before = Buffer.concat(taken);
    for (let i = 0; i < 3000; i += 1) writer.add(append(100));
    writer.take();
    expect(Buffer.concat(taken).equals(before)).toBe(true);
  });

  it("makes one piece of a turn's worth of small messages, and passes large payloads on as they are", () => {
    const writer = new FrameWriter();
    for (let i = 0; i < 100; i += 1) writer.add(encodeMessage(1, heartbeat(1, 2, i)));
    expect(writer.take().length).toBe(1);
    const large = append(100_000);
    writer.add(large);
    expect(writer.take()[1]).toBe(large.chunks[1]);
  });

  it("the sign of life is an empty frame", () => {
    expect(frameOf(Buffer.alloc(0)).equals(KEEP_ALIVE)).toBe(true);
    expect(crc32("")).toBe(0);
  });
});
