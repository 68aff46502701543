/** Carries out what the core wants sent: messages go as they are, orders by way of their follower's stream. */

import type { PeerMessage } from "@quorate/contracts";
import type { AppendEntries, AppendEntriesResult, Index, NodeId, OutgoingMessage, SnapshotOrder } from "@quorate/core";
import { CommitNotices } from "./commit-notices.js";
import { FollowerStream, type FollowerStreamOptions } from "./follower-stream.js";
import { PulledPages } from "./pulled-pages.js";

export interface SenderOptions extends Omit<FollowerStreamOptions, "send"> {
  readonly nodeId: NodeId;
  readonly heartbeatIntervalMs: number;
  readonly send: (message: PeerMessage) => void;
  readonly onSnapshotOrder: (order: SnapshotOrder) => void;
}

export class Sender {
  readonly #options: SenderOptions;
  readonly #streams = new Map<NodeId, FollowerStream>();
  readonly #pages: PulledPages;
  readonly #notices: CommitNotices;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#pages = new PulledPages(options);
    this.#notices = new CommitNotices(options.heartbeatIntervalMs, options.send);
  }

  /** When {@link flush} is needed, if nothing else happens. */
  get wakeAt(): number {
    return this.#notices.dueAt;
  }

  send(message: OutgoingMessage, now: number): void {
    if (message.kind === "snapshotOrder") this.#options.onSnapshotOrder(message);
    else if (message.kind === "appendRange") this.#streamTo(message.to).onOrder(message);
    else if (message.kind === "pulledRange") this.#pages.onOrder(message);
    else if (message.kind === "commit") this.#notices.hold(message, now);
    else {
      if (message.kind === "heartbeat") this.#notices.drop(message.to);
      else if (message.kind === "readIndexResult") this.#notices.hasten(message.to);
      this.#options.send(message);
    }
  }

  /** An answer may have made room; {@link flush} uses it. */
  onResult(message: AppendEntriesResult): void {
    this.#streams.get(message.from)?.onResult(message);
  }

  /** Sends what waited for room, if there is some now, and what has waited long enough. */
  flush(now: number): void {
    for (const stream of this.#streams.values()) stream.pump();
    this.#notices.flush(now);
  }

  /** The first index that is ordered and not sent yet, by any of the streams; `Infinity` if there is none. */
  get unsentIndex(): Index {
    let unsent = Number.POSITIVE_INFINITY;
    for (const stream of this.#streams.values()) unsent = Math.min(unsent, stream.unsentIndex);
    return unsent;
  }

  readonly #sendEntries = (message: AppendEntries): void => {
    this.#notices.drop(message.to);
    this.#options.send(message);
  };

  #streamTo(to: NodeId): FollowerStream {
    let stream = this.#streams.get(to);
    if (stream === undefined) {
      stream = new FollowerStream({ ...this.#options, send: this.#sendEntries }, this.#options.nodeId, to);
      this.#streams.set(to, stream);
    }
    return stream;
  }
}
