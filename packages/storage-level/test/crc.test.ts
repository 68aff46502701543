import { crc32 as crc32OfNode } from "node:zlib";
import { Crc } from "@quorate/contracts";
import fc from "fast-check";
import { expect, it } from "vitest";
import { crc32 } from "../src/abstract/crc.js";

const bytes = fc.uint8Array({ maxLength: 700 });

it("the checksum of records is CRC-32, of short ones and long ones, in one piece or two", () => {
  fc.assert(
    fc.property(bytes, bytes, (first, second) => {
      const both = Buffer.concat([first, second]);
      expect(crc32(both)).toBe(crc32OfNode(both));
      expect(crc32(second, 0, second.length, crc32(first))).toBe(crc32OfNode(both));
      expect(crc32(both, first.length)).toBe(crc32OfNode(second));
    }),
  );
});

it("is the same where Node's own function is not at hand", () => {
  const portable = new Crc(0xedb88320);
  fc.assert(
    fc.property(bytes, bytes, (first, second) => {
      expect(portable.of(second, 0, second.length, portable.of(first))).toBe(
        crc32OfNode(Buffer.concat([first, second])),
      );
    }),
  );
});
