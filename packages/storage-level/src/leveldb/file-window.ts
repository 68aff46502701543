/** A file read through a window: from its start to its end, with the memory of the window, however long it is. */

import type { FileHandle } from "node:fs/promises";

/** What `read` returns may change with the next call. */
export interface FileContents {
  readonly sizeBytes: number;
  /** Rejects with a `RangeError` if the file ends before. */
  read(offset: number, sizeBytes: number): Promise<Buffer>;
}

export class FileWindow implements FileContents {
  readonly sizeBytes: number;
  readonly #file: FileHandle;
  /** It may be that of others, as long as one after the other uses it. */
  readonly #memory: Buffer;
  /** What of the file is in it. */
  #start = 0;
  #end = 0;

  constructor(file: FileHandle, sizeBytes: number, memory: Buffer) {
    this.#file = file;
    this.sizeBytes = sizeBytes;
    this.#memory = memory;
  }

  async read(offset: number, sizeBytes: number): Promise<Buffer> {
    if (sizeBytes > this.#memory.length) return this.#fill(Buffer.allocUnsafe(sizeBytes), offset, sizeBytes);
    if (offset < this.#start || offset + sizeBytes > this.#end) {
      const ahead = Math.min(this.#memory.length, Math.max(sizeBytes, this.sizeBytes - offset));
      this.#end = this.#start;
      await this.#fill(this.#memory, offset, ahead);
      this.#start = offset;
      this.#end = offset + ahead;
    }
    return this.#memory.subarray(offset - this.#start, offset - this.#start + sizeBytes);
  }

  async #fill(target: Buffer, offset: number, sizeBytes: number): Promise<Buffer> {
    for (let filled = 0; filled < sizeBytes; ) {
      const { bytesRead } = await this.#file.read(target, filled, sizeBytes - filled, offset + filled);
      if (bytesRead === 0) throw new RangeError(`The file ends before byte ${offset + sizeBytes}`);
      filled += bytesRead;
    }
    return target;
  }
}
