/** A snapshot in memory: its body as the pieces it was written in. */

import type { StoredSnapshot } from "@quorate/contracts";
import type { EntryId } from "@quorate/core";

export class MemorySnapshot {
  readonly stored: StoredSnapshot;
  /** Whether it was found damaged. */
  isDistrusted = false;
  #pieces: readonly Uint8Array[];
  /** Where each piece begins. */
  readonly #offsets: number[] = [];

  /** Takes `pieces` over; none of them is empty. */
  constructor(stored: StoredSnapshot, pieces: readonly Uint8Array[]) {
    this.stored = stored;
    this.#pieces = pieces;
    let offset = 0;
    for (const { length } of pieces) {
      this.#offsets.push(offset);
      offset += length;
    }
  }

  /** Whether nothing new is in one of `place`, once there is this one. */
  reaches({ index }: EntryId): boolean {
    const reached = this.stored.place.index;
    return reached > index || (reached === index && !this.isDistrusted);
  }

  /** A copy of what there is from `offset` on, `maxBytes` at most. */
  read(offset: number, maxBytes: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(maxBytes, this.stored.sizeBytes - offset)));
    let done = 0;
    for (let place = this.#placeOf(offset); done < bytes.length; place += 1) {
      const from = offset + done - (this.#offsets[place] as number);
      const part = (this.#pieces[place] as Uint8Array).subarray(from, from + bytes.length - done);
      bytes.set(part, done);
      done += part.length;
    }
    return bytes;
  }

  /** Turns the bits of its last byte over. Throws a `RangeError` if it has none. */
  damage(): void {
    const last = this.#pieces.at(-1);
    if (last === undefined) throw new RangeError("The snapshot is empty");
    const damaged = new Uint8Array(last);
    damaged[damaged.length - 1] = (damaged[damaged.length - 1] as number) ^ 0xff;
    this.#pieces = [...this.#pieces.slice(0, -1), damaged];
  }

  /** The last piece that begins at or before `offset`. */
  #placeOf(offset: number): number {
    let low = 0;
    let high = this.#offsets.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#offsets[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
