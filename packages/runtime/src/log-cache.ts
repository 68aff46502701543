/**
 * The newest entries of the log, bounded in bytes. They serve followers that keep up, and the state machine, without a
 * read from the storage. What both have had soon leaves: entries that stay for a while cost the garbage collector more
 * than all else that is done for them.
 *
 * An entry leaves only once the storage is known to hold it, so that whatever is not here can be read there. What is
 * not stored yet is bounded elsewhere: on a leader by `maxPendingBytes`, on a follower by what its leader has under way.
 */

import type { Entry, Index, Write } from "@quorate/core";

/** What an entry takes in memory besides its payload: the object and its slots, about. */
export const ENTRY_OVERHEAD_BYTES = 96;

/** What an entry takes in a message besides its payload, at most, so that empty ones are bounded as well. */
const ENTRY_HEADER_BYTES = 32;

/** What an entry takes in a message, at most. */
export function messageBytesOf({ data }: Entry): number {
  return data.length + ENTRY_HEADER_BYTES;
}

/** So much stays although nobody is known to want it: some message may have been lost. */
const TAIL_BYTES = 256 * 1024;

/** Stands where an entry was, until the array is cut. */
const VACANT: Entry = { index: 0, term: 0, kind: "noop", data: new Uint8Array(0) };

export class LogCache {
  readonly #limitBytes: number;
  /** Consecutive, from `#head` on. */
  #entries: Entry[] = [];
  #head = 0;
  #sizeBytes = 0;
  /** Writes that are not yet durable: the storage holds entries up to `lastIndex` once they are. */
  readonly #unstored: { readonly seq: number; lastIndex: Index }[] = [];
  #storedIndex: Index;
  /** Nobody is known to want what stands before it. */
  #wantedIndex: Index = 0;

  constructor(limitBytes: number, storedIndex: Index) {
    this.#limitBytes = limitBytes;
    this.#storedIndex = storedIndex;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Up to here the storage holds what the log holds: what is not in the cache is at or before this. */
  get storedIndex(): Index {
    return this.#storedIndex;
  }

  /** Takes in what is about to be written. */
  onWrite({ seq, reset, truncateFrom, append }: Write): void {
    if (reset !== null) {
      // Nothing before that place is in the log any more, nor anything after it.
      this.#truncateFrom(0);
      this.#storedIndex = reset.index;
    }
    if (truncateFrom !== null) this.#truncateFrom(truncateFrom);
    for (const entry of append) {
      this.#entries.push(entry);
      this.#sizeBytes += sizeOf(entry);
    }
    const last = append[append.length - 1];
    if (last !== undefined) this.#unstored.push({ seq, lastIndex: last.index });
    this.#evict();
  }

  /** Takes in that every write up to `seq` is durable. */
  onStored(seq: number): void {
    let done = 0;
    for (const write of this.#unstored) {
      if (write.seq > seq) break;
      this.#storedIndex = Math.max(this.#storedIndex, write.lastIndex);
      done += 1;
    }
    this.#unstored.splice(0, done);
    this.#evict();
  }

  /** Takes in that everything before `index` was applied, and sent to whoever was to be sent it. */
  release(index: Index): void {
    this.#wantedIndex = index;
    this.#evict();
  }

  /** The entry at `index`, or undefined if it is not here. */
  at(index: Index): Entry | undefined {
    const first = this.#entries[this.#head];
    return first === undefined || index < first.index ? undefined : this.#entries[this.#head + index - first.index];
  }

  /**
   * The entries from `firstIndex` to at most `lastIndex`: as many as fit into a message of `maxBytes`, but at least one.
   * Null if the first is not here.
   */
  slice(firstIndex: Index, lastIndex: Index, maxBytes: number): Entry[] | null {
    const first = this.at(firstIndex);
    if (first === undefined) return null;
    const slice = [first];
    let sizeBytes = messageBytesOf(first);
    for (let index = firstIndex + 1; index <= lastIndex; index += 1) {
      const entry = this.at(index);
      if (entry === undefined) break;
      sizeBytes += messageBytesOf(entry);
      if (sizeBytes > maxBytes) break;
      slice.push(entry);
    }
    return slice;
  }

  #truncateFrom(index: Index): void {
    const first = this.#entries[this.#head];
    if (first !== undefined) {
      const keep = this.#head + Math.max(0, index - first.index);
      for (let place = keep; place < this.#entries.length; place += 1) {
        this.#sizeBytes -= sizeOf(this.#entries[place] as Entry);
      }
      if (keep < this.#entries.length) this.#entries.length = keep;
    }
    this.#storedIndex = Math.min(this.#storedIndex, index - 1);
    for (const write of this.#unstored) write.lastIndex = Math.min(write.lastIndex, index - 1);
  }

  #evict(): void {
    while (this.#sizeBytes > Math.min(this.#limitBytes, TAIL_BYTES)) {
      const first = this.#entries[this.#head];
      if (first === undefined || first.index > this.#storedIndex) break;
      if (first.index >= this.#wantedIndex && this.#sizeBytes <= this.#limitBytes) break;
      this.#entries[this.#head] = VACANT;
      this.#head += 1;
      this.#sizeBytes -= sizeOf(first);
    }
    if (this.#head === this.#entries.length || (this.#head > 1024 && 2 * this.#head > this.#entries.length)) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}

function sizeOf(entry: Entry): number {
  return entry.data.length + ENTRY_OVERHEAD_BYTES;
}
