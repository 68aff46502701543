/** Requests as frames of the binary protocol. */

import { CONSISTENCIES } from "quorate";
import { MAX_TXN_BYTES, MAX_VALUE_BYTES } from "../limits.js";
import { pack } from "../protocol/body.js";
import type { FrameWriter } from "../protocol/frame-writer.js";
import { FRESHNESS, MAX_REQUEST_BYTES, REQUEST, WRITE_FLAGS } from "../protocol/protocol.js";
import type { RefusalCode } from "../service/refusals.js";
import type { DataRequest, Place, ProblemReply, ReadRequest } from "./requests.js";

const TIMEOUT_BYTES = 4;
const U64_BYTES = 8;
const KEY_SIZE_BYTES = 2;
const PREFIX_SIZE_BYTES = 4;
const MAX_TIMEOUT_MS = 0xffff_ffff;
/** Beyond this a frame may be larger than servers take. */
const MAX_VARIABLE_BYTES = MAX_REQUEST_BYTES - 256;

type Part<Kind> = Extract<DataRequest, { readonly kind: Kind }>;

/**
 * Writes one request, of which the server is to make something within `timeoutMs`. If it cannot be written, because a
 * server would not take so large a frame, or a field has no room for what is given, returns what the server would say.
 */
export function writeRequest(
  writer: FrameWriter,
  id: number,
  request: DataRequest,
  place: Place | null,
  timeoutMs: number,
): ProblemReply | null {
  const limitMs = Math.min(timeoutMs, MAX_TIMEOUT_MS);
  switch (request.kind) {
    case "put":
      return writePut(writer, id, request, place, limitMs);
    case "delete":
      return writeDelete(writer, id, request, place, limitMs);
    case "txn":
      return writeTxn(writer, id, request, place, limitMs);
    case "get":
      return writeGet(writer, id, request, limitMs);
    case "list":
      return writeList(writer, id, request, limitMs);
    case "openSession":
    case "closeSession": {
      const isOpen = request.kind === "openSession";
      writer.begin(isOpen ? REQUEST.openSession : REQUEST.closeSession, id, TIMEOUT_BYTES + U64_BYTES);
      writer.u32(limitMs);
      writer.u64(isOpen ? request.expiresAfterMs : request.id);
      return null;
    }
  }
}

function writePut(
  writer: FrameWriter,
  id: number,
  { key, value, ttlMs, expectedRevision }: Part<"put">,
  place: Place | null,
  limitMs: number,
): ProblemReply | null {
  const problem = problemOfRevision(expectedRevision) ?? problemOfNumber("INVALID_QUERY", "ttl_ms", ttlMs);
  if (problem !== null) return problem;
  const keyBytes = Buffer.byteLength(key);
  const valueBytes = typeof value === "string" ? Buffer.byteLength(value) : value.length;
  if (valueBytes > MAX_VALUE_BYTES)
    return refusal(413, "VALUE_TOO_LARGE", `The value is larger than ${MAX_VALUE_BYTES} bytes.`);
  const headBytes = headBytesOf(place, expectedRevision, ttlMs);
  writer.begin(REQUEST.put, id, headBytes + KEY_SIZE_BYTES + keyBytes + valueBytes);
  writeHead(writer, limitMs, place, expectedRevision, ttlMs);
  writer.u16(keyBytes);
  writer.text(key, keyBytes);
  if (typeof value === "string") writer.text(value, valueBytes);
  else writer.bytes(value);
  return null;
}

function writeDelete(
  writer: FrameWriter,
  id: number,
  { key, expectedRevision }: Part<"delete">,
  place: Place | null,
  limitMs: number,
): ProblemReply | null {
  const problem = problemOfRevision(expectedRevision);
  if (problem !== null) return problem;
  const keyBytes = Buffer.byteLength(key);
  writer.begin(REQUEST.delete, id, headBytesOf(place, expectedRevision, undefined) + keyBytes);
  writeHead(writer, limitMs, place, expectedRevision, undefined);
  writer.text(key, keyBytes);
  return null;
}

function writeTxn(
  writer: FrameWriter,
  id: number,
  { txn }: Part<"txn">,
  place: Place | null,
  limitMs: number,
): ProblemReply | null {
  const bytes = pack(txn);
  if (bytes.length > MAX_VARIABLE_BYTES) {
    const message = `The transaction takes ${bytes.length} bytes; the most is ${MAX_TXN_BYTES} of keys and values.`;
    return refusal(413, "TXN_TOO_LARGE", message);
  }
  writer.begin(REQUEST.txn, id, headBytesOf(place, undefined, undefined) + bytes.length);
  writeHead(writer, limitMs, place, undefined, undefined);
  writer.bytes(bytes);
  return null;
}

function writeGet(writer: FrameWriter, id: number, request: Part<"get">, limitMs: number): ProblemReply | null {
  const problem = problemOfFreshness(request);
  if (problem !== null) return problem;
  const keyBytes = Buffer.byteLength(request.key);
  writer.begin(REQUEST.get, id, TIMEOUT_BYTES + freshnessBytes(request) + keyBytes);
  writer.u32(limitMs);
  writeFreshness(writer, request);
  writer.text(request.key, keyBytes);
  return null;
}

function writeList(writer: FrameWriter, id: number, request: Part<"list">, limitMs: number): ProblemReply | null {
  const { prefix = "", limit, cursor = "" } = request;
  const problem = problemOfFreshness(request) ?? problemOfNumber("INVALID_QUERY", "limit", limit);
  if (problem !== null) return problem;
  const [prefixBytes, cursorBytes] = [Buffer.byteLength(prefix), Buffer.byteLength(cursor)];
  if (prefixBytes + cursorBytes > MAX_VARIABLE_BYTES)
    return refusal(413, "BODY_TOO_LARGE", "The prefix and the cursor are too long.");
  const fixedBytes = TIMEOUT_BYTES + freshnessBytes(request) + 1 + U64_BYTES + PREFIX_SIZE_BYTES;
  writer.begin(REQUEST.list, id, fixedBytes + prefixBytes + cursorBytes);
  writer.u32(limitMs);
  writeFreshness(writer, request);
  writer.u8(limit === undefined ? 0 : 1);
  writer.u64(limit ?? 0);
  writer.u32(prefixBytes);
  writer.text(prefix, prefixBytes);
  writer.text(cursor, cursorBytes);
  return null;
}

/** The timeout, the flags, and what they say that follows. */
function headBytesOf(place: Place | null, expectedRevision: number | undefined, ttlMs: number | undefined): number {
  const numbers = (place === null ? 0 : 3) + (expectedRevision === undefined ? 0 : 1) + (ttlMs === undefined ? 0 : 1);
  return TIMEOUT_BYTES + 1 + numbers * U64_BYTES;
}

function writeHead(
  writer: FrameWriter,
  limitMs: number,
  place: Place | null,
  expectedRevision: number | undefined,
  ttlMs: number | undefined,
): void {
  const { inSession, isFirst, ifRevision, expires } = WRITE_FLAGS;
  let flags = place === null ? 0 : place.isRetry ? inSession : inSession | isFirst;
  if (expectedRevision !== undefined) flags |= ifRevision;
  if (ttlMs !== undefined) flags |= expires;
  writer.u32(limitMs);
  writer.u8(flags);
  if (place !== null) {
    writer.u64(place.session);
    writer.u64(place.sequence);
    writer.u64(place.acknowledgedBelow);
  }
  if (expectedRevision !== undefined) writer.u64(expectedRevision);
  if (ttlMs !== undefined) writer.u64(ttlMs);
}

function freshnessBytes({ maxStalenessMs }: ReadRequest): number {
  return maxStalenessMs === undefined ? 1 : 1 + U64_BYTES;
}

function writeFreshness(writer: FrameWriter, { consistency = "linearizable", maxStalenessMs }: ReadRequest): void {
  const level = FRESHNESS[consistency];
  // Whether a bound goes with it, the server judges.
  if (maxStalenessMs === undefined) return writer.u8(level);
  writer.u8(level | FRESHNESS.bounded);
  writer.u64(maxStalenessMs);
}

function problemOfFreshness({ consistency, maxStalenessMs }: ReadRequest): ProblemReply | null {
  if (consistency === undefined || CONSISTENCIES.includes(consistency))
    return problemOfNumber("INVALID_QUERY", "max_staleness_ms", maxStalenessMs);
  const message = `consistency is ${CONSISTENCIES.join(", ")}, not ${JSON.stringify(consistency)}.`;
  return refusal(400, "INVALID_QUERY", message);
}

function problemOfRevision(revision: number | undefined): ProblemReply | null {
  return problemOfNumber("INVALID_HEADER", "The expected revision", revision);
}

/** Bounds are the server's business; here it must only be a number that can be written. */
function problemOfNumber(code: RefusalCode, name: string, value: number | undefined): ProblemReply | null {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return null;
  return refusal(400, code, `${name} is a whole number, not ${value}.`);
}

function refusal(status: number, code: RefusalCode, message: string): ProblemReply {
  return { kind: "problem", status, problem: { code, message } };
}
