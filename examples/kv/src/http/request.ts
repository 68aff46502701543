/**
 * Reading requests: keys, query parameters, preconditions and bodies, strictly. What is not understood is refused with
 * a 4xx that names it, so that no request ever does something else than its sender meant.
 */

import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import type { Comparison } from "../commands.js";
import type { Freshness } from "../node.js";
import { malformed, Refusal, type RefusalCode } from "../service/refusals.js";
import { type Bounds, checkKey, type Patience, STALENESS_BOUNDS } from "../service/service.js";
import { KEY_PATH, TIMEOUT_HEADER } from "../wire.js";

/** What still follows a body that is too large is read and thrown away up to here, so that its sender hears the answer. */
const MAX_DISCARDED_BYTES = 16 * 1024 * 1024;

/** The key of `/v1/kv/{key}`, from the request's raw URL. Slashes need no encoding. */
export function readKey(url: string): string {
  // Decoded here, once, since a key may hold "%2F" of its own. The router also takes "http://host/v1/kv/…", as it must,
  // and "/v1/%6bv/…", which nobody writes.
  const path = url.replace(/^https?:\/\/[^/]*/i, "");
  if (!path.startsWith(KEY_PATH)) throw new Refusal("INVALID_URL", `Write the path as ${KEY_PATH}{key}.`);
  const key = decode(path.slice(KEY_PATH.length).split("?", 1)[0] ?? "", "INVALID_KEY", "key");
  checkKey(key);
  return key;
}

/** The query parameters of `url`; refuses unknown and repeated ones. */
export function readQuery<Name extends string>(url: string, names: readonly Name[]): Partial<Record<Name, string>> {
  const query: Partial<Record<Name, string>> = {};
  const start = url.indexOf("?");
  if (start === -1) return query;
  for (const part of url.slice(start + 1).split("&")) {
    if (part === "") continue;
    const [rawName = "", ...rest] = part.split("=");
    const given = decode(rawName, "INVALID_QUERY", "query");
    const name = names.find((each) => each === given);
    if (name === undefined) {
      const known = names.length === 0 ? "It takes none." : `It takes: ${names.join(", ")}.`;
      throw new Refusal("INVALID_QUERY", `There is no query parameter ${JSON.stringify(given)} here. ${known}`);
    }
    if (query[name] !== undefined) throw new Refusal("INVALID_QUERY", `The query parameter "${name}" was given twice.`);
    query[name] = decode(rest.join("=").replaceAll("+", " "), "INVALID_QUERY", `query parameter "${name}"`);
  }
  return query;
}

/** The query parameters by which a read says how fresh it must be. */
export const FRESHNESS = ["consistency", "max_staleness_ms"] as const;

export function readFreshness(query: Partial<Record<(typeof FRESHNESS)[number], string>>): Freshness {
  const { consistency = "linearizable", max_staleness_ms: given } = query;
  if (consistency !== "linearizable" && consistency !== "lease" && consistency !== "stale") {
    const message = `consistency is "linearizable", "lease" or "stale", not ${JSON.stringify(consistency)}.`;
    throw new Refusal("INVALID_QUERY", message);
  }
  const maxStalenessMs = readInteger("INVALID_QUERY", "max_staleness_ms", given, STALENESS_BOUNDS);
  return maxStalenessMs === null ? { consistency } : { consistency, maxStalenessMs };
}

/** A whole number within bounds; `null` when it was not given. */
export function readInteger(code: RefusalCode, name: string, given: string | undefined, bounds: Bounds): number | null {
  if (given === undefined) return null;
  const value = /^\d{1,16}$/.test(given) ? Number(given) : Number.NaN;
  if (value >= bounds.min && value <= bounds.max) return value;
  const range = `from ${bounds.min} to ${bounds.max}`;
  throw new Refusal(code, `${name} is a whole number ${range}, not ${JSON.stringify(given)}.`);
}

/** How long this request may take: the server's limit, or less if the client asked for less. */
export function readTimeoutMs(headers: IncomingHttpHeaders, limitMs: number): number {
  return Math.min(readPatience(headers).timeoutMs ?? limitMs, limitMs);
}

/** How long the client wants this request to take at most. */
export function readPatience(headers: IncomingHttpHeaders): Patience {
  const bounds = { min: 1, max: Number.MAX_SAFE_INTEGER };
  const timeoutMs = readInteger("INVALID_HEADER", TIMEOUT_HEADER, readHeader(headers, TIMEOUT_HEADER), bounds);
  return timeoutMs === null ? {} : { timeoutMs };
}

/** A header that is sent once; if it was not, what it says cannot be read. */
export function readHeader(headers: IncomingHttpHeaders, name: string): string | undefined {
  const given = headers[name];
  return Array.isArray(given) ? given.join(",") : given;
}

/**
 * The condition of a write: `If-Match: "12"` (the key has this revision; 0: it is absent), `If-Match: *` (it exists),
 * `If-None-Match: *` (it does not).
 */
export function readCondition(headers: IncomingHttpHeaders): Comparison | undefined {
  const ifMatch = headers["if-match"];
  const ifNoneMatch = headers["if-none-match"];
  if (ifMatch !== undefined && ifNoneMatch !== undefined) {
    throw new Refusal("INVALID_HEADER", "Give If-Match or If-None-Match, not both.");
  }
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() === "*") return { target: "revision", operator: "=", operand: 0 };
    throw new Refusal("INVALID_HEADER", "With a write, the only If-None-Match is *: the key must not exist.");
  }
  if (ifMatch === undefined) return undefined;
  if (ifMatch.trim() === "*") return { target: "revision", operator: ">", operand: 0 };
  return { target: "revision", operator: "=", operand: readRevisionTag(ifMatch) };
}

/** Whether a reader that sent `ifNoneMatch` has `revision` already. Tags that are not ours match nothing. */
export function hasRevision(ifNoneMatch: string | undefined, revision: number): boolean {
  if (ifNoneMatch === undefined) return false;
  const tags = ifNoneMatch.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes("*") || tags.includes(revisionTag(revision));
}

/** A revision as an entity tag. */
export function revisionTag(revision: number): string {
  return `"${revision}"`;
}

function readRevisionTag(given: string): number {
  // Quotes belong to an entity tag; a bare number is taken too, since its meaning is plain.
  const [, quoted, bare] = /^\s*(?:"(\d{1,16})"|(\d{1,16}))\s*$/.exec(given) ?? [];
  const revision = Number(quoted ?? bare ?? Number.NaN);
  if (Number.isSafeInteger(revision)) return revision;
  const message = `If-Match is one revision as the ETag gave it, such as "12", or *; not ${JSON.stringify(given)}.`;
  throw new Refusal("INVALID_HEADER", message);
}

/** Reads a whole body of at most `maxBytes`. A larger one is refused, after as much of it as is sensible was read. */
export async function readBody(
  payload: Readable,
  headers: IncomingHttpHeaders,
  maxBytes: number,
  tooLarge: RefusalCode,
): Promise<Buffer> {
  const refusal = (): Refusal => new Refusal(tooLarge, `The body is larger than ${maxBytes} bytes.`);
  const announcedBytes = Number(headers["content-length"] ?? 0);
  if (announcedBytes > MAX_DISCARDED_BYTES) throw refusal();
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    // Breaking off must not destroy the connection: the refusal still goes out on it.
    for await (const chunk of payload.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > MAX_DISCARDED_BYTES) break;
      if (sizeBytes <= maxBytes) chunks.push(chunk);
      else chunks.length = 0;
    }
  } catch (cause) {
    throw malformed("BAD_REQUEST", "The body broke off before its end.", cause);
  }
  if (sizeBytes > maxBytes) throw refusal();
  return Buffer.concat(chunks, sizeBytes);
}

function decode(encoded: string, code: RefusalCode, what: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch (cause) {
    throw malformed(code, `The percent-encoding of the ${what} is broken, or is not UTF-8.`, cause);
  }
}

/** The value that a body is in JSON. */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : "it is not UTF-8";
    throw malformed("INVALID_JSON", `The body is not JSON: ${reason}.`, error);
  }
}
