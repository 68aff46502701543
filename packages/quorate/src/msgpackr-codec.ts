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
  // `pack` may return a view of a buffer that it goes on to use; a command lives as long as the log (PITFALLS F11).
  const encode = (value: unknown): Uint8Array => new Uint8Array(packr.pack(value));
  return {
    encodeCommand: encode,
    decodeCommand: (data) => packr.unpack(data) as Command,
    encodeResult: encode,
    decodeResult: (data) => packr.unpack(data) as Result,
  };
}
