/**
 * The header of a snapshot: what whoever receives it must know before the first byte of the state (PITFALLS S19). Whose
 * it is, which entry it reaches to, and who was a member there.
 *
 * JSON in ASCII, as a configuration in the log is, so that people can read it and later versions can add to it. The same
 * content gives the same bytes.
 */

import { RaftError } from "@quorate/contracts";
import {
  decodeConfiguration,
  decodeJson,
  type EntryId,
  encodeConfiguration,
  encodeJson,
  type Index,
  type SnapshotPoint,
} from "@quorate/core";
import { messageOf } from "./fatal.js";

const FORMAT = 2;

export interface SnapshotHeader {
  readonly clusterId: string;
  /** The last entry whose effect it contains, and the configuration in force there. */
  readonly point: SnapshotPoint;
  /** The last entry that the state machine was given, which may lie before the last entry: not every one is a command. */
  readonly lastCommandIndex: Index;
}

export function encodeSnapshotHeader({ clusterId, point, lastCommandIndex }: SnapshotHeader): Uint8Array {
  return encodeJson({
    format: FORMAT,
    clusterId,
    index: point.index,
    term: point.term,
    lastCommandIndex,
    configurationIndex: point.membership.index,
    configuration: asciiOf(encodeConfiguration(point.membership.configuration)),
  });
}

/**
 * The header of the snapshot of `place`. Throws `STORAGE_FORMAT` if another version wrote it, and `STORAGE_CORRUPT` on
 * whatever else is no header, or that of another place.
 */
export function decodeSnapshotHeader(header: Uint8Array, place: EntryId): SnapshotHeader {
  let fields: unknown;
  try {
    fields = decodeJson(header);
  } catch (cause) {
    throw corrupt(place, "its header is not JSON", cause);
  }
  if (typeof fields !== "object" || fields === null) throw corrupt(place, "its header is no object");
  const field = (name: string): unknown => (Object.hasOwn(fields, name) ? Reflect.get(fields, name) : undefined);
  const format = field("format");
  if (format !== FORMAT) {
    const message = `The snapshot of entry ${place.index} has the format ${JSON.stringify(format)}, not ${FORMAT}.`;
    throw new RaftError("STORAGE_FORMAT", message);
  }
  const [clusterId, configuration] = [field("clusterId"), field("configuration")];
  const [lastCommandIndex, configurationIndex] = [field("lastCommandIndex"), field("configurationIndex")];
  if (field("index") !== place.index || field("term") !== place.term) throw corrupt(place, "its header is another's");
  if (typeof clusterId !== "string" || typeof configuration !== "string")
    throw corrupt(place, "its header lacks fields");
  if (!isIndexUpTo(lastCommandIndex, place.index) || !isIndexUpTo(configurationIndex, place.index)) {
    throw corrupt(place, "its header names an index that cannot be");
  }
  try {
    const membership = { index: configurationIndex, configuration: decodeConfiguration(bytesOf(configuration)) };
    return { clusterId, point: { ...place, membership }, lastCommandIndex };
  } catch (cause) {
    throw corrupt(place, messageOf(cause), cause);
  }
}

function isIndexUpTo(value: unknown, last: Index): value is Index {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= last;
}

function corrupt({ index }: EntryId, why: string, cause?: unknown): RaftError {
  return new RaftError("STORAGE_CORRUPT", `The snapshot of entry ${index} cannot be understood: ${why}.`, { cause });
}

function bytesOf(ascii: string): Uint8Array {
  return Uint8Array.from(ascii, (character) => character.charCodeAt(0));
}

function asciiOf(bytes: Uint8Array): string {
  let ascii = "";
  for (const byte of bytes) ascii += String.fromCharCode(byte);
  return ascii;
}
