/**
 * The body of a snapshot: the library's own sections, then what the state machine says of its state. Both directions in
 * pieces, and after each the event loop has its turn (PITFALLS S8, F1).
 *
 * The body of a witness's snapshot is empty: it has no state.
 */

import { type Clock, crc32, type SnapshotReader, type SnapshotWriter, StorageError } from "@quorate/contracts";
import { decodeSections, SECTIONS_HEAD_BYTES, sectionsLength } from "./snapshot-sections.js";

/** Smaller pieces are joined: each costs a write, and a turn. */
const MIN_PIECE_BYTES = 64 * 1024;

/** How much is read from a snapshot at a time. */
const READ_BYTES = 256 * 1024;

const NO_SECTIONS: ReadonlyMap<string, Uint8Array> = new Map();

/** Resolves when the event loop has had its turn. */
function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.soon(resolve);
  });
}

/** Writes `pieces`, as long as it is wanted. Keeps none: whoever yields them may use its array again. */
export async function writeBody(
  clock: Clock,
  writer: SnapshotWriter,
  pieces: AsyncIterable<Uint8Array>,
  isWanted: () => boolean,
): Promise<void> {
  const gathered = new Uint8Array(MIN_PIECE_BYTES);
  let gatheredBytes = 0;
  const write = async (piece: Uint8Array): Promise<void> => {
    if (piece.length === 0) return;
    await writer.write(piece);
    await nextTurn(clock);
  };
  for await (const piece of pieces) {
    if (gatheredBytes + piece.length > gathered.length) {
      await write(gathered.subarray(0, gatheredBytes));
      gatheredBytes = 0;
    }
    if (piece.length >= gathered.length) {
      await write(piece);
    } else {
      gathered.set(piece, gatheredBytes);
      gatheredBytes += piece.length;
    }
    if (!isWanted()) return;
  }
  await write(gathered.subarray(0, gatheredBytes));
}

/** First `front`, then `pieces`. */
export async function* prefixed(
  front: Uint8Array,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield front;
  yield* pieces;
}

/**
 * Reads a body from its start: `sections` first, then `state`, whose end is reached only if the checksum of the whole
 * is right (PITFALLS S10). Both reject with what the storage rejects with, or with `STORAGE_CORRUPT`.
 */
export class BodyReader {
  readonly #clock: Clock;
  readonly #reader: SnapshotReader;
  readonly #pieces: AsyncGenerator<Uint8Array, void, undefined>;
  #isVerified = false;
  /** What was read and not yet handed out. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor(clock: Clock, reader: SnapshotReader) {
    this.#clock = clock;
    this.#reader = reader;
    this.#pieces = this.#read();
  }

  /** Whether all was read, and is as it was written. */
  get isVerified(): boolean {
    return this.#isVerified;
  }

  /** Whether there is no state in it: then it is a witness's. */
  get isEmpty(): boolean {
    return this.#reader.snapshot.sizeBytes === 0;
  }

  async sections(): Promise<ReadonlyMap<string, Uint8Array>> {
    if (this.isEmpty) return NO_SECTIONS;
    const head = await this.#take(SECTIONS_HEAD_BYTES);
    const lengthBytes = sectionsLength(head);
    if (lengthBytes > this.#reader.snapshot.sizeBytes - SECTIONS_HEAD_BYTES) throw this.#corrupt();
    return decodeSections(head, await this.#take(lengthBytes));
  }

  async *state(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#rest.length > 0) yield this.#rest;
    yield* this.#pieces;
  }

  async #take(sizeBytes: number): Promise<Uint8Array> {
    const parts = [this.#rest];
    let gatheredBytes = this.#rest.length;
    while (gatheredBytes < sizeBytes) {
      const { value, done } = await this.#pieces.next();
      if (done === true) throw this.#corrupt();
      parts.push(value);
      gatheredBytes += value.length;
    }
    const bytes = joined(parts, gatheredBytes);
    this.#rest = bytes.subarray(sizeBytes);
    return bytes.subarray(0, sizeBytes);
  }

  async *#read(): AsyncGenerator<Uint8Array, void, undefined> {
    const { sizeBytes, checksum } = this.#reader.snapshot;
    let offset = 0;
    let sum = 0;
    while (offset < sizeBytes) {
      const piece = await this.#reader.read(offset, READ_BYTES);
      if (piece.length === 0) throw this.#corrupt();
      offset += piece.length;
      sum = crc32(piece, sum);
      yield piece;
      await nextTurn(this.#clock);
    }
    if (offset !== sizeBytes || sum !== checksum) throw this.#corrupt();
    this.#isVerified = true;
  }

  #corrupt(): StorageError {
    const { place } = this.#reader.snapshot;
    return new StorageError("STORAGE_CORRUPT", `The snapshot of entry ${place.index} is damaged.`);
  }
}

function joined(parts: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array;
  const whole = new Uint8Array(sizeBytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
