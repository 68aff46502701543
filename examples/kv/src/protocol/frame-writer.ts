/**
 * Gathers frames for one write to the socket.
 *
 * What is small is copied into a block, one frame behind the other, so that all that a turn has to say is one piece for
 * the kernel; what is large is passed on as it is. A block is filled once, from start to end, and never written to
 * again: the socket may still hold what was taken from it.
 */

import { HEADER_BYTES, SIZE_BYTES } from "./protocol.js";

const MIN_BLOCK_BYTES = 4 * 1024;
const MAX_BLOCK_BYTES = 64 * 1024;
/** From this size on, passing a piece on costs less than copying it. */
const LARGE_PIECE_BYTES = 16 * 1024;

const NOTHING = Buffer.alloc(0);

export class FrameWriter {
  #block = NOTHING;
  #blockBytes = MIN_BLOCK_BYTES / 2;
  /** Where the part of the block starts that is not yet among the pieces, and where it ends. */
  #start = 0;
  #end = 0;
  #pieces: Uint8Array[] = [];
  #gatheredBytes = 0;

  get gatheredBytes(): number {
    return this.#gatheredBytes;
  }

  /** Begins a frame whose body has `sizeBytes`, of which the caller adds each. */
  begin(kind: number, id: number, sizeBytes: number): void {
    this.#reserve(HEADER_BYTES);
    const block = this.#block;
    const at = this.#end;
    block.writeUInt32BE(HEADER_BYTES - SIZE_BYTES + sizeBytes, at);
    block[at + SIZE_BYTES] = kind;
    block.writeUInt32BE(id, at + SIZE_BYTES + 1);
    this.#end = at + HEADER_BYTES;
    this.#gatheredBytes += HEADER_BYTES + sizeBytes;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#block[this.#end] = value;
    this.#end += 1;
  }

  u16(value: number): void {
    this.#reserve(2);
    this.#end = this.#block.writeUInt16BE(value, this.#end);
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#end = this.#block.writeUInt32BE(value, this.#end);
  }

  u64(value: number): void {
    this.#reserve(8);
    this.#block.writeUInt32BE(Math.floor(value / 2 ** 32), this.#end);
    this.#end = this.#block.writeUInt32BE(value >>> 0, this.#end + 4);
  }

  /** `text` in UTF-8, which has `sizeBytes`. */
  text(text: string, sizeBytes: number): void {
    if (sizeBytes >= LARGE_PIECE_BYTES) return this.bytes(Buffer.from(text));
    this.#reserve(sizeBytes);
    this.#end += this.#block.write(text, this.#end, sizeBytes, "utf8");
  }

  /** Must not change before they have left. */
  bytes(bytes: Uint8Array): void {
    if (bytes.length >= LARGE_PIECE_BYTES) {
      this.#seal();
      this.#pieces.push(bytes);
    } else if (bytes.length > 0) {
      this.#reserve(bytes.length);
      this.#block.set(bytes, this.#end);
      this.#end += bytes.length;
    }
  }

  /** Hands out what was gathered, and starts anew. */
  take(): readonly Uint8Array[] {
    this.#seal();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#gatheredBytes = 0;
    return pieces;
  }

  /** Lets go of its memory, if nothing is in it, until it is needed again. */
  rest(): void {
    if (this.#gatheredBytes > 0) return;
    this.#block = NOTHING;
    this.#blockBytes = MIN_BLOCK_BYTES / 2;
    this.#start = 0;
    this.#end = 0;
  }

  #reserve(sizeBytes: number): void {
    if (this.#block.length - this.#end >= sizeBytes) return;
    this.#seal();
    this.#blockBytes = Math.min(2 * this.#blockBytes, MAX_BLOCK_BYTES);
    this.#block = Buffer.allocUnsafeSlow(Math.max(this.#blockBytes, sizeBytes));
    this.#start = 0;
    this.#end = 0;
  }

  #seal(): void {
    if (this.#start === this.#end) return;
    this.#pieces.push(this.#block.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}
