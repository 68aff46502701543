import type { PeerMessage } from "@quorate/contracts";
import type { AppendEntries, Entry } from "@quorate/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CodecError,
  decodeMessage,
  type EncodedMessage,
  encodeMessage,
  OLDEST_PROTOCOL_VERSION,
  PROTOCOL_VERSION,
} from "../src/index.js";
import { groupId, messageByKind, peerMessage } from "./arbitraries.js";

const append: AppendEntries = {
  kind: "appendEntries",
  from: 1,
  to: 2,
  term: 7,
  stream: 3,
  prevLogIndex: 10,
  prevLogTerm: 5,
  leaderCommit: 9,
  entries: [
    { index: 11, term: 5, kind: "command", data: new Uint8Array([1, 2, 3]) },
    { index: 12, term: 7, kind: "noop", data: new Uint8Array(0) },
    { index: 13, term: 7, kind: "membership", data: new Uint8Array([4]) },
  ],
};
const commit: PeerMessage = { kind: "commit", from: 1, to: 2, term: 7, leaderCommit: 9 };

function join({ chunks, sizeBytes }: EncodedMessage): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  expect(at).toBe(sizeBytes);
  return bytes;
}

/** A frame with a header of our own making. */
function frame(header: readonly number[], payload: readonly number[] = [], version = PROTOCOL_VERSION): Uint8Array {
  return new Uint8Array([version, 0, 0, header.length >> 8, header.length & 0xff, ...header, ...payload]);
}

/** The header of `commit`, with the given MessagePack bytes in the place of its last field. */
function commitWith(...lastField: number[]): Uint8Array {
  return frame([0x96, 0, 9, 1, 2, 7, ...lastField]);
}

/** What is left of a message that travelled in the oldest version: nobody there knew of levels, nor of quiets. */
function inOldestVersion(message: PeerMessage): PeerMessage {
  if (message.kind === "heartbeat") return { ...message, isQuiet: false };
  if (message.kind !== "heartbeatResult") return message;
  return { ...message, supportedLevels: { library: 1, application: 1 }, allowsQuiet: false };
}

describe("messages", () => {
  it.each(Object.entries(messageByKind))("%s comes back as it was", (_kind, arbitrary) => {
    fc.assert(
      fc.property(groupId, arbitrary as fc.Arbitrary<PeerMessage>, (group, message) => {
        const decoded = decodeMessage(join(encodeMessage(group, message)));
        expect(decoded).toStrictEqual({ groupId: group, message });
      }),
      { numRuns: 60 },
    );
  });

  it.each(Object.entries(messageByKind))(
    "O7: %s comes back in the oldest version, but for what is new since",
    (_kind, arbitrary) => {
      fc.assert(
        fc.property(groupId, arbitrary as fc.Arbitrary<PeerMessage>, (group, message) => {
          const bytes = join(encodeMessage(group, message, OLDEST_PROTOCOL_VERSION));
          expect(bytes[0]).toBe(OLDEST_PROTOCOL_VERSION);
          expect(decodeMessage(bytes)).toStrictEqual({ groupId: group, message: inOldestVersion(message) });
        }),
        { numRuns: 20 },
      );
    },
  );

  it.each([OLDEST_PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1, 1.5])("O7: version %d is not written", (version) => {
    expect(() => encodeMessage(0, commit, version)).toThrow(CodecError);
  });

  it("an append of 70000 entries comes back as it was", () => {
    const data = new Uint8Array([1]);
    const entries = Array.from(
      { length: 70_000 },
      (_, i): Entry => ({ index: 11 + i, term: 7, kind: "command", data }),
    );
    const decoded = decodeMessage(join(encodeMessage(1, { ...append, entries }))).message as AppendEntries;
    expect(decoded.entries.length).toBe(70_000);
    expect(decoded.entries.at(-1)).toStrictEqual(entries.at(-1));
  });

  it("payloads are handed out as they are, not copied", () => {
    const { chunks } = encodeMessage(1, append);
    expect(chunks.length).toBe(3); // the empty one takes no part
    expect(chunks[1]).toBe(append.entries[0]!.data);
    expect(chunks[2]).toBe(append.entries[2]!.data);
  });

  it("payloads that lie side by side are one chunk, still not copied", () => {
    const memory = new Uint8Array(10);
    const payloads = [memory.subarray(2, 5), memory.subarray(5, 8), memory.subarray(0, 2), memory.subarray(2, 3)];
    const entries = payloads.map((data, i): Entry => ({ index: 11 + i, term: 7, kind: "command", data }));
    const [, ...chunks] = encodeMessage(1, { ...append, entries }).chunks;
    expect(chunks.map(({ buffer, byteOffset, length }) => [buffer === memory.buffer, byteOffset, length])).toEqual([
      [true, 2, 6],
      [true, 0, 3],
    ]);
  });

  it("what a thousand entries have in common is said once, and what they do not is said of each", () => {
    const entries = Array.from({ length: 1000 }, (_, i): Entry => {
      return { index: 11 + i, term: i < 600 ? 6 : 7, kind: "command", data: new Uint8Array(i < 999 ? 20 : 21) };
    });
    const message: AppendEntries = { ...append, entries };
    const encoded = encodeMessage(1, message);
    expect(encoded.sizeBytes - 1000 * 20 - 1).toBeLessThan(40);
    expect(decodeMessage(join(encoded)).message).toStrictEqual(message);
    const older = encodeMessage(1, message, 3);
    expect(older.sizeBytes - 1000 * 20 - 1).toBeGreaterThan(3000);
    expect(decodeMessage(join(older)).message).toStrictEqual(message);
  });

  it("one encoded message is not changed by the next one", () => {
    const first = encodeMessage(1, append);
    const before = join(first);
    for (let i = 0; i < 1000; i += 1) encodeMessage(i, commit);
    expect(join(first)).toStrictEqual(before);
  });

  it("F11: a decoded message shares nothing with the frame it came in", () => {
    const bytes = join(encodeMessage(1, append));
    const { message } = decodeMessage(bytes);
    bytes.fill(0xee);
    expect(message).toStrictEqual(append);
    const [first] = (message as AppendEntries).entries;
    expect(first!.data.buffer.byteLength).toBe(4); // the payloads of this message and nothing else
  });

  it("a message that is given its frame copies nothing", () => {
    const frame = Buffer.from(join(encodeMessage(1, append)));
    const { message } = decodeMessage(frame, true);
    expect(message).toStrictEqual(append);
    expect((message as AppendEntries).entries[0]!.data.buffer).toBe(frame.buffer);
  });

  it("the first byte is the protocol version", () => {
    expect(join(encodeMessage(1, commit))[0]).toBe(PROTOCOL_VERSION);
  });
});

describe("the encoder refuses what no decoder would take", () => {
  const gap = append.entries.filter(({ index }) => index !== 12);
  it.each([
    ["a fraction", { ...commit, leaderCommit: 1.5 }],
    ["a negative number", { ...commit, leaderCommit: -1 }],
    ["minus zero", { ...commit, leaderCommit: -0 }],
    ["NaN", { ...commit, term: Number.NaN }],
    ["F12: an index above 2^53 - 1", { ...commit, leaderCommit: 2 ** 53 }],
    ["R19: entries with a gap", { ...append, entries: gap }],
    ["R19: entries that do not start after prevLogIndex", { ...append, prevLogIndex: 9 }],
    ["entries whose terms fall", { ...append, prevLogTerm: 6 }],
    ["an entry of a later term than the message", { ...append, term: 6 }],
    ["a kind that is none", { ...commit, kind: "toString" as never }],
  ])("%s", (_what, message) => {
    expect(() => encodeMessage(1, message)).toThrow(CodecError);
  });
});

describe("the decoder refuses", () => {
  it("the frames of these tests are sound where they are meant to be", () => {
    expect(decodeMessage(commitWith(9)).message).toStrictEqual(commit);
    expect(decodeMessage(commitWith(0xcd, 0, 9)).message).toStrictEqual(commit);
  });

  it.each([
    ["nothing", new Uint8Array(0)],
    ["less than a prefix", new Uint8Array([PROTOCOL_VERSION, 0, 0, 0])],
    ["O7: another version", frame([0x96, 0, 9, 1, 2, 7, 9], [], PROTOCOL_VERSION + 1)],
    ["a header that is longer than the frame", join(encodeMessage(1, commit)).slice(0, -1)],
    ["a header that is no array", frame([0xa2, 0x68, 0x69])],
    ["an empty header", frame([])],
    ["an array without fields", frame([0x90])],
    ["an array of fewer fields than it says", frame([0x97, 0, 9, 1, 2, 7, 9])],
    ["an array of four billion fields", frame([0xdd, 0xff, 0xff, 0xff, 0xff, 0, 9])],
    ["bytes between header and its end", frame([0x96, 0, 9, 1, 2, 7, 9, 9])],
    ["an unknown kind", frame([0x96, 0, 99, 1, 2, 7, 9])],
    ["kind 0", frame([0x96, 0, 0, 1, 2, 7, 9])],
    ["a missing field", frame([0x95, 0, 9, 1, 2, 7])],
    ["a field too many", frame([0x97, 0, 9, 1, 2, 7, 9, 9])],
    ["a message from nobody", frame([0x96, 0, 9, 0, 2, 7, 9])],
    ["a message to nobody", frame([0x96, 0, 9, 1, 0, 7, 9])],
    ["a negative number", commitWith(0xff)],
    ["a negative int64", commitWith(0xd3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)],
    ["a fraction", commitWith(0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0)],
    ["NaN", commitWith(0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0)],
    ["F12: 2^53", commitWith(0xcb, 0x43, 0x40, 0, 0, 0, 0, 0, 0)],
    ["F12: an integer of 64 bits", commitWith(0xcf, 0, 0, 0, 0, 0, 0, 0, 9)],
    ["a boolean where a number belongs", commitWith(0xc3)],
    ["a string where a number belongs", commitWith(0xa1, 0x39)],
    ["nil", commitWith(0xc0)],
    ["a map", commitWith(0x81, 0xa9, 0x5f, 0x5f, 0x70, 0x72, 0x6f, 0x74, 0x6f, 0x5f, 0x5f, 0x01)],
    ["a nested array", commitWith(0x91, 9)],
    ["bytes in the header", commitWith(0xc4, 1, 9)],
    ["a record definition of msgpackr", commitWith(0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 9)],
    ["a date", commitWith(0xd6, 0xff, 0, 0, 0, 9)],
    ["a regular expression", commitWith(0xc7, 3, 0x78, 0x92, 0xa0, 0xa0)],
    ["a payload behind a message that carries none", frame([0x96, 0, 9, 1, 2, 7, 9], [1])],
    ["less payload than entries", join(encodeMessage(1, append)).slice(0, -1)],
    ["more payload than entries", new Uint8Array([...join(encodeMessage(1, append)), 0])],
  ])("%s", (_what, bytes) => {
    expect(() => decodeMessage(bytes)).toThrow(CodecError);
  });

  it.each([
    ["an entry of an unknown kind", [7, 4, 1, 1]],
    ["an entry of a later term than the message", [8, 2, 1, 1]],
    ["an entry of an earlier term than the one before", [4, 2, 1, 1]],
    ["an entry without a size", [7, 2]],
    ["entries without a number", [7, 2, 1]],
    ["an entry larger than the payload", [7, 2, 2, 1]],
    ["more entries than there is payload for", [7, 2, 1, 2]],
    ["no entries of one size", [7, 2, 1, 0, 7, 2, 1, 1]],
    ["F12: a billion entries that are empty", [7, 2, 0, 0xce, 0x3b, 0x9a, 0xca, 0, 7, 2, 1, 1]],
  ])("%s", (_what, entry) => {
    const fields = [0, 5, 1, 2, 7, 3, 10, 5, 9];
    const sound = frame([0x90 + fields.length + 4, ...fields, 7, 2, 1, 1], [42]);
    expect(decodeMessage(sound).message).toMatchObject({ entries: [{ index: 11, term: 7, kind: "command" }] });
    const count = fields.length + (entry.includes(0xce) ? 8 : entry.length);
    const bytes = frame([0xdc, 0, count, ...fields, ...entry], [42]);
    expect(() => decodeMessage(bytes)).toThrow(CodecError);
  });

  it("F12: entries whose indexes leave the safe integers", () => {
    const fields = [0, 5, 1, 2, 7, 3, 0xcb, 0x43, 0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 5, 9];
    expect(() => decodeMessage(frame([0x9d, ...fields, 7, 2, 0, 1]))).toThrow(/safe integer/);
    expect(decodeMessage(frame([0x99, ...fields])).message).toMatchObject({ prevLogIndex: Number.MAX_SAFE_INTEGER });
  });

  it("an unknown outcome of a proposal", () => {
    const fields = [0, 13, 2, 1, 4];
    expect(decodeMessage(frame([0x98, ...fields, 3, 0xa0, 0])).message).toMatchObject({ outcome: "unknown" });
    expect(() => decodeMessage(frame([0x98, ...fields, 4, 0xa0, 0]))).toThrow(CodecError);
  });

  it("O13: any bytes are a message or a CodecError, and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 60 }), (bytes, headerSize) => {
        decodesOrRefuses(bytes);
        decodesOrRefuses(new Uint8Array([PROTOCOL_VERSION, 0, 0, 0, headerSize, ...bytes]));
      }),
      { numRuns: 2000 },
    );
  });

  it("O13: any message with some bytes changed, cut or added is a message or a CodecError, and nothing else", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(peerMessage, changes, fc.integer({ min: -3, max: 3 }), (message, mutations, growth) => {
        const encoded = join(encodeMessage(1, message));
        const bytes = new Uint8Array(Math.max(encoded.length + growth, 0));
        bytes.set(encoded.subarray(0, bytes.length));
        for (const [at, value] of mutations) bytes[at % bytes.length] = value;
        decodesOrRefuses(bytes);
      }),
      { numRuns: 3000 },
    );
  });
});

/** What decodes must be a message that can be sent again, and comes back the same. */
function decodesOrRefuses(bytes: Uint8Array): void {
  let decoded: ReturnType<typeof decodeMessage>;
  try {
    decoded = decodeMessage(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(CodecError);
    return;
  }
  const again = decodeMessage(join(encodeMessage(decoded.groupId, decoded.message)));
  expect(again).toStrictEqual(decoded);
}
