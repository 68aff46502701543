/**
 * The binary protocol: many requests on one connection, answered as they are ready. `PROTOCOL.md` describes it for those
 * who write a client; here are its names and numbers.
 *
 * A connection begins as HTTP, at the address that serves HTTP, and is upgraded. From then on either end sends frames:
 *
 * ```
 * u32 size of the rest | u8 kind | u32 id | body
 * ```
 *
 * Numbers are big-endian; a u64 holds at most 2^53 - 1. There is no checksum beyond that of TCP, as with HTTP.
 */

export const UPGRADE_PATH = "/v1/connection";
/** The name of the protocol, and the version that both ends must speak. */
export const PROTOCOL = "quorate-kv/1";

export const SIZE_BYTES = 4;
/** Size, kind and id. */
export const HEADER_BYTES = 9;

/** A frame of either end that says "still here", and nothing else. Its id is 0. */
export const PING = 0;

/** What stands in a frame that the client sends. */
export const REQUEST = {
  put: 1,
  delete: 2,
  get: 3,
  list: 4,
  txn: 5,
  openSession: 6,
  keepSession: 7,
  closeSession: 8,
} as const;

/** What stands in a frame that the server sends: an answer has the id of its request, and what nobody asked for has 0. */
export const ANSWER = {
  written: 65,
  deleted: 66,
  conflict: 67,
  entry: 68,
  absent: 69,
  page: 70,
  txn: 71,
  session: 72,
  done: 73,
  /** With the id 0, it is about the connection, which ends. */
  problem: 74,
  welcome: 96,
  leader: 97,
  goingAway: 98,
} as const;

/** Of a write: what follows them, and what it means. */
export const WRITE_FLAGS = { inSession: 1, isFirst: 2, ifRevision: 4, ifExists: 8, expires: 16 } as const;

/** How fresh a read must be; `bounded` is added when a u64 follows, the most that the answer may be old. */
export const FRESHNESS = { linearizable: 0, lease: 1, stale: 2, bounded: 4 } as const;

/** What the server says first. */
export interface Welcome {
  /** The name of the server, and the id of its cluster. */
  readonly server: string;
  readonly cluster: string;
  /** The largest frame that it takes, in bytes of size, kind, id and body. */
  readonly maxFrameBytes: number;
  /** With so many requests under way on a connection, the server reads no more. */
  readonly maxInFlight: number;
  /** Either end sends something within `beatMs`, and may hang up when it hears nothing for `silenceMs`. */
  readonly beatMs: number;
  readonly silenceMs: number;
}

/** Who leads, as far as the server knows: said behind the welcome, and whenever that changes. */
export interface LeaderNews {
  readonly term: number;
  /** Null while none is known. The URL, which is of HTTP, is null if that server has not said where clients reach it. */
  readonly leader: { readonly name: string; readonly url: string | null } | null;
}

/** The largest frame that a server takes: a transaction, and the largest value, with room to spare. */
export const MAX_REQUEST_BYTES = 2 * 1024 * 1024;
/** The largest that a client takes: a page of a list. */
export const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

export const BEAT_MS = 5000;
export const SILENCE_MS = 15_000;

/** Bytes that do not follow the protocol: the connection cannot go on. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}
