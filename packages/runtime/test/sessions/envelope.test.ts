import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "../../src/sessions/digest.js";
import {
  checkEnvelope,
  commandOf,
  decodeId,
  ENVELOPE_BYTES,
  encodeId,
  makeEnvelope,
  readEnvelope,
  writeSession,
  writeTime,
} from "../../src/sessions/envelope.js";

const natural = fc.oneof(fc.maxSafeNat(), fc.nat(300), fc.constantFrom(2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER));

describe("an envelope", () => {
  it("says what was written, in place, and nothing else of the payload", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), natural, natural, natural, natural, (payload, ...numbers) => {
        const [timeMs, session, sequence, acknowledgedBelow] = numbers as [number, number, number, number];
        const data = makeEnvelope("command", payload);
        writeSession(data, session, sequence, acknowledgedBelow);
        writeTime(data, timeMs);
        expect(readEnvelope(data)).toEqual({ kind: "command", timeMs, session, sequence, acknowledgedBelow, payload });
        expect(commandOf(data)).toEqual(payload);
      }),
    );
  });

  it("of another kind has nothing for the state machine", () => {
    const data = makeEnvelope("open", new Uint8Array(0), 5000, 1);
    expect(readEnvelope(data)).toMatchObject({ kind: "open", session: 5000, sequence: 1 });
    expect(commandOf(data)).toBeNull();
  });

  it("C11, F12: is refused if it is too short, of a kind to come, or holds what is no safe integer", () => {
    const whole = makeEnvelope("command", new Uint8Array(0), 1, 1);
    const later = Uint8Array.from(whole);
    later[0] = 5;
    const huge = Uint8Array.from(whole);
    huge[1] = 0x20;
    for (const data of [new Uint8Array(0), whole.subarray(0, ENVELOPE_BYTES - 1), later, huge]) {
      expect(() => readEnvelope(data)).toThrow(RangeError);
      expect(() => checkEnvelope(data)).toThrow(expect.objectContaining({ code: "COMMAND_NOT_ENCODABLE" }));
    }
  });
});

it("an id survives the way, and is never 0", () => {
  expect(decodeId(encodeId(2 ** 40 + 7))).toBe(2 ** 40 + 7);
  for (const data of [encodeId(0), new Uint8Array(7)]) expect(() => decodeId(data)).toThrow(RangeError);
});

it("K11: digests are those of every version of this code, and tell payloads apart", () => {
  const bytes = (text: string): Uint8Array => Buffer.from(text);
  expect(["", "a", "quorate"].map((text) => digestOf(bytes(text)))).toMatchInlineSnapshot(`
    [
      4711929670526862,
      1627062097165007,
      8514201425590675,
    ]
  `);
  const digests = Array.from({ length: 50_000 }, (_, each) => digestOf(bytes(`payload ${each}`)));
  expect(new Set(digests).size).toBe(digests.length);
  expect(digests.every((digest) => Number.isSafeInteger(digest) && digest >= 0)).toBe(true);
});
