/** The binary protocol's bytes: frames however they are cut, fields however they are damaged. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readReply } from "../src/client/binary-answers.js";
import { writeRequest } from "../src/client/binary-requests.js";
import type { DataRequest } from "../src/client/requests.js";
import { Body } from "../src/protocol/body.js";
import { FrameReader } from "../src/protocol/frame-reader.js";
import { FrameWriter } from "../src/protocol/frame-writer.js";
import { ANSWER, ProtocolError } from "../src/protocol/protocol.js";

const MAX_BYTES = 64 * 1024;

interface Frame {
  readonly kind: number;
  readonly id: number;
  readonly body: readonly number[];
}

const frames: fc.Arbitrary<Frame[]> = fc.array(
  fc.record({
    kind: fc.integer({ min: 0, max: 255 }),
    id: fc.integer({ min: 0, max: 0xffff_ffff }),
    body: fc.oneof(
      { weight: 9, arbitrary: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 60 }) },
      { weight: 1, arbitrary: fc.integer({ min: 15_000, max: 40_000 }).map((size) => Array<number>(size).fill(7)) },
    ),
  }),
  { maxLength: 12 },
);

function written(list: readonly Frame[]): Buffer {
  const writer = new FrameWriter();
  for (const { kind, id, body } of list) {
    writer.begin(kind, id, body.length);
    writer.bytes(Uint8Array.from(body));
  }
  return Buffer.concat(writer.take());
}

/** What a reader makes of `bytes` in chunks of these sizes; it has enough after every so many frames. */
function cut(bytes: Buffer, sizes: readonly number[], restsEvery = Number.POSITIVE_INFINITY): Frame[] {
  const found: Frame[] = [];
  const reader = new FrameReader(MAX_BYTES, (kind, id, all, start, end) => {
    found.push({ kind, id, body: [...all.subarray(start, end)] });
    return found.length % restsEvery !== 0;
  });
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? bytes.length;
    let wantsMore = reader.push(Buffer.from(bytes.subarray(at, at + size)));
    while (!wantsMore) wantsMore = reader.resume();
    at += size;
  }
  return found;
}

const sizes = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 8 });

describe("frames", () => {
  it("come out as they went in, however the bytes are cut, and however often the reader rests", () => {
    fc.assert(
      fc.property(frames, sizes, fc.integer({ min: 1, max: 5 }), (list, chunks, restsEvery) => {
        expect(cut(written(list), chunks)).toEqual(list);
        expect(cut(written(list), chunks, restsEvery)).toEqual(list);
      }),
      { numRuns: 60 },
    );
  });

  it("are refused when their size cannot be, before anything of them is kept", () => {
    for (const size of [0, 4, MAX_BYTES - 3, 0xffff_ffff]) {
      const bytes = Buffer.alloc(9);
      bytes.writeUInt32BE(size);
      expect(() => cut(bytes, [3])).toThrow(ProtocolError);
    }
  });

  it("are written into memory that nothing else is written to while the socket may hold it", () => {
    const writer = new FrameWriter();
    writer.begin(1, 1, 3);
    writer.bytes(Uint8Array.of(1, 2, 3));
    const [first] = writer.take();
    const before = [...(first ?? [])];
    writer.begin(2, 2, 3);
    writer.bytes(Uint8Array.of(4, 5, 6));
    writer.rest();
    writer.take();
    writer.rest();
    writer.begin(3, 3, 3);
    writer.bytes(Uint8Array.of(7, 8, 9));
    expect([...(first ?? [])]).toEqual(before);
  });
});

describe("fields", () => {
  const open = (bytes: Buffer) => new Body().open(bytes, 0, bytes.length);

  it("hold whole numbers up to 2^53 - 1", () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(0xffff), fc.nat(0xffff_ffff), fc.maxSafeNat(), (a, b, c, d) => {
        const writer = new FrameWriter();
        writer.u8(a);
        writer.u16(b);
        writer.u32(c);
        writer.u64(d);
        const body = open(Buffer.concat(writer.take()));
        expect([body.u8(), body.u16(), body.u32(), body.u64(), body.restBytes]).toEqual([a, b, c, d, 0]);
      }),
    );
    expect(() => open(Buffer.alloc(8, 0xff)).u64()).toThrow(ProtocolError);
  });

  it("hold any text, and tell what is no UTF-8 from the sign for it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
        const bytes = Buffer.from(text);
        expect(open(bytes).text(bytes.length)).toBe(text);
      }),
    );
    expect(open(Buffer.from("\ufffd")).text(3)).toBe("\ufffd");
    expect(open(Buffer.of(0xff)).text(1)).toBeNull();
    expect(open(Buffer.of(0xef, 0xbb, 0xbf)).text(3)).toBe("\ufeff");
  });

  it("do not reach beyond their frame, and nothing is left over", () => {
    const bytes = Buffer.alloc(20);
    const body = new Body().open(bytes, 4, 7);
    expect(() => body.u32()).toThrow(ProtocolError);
    expect(body.bytes(3)).toHaveLength(3);
    expect(() => body.u8()).toThrow(ProtocolError);
    expect(() => new Body().open(bytes, 0, 1).finish()).toThrow(ProtocolError);
    expect(() => open(Buffer.of(0x92, 1)).unpack()).toThrow(ProtocolError);
    expect(() => open(Buffer.from("{")).json()).toThrow(ProtocolError);
  });
});

describe("a client", () => {
  const get: DataRequest = { kind: "get", key: "a" };
  const kinds = Object.values(ANSWER);

  it("takes any bytes for an answer that makes sense, or for none", () => {
    fc.assert(
      fc.property(fc.constantFrom(...kinds, 200), fc.uint8Array({ maxLength: 60 }), (kind, bytes) => {
        const body = new Body().open(Buffer.from(bytes), 0, bytes.length);
        try {
          expect(readReply(kind, body, get)).toHaveProperty("kind");
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["an expiry", { kind: "put", key: "a", value: "", ttlMs: -1, expectedRevision: undefined }, "INVALID_QUERY"],
    ["a revision", { kind: "put", key: "a", value: "", ttlMs: undefined, expectedRevision: 0.5 }, "INVALID_HEADER"],
    ["the revision of a delete", { kind: "delete", key: "a", expectedRevision: Number.NaN }, "INVALID_HEADER"],
    ["a staleness", { kind: "get", key: "a", maxStalenessMs: -5 }, "INVALID_QUERY"],
    ["a consistency", { kind: "get", key: "a", consistency: "fresh" as "stale" }, "INVALID_QUERY"],
    ["a limit", { kind: "list", limit: 1.5 }, "INVALID_QUERY"],
    ["a prefix", { kind: "list", prefix: "x".repeat(3 * 1024 * 1024) }, "BODY_TOO_LARGE"],
  ] satisfies [string, DataRequest, string][])(
    "writes nothing of what no field has room for: %s",
    (_what, request, code) => {
      const writer = new FrameWriter();
      expect(writeRequest(writer, 1, request, null, 100)).toMatchObject({ kind: "problem", problem: { code } });
      expect(writer.gatheredBytes).toBe(0);
      expect(writer.take()).toEqual([]);
    },
  );
});
