/**
 * Entries in a message. The header says of them, in runs, whatever several have in common: term, kind, size and how many
 * there are; their indexes follow from `prevLogIndex`. Up to version 3 it says term, kind and size of each.
 *
 * A run of several is never one of empty entries, so that no header can promise more entries than there are bytes.
 */

import type { AppendEntries, Entry, EntryId, PulledEntries, Term } from "@quorate/core";
import { CodecError } from "./codec-error.js";
import type { HeaderField, HeaderReader } from "./header.js";
import { ENTRY_KINDS, entryKindOf } from "./protocol.js";

const FIRST_VERSION_WITH_RUNS = 4;
const NO_BYTES = new Uint8Array(0);

/** Throws a {@link CodecError} if the entries are not consecutive, or their terms fall or are yet to come. */
export function pushEntries(
  fields: HeaderField[],
  { kind, entries, prevLogIndex, prevLogTerm, term }: AppendEntries | PulledEntries,
  version: number,
): void {
  const hasRuns = version >= FIRST_VERSION_WITH_RUNS;
  let previous: EntryId = { index: prevLogIndex, term: prevLogTerm };
  let first: Entry | undefined;
  let count = 0;
  for (const entry of entries) {
    if (entry.index !== previous.index + 1 || entry.term < previous.term || entry.term > term) {
      throw new CodecError(
        `Entry ${entry.index} of term ${entry.term} cannot follow ${previous.index} of term ${previous.term} ` +
          `in a message of kind ${kind} and term ${term}.`,
      );
    }
    previous = entry;
    if (hasRuns && first !== undefined && isAlike(first, entry)) {
      count += 1;
      continue;
    }
    if (hasRuns && first !== undefined) fields.push(count);
    fields.push(entry.term, ENTRY_KINDS[entry.kind], entry.data.length);
    first = entry;
    count = 1;
  }
  if (hasRuns && first !== undefined) fields.push(count);
}

function isAlike(first: Entry, { term, kind, data }: Entry): boolean {
  return data.length > 0 && data.length === first.data.length && term === first.term && kind === first.kind;
}

/**
 * Adds the payloads to `chunks` as they are; those that lie side by side in memory, as the proposals of one turn do, as
 * one chunk. Returns how many bytes that are.
 */
export function pushPayloads(chunks: Uint8Array[], entries: readonly Entry[]): number {
  let sizeBytes = 0;
  /** The chunk that is being gathered: it starts with this payload, and has so many bytes. */
  let first: Uint8Array = NO_BYTES;
  let runBytes = 0;
  for (const { data } of entries) {
    if (data.length === 0) continue;
    sizeBytes += data.length;
    if (data.buffer === first.buffer && data.byteOffset === first.byteOffset + runBytes) {
      runBytes += data.length;
      continue;
    }
    if (runBytes > 0) chunks.push(chunkOf(first, runBytes));
    first = data;
    runBytes = data.length;
  }
  if (runBytes > 0) chunks.push(chunkOf(first, runBytes));
  return sizeBytes;
}

function chunkOf(first: Uint8Array, sizeBytes: number): Uint8Array {
  return sizeBytes === first.length ? first : new Uint8Array(first.buffer, first.byteOffset, sizeBytes);
}

/** The rest of the header: the entries after `prev`, in a message of `term`, with their data from `payload`. */
export function readEntries(
  header: HeaderReader,
  term: Term,
  prev: EntryId,
  payload: Uint8Array,
  version: number,
): Entry[] {
  const hasRuns = version >= FIRST_VERSION_WITH_RUNS;
  const entries: Entry[] = [];
  let { index } = prev;
  let lastTerm = prev.term;
  let at = 0;
  while (!header.isAtEnd) {
    const entryTerm = header.natural("entry term");
    const kind = entryKindOf(header.natural("entry kind"));
    const sizeBytes = header.natural("entry size");
    const count = hasRuns ? header.natural("number of entries") : 1;
    if (entryTerm < lastTerm || entryTerm > term) {
      throw new CodecError(
        `An entry of term ${entryTerm} cannot follow term ${lastTerm} in a message of term ${term}.`,
      );
    }
    if (count === 0 || (count > 1 && sizeBytes === 0) || count * sizeBytes > payload.length - at) {
      throw new CodecError("The sizes of the entries do not add up to the payload.");
    }
    lastTerm = entryTerm;
    for (const lastIndex = index + count; index < lastIndex; at += sizeBytes) {
      index += 1;
      const data = sizeBytes === 0 ? NO_BYTES : payload.subarray(at, at + sizeBytes);
      entries.push({ index, term: entryTerm, kind, data });
    }
  }
  if (at !== payload.length) throw new CodecError("The sizes of the entries do not add up to the payload.");
  if (!Number.isSafeInteger(index)) throw new CodecError("The last entry's index is no safe integer.");
  return entries;
}
