/**
 * A snapshot as a file: a head, which says everything but the body, and the body.
 *
 * ```
 * 71 75 6f 72 73 6e 61 70     "quorsnap"
 * vvvvvvvv                    the version of the format, 1
 * llllllll                    how long the head is, from the first byte to its checksum
 * iiiiiiiiiiiiiiii tttttttttttttttt    index and term of the last entry that the snapshot contains
 * ssssssssssssssss cccccccc   size of the body, and its CRC-32
 * …                           the header that the snapshot was given
 * hhhhhhhh                    CRC-32 of the head up to here
 * …                           the body
 * ```
 *
 * Numbers are big-endian. Whatever a later version does with the rest, the first sixteen bytes and the checksum at the
 * end of the head stay what they are, so that damage is told from a format that is not understood.
 */

import { StorageError, type StoredSnapshot } from "@quorate/contracts";
import type { EntryId } from "@quorate/core";
import { crc32 } from "../crc.js";
import { unavailable } from "../explain.js";
import { readUint64, writeUint64 } from "../keys.js";
import type { Folder } from "./folder.js";

const MAGIC = "quorsnap";
const FORMAT_VERSION = 1;
const VERSION_AT = 8;
const LENGTH_AT = 12;
const PREFIX_BYTES = 16;
const INDEX_AT = 16;
const TERM_AT = 24;
const SIZE_AT = 32;
const CHECKSUM_AT = 40;
const HEADER_AT = 44;
const CHECKSUM_BYTES = 4;

/** What a header may take: it is read at once, when the storage is opened. */
export const MAX_HEADER_BYTES: number = 16 * 1024 * 1024;

/** A snapshot that was committed, and the file that it lies in. */
export interface SnapshotFile {
  readonly name: string;
  readonly snapshot: StoredSnapshot;
}

/** Where the body begins: known as soon as the header is. */
export function headBytesOf(header: Uint8Array): number {
  return HEADER_AT + header.length + CHECKSUM_BYTES;
}

/** Throws a `RangeError` for numbers that are not safe integers. */
export function encodeHead({ place, header, sizeBytes, checksum }: StoredSnapshot): Buffer {
  const head = Buffer.alloc(headBytesOf(header));
  head.write(MAGIC, 0, "latin1");
  head.writeUInt32BE(FORMAT_VERSION, VERSION_AT);
  head.writeUInt32BE(head.length, LENGTH_AT);
  writeUint64(head, place.index, INDEX_AT);
  writeUint64(head, place.term, TERM_AT);
  writeUint64(head, sizeBytes, SIZE_AT);
  head.writeUInt32BE(checksum, CHECKSUM_AT);
  head.set(header, HEADER_AT);
  const end = head.length - CHECKSUM_BYTES;
  head.writeUInt32BE(crc32(head, 0, end), end);
  return head;
}

/**
 * Reads the head of the file called `name`, which is to hold the snapshot of `place`, and compares what it says with the
 * its name and its length (PITFALLS P16). Rejects with `STORAGE_CORRUPT`, `STORAGE_FORMAT` or
 * `STORAGE_UNAVAILABLE`.
 */
export async function readSnapshotFile(folder: Folder, name: string, place: EntryId): Promise<SnapshotFile> {
  const path = folder.pathOf(name);
  const { head, fileBytes } = await readHead(folder, name);
  const snapshot = decodeHead(path, head);
  const { index, term } = snapshot.place;
  ensure(index === place.index && term === place.term, path, `it is the snapshot of entry ${index} of term ${term}`);
  const bodyBytes = fileBytes - head.length;
  ensure(bodyBytes === snapshot.sizeBytes, path, `${bodyBytes} bytes are there of ${snapshot.sizeBytes}`);
  return { name, snapshot };
}

async function readHead(folder: Folder, name: string): Promise<{ head: Buffer; fileBytes: number }> {
  const path = folder.pathOf(name);
  try {
    const handle = await folder.open(name, "r");
    try {
      const { size: fileBytes } = await handle.stat();
      const prefix = Buffer.alloc(Math.min(PREFIX_BYTES, fileBytes));
      await handle.read(prefix, 0, prefix.length, 0);
      ensure(prefix.toString("latin1", 0, MAGIC.length) === MAGIC, path, "it is no snapshot");
      const headBytes = prefix.length < PREFIX_BYTES ? 0 : prefix.readUInt32BE(LENGTH_AT);
      const isPossible = headBytes >= PREFIX_BYTES + CHECKSUM_BYTES && headBytes <= fileBytes;
      ensure(isPossible && headBytes <= MAX_HEADER_BYTES + HEADER_AT + CHECKSUM_BYTES, path, "its head is damaged");
      const head = Buffer.alloc(headBytes);
      const { bytesRead } = await handle.read(head, 0, headBytes, 0);
      ensure(bytesRead === headBytes, path, "its head is not whole");
      return { head, fileBytes };
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (cause instanceof StorageError) throw cause;
    throw unavailable(`${path} cannot be read.`, cause);
  }
}

function decodeHead(path: string, head: Buffer): StoredSnapshot {
  const end = head.length - CHECKSUM_BYTES;
  ensure(crc32(head, 0, end) === head.readUInt32BE(end), path, "its head is damaged: the checksum is wrong");
  const version = head.readUInt32BE(VERSION_AT);
  if (version !== FORMAT_VERSION) {
    const message = `${path} has format ${version}, and this version reads ${FORMAT_VERSION}.`;
    throw new StorageError("STORAGE_FORMAT", message);
  }
  ensure(end >= HEADER_AT, path, "its head is too short");
  const numbers = [INDEX_AT, TERM_AT, SIZE_AT].map((at) => readUint64(head, at));
  ensure(numbers.every(Number.isSafeInteger), path, "its head holds a number that is too large");
  const [index = 0, term = 0, sizeBytes = 0] = numbers;
  const header = new Uint8Array(head.subarray(HEADER_AT, end));
  return { place: { index, term }, header, sizeBytes, checksum: head.readUInt32BE(CHECKSUM_AT) };
}

function ensure(holds: boolean, path: string, complaint: string): asserts holds {
  if (!holds) throw new StorageError("STORAGE_CORRUPT", `${path}: ${complaint}.`);
}
