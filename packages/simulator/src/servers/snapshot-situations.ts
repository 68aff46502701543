/** Counts what came of snapshots: what is never seen was never tried. */

import { type PeerMessage, RaftError, type SnapshotChunk } from "@quorate/contracts";
import type { Effects, Input, NodeId, RestoredState } from "@quorate/core";
import type { SnapshotOrigin } from "../ledger/index.js";

export const SNAPSHOT_SITUATIONS = [
  "a server took a snapshot",
  "a server sent a snapshot",
  "a server received a snapshot",
  "the sending of a snapshot went on where it had been broken off",
  "a snapshot was refused",
  "a snapshot could not be taken",
  "a snapshot was found damaged where it was sent from",
  "a server gave up its log for a snapshot",
  "a state machine took over another state",
  "a server began with a snapshot",
  "a log was cut behind a snapshot",
] as const;

export type SnapshotSituation = (typeof SNAPSHOT_SITUATIONS)[number];

/** Where the sending of a snapshot to one server stands. */
interface Sending {
  readonly from: NodeId;
  readonly term: number;
  readonly stream: number;
  /** The end of what was sent. */
  readonly endOffset: number;
}

export class SnapshotSituations {
  readonly #add: (situation: SnapshotSituation) => void;
  /** By receiver. */
  readonly #sendings: (Sending | undefined)[] = [];

  constructor(add: (situation: SnapshotSituation) => void) {
    this.#add = add;
  }

  onStarted({ snapshot }: RestoredState): void {
    if (snapshot !== null) this.#add("a server began with a snapshot");
  }

  onStep(input: Input): void {
    if (input.kind === "compact" && input.compactTo > 0) this.#add("a log was cut behind a snapshot");
  }

  onEffects({ write }: Effects): void {
    if (write !== null && write.reset !== null) this.#add("a server gave up its log for a snapshot");
  }

  onStored(origin: SnapshotOrigin): void {
    this.#add(origin === "taken" ? "a server took a snapshot" : "a server received a snapshot");
  }

  onRestored(): void {
    this.#add("a state machine took over another state");
  }

  onSent(message: PeerMessage): void {
    if (message.kind === "snapshotChunkResult" && !message.isAccepted) this.#add("a snapshot was refused");
    if (message.kind === "snapshotChunk") this.#onChunk(message);
  }

  onWarning(warning: unknown): void {
    if (!(warning instanceof RaftError)) return;
    if (warning.code === "SNAPSHOT_DAMAGED") this.#add("a snapshot was found damaged where it was sent from");
    if (warning.code === "SNAPSHOT_FAILED" && warning.cause !== undefined) this.#add("a snapshot could not be taken");
  }

  /** Who has a part already says so, and is sent the rest. */
  #onChunk({ from, to, term, stream, offset, data }: SnapshotChunk): void {
    const before = this.#sendings[to];
    const isSame = before?.from === from && before.term === term && before.stream === stream;
    if (!isSame) this.#add("a server sent a snapshot");
    else if (offset > before.endOffset) this.#add("the sending of a snapshot went on where it had been broken off");
    this.#sendings[to] = { from, term, stream, endOffset: offset + data.length };
  }
}
