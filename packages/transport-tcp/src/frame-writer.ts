/**
 * Gathers frames for one write to the socket.
 *
 * Small pieces are copied into a block, one behind the other, so that a turn's worth of heartbeats, results and small
 * entries is one piece for the kernel. Large payloads are passed on as they are. A block is filled once, from start to
 * end, and never written to again: the socket may still hold what was taken from it.
 */

import { crc32 } from "node:zlib";
import type { EncodedMessage } from "@quorate/codec";
import { FRAME_HEADER_BYTES } from "./frame.js";

const BLOCK_BYTES = 64 * 1024;
/** From this size on, passing a piece on costs less than copying it. */
const LARGE_PIECE_BYTES = 8 * 1024;

export class FrameWriter {
  #block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  /** Where the part of the block starts that is not yet among the pieces, and where it ends. */
  #start = 0;
  #end = 0;
  #pieces: Uint8Array[] = [];
  #gatheredBytes = 0;

  get gatheredBytes(): number {
    return this.#gatheredBytes;
  }

  /** Adds one message as a frame. */
  add({ chunks, sizeBytes }: EncodedMessage): void {
    if (BLOCK_BYTES - this.#end < FRAME_HEADER_BYTES) this.#newBlock();
    const headerBlock = this.#block;
    const headerAt = this.#end;
    this.#end += FRAME_HEADER_BYTES;

    let checksum = 0;
    let runStart = this.#end;
    for (const chunk of chunks) {
      const isLarge = chunk.length >= LARGE_PIECE_BYTES;
      if (isLarge || chunk.length > BLOCK_BYTES - this.#end) {
        checksum = crc32(this.#block.subarray(runStart, this.#end), checksum);
        if (!isLarge) this.#newBlock();
        runStart = this.#end;
      }
      if (isLarge) {
        this.#seal();
        this.#pieces.push(chunk);
        checksum = crc32(chunk, checksum);
      } else {
        this.#block.set(chunk, this.#end);
        this.#end += chunk.length;
      }
    }
    checksum = crc32(this.#block.subarray(runStart, this.#end), checksum);
    headerBlock.writeUInt32BE(sizeBytes, headerAt);
    headerBlock.writeUInt32BE(checksum, headerAt + 4);
    this.#gatheredBytes += FRAME_HEADER_BYTES + sizeBytes;
  }

  /** Hands out what was gathered, and starts anew. */
  take(): readonly Uint8Array[] {
    this.#seal();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#gatheredBytes = 0;
    return pieces;
  }

  #seal(): void {
    if (this.#start === this.#end) return;
    this.#pieces.push(this.#block.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }

  #newBlock(): void {
    this.#seal();
    this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.#start = 0;
    this.#end = 0;
  }
}
