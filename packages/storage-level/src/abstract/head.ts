/**
 * The head: everything of a group that is neither its identity nor grows with its log, in one record, so that no part of
 * it can be older than another (PITFALLS E2, P16). One goes with every batch, under the end of the log that it leaves.
 * The one that counts is the last record of the log: earlier ones stay until their part of the log is erased. If the
 * newest were lost, its entries would stand behind the one before it; if its entries were, it would stand behind a gap.
 *
 * Seven numbers, of seven bits a byte, least first, and a checksum: small, because there are as many as batches.
 */

import type { EntryId, HardState, Index } from "@quorate/core";
import type { GroupKeys } from "./keys.js";
import { ensure, frame, payloadOf, type StoredRecord, safe, seal } from "./record.js";

const NUMBERS = 7;
const CHECKSUM_BYTES = 4;

export interface Head {
  readonly hardState: HardState;
  readonly compacted: EntryId;
  /** What was written up to here is not only compacted, but erased, but for a head. */
  readonly erasedIndex: Index;
  /** In the key. */
  readonly lastIndex: Index;
  /** How many records of term runs and of memberships there have to be, and their checksums, combined by XOR. */
  readonly termRunCount: number;
  readonly membershipCount: number;
  readonly outlineChecksum: number;
}

export function encodeHead(keys: GroupKeys, head: Head): StoredRecord {
  const { hardState, compacted, erasedIndex, lastIndex, termRunCount, membershipCount, outlineChecksum } = head;
  const { currentTerm, votedFor } = hardState;
  const numbers = [currentTerm, votedFor, compacted.index, compacted.term, erasedIndex, termRunCount, membershipCount];
  let sizeBytes = CHECKSUM_BYTES;
  for (const value of numbers) sizeBytes += bytesOf(value);
  const { bytes, payloadAt } = frame(keys.log("head", lastIndex), sizeBytes);
  let at = payloadAt;
  for (const value of numbers) at = writeNumber(bytes, value, at);
  bytes.writeUInt32BE(outlineChecksum, at);
  return seal(bytes, payloadAt);
}

export function decodeHead(keys: GroupKeys, lastIndex: Index, value: Buffer | undefined): Head {
  const payload = payloadOf("the head", keys.log("head", lastIndex), value);
  const end = payload.length - CHECKSUM_BYTES;
  let at = 0;
  const number = (): number => {
    let decoded = 0;
    for (let factor = 1; at < end; factor *= 128) {
      const byte = payload[at] as number;
      at += 1;
      decoded += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
    }
    return safe("the head", decoded);
  };
  const numbers = Array.from({ length: NUMBERS }, number) as [number, number, number, number, number, number, number];
  ensure(at === end, "the head is too long or too short");
  const [currentTerm, votedFor, index, term, erasedIndex, termRunCount, membershipCount] = numbers;
  return {
    hardState: { currentTerm, votedFor },
    compacted: { index, term },
    erasedIndex,
    lastIndex,
    termRunCount,
    membershipCount,
    outlineChecksum: payload.readUInt32BE(end),
  };
}

function bytesOf(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not a safe integer from 0 up`);
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}

/** Returns where it ends. */
function writeNumber(target: Buffer, value: number, start: number): number {
  let at = start;
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) {
    target[at] = (rest % 128) + 128;
    at += 1;
  }
  target[at] = rest;
  return at + 1;
}
