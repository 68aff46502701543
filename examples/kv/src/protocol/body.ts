/** Reads the fields of a body one after the other, and goes nowhere beyond its end. */

import { msgpackrCodec } from "quorate";
import { isWellFormed } from "../limits.js";
import { ProtocolError } from "./protocol.js";

const { encodeResult, decodeResult } = msgpackrCodec<never, unknown>();

/** What has structure is in MessagePack. */
export const pack = encodeResult;

const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class Body {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  /** Starts with another body: one object serves all of a connection. */
  open(bytes: Buffer, start: number, end: number): this {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    return this;
  }

  u8(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  u16(): number {
    return this.#bytes.readUInt16BE(this.#take(2));
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  u64(): number {
    const at = this.#take(8);
    const value = this.#bytes.readUInt32BE(at) * 2 ** 32 + this.#bytes.readUInt32BE(at + 4);
    if (Number.isSafeInteger(value)) return value;
    throw new ProtocolError("A number is above 2^53 - 1.");
  }

  /** The text of the next `sizeBytes`; null if they are not UTF-8. */
  text(sizeBytes: number): string | null {
    const at = this.#take(sizeBytes);
    const text = this.#bytes.toString("utf8", at, at + sizeBytes);
    // What is no UTF-8 was replaced by this character, which may also have been meant.
    return text.includes("\ufffd") && !this.#isUtf8(at, sizeBytes) ? null : text;
  }

  /** A view of the next `sizeBytes`. */
  bytes(sizeBytes: number): Buffer {
    const at = this.#take(sizeBytes);
    return this.#bytes.subarray(at, at + sizeBytes);
  }

  get restBytes(): number {
    return this.#end - this.#at;
  }

  /** What all the rest is, in MessagePack. */
  unpack(): unknown {
    try {
      return decodeResult(this.bytes(this.restBytes));
    } catch (cause) {
      throw new ProtocolError("Something is not MessagePack.", { cause });
    }
  }

  /** What all the rest is, in JSON. */
  json(): unknown {
    try {
      return JSON.parse(this.bytes(this.restBytes).toString());
    } catch (cause) {
      throw new ProtocolError("Something is not JSON.", { cause });
    }
  }

  /** To be called when all should be read. */
  finish(): void {
    if (this.#at !== this.#end) throw new ProtocolError("A frame is longer than what is in it.");
  }

  #take(sizeBytes: number): number {
    const at = this.#at;
    if (at + sizeBytes > this.#end) throw new ProtocolError("A frame is shorter than what is in it.");
    this.#at = at + sizeBytes;
    return at;
  }

  #isUtf8(at: number, sizeBytes: number): boolean {
    try {
      return isWellFormed(STRICT.decode(this.#bytes.subarray(at, at + sizeBytes)));
    } catch {
      return false;
    }
  }
}
