/** Commands and answers as plain values, in MessagePack. */

import type { CommandCodec } from "@quorate/contracts";
import { Packr } from "msgpackr";

/**
 * Encodes whatever MessagePack can: numbers, strings, booleans, null, `Uint8Array`, arrays, and plain objects of these.
 * What it cannot (functions, class instances that must stay such) does not come back as it was: keep commands plain.
 * Every command is encoded by itself, so that each server decodes it alike whatever it saw before (PITFALLS C10).
 *
 * Byte arrays come out as copies. Small ones share their memory, Node's pool of eight kilobytes, with others: a state
 * machine that keeps single ones for long copies them.
 */
export function msgpackrCodec<Command, Result>(): CommandCodec<Command, Result> {
  const packr = new Packr({ useRecords: false });
  // A view of a buffer, of which the packer uses the rest for what comes next, and then takes another one.
  const encode = (value: unknown): Uint8Array => packr.pack(value);
  return {
    encodeCommand: encode,
    decodeCommand: (data) => packr.unpack(copyOf(data)) as Command,
    encodeResult: encode,
    decodeResult: (data) => packr.unpack(copyOf(data)) as Result,
  };
}

/** What byte arrays come out as views of: views of the log would let the state machine write into it (PITFALLS F11). */
function copyOf(data: Uint8Array): Uint8Array {
  const { buffer, byteOffset, length } = Buffer.from(data);
  return new Uint8Array(buffer, byteOffset, length);
}
