/**
 * Snapshots on their way between cores, as a runtime sends them: in chunks, each asked for by the answer to the one
 * before, so that any of them can be lost, doubled or late.
 */

import type { SnapshotChunk, SnapshotChunkResult } from "@quorate/contracts";
import type { Message, NodeId, SnapshotOrder, SnapshotPoint } from "@quorate/core";

/** What a chunk stands for comes along with each. */
export interface CarriedChunk extends SnapshotChunk {
  readonly snapshot: SnapshotPoint;
}

/** Whatever is under way between servers. */
export type Parcel = Message | CarriedChunk | SnapshotChunkResult;

const NOTHING = new Uint8Array(0);
const A_BYTE = new Uint8Array(1);

/** One order of a leader that is being carried out. */
export class SnapshotTransfer {
  readonly order: SnapshotOrder;
  readonly #snapshot: SnapshotPoint;
  readonly #chunks: number;

  constructor(order: SnapshotOrder, snapshot: SnapshotPoint, chunks: number) {
    this.order = order;
    this.#snapshot = snapshot;
    this.#chunks = chunks;
  }

  chunk(offset: number): CarriedChunk {
    const { from, to, term, stream } = this.order;
    const { index, term: placeTerm } = this.#snapshot;
    return {
      kind: "snapshotChunk",
      from,
      to,
      term,
      stream,
      place: { index, term: placeTerm },
      sizeBytes: this.#chunks,
      checksum: 0,
      offset,
      header: NOTHING,
      data: A_BYTE,
      snapshot: this.#snapshot,
    };
  }

  /** What follows the answer; null if nothing does. */
  next({ stream, nextOffset, isAccepted }: SnapshotChunkResult): CarriedChunk | null {
    const goesOn = stream === this.order.stream && isAccepted && nextOffset < this.#chunks;
    return goesOn ? this.chunk(nextOffset) : null;
  }
}

/** The snapshot that is coming in, as far as it is here. One at a time (PITFALLS S10). */
export class IncomingSnapshot {
  #from: NodeId = 0;
  #term = 0;
  #stream = 0;
  #nextOffset = 0;

  /** The answer; the snapshot is whole if all of it is here by that. */
  take({ from, to, term, stream, place, offset, sizeBytes, data }: CarriedChunk): SnapshotChunkResult {
    const isSame = this.#from === from && this.#term === term && this.#stream === stream;
    if (!isSame) this.#nextOffset = 0;
    this.#from = from;
    this.#term = term;
    this.#stream = stream;
    if (offset === this.#nextOffset) this.#nextOffset += data.length;
    const nextOffset = Math.min(this.#nextOffset, sizeBytes);
    return { kind: "snapshotChunkResult", from: to, to: from, term, stream, place, nextOffset, isAccepted: true };
  }
}
