/**
 * Cuts a stream of bytes into frames.
 *
 * A frame that lies whole in one chunk is handed on where it lies; one that is spread over chunks is put together in
 * memory of its own, which grows with what has arrived, not with what was announced. Neither is written to again, so
 * that parts of it may be kept; whoever keeps small parts for long copies them, or keeps the whole.
 */

import { HEADER_BYTES, ProtocolError, SIZE_BYTES } from "./protocol.js";

/** Told of a frame: its body lies in `bytes` from `start` to `end`. Returns false to have no more for now. */
export type OnFrame = (kind: number, id: number, bytes: Buffer, start: number, end: number) => boolean;

const NOTHING: Buffer = Buffer.alloc(0);
const SMALL_BYTES = 16 * 1024;

export class FrameReader {
  readonly #maxFrameBytes: number;
  readonly #onFrame: OnFrame;
  /** The start of a frame that is not complete: its first `#heldBytes` bytes. */
  #held = NOTHING;
  #heldBytes = 0;
  /** What is not looked at yet, because no more was wanted. */
  #waiting = NOTHING;

  constructor(maxFrameBytes: number, onFrame: OnFrame) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#onFrame = onFrame;
  }

  /** Takes in the next bytes. False if no more is wanted before `resume`. Throws a {@link ProtocolError}. */
  push(chunk: Buffer): boolean {
    if (this.#waiting.length > 0) {
      this.#waiting = Buffer.concat([this.#waiting, chunk]);
      return false;
    }
    return this.#heldBytes === 0 ? this.#cut(chunk, 0) : this.#finishHeld(chunk);
  }

  /** Goes on where it stopped. */
  resume(): boolean {
    const waiting = this.#waiting;
    this.#waiting = NOTHING;
    return this.#cut(waiting, 0);
  }

  #cut(chunk: Buffer, from: number): boolean {
    let at = from;
    while (chunk.length - at >= HEADER_BYTES) {
      const end = at + this.#frameBytes(chunk, at);
      if (end > chunk.length) break;
      const start = at;
      at = end;
      if (this.#handOn(chunk, start, end)) continue;
      this.#waiting = chunk.subarray(end);
      return false;
    }
    if (at < chunk.length) this.#hold(chunk, at, chunk.length);
    return true;
  }

  /** Adds the start of `chunk` to the unfinished frame, and goes on behind it. */
  #finishHeld(chunk: Buffer): boolean {
    let at = 0;
    if (this.#heldBytes < HEADER_BYTES) {
      at = Math.min(HEADER_BYTES - this.#heldBytes, chunk.length);
      this.#hold(chunk, 0, at);
      if (this.#heldBytes < HEADER_BYTES) return true;
    }
    const frameBytes = this.#frameBytes(this.#held, 0);
    const end = Math.min(at + frameBytes - this.#heldBytes, chunk.length);
    this.#hold(chunk, at, end, frameBytes);
    if (this.#heldBytes < frameBytes) return true;
    const frame = this.#held;
    this.#held = NOTHING;
    this.#heldBytes = 0;
    if (this.#handOn(frame, 0, frameBytes)) return this.#cut(chunk, end);
    this.#waiting = chunk.subarray(end);
    return false;
  }

  #hold(chunk: Buffer, start: number, end: number, frameBytes = Number.POSITIVE_INFINITY): void {
    const needed = this.#heldBytes + end - start;
    if (needed > this.#held.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(Math.max(SMALL_BYTES, 2 * needed), Math.max(needed, frameBytes)));
      this.#held.copy(grown, 0, 0, this.#heldBytes);
      this.#held = grown;
    }
    chunk.copy(this.#held, this.#heldBytes, start, end);
    this.#heldBytes = needed;
  }

  #frameBytes(bytes: Buffer, at: number): number {
    const frameBytes = SIZE_BYTES + bytes.readUInt32BE(at);
    if (frameBytes >= HEADER_BYTES && frameBytes <= this.#maxFrameBytes) return frameBytes;
    throw new ProtocolError(`A frame has ${frameBytes} bytes; it must have ${HEADER_BYTES} to ${this.#maxFrameBytes}.`);
  }

  #handOn(bytes: Buffer, start: number, end: number): boolean {
    const kind = bytes[start + SIZE_BYTES] as number;
    return this.#onFrame(kind, bytes.readUInt32BE(start + SIZE_BYTES + 1), bytes, start + HEADER_BYTES, end);
  }
}
