/**
 * Records: what stands behind a key.
 *
 * ```
 * vv            the version of the format, 3
 * …             the payload, see below
 * cccccccc      CRC-32 of the key and of everything before this
 * ```
 *
 * As the checksum covers the key, a record that turns up under another index or group is as damaged as one with a
 * flipped bit (PITFALLS P7). Numbers are big-endian; indexes, terms and ids take eight bytes.
 *
 * Payloads: the database's *format* is a word; an *identity* is JSON; a *term run* is its term; a *membership* is
 * empty, and says that the entry of its index is one. The entries lie in packs (`pack.ts`); the *head* is all that is
 * left (`head.ts`).
 */

import type { StorageIdentity } from "@quorate/contracts";
import type { Index, Term, TermRun } from "@quorate/core";
import { crc32 } from "./crc.js";
import { FORMAT_KEY, type GroupKeys, readUint64, writeUint64 } from "./keys.js";

/** 3: entries lie in packs. What another version wrote would be read as something else (O7). */
const FORMAT_VERSION = 3;

const FORMAT_WORD = "quorate";
export const VERSION_BYTES = 1;
export const CHECKSUM_BYTES = 4;
const TERM_BYTES = 8;

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
export function frame(key: Buffer, payloadBytes: number): { bytes: Buffer; payloadAt: number } {
  const bytes = Buffer.allocUnsafe(key.length + VERSION_BYTES + payloadBytes + CHECKSUM_BYTES);
  bytes.set(key, 0);
  bytes[key.length] = FORMAT_VERSION;
  return { bytes, payloadAt: key.length + VERSION_BYTES };
}

export function seal(bytes: Buffer, payloadAt: number): StoredRecord {
  const end = bytes.length - CHECKSUM_BYTES;
  const checksum = crc32(bytes, 0, end);
  bytes.writeUInt32BE(checksum, end);
  const keyEnd = payloadAt - VERSION_BYTES;
  return { key: bytes.subarray(0, keyEnd), value: bytes.subarray(keyEnd), checksum };
}

/** Returns `value` if it is a whole record. Throws a {@link RecordError}, which calls it `what`, if it is not. */
export function verified(what: string, key: Buffer, value: Buffer | undefined): Buffer {
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
export function payloadOf(what: string, key: Buffer, value: Buffer | undefined, lengthBytes?: number): Buffer {
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

/** Throws a {@link RecordError} unless `value` is an index, a term or an id. */
export function safe(what: string, value: number): number {
  ensure(Number.isSafeInteger(value), `${what} holds a number that is too large`);
  return value;
}
