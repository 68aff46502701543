/**
 * Memory for many small arrays of bytes that live about equally long, cut from a larger piece: to allocate each by
 * itself costs more than to fill it. A piece is free when the last of its arrays is.
 */

const SLAB_BYTES = 32 * 1024;

export class Slab {
  readonly #pieceBytes: number;
  #buffer = new ArrayBuffer(0);
  #used = 0;

  constructor(pieceBytes = SLAB_BYTES) {
    this.#pieceBytes = pieceBytes;
  }

  /** `sizeBytes` bytes, which may hold anything. */
  take(sizeBytes: number): Uint8Array {
    // Larger ones are allocated by themselves, so that none holds much more than itself.
    if (sizeBytes > this.#pieceBytes / 16) return new Uint8Array(sizeBytes);
    if (this.#used + sizeBytes > this.#buffer.byteLength) {
      this.#buffer = new ArrayBuffer(this.#pieceBytes);
      this.#used = 0;
    }
    const bytes = new Uint8Array(this.#buffer, this.#used, sizeBytes);
    this.#used += sizeBytes;
    return bytes;
  }
}
