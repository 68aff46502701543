/** How keys, values and events look in JSON. */

import type { KvEntry } from "../commands.js";
import type { KvEvent } from "../history.js";
import { type EntryJson, type EventJson, toBase64 } from "../wire.js";

export function entryToJson({ key, value, revision, createRevision, version }: KvEntry): EntryJson {
  return { key, valueBase64: toBase64(value), revision, createRevision, version };
}

export function eventToJson(event: KvEvent): EventJson {
  if (event.type !== "put") return { type: event.type, key: event.key };
  const { key, value, createRevision, version } = event;
  return { type: "put", key, valueBase64: toBase64(value), createRevision, version };
}
