/**
 * Records: what stands behind a key.
 *
 * ```
 * vv            the version of the format, 2
 * …             the payload, see below
 * cccccccc      CRC-32 of the key and of everything before this
 * ```
 *
 * As the checksum covers the key, a record that turns up under another index or group is as damaged as one with a
 * flipped bit (PITFALLS P7). Numbers are big-endian; indexes, terms and ids take eight bytes.
 *
 * Payloads: the database's *format* is a word; an *identity* is JSON; a *term run* is its term; a *membership* is
 * empty, and says that the entry of its index is one; an *entry* is its term, a byte for its kind, its data; the
 * *head* is all that is left, in one record, so that no part of it can be older than another (PITFALLS E2, P16).
 */

import type { StorageIdentity } from "@quorate/contracts";
import type { Entry, EntryId, EntryKind, HardState, Index, Term, TermRun } from "@quorate/core";
import { crc32 } from "./crc.js";
import { FORMAT_KEY, type GroupKeys, readUint64, writeUint64 } from "./keys.js";

/** 2: commands lie in an envelope, and the identity has an incarnation. A log of before would be read as another (O7). */
const FORMAT_VERSION = 2;

const FORMAT_WORD = "quorate";
const VERSION_BYTES = 1;
const CHECKSUM_BYTES = 4;
const TERM_BYTES = 8;
const ENTRY_HEAD_BYTES = TERM_BYTES + 1;
const ENTRY_OVERHEAD_BYTES = VERSION_BYTES + ENTRY_HEAD_BYTES + CHECKSUM_BYTES;
const HEAD_BYTES = 7 * 8 + 3 * 4;
const ENTRY_KINDS: readonly EntryKind[] = ["noop", "command", "membership"];

/** Everything of a group that is neither its identity nor grows with the log. */
export interface Head {
  readonly hardState: HardState;
  readonly compacted: EntryId;
  /** Entries up to here are not only compacted, but deleted. */
  readonly erasedIndex: Index;
  readonly lastIndex: Index;
  readonly lastTerm: Term;
  /** How many records of term runs and of memberships there have to be, and their checksums, combined by XOR. */
  readonly termRunCount: number;
  readonly membershipCount: number;
  readonly outlineChecksum: number;
}

export interface StoredRecord {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly checksum: number;
}

type RecordErrorCode = "STORAGE_CORRUPT" | "STORAGE_FORMAT" | "FOREIGN_STORAGE";

/** What is stored cannot be used; whoever knows where it lies makes a `StorageError` of it. */
export class RecordError extends Error {
  override readonly name = "RecordError";
  readonly code: RecordErrorCode;

  constructor(code: RecordErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A record that is being made: key and value lie in one piece of memory, to be checksummed in one go. */
function frame(key: Buffer, payloadBytes: number): { bytes: Buffer; payloadAt: number } {
  const bytes = Buffer.allocUnsafe(key.length + VERSION_BYTES + payloadBytes + CHECKSUM_BYTES);
  bytes.set(key, 0);
  bytes[key.length] = FORMAT_VERSION;
  return { bytes, payloadAt: key.length + VERSION_BYTES };
}

function seal(bytes: Buffer, payloadAt: number): StoredRecord {
  const end = bytes.length - CHECKSUM_BYTES;
  const checksum = crc32(bytes, 0, end);
  bytes.writeUInt32BE(checksum, end);
  const keyEnd = payloadAt - VERSION_BYTES;
  return { key: bytes.subarray(0, keyEnd), value: bytes.subarray(keyEnd), checksum };
}

/** Returns `value` if it is a whole record. Throws a {@link RecordError}, which calls it `what`, if it is not. */
function verified(what: string, key: Buffer, value: Buffer | undefined): Buffer {
  if (value === undefined) throw new RecordError("STORAGE_CORRUPT", `${what} is missing`);
  const end = value.length - CHECKSUM_BYTES;
  if (end < VERSION_BYTES || crc32(value, 0, end, crc32(key)) !== value.readUInt32BE(end)) {
    throw new RecordError("STORAGE_CORRUPT", `${what} is damaged: its checksum is wrong`);
  }
  const version = value[0];
  if (version !== FORMAT_VERSION) {
    throw new RecordError("STORAGE_FORMAT", `${what} has format ${version}, and this version reads ${FORMAT_VERSION}`);
  }
  return value;
}

/** The payload of a record, which has to be `lengthBytes` long if that is given. */
function payloadOf(what: string, key: Buffer, value: Buffer | undefined, lengthBytes?: number): Buffer {
  const payload = verified(what, key, value).subarray(VERSION_BYTES, -CHECKSUM_BYTES);
  ensure(lengthBytes === undefined || payload.length === lengthBytes, `${what} is too long or too short`);
  return payload;
}

/** Throws a {@link RecordError} unless `holds`; for what a record with a right checksum may still not say. */
export function ensure(holds: boolean, complaint: string): asserts holds {
  if (!holds) throw new RecordError("STORAGE_CORRUPT", complaint);
}

export function encodeFormat(): StoredRecord {
  const { bytes, payloadAt } = frame(FORMAT_KEY, FORMAT_WORD.length);
  bytes.write(FORMAT_WORD, payloadAt, "latin1");
  return seal(bytes, payloadAt);
}

export function checkFormat(value: Buffer | undefined): void {
  const word = payloadOf("the format record", FORMAT_KEY, value).toString("latin1");
  ensure(word === FORMAT_WORD, "the format record is of something else");
}

export function encodeIdentity(keys: GroupKeys, identity: StorageIdentity): StoredRecord {
  const { clusterId, nodeId, name, incarnation } = identity;
  const payload = Buffer.from(JSON.stringify({ clusterId, nodeId, name, incarnation }), "utf8");
  const { bytes, payloadAt } = frame(keys.identity, payload.length);
  bytes.set(payload, payloadAt);
  return seal(bytes, payloadAt);
}

export function decodeIdentity(keys: GroupKeys, value: Buffer | undefined): StorageIdentity {
  const identity: unknown = JSON.parse(payloadOf("the identity", keys.identity, value).toString("utf8"));
  ensure(isIdentity(identity), "the identity is incomplete");
  return identity;
}

function isIdentity(value: unknown): value is StorageIdentity {
  if (typeof value !== "object" || value === null) return false;
  if (!("clusterId" in value && "nodeId" in value && "name" in value)) return false;
  if ("incarnation" in value && !Number.isSafeInteger(value.incarnation)) return false;
  return typeof value.clusterId === "string" && Number.isSafeInteger(value.nodeId) && typeof value.name === "string";
}

export function encodeHead(keys: GroupKeys, head: Head): StoredRecord {
  const { hardState, compacted, erasedIndex, lastIndex, lastTerm } = head;
  const { bytes, payloadAt } = frame(keys.head, HEAD_BYTES);
  let at = payloadAt;
  const { currentTerm, votedFor } = hardState;
  for (const value of [currentTerm, votedFor, compacted.index, compacted.term, erasedIndex, lastIndex, lastTerm]) {
    writeUint64(bytes, value, at);
    at += 8;
  }
  bytes.writeUInt32BE(head.termRunCount, at);
  bytes.writeUInt32BE(head.membershipCount, at + 4);
  bytes.writeUInt32BE(head.outlineChecksum, at + 8);
  return seal(bytes, payloadAt);
}

export function decodeHead(keys: GroupKeys, value: Buffer | undefined): Head {
  const payload = payloadOf("the head", keys.head, value, HEAD_BYTES);
  const number = (place: number): number => safe("the head", readUint64(payload, place * 8));
  return {
    hardState: { currentTerm: number(0), votedFor: number(1) },
    compacted: { index: number(2), term: number(3) },
    erasedIndex: number(4),
    lastIndex: number(5),
    lastTerm: number(6),
    termRunCount: payload.readUInt32BE(56),
    membershipCount: payload.readUInt32BE(60),
    outlineChecksum: payload.readUInt32BE(64),
  };
}

export function encodeTermRun(keys: GroupKeys, { firstIndex, term }: TermRun): StoredRecord {
  const { bytes, payloadAt } = frame(keys.at("termRun", firstIndex), TERM_BYTES);
  writeUint64(bytes, term, payloadAt);
  return seal(bytes, payloadAt);
}

/** The term of the run that starts at `firstIndex`. */
export function decodeTermRun(keys: GroupKeys, firstIndex: Index, value: Buffer | undefined): Term {
  const what = `the start of a term at entry ${firstIndex}`;
  return safe(what, readUint64(payloadOf(what, keys.at("termRun", firstIndex), value, TERM_BYTES), 0));
}

export function encodeMembership(keys: GroupKeys, index: Index): StoredRecord {
  const { bytes, payloadAt } = frame(keys.at("membership", index), 0);
  return seal(bytes, payloadAt);
}

export function checkMembership(keys: GroupKeys, index: Index, value: Buffer | undefined): void {
  payloadOf(`the mark of membership ${index}`, keys.at("membership", index), value, 0);
}

export function encodeEntry(keys: GroupKeys, { index, term, kind, data }: Entry): StoredRecord {
  const { bytes, payloadAt } = frame(keys.at("entry", index), ENTRY_HEAD_BYTES + data.length);
  writeUint64(bytes, term, payloadAt);
  bytes.writeUInt8(ENTRY_KINDS.indexOf(kind), payloadAt + TERM_BYTES);
  bytes.set(data, payloadAt + ENTRY_HEAD_BYTES);
  return seal(bytes, payloadAt);
}

/** How much data is in the record of an entry, be it damaged or not. */
export function dataBytesOf(value: Buffer): number {
  return Math.max(0, value.length - ENTRY_OVERHEAD_BYTES);
}

/** The entry at `index`, which is what `key` says. Its data is a view into `value`. */
export function decodeEntry(key: Buffer, index: Index, value: Buffer | undefined): Entry {
  const what = `entry ${index}`;
  const record = verified(what, key, value);
  ensure(record.length >= ENTRY_OVERHEAD_BYTES, `${what} is too short`);
  const kind = ENTRY_KINDS[record.readUInt8(VERSION_BYTES + TERM_BYTES)];
  ensure(kind !== undefined, `${what} is of an unknown kind`);
  const data = record.subarray(VERSION_BYTES + ENTRY_HEAD_BYTES, -CHECKSUM_BYTES);
  return { index, term: safe(what, readUint64(record, VERSION_BYTES)), kind, data };
}

function safe(what: string, value: number): number {
  ensure(Number.isSafeInteger(value), `${what} holds a number that is too large`);
  return value;
}
