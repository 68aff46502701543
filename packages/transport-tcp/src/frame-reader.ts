/**
 * Cuts a stream of bytes into frames.
 *
 * A frame that lies whole in one chunk, as nearly all small ones do, is handed on as a view of that chunk. Only what
 * a chunk leaves unfinished is copied: each byte a bounded number of times, into a buffer that grows with what has
 * arrived and not with what a header promises. So a peer that announces much and sends little holds little memory.
 */

import { crc32 } from "node:zlib";
import { FRAME_HEADER_BYTES, FrameError } from "./frame.js";

const NO_BYTES = Buffer.alloc(0);
/** The buffer for unfinished frames starts with this size, and is kept for the next one as long as it has it. */
const SMALL_BUFFER_BYTES = 64 * 1024;

export class FrameReader {
  readonly #maxFrameBytes: number;
  readonly #onFrame: (body: Uint8Array) => void;
  /** The start of a frame that is not complete: its first `#heldBytes` bytes. */
  #held = NO_BYTES;
  #heldBytes = 0;

  /** `onFrame` gets each body as a view that is only good during the call. */
  constructor(maxFrameBytes: number, onFrame: (body: Uint8Array) => void) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#onFrame = onFrame;
  }

  /** Takes in the next bytes. Throws a {@link FrameError} on what can be no frame; nothing may follow then. */
  push(chunk: Buffer): void {
    let at = this.#heldBytes > 0 ? this.#finishHeld(chunk) : 0;
    while (chunk.length - at >= FRAME_HEADER_BYTES) {
      const end = at + FRAME_HEADER_BYTES + this.#readSize(chunk, at);
      if (end > chunk.length) break;
      this.#handOn(chunk, at, end);
      at = end;
    }
    if (at < chunk.length) this.#hold(chunk, at, chunk.length);
  }

  /** Adds the start of `chunk` to the unfinished frame. Returns how much of it was used. */
  #finishHeld(chunk: Buffer): number {
    let at = 0;
    if (this.#heldBytes < FRAME_HEADER_BYTES) {
      at = Math.min(FRAME_HEADER_BYTES - this.#heldBytes, chunk.length);
      this.#hold(chunk, 0, at);
      if (this.#heldBytes < FRAME_HEADER_BYTES) return at;
    }
    const frameBytes = FRAME_HEADER_BYTES + this.#readSize(this.#held, 0);
    const end = Math.min(at + frameBytes - this.#heldBytes, chunk.length);
    this.#hold(chunk, at, end);
    if (this.#heldBytes === frameBytes) {
      this.#heldBytes = 0;
      this.#handOn(this.#held, 0, frameBytes);
      if (this.#held.length > SMALL_BUFFER_BYTES) this.#held = NO_BYTES;
    }
    return end;
  }

  #hold(chunk: Buffer, start: number, end: number): void {
    const needed = this.#heldBytes + end - start;
    if (needed > this.#held.length) {
      const sizeBytes = Math.min(Math.max(SMALL_BUFFER_BYTES, 2 * needed), FRAME_HEADER_BYTES + this.#maxFrameBytes);
      const grown = Buffer.allocUnsafeSlow(sizeBytes);
      this.#held.copy(grown, 0, 0, this.#heldBytes);
      this.#held = grown;
    }
    chunk.copy(this.#held, this.#heldBytes, start, end);
    this.#heldBytes = needed;
  }

  #readSize(bytes: Buffer, at: number): number {
    const size = bytes.readUInt32BE(at);
    if (size > this.#maxFrameBytes) {
      throw new FrameError(`a frame of ${size} bytes is above the limit of ${this.#maxFrameBytes}.`);
    }
    return size;
  }

  #handOn(bytes: Buffer, start: number, end: number): void {
    const body = bytes.subarray(start + FRAME_HEADER_BYTES, end);
    if (crc32(body) !== bytes.readUInt32BE(start + 4)) throw new FrameError("the checksum of a frame is wrong.");
    this.#onFrame(body);
  }
}
