/** Commands and answers as plain values, in MessagePack. */

import type { CommandCodec } from "@quorate/contracts";
import { Packr } from "msgpackr";

/**
 * Encodes whatever MessagePack can: numbers, strings, booleans, null, `Uint8Array`, arrays, and plain objects of these.
 * What it cannot (functions, class instances that must stay such) does not come back as it was: keep commands plain.
 * Every command is encoded by itself, so that each server decodes it alike whatever it saw before (PITFALLS C10).
 */
export function msgpackrCodec<Command, Result>(): CommandCodec<Command, Result> {
  // Byte arrays come out as copies: a view would let the state machine write into the log (PITFALLS F11).
  const packr = new Packr({ useRecords: false, copyBuffers: true });
  // A view of a buffer, of which the packer uses the rest for what comes next, and then takes another one.
  const encode = (value: unknown): Uint8Array => packr.pack(value);
  return {
    encodeCommand: encode,
    decodeCommand: (data) => packr.unpack(data) as Command,
    encodeResult: encode,
    decodeResult: (data) => packr.unpack(data) as Result,
  };
}
