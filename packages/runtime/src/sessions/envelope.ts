/**
 * What stands around every command in the log: what kind it is, the time of the cluster, and for whom it is executed.
 *
 * ```
 * u8 kind | u64 time | u64 session | u64 sequence | u64 acknowledgedBelow | payload
 * ```
 *
 * The proposer lays it out once, with the payload behind it. What is only known later is written in place: the session
 * when the command is sent, the time when a leader hands it to its core. From then on the bytes belong to the log, and
 * never change (PITFALLS F11).
 */

import { RaftError } from "@quorate/contracts";

/** The bytes before the payload. */
export const ENVELOPE_BYTES = 33;

const TIME_AT = 1;
const SESSION_AT = 9;
const SEQUENCE_AT = 17;
const ACKNOWLEDGED_AT = 25;

/**
 * - `command`: for the state machine, in a session.
 * - `open`: opens a session, whose id is the index of this entry; `session` is its timeout in milliseconds, `sequence`
 *   1 if the session is public.
 * - `keepAlive`, `close`: what they say, of a session.
 * - `time`: nothing but the time.
 */
export type EnvelopeKind = "command" | "open" | "keepAlive" | "close" | "time";

/** The first byte. A format to come begins elsewhere, and is refused until it is understood (PITFALLS C11). */
const KINDS: readonly EnvelopeKind[] = ["command", "open", "keepAlive", "close", "time"];

export interface Envelope {
  readonly kind: EnvelopeKind;
  /** The leader's time when it took the command, in milliseconds; may lie before that of an earlier entry. */
  readonly timeMs: number;
  readonly session: number;
  readonly sequence: number;
  readonly acknowledgedBelow: number;
  /** A view of the entry. */
  readonly payload: Uint8Array;
}

/** Lays out an envelope; the payload is copied. */
export function makeEnvelope(kind: EnvelopeKind, payload: Uint8Array, session = 0, sequence = 0): Uint8Array {
  const data = new Uint8Array(ENVELOPE_BYTES + payload.length);
  writeSession(data, session, sequence, 0);
  fillEnvelope(data, kind, payload);
  return data;
}

/** Lays out an envelope in `data`, which is as long as it takes; the payload is copied. The numbers are still to come. */
export function fillEnvelope(data: Uint8Array, kind: EnvelopeKind, payload: Uint8Array): void {
  data[0] = KINDS.indexOf(kind);
  data.set(payload, ENVELOPE_BYTES);
}

/** Writes for whom the command is executed. */
export function writeSession(data: Uint8Array, session: number, sequence: number, acknowledgedBelow: number): void {
  writeNumber(data, SESSION_AT, session);
  writeNumber(data, SEQUENCE_AT, sequence);
  writeNumber(data, ACKNOWLEDGED_AT, acknowledgedBelow);
}

/** Writes the time; the last thing that is written. */
export function writeTime(data: Uint8Array, timeMs: number): void {
  writeNumber(data, TIME_AT, timeMs);
}

/** Throws a `RangeError` on what no version of this file wrote. */
export function readEnvelope(data: Uint8Array): Envelope {
  const kind = KINDS[data[0] ?? -1];
  if (kind === undefined) throw new RangeError(`${data[0] ?? "nothing"} is no kind of envelope`);
  if (data.length < ENVELOPE_BYTES) throw new RangeError(`${data.length} bytes are no envelope`);
  return {
    kind,
    timeMs: readNumber(data, TIME_AT),
    session: readNumber(data, SESSION_AT),
    sequence: readNumber(data, SEQUENCE_AT),
    acknowledgedBelow: readNumber(data, ACKNOWLEDGED_AT),
    payload: data.subarray(ENVELOPE_BYTES),
  };
}

/** What a peer wants in the log: throws `COMMAND_NOT_ENCODABLE` unless every server can read it (PITFALLS C11). */
export function checkEnvelope(data: Uint8Array): void {
  try {
    readEnvelope(data);
  } catch (cause) {
    throw new RaftError("COMMAND_NOT_ENCODABLE", "It is not in an envelope that is understood.", { cause });
  }
}

/** The command that an entry carries for the state machine; null if it carries none. For those who check a log. */
export function commandOf(data: Uint8Array): Uint8Array | null {
  const { kind, payload } = readEnvelope(data);
  return kind === "command" ? payload : null;
}

/** The answer to `open`: the id of the session. */
export function encodeId(id: number): Uint8Array {
  const data = new Uint8Array(8);
  writeNumber(data, 0, id);
  return data;
}

/** Throws a `RangeError` if it is none. */
export function decodeId(data: Uint8Array): number {
  const id = data.length === 8 ? readNumber(data, 0) : 0;
  if (id === 0) throw new RangeError("this is the id of no session");
  return id;
}

const HIGH = 2 ** 32;

function writeNumber(data: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / HIGH);
  data[at] = high >>> 24;
  data[at + 1] = high >>> 16;
  data[at + 2] = high >>> 8;
  data[at + 3] = high;
  data[at + 4] = value >>> 24;
  data[at + 5] = value >>> 16;
  data[at + 6] = value >>> 8;
  data[at + 7] = value;
}

function readNumber(data: Uint8Array, at: number): number {
  const high = readHalf(data, at);
  if (high === 0) return readHalf(data, at + 4);
  const value = high * HIGH + readHalf(data, at + 4);
  if (!Number.isSafeInteger(value)) throw new RangeError("an envelope holds a number above 2^53 - 1");
  return value;
}

/** The bytes are there: whoever calls has looked. */
function readHalf(data: Uint8Array, at: number): number {
  const high = ((data[at] as number) << 24) | ((data[at + 1] as number) << 16);
  return (high | ((data[at + 2] as number) << 8) | (data[at + 3] as number)) >>> 0;
}
