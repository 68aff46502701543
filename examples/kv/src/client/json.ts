/** Between the JSON of the servers and what the client hands out. */

import type { KvEntry } from "../commands.js";
import { type EntryJson, toBase64 } from "../wire.js";

export function readEntry({ valueBase64, key, revision, createRevision, version }: EntryJson): KvEntry {
  return { key, value: Buffer.from(valueBase64, "base64"), revision, createRevision, version };
}

/** A part of a transaction as JSON carries it: bytes as base64. */
export function writeValue(part: object): object {
  if (!("value" in part) || !(part.value instanceof Uint8Array)) return part;
  const { value, ...rest } = part;
  return { ...rest, valueBase64: toBase64(value) };
}

/** `?a=1&b=2` of what is given, or nothing. */
export function toQuery(parameters: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query.set(name, String(value));
  }
  return query.size === 0 ? "" : `?${query}`;
}
