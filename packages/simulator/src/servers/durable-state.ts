/** What the disk of a machine is known to hold: the ledger hears of it before the node does. */

import {
  type Index,
  NOBODY,
  type NodeId,
  type RestoredState,
  type SnapshotPoint,
  type Term,
  type Write,
} from "@quorate/core";
import type { Ledger, SnapshotOrigin } from "../ledger/index.js";

/** What was durable at some moment, for whoever brings that moment back. */
export interface DurableMark {
  readonly currentTerm: Term;
  readonly votedFor: NodeId;
  readonly lastIndex: Index;
  /** How often the log was cut so far. */
  readonly truncations: number;
}

export class DurableState {
  /** Of the server that this disk is of, once it is known. */
  #id: NodeId = NOBODY;
  readonly #ledger: Ledger;
  #mark: DurableMark = { currentTerm: 0, votedFor: NOBODY, lastIndex: 0, truncations: 0 };
  /** Snapshots that were being made durable in this life, of which nobody knows whether they are. */
  #committing: { readonly point: SnapshotPoint; readonly origin: SnapshotOrigin }[] = [];

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** What a loss of power at this moment is certain to leave. */
  get mark(): DurableMark {
    return this.#mark;
  }

  /** A life begins with what was found. A snapshot that it may have missed the end of is one, if it is there. */
  onStart(id: NodeId, restored: RestoredState): void {
    this.#id = id;
    const { hardState, lastIndex, snapshot } = restored;
    const found = this.#committing.find(({ point }) => point.index === snapshot?.index && point.term === snapshot.term);
    if (found !== undefined) this.#ledger.onSnapshotStored(this.#id, found.point, found.origin);
    this.#committing = [];
    this.#mark = { ...hardState, lastIndex, truncations: 0 };
    this.#ledger.onStart(this.#id, restored);
  }

  onStored(writes: readonly Write[]): void {
    for (const { seq, hardState, reset, truncateFrom, append } of writes) {
      const { lastIndex, truncations } = this.#mark;
      const isCut = truncateFrom !== null || reset !== null;
      const left = reset !== null ? reset.index : truncateFrom === null ? lastIndex : truncateFrom - 1;
      this.#mark = {
        ...this.#mark,
        ...hardState,
        lastIndex: append[append.length - 1]?.index ?? left,
        truncations: isCut ? truncations + 1 : truncations,
      };
      this.#ledger.onStored(this.#id, seq);
    }
  }

  onSnapshotCommitting(point: SnapshotPoint, origin: SnapshotOrigin): void {
    this.#committing.push({ point, origin });
  }

  onSnapshotStored(point: SnapshotPoint, origin: SnapshotOrigin): void {
    this.#committing = this.#committing.filter(({ point: { index } }) => index !== point.index);
    this.#ledger.onSnapshotStored(this.#id, point, origin);
  }
}
