/** Carries out what the core wants sent: messages go as they are, orders by way of their follower's stream. */

import type { PeerMessage } from "@quorate/contracts";
import type { AppendEntriesResult, Index, NodeId, OutgoingMessage, SnapshotOrder } from "@quorate/core";
import { FollowerStream, type FollowerStreamOptions } from "./follower-stream.js";
import { PulledPages } from "./pulled-pages.js";

export interface SenderOptions extends Omit<FollowerStreamOptions, "send"> {
  readonly nodeId: NodeId;
  readonly send: (message: PeerMessage) => void;
  readonly onSnapshotOrder: (order: SnapshotOrder) => void;
}

export class Sender {
  readonly #options: SenderOptions;
  readonly #streams = new Map<NodeId, FollowerStream>();
  readonly #pages: PulledPages;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#pages = new PulledPages(options);
  }

  send(message: OutgoingMessage): void {
    if (message.kind === "snapshotOrder") this.#options.onSnapshotOrder(message);
    else if (message.kind === "appendRange") this.#streamTo(message.to).onOrder(message);
    else if (message.kind === "pulledRange") this.#pages.onOrder(message);
    else this.#options.send(message);
  }

  /** An answer may have made room; {@link flush} uses it. */
  onResult(message: AppendEntriesResult): void {
    this.#streams.get(message.from)?.onResult(message);
  }

  /** Sends what waited for room, if there is some now. */
  flush(): void {
    for (const stream of this.#streams.values()) stream.pump();
  }

  /** The first index that is ordered and not sent yet, by any of the streams; `Infinity` if there is none. */
  get unsentIndex(): Index {
    let unsent = Number.POSITIVE_INFINITY;
    for (const stream of this.#streams.values()) unsent = Math.min(unsent, stream.unsentIndex);
    return unsent;
  }

  #streamTo(to: NodeId): FollowerStream {
    let stream = this.#streams.get(to);
    if (stream === undefined) {
      stream = new FollowerStream(this.#options, this.#options.nodeId, to);
      this.#streams.set(to, stream);
    }
    return stream;
  }
}
