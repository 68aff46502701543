/**
 * Cuts a stream of bytes into frames.
 *
 * A frame that lies whole in one chunk, as nearly all small ones do, is handed on as a view of that chunk. What a chunk
 * leaves unfinished is copied: once, into memory of its own that goes to whoever gets the frame; if the frame is large, a
 * bounded number of times, into a buffer that grows with what has arrived and not with what a header promises. So a peer
 * that announces much and sends little holds little memory.
 */

import { crc32 } from "node:zlib";
import { FRAME_HEADER_BYTES, FrameError } from "./frame.js";

const NO_BYTES = Buffer.alloc(0);
/** Up to this size a frame gets all of its memory when its header is there. */
const MAX_PROMISED_BYTES = 1024 * 1024;
/** The buffer for a larger one starts with this size. */
const FIRST_BUFFER_BYTES = 64 * 1024;

/** Gets a body; as a view that is only good during the call, unless `isGiven` says that nobody else uses its memory. */
export type FrameHandler = (body: Uint8Array, isGiven: boolean) => void;

export class FrameReader {
  readonly #maxFrameBytes: number;
  readonly #onFrame: FrameHandler;
  /** Of a frame that is not complete: the first bytes of its header, then the size that it says, and of its body. */
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerBytes = 0;
  #sizeBytes = 0;
  #body = NO_BYTES;
  #bodyBytes = 0;

  constructor(maxFrameBytes: number, onFrame: FrameHandler) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#onFrame = onFrame;
  }

  /** Takes in the next bytes. Throws a {@link FrameError} on what can be no frame; nothing may follow then. */
  push(chunk: Buffer): void {
    let at = this.#headerBytes > 0 ? this.#gather(chunk, 0) : 0;
    while (chunk.length - at >= FRAME_HEADER_BYTES) {
      const start = at + FRAME_HEADER_BYTES;
      const end = start + this.#readSize(chunk, at);
      if (end > chunk.length) break;
      this.#handOn(chunk.subarray(start, end), chunk.readUInt32BE(at + 4), false);
      at = end;
    }
    if (at < chunk.length) this.#gather(chunk, at);
  }

  /** Adds what stands at `start` to the frame that is not complete. Returns where that ends in `chunk`. */
  #gather(chunk: Buffer, start: number): number {
    let at = start;
    if (this.#headerBytes < FRAME_HEADER_BYTES) {
      at = Math.min(start + FRAME_HEADER_BYTES - this.#headerBytes, chunk.length);
      this.#headerBytes += chunk.copy(this.#header, this.#headerBytes, start, at);
      if (this.#headerBytes < FRAME_HEADER_BYTES) return at;
      this.#sizeBytes = this.#readSize(this.#header, 0);
    }
    const end = Math.min(at + this.#sizeBytes - this.#bodyBytes, chunk.length);
    this.#makeRoom(this.#bodyBytes + end - at);
    this.#bodyBytes += chunk.copy(this.#body, this.#bodyBytes, at, end);
    if (this.#bodyBytes === this.#sizeBytes) this.#finish();
    return end;
  }

  #makeRoom(neededBytes: number): void {
    if (neededBytes <= this.#body.length) return;
    const isSmall = this.#sizeBytes <= MAX_PROMISED_BYTES;
    const roomBytes = isSmall ? this.#sizeBytes : Math.max(FIRST_BUFFER_BYTES, 2 * neededBytes);
    const room = Buffer.allocUnsafeSlow(Math.min(roomBytes, this.#sizeBytes));
    this.#body.copy(room, 0, 0, this.#bodyBytes);
    this.#body = room;
  }

  #finish(): void {
    const body = this.#body;
    this.#headerBytes = 0;
    this.#body = NO_BYTES;
    this.#bodyBytes = 0;
    this.#handOn(body.subarray(0, this.#sizeBytes), this.#header.readUInt32BE(4), body.length === this.#sizeBytes);
  }

  #readSize(bytes: Buffer, at: number): number {
    const size = bytes.readUInt32BE(at);
    if (size > this.#maxFrameBytes) {
      throw new FrameError(`a frame of ${size} bytes is above the limit of ${this.#maxFrameBytes}.`);
    }
    return size;
  }

  #handOn(body: Buffer, checksum: number, isGiven: boolean): void {
    if (crc32(body) !== checksum) throw new FrameError("the checksum of a frame is wrong.");
    this.#onFrame(body, isGiven);
  }
}
