/** Commands and answers as bytes: the checks that every proposal passes, and the codec for those who bring bytes. */

import { type CommandCodec, RaftError } from "@quorate/contracts";
import { Slab } from "./slab.js";

/** As large as the pool from which Node cuts its small buffers, and for the same reason. */
const pool = new Slab(8 * 1024);

/**
 * For state machines whose commands and answers are bytes. Copies: what the caller does with its array later, or the
 * state machine with its own, does not reach the log (PITFALLS F11). Small copies share their memory, eight kilobytes,
 * with others: a state machine that keeps single ones for long copies them.
 */
export const bytesCodec: CommandCodec<Uint8Array, Uint8Array> = {
  // The runtime copies it into the log's own bytes.
  encodeCommand: (command) => command,
  decodeCommand: copyOf,
  encodeResult: copyOf,
  decodeResult: copyOf,
};

function copyOf(data: Uint8Array): Uint8Array {
  const copy = pool.take(data.length);
  copy.set(data);
  return copy;
}

/** Throws `COMMAND_NOT_ENCODABLE`. What it returns is to be copied at once. */
export function encodeCommand<Command, Result>(codec: CommandCodec<Command, Result>, command: Command): Uint8Array {
  let data: Uint8Array;
  try {
    data = codec.encodeCommand(command);
  } catch (cause) {
    throw new RaftError("COMMAND_NOT_ENCODABLE", "The codec threw.", { cause });
  }
  if (!(data instanceof Uint8Array)) {
    throw new RaftError("COMMAND_NOT_ENCODABLE", `The codec returned ${typeof data} instead of bytes.`);
  }
  return data;
}

/** Throws `COMMAND_TOO_LARGE` (PITFALLS R20). */
export function checkCommandSize(sizeBytes: number, maxCommandBytes: number): void {
  if (sizeBytes <= maxCommandBytes) return;
  throw new RaftError("COMMAND_TOO_LARGE", `It takes ${sizeBytes} bytes; ${maxCommandBytes} are allowed.`);
}
