/** How keys, values and events look in JSON, and how a list's cursor is written. */

import type { KvEntry } from "../commands.js";
import type { KvEvent } from "../history.js";
import { type EntryJson, type EventJson, toBase64 } from "../wire.js";
import { HttpError } from "./errors.js";

export function entryToJson({ key, value, revision, createRevision, version }: KvEntry): EntryJson {
  return { key, valueBase64: toBase64(value), revision, createRevision, version };
}

export function eventToJson(event: KvEvent): EventJson {
  if (event.type !== "put") return { type: event.type, key: event.key };
  const { key, value, createRevision, version } = event;
  return { type: "put", key, valueBase64: toBase64(value), createRevision, version };
}

/** A cursor is the last key of the page before: it stays good whatever is written meanwhile, on every server. */
export function encodeCursor(lastKey: string): string {
  return Buffer.from(lastKey).toString("base64url");
}

export function decodeCursor(cursor: string): string {
  const lastKey = Buffer.from(cursor, "base64url").toString();
  if (cursor !== "" && encodeCursor(lastKey) === cursor) return lastKey;
  throw new HttpError("INVALID_QUERY", "The cursor is not one that a list gave.");
}
