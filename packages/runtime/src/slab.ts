/**
 * Memory for many small arrays of bytes that live about equally long, cut from a larger piece: to allocate each by
 * itself costs more than to fill it. A piece is free when the last of its arrays is.
 */

const SLAB_BYTES = 32 * 1024;

/** Larger ones are allocated by themselves, so that none holds much more than itself. */
const MAX_SHARED_BYTES = 2048;

export class Slab {
  #buffer = new ArrayBuffer(0);
  #used = 0;

  /** `sizeBytes` bytes, which may hold anything. */
  take(sizeBytes: number): Uint8Array {
    if (sizeBytes > MAX_SHARED_BYTES) return new Uint8Array(sizeBytes);
    if (this.#used + sizeBytes > this.#buffer.byteLength) {
      this.#buffer = new ArrayBuffer(SLAB_BYTES);
      this.#used = 0;
    }
    const bytes = new Uint8Array(this.#buffer, this.#used, sizeBytes);
    this.#used += sizeBytes;
    return bytes;
  }
}
