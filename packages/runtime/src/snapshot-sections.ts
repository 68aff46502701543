/**
 * What the library itself keeps as replicated state, next to the state machine's: it goes at the front of the body of
 * each snapshot, part by part, each with a name (PITFALLS S19).
 *
 * The bytes: how many follow the first eight, in four, and their CRC-32, in four, for they are read alone where the state
 * machine has its state already; then for each part the length of its name in one, the name in ASCII, the length of its
 * content in four, the content. Numbers have their most significant byte first.
 */

import { crc32, RaftError } from "@quorate/contracts";
import type { Index } from "@quorate/core";

/** A part of the library's own replicated state. */
export interface SnapshotSection {
  /** ASCII, at most 255 characters, and never given to anything else. */
  readonly name: string;
  /** The state as it is now; the same state gives the same bytes on every server. */
  save(): Uint8Array;
  /**
   * Takes over what {@link save} returned on some server when everything up to `index` was applied; null if the snapshot
   * is older than this part.
   */
  restore(content: Uint8Array | null, index: Index): void;
}

/** What stands in front of the sections: their length and their checksum. */
export const SECTIONS_HEAD_BYTES = 8;

export function encodeSections(sections: readonly SnapshotSection[]): Uint8Array {
  const parts = sections.map((section) => ({ name: section.name, content: section.save() }));
  let sizeBytes = SECTIONS_HEAD_BYTES;
  for (const { name, content } of parts) sizeBytes += 1 + name.length + 4 + content.length;
  const bytes = new Uint8Array(sizeBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, sizeBytes - SECTIONS_HEAD_BYTES);
  let at = SECTIONS_HEAD_BYTES;
  for (const { name, content } of parts) {
    bytes[at] = name.length;
    at += 1;
    for (const character of name) {
      bytes[at] = character.charCodeAt(0);
      at += 1;
    }
    view.setUint32(at, content.length);
    bytes.set(content, at + 4);
    at += 4 + content.length;
  }
  view.setUint32(4, crc32(bytes.subarray(SECTIONS_HEAD_BYTES)));
  return bytes;
}

/** The length that the first bytes of a body name. */
export function sectionsLength(head: Uint8Array): number {
  return new DataView(head.buffer, head.byteOffset, head.length).getUint32(0);
}

/** What follows that head, by name. Throws `STORAGE_CORRUPT` if it is not what was written, or no list of sections. */
export function decodeSections(head: Uint8Array, bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  if (new DataView(head.buffer, head.byteOffset, head.length).getUint32(4) !== crc32(bytes))
    throw new RaftError("STORAGE_CORRUPT", "The sections of a snapshot are damaged.");
  const sections = new Map<string, Uint8Array>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const take = (length: number): number => {
    const start = at;
    at += length;
    if (at > bytes.length) throw new RaftError("STORAGE_CORRUPT", "A snapshot ends in the midst of its sections.");
    return start;
  };
  while (at < bytes.length) {
    const nameLength = bytes[take(1)] as number;
    const nameStart = take(nameLength);
    const name = String.fromCharCode(...bytes.subarray(nameStart, nameStart + nameLength));
    const length = view.getUint32(take(4));
    const start = take(length);
    if (sections.has(name)) throw new RaftError("STORAGE_CORRUPT", `A snapshot has two sections ${name}.`);
    sections.set(name, bytes.slice(start, start + length));
  }
  return sections;
}

/**
 * Hands each section what the snapshot holds of it. Throws `STORAGE_FORMAT` if the snapshot has one that is not known
 * here: state would be lost (PITFALLS C11).
 */
export function restoreSections(
  sections: readonly SnapshotSection[],
  contents: ReadonlyMap<string, Uint8Array>,
  index: Index,
): void {
  for (const name of contents.keys()) {
    if (sections.some((section) => section.name === name)) continue;
    throw new RaftError("STORAGE_FORMAT", `A snapshot has a section ${JSON.stringify(name)}, which is not known here.`);
  }
  for (const section of sections) section.restore(contents.get(section.name) ?? null, index);
}
