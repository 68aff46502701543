/**
 * A sequence of writes of which each has a number that can be told from what is stored: it is the term. So a test that
 * finds a storage after the end of its process knows which write was the last, and what has to be there with it.
 */

import type { StorageIdentity, StoredState } from "@quorate/contracts";
import type { Entry, Index, Write } from "@quorate/core";

export const IDENTITY: StorageIdentity = { clusterId: "cluster", nodeId: 1, name: "n1" };

export interface Stored {
  readonly compactedIndex: Index;
  readonly entries: readonly Entry[];
}

function entry(index: Index, term: number): Entry {
  const kind = index % 7 === 1 ? "membership" : "command";
  const data = Uint8Array.from({ length: (index * 37) % 700 }, (_, place) => (place * index + term) & 0xff);
  return { index, term, kind, data };
}

export function firstWrite(): Write {
  return { seq: 0, hardState: { currentTerm: 0, votedFor: 0 }, reset: null, truncateFrom: null, append: [entry(1, 0)] };
}

/** Every third write puts five entries in the place of two, the others append four. */
export function writeNumber(number: number): Write {
  const isReplacement = number % 3 === 0;
  const lastIndex = lastIndexAfter(number - 1);
  const firstIndex = isReplacement ? lastIndex - 1 : lastIndex + 1;
  const append = Array.from({ length: isReplacement ? 5 : 4 }, (_, place) => entry(firstIndex + place, number));
  const truncateFrom = isReplacement ? firstIndex : null;
  return { seq: number, hardState: { currentTerm: number, votedFor: number % 5 }, reset: null, truncateFrom, append };
}

export function lastIndexAfter(number: number): Index {
  const replacements = Math.floor(number / 3);
  return 1 + 4 * (number - replacements) + 3 * replacements;
}

/** Where the log is compacted to after a write; null if it is not. */
export function compactionAfter(number: number): Index | null {
  return number % 5 === 0 ? lastIndexAfter(number) - 10 : null;
}

/** Where the log begins when everything up to write `number` was done, and the compaction that follows it. */
export function compactedAfter(number: number): Index {
  for (let earlier = number; earlier > 0; earlier -= 1) {
    const upTo = compactionAfter(earlier);
    if (upTo !== null) return upTo;
  }
  return 0;
}

/** What has to be there when write `number` was the last. */
export function storedAfter(number: number, compactedIndex: Index): Stored {
  let entries = [...firstWrite().append];
  for (let earlier = 1; earlier <= number; earlier += 1) {
    const { truncateFrom, append } = writeNumber(earlier);
    if (truncateFrom !== null) entries = entries.filter(({ index }) => index < truncateFrom);
    entries.push(...append);
  }
  return { compactedIndex, entries: entries.filter(({ index }) => index > compactedIndex) };
}

/** The same as {@link storedAfter}, of what was found. */
export function storedIn(state: StoredState, entries: readonly Entry[]): Stored {
  const plain = entries.map(({ index, term, kind, data }) => ({ index, term, kind, data: Uint8Array.from(data) }));
  return { compactedIndex: state.compacted.index, entries: plain };
}
