/** Whole numbers and byte strings, one after the other: how a session table is saved. */

const CHUNK_BYTES = 64 * 1024;
const HIGH = 2 ** 32;

export class ByteWriter {
  #data = new Uint8Array(CHUNK_BYTES);
  #view = new DataView(this.#data.buffer);
  #size = 0;

  /** A safe integer from 0 up. */
  number(value: number): void {
    this.#reserve(8);
    this.#view.setUint32(this.#size, Math.floor(value / HIGH));
    this.#view.setUint32(this.#size + 4, value % HIGH);
    this.#size += 8;
  }

  bytes(data: Uint8Array | null): void {
    this.number(data === null ? 0 : data.length + 1);
    if (data === null) return;
    this.#reserve(data.length);
    this.#data.set(data, this.#size);
    this.#size += data.length;
  }

  done(): Uint8Array {
    return this.#data.slice(0, this.#size);
  }

  #reserve(bytes: number): void {
    if (this.#size + bytes <= this.#data.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#data.length, this.#size + bytes));
    grown.set(this.#data);
    this.#data = grown;
    this.#view = new DataView(grown.buffer);
  }
}

/** Reads what a {@link ByteWriter} wrote. Throws a `RangeError` on anything else, as far as it can tell. */
export class ByteReader {
  readonly #data: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#data.length;
  }

  number(): number {
    const value = this.#view.getUint32(this.#at) * HIGH + this.#view.getUint32(this.#at + 4);
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no safe integer`);
    this.#at += 8;
    return value;
  }

  bytes(): Uint8Array | null {
    const size = this.number() - 1;
    if (size < 0) return null;
    if (this.#at + size > this.#data.length) throw new RangeError("the bytes end too early");
    this.#at += size;
    return new Uint8Array(this.#data.subarray(this.#at - size, this.#at));
  }
}
