import { crc32 } from "@quorate/contracts";
import { type Configuration, foundingConfiguration } from "@quorate/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeSnapshotHeader, encodeSnapshotHeader, type SnapshotHeader } from "../../src/snapshot-header.js";
import {
  decodeSections,
  encodeSections,
  restoreSections,
  SECTIONS_HEAD_BYTES,
  type SnapshotSection,
  sectionsLength,
} from "../../src/snapshot-sections.js";

const configuration: Configuration = foundingConfiguration([
  { id: 1, name: "é", address: "host:1" },
  { id: 2, name: "b", address: "host:2", isWitness: false },
]);
const place = { index: 40, term: 3 };
const header: SnapshotHeader = {
  clusterId: "cluster ü",
  point: { ...place, membership: { index: 1, configuration } },
  lastCommandIndex: 38,
};

describe("the header of a snapshot", () => {
  it("S19: comes back as it was, in the same bytes each time", () => {
    const bytes = encodeSnapshotHeader(header);
    const back = decodeSnapshotHeader(bytes, place);
    expect(back.clusterId).toBe(header.clusterId);
    expect(back.lastCommandIndex).toBe(38);
    expect(back.point.membership.configuration.voters.map(({ name }) => name)).toEqual(["é", "b"]);
    expect(encodeSnapshotHeader(back)).toEqual(bytes);
  });

  it("O7: one of another format is refused as such, and one of another place as damaged", () => {
    const bytes = encodeSnapshotHeader(header);
    const later = Buffer.from(Buffer.from(bytes).toString().replace('"format":2', '"format":3'));
    expect(() => decodeSnapshotHeader(later, place)).toThrow(expect.objectContaining({ code: "STORAGE_FORMAT" }));
    expect(() => decodeSnapshotHeader(bytes, { index: 41, term: 3 })).toThrow(
      expect.objectContaining({ code: "STORAGE_CORRUPT" }),
    );
  });

  it("S10, P6: a bit that has flipped in them is found, though the rest of the snapshot is not read", () => {
    const bytes = encodeSections([section("sessions", "abc"), section("empty", "")]);
    for (let bit = 8 * 4; bit < 8 * bytes.length; bit += 1) {
      const flipped = mutated(bytes, [[bit >> 3, (bytes[bit >> 3] as number) ^ (1 << (bit & 7))]]);
      const decode = (): unknown => decodeSections(flipped, flipped.subarray(SECTIONS_HEAD_BYTES));
      expect(decode).toThrow(expect.objectContaining({ code: "STORAGE_CORRUPT" }));
    }
  });

  it("R19: whatever bytes come in, it is refused with a reason or understood", () => {
    const bytes = encodeSnapshotHeader(header);
    const mutations = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), mutations), (drawn) => {
        const hostile = drawn instanceof Uint8Array ? drawn : mutated(bytes, drawn);
        try {
          expect(decodeSnapshotHeader(hostile, place).point).toMatchObject(place);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^STORAGE_(CORRUPT|FORMAT)$/) });
        }
      }),
      { numRuns: 2000 },
    );
  });
});

function mutated(bytes: Uint8Array, mutations: readonly (readonly [number, number])[]): Uint8Array {
  const copy = new Uint8Array(bytes);
  for (const [at, byte] of mutations) copy[at] = byte;
  return copy;
}

function section(name: string, content: string): SnapshotSection & { restored: [string | null, number][] } {
  const restored: [string | null, number][] = [];
  return {
    name,
    restored,
    save: () => Buffer.from(content),
    restore: (bytes, index) => restored.push([bytes === null ? null : Buffer.from(bytes).toString(), index]),
  };
}

/** What is understood of these bytes, by their own checksum if none is given. */
function understood(bytes: Uint8Array, checksum = crc32(bytes)): ReadonlyMap<string, Uint8Array> {
  const head = new Uint8Array(SECTIONS_HEAD_BYTES);
  new DataView(head.buffer).setUint32(4, checksum);
  return decodeSections(head, bytes);
}

describe("the library's own part of a snapshot", () => {
  it("S19: goes to the section of its name", () => {
    const bytes = encodeSections([section("sessions", "abc"), section("empty", "")]);
    expect(sectionsLength(bytes.subarray(0, SECTIONS_HEAD_BYTES))).toBe(bytes.length - SECTIONS_HEAD_BYTES);
    const [sessions, empty, later] = [section("sessions", ""), section("empty", ""), section("later", "")];
    restoreSections([later, sessions, empty], decodeSections(bytes, bytes.subarray(SECTIONS_HEAD_BYTES)), 9);
    expect([sessions.restored, empty.restored, later.restored]).toEqual([[["abc", 9]], [["", 9]], [[null, 9]]]);
  });

  it("C11: what is not known here is refused, for it would be lost", () => {
    const contents = understood(encodeSections([section("unknown", "x")]).subarray(SECTIONS_HEAD_BYTES));
    expect(() => restoreSections([], contents, 1)).toThrow(expect.objectContaining({ code: "STORAGE_FORMAT" }));
  });

  it("S10, P6: a bit that has flipped in them is found, though the rest of the snapshot is not read", () => {
    const bytes = encodeSections([section("sessions", "abc"), section("empty", "")]);
    for (let bit = 8 * 4; bit < 8 * bytes.length; bit += 1) {
      const flipped = mutated(bytes, [[bit >> 3, (bytes[bit >> 3] as number) ^ (1 << (bit & 7))]]);
      const decode = (): unknown => decodeSections(flipped, flipped.subarray(SECTIONS_HEAD_BYTES));
      expect(decode).toThrow(expect.objectContaining({ code: "STORAGE_CORRUPT" }));
    }
  });

  it("R19: whatever bytes come in, they are refused or understood", () => {
    const whole = encodeSections([section("one", "1111"), section("two", "")]).subarray(SECTIONS_HEAD_BYTES);
    for (let length = 1; length < whole.length; length += 1) {
      try {
        expect(understood(whole.subarray(0, length)).size).toBe(1);
      } catch (error) {
        expect(error).toMatchObject({ code: "STORAGE_CORRUPT" });
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          understood(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: "STORAGE_CORRUPT" });
        }
      }),
    );
  });
});
