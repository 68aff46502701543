/** What servers and clients must spell alike: paths, headers and the JSON of entries, events and errors. */

/** Where keys live: everything after it is the key. */
export const KEY_PATH = "/v1/kv/";

/** Who belongs to the cluster. */
export const MEMBERS_PATH = "/v1/members";
export const FEATURE_LEVELS_RAISE_PATH = "/v1/feature-levels/raise";

/** Where sessions are opened; below it, by their id, they are renewed and closed. */
export const SESSIONS_PATH = "/v1/sessions";

/** With a write: the session in which it is made, its number there, and what the client still waits for. */
export const SESSION_HEADER = "quorate-session";
export const SEQUENCE_HEADER = "quorate-sequence";
export const ACKNOWLEDGED_HEADER = "quorate-acknowledged-below";

/** With a write in a session: `false` if nothing of it can have been executed before. */
export const RETRY_HEADER = "quorate-retry";

/** Asks the server to answer within so many milliseconds; it may only shorten the server's own limit. */
export const TIMEOUT_HEADER = "quorate-timeout-ms";

export interface EntryJson {
  readonly key: string;
  readonly valueBase64: string;
  readonly revision: number;
  readonly createRevision: number;
  readonly version: number;
}

/** A session that was opened. */
export interface SessionJson {
  readonly id: number;
  readonly expiresAfterMs: number;
}

export type EventJson =
  | {
      readonly type: "put";
      readonly key: string;
      readonly valueBase64: string;
      readonly createRevision: number;
      readonly version: number;
    }
  | { readonly type: "delete" | "expire"; readonly key: string };

/** The body of every error. */
export interface ProblemJson {
  readonly code: string;
  readonly message: string;
  /** Where a write may or may not have taken effect. */
  readonly outcome?: string;
  /** With `OVERLOADED`: when there is likely to be room. */
  readonly retryAfterMs?: number;
  /** With `REVISION_MISMATCH`: the revision that the key has, 0 when it is absent. */
  readonly revision?: number;
  /** With `REVISION_COMPACTED`: the oldest revision from which a watch can start. */
  readonly oldestRevision?: number;
}

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
