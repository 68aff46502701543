/**
 * What waits to be sent to one peer, in four lanes (PITFALLS F9).
 *
 * `control`: votes, heartbeats, results: small, and never behind anything else. `proposals`: commands on their way to
 * the leader, and their answers. `log`: entries. `snapshots`: pieces of them. The latter three take turns, so that neither
 * a follower that catches up nor a flood of commands keeps the others waiting. All messages of one kind use one lane,
 * which keeps their order.
 *
 * Each lane is bounded in bytes on its own: entries in bulk never push out the answer to a command (PITFALLS F6, F8).
 */

import type { GroupId, PeerMessage } from "@quorate/contracts";

export interface QueuedMessage {
  readonly groupId: GroupId;
  readonly message: PeerMessage;
  readonly sizeBytes: number;
}

/** What a message takes besides its payload, roughly; and each of its entries. */
const MESSAGE_BYTES = 64;
const ENTRY_BYTES = 16;
/** Room for ten thousands of control messages: more of them than that can wait only for a peer that does not read. */
const MAX_CONTROL_BYTES = 1 << 20;

export class OutgoingQueue {
  readonly #control = new Lane(MAX_CONTROL_BYTES);
  readonly #proposals: Lane;
  readonly #log: Lane;
  readonly #snapshots: Lane;
  /** In the order of their turns: the one that had the last one is last. */
  readonly #turns: Lane[];

  constructor(maxLaneBytes: number) {
    this.#proposals = new Lane(maxLaneBytes);
    this.#log = new Lane(maxLaneBytes);
    this.#snapshots = new Lane(maxLaneBytes);
    this.#turns = [this.#log, this.#proposals, this.#snapshots];
  }

  /** False if there is no room for it. */
  push(groupId: GroupId, message: PeerMessage): boolean {
    return this.#laneOf(message).push({ groupId, message, sizeBytes: roughSize(message) });
  }

  /** The next message to send. */
  shift(): QueuedMessage | undefined {
    const urgent = this.#control.shift();
    if (urgent !== undefined) return urgent;
    for (const [place, lane] of this.#turns.entries()) {
      const next = lane.shift();
      if (next === undefined) continue;
      this.#turns.splice(place, 1);
      this.#turns.push(lane);
      return next;
    }
    return undefined;
  }

  /** Empties all lanes; returns how many messages that were. */
  clear(): number {
    return this.#control.clear() + this.#proposals.clear() + this.#log.clear() + this.#snapshots.clear();
  }

  #laneOf(message: PeerMessage): Lane {
    switch (message.kind) {
      case "appendEntries":
      case "pulledEntries":
        return this.#log;
      case "propose":
      case "proposeResult":
        return this.#proposals;
      case "snapshotChunk":
        return this.#snapshots;
      default:
        return this.#control;
    }
  }
}

/** How many sent messages a lane keeps before it shifts the rest down. */
const COMPACT_AFTER = 1024;

/** First in, first out, bounded in bytes. */
class Lane {
  readonly #maxBytes: number;
  #messages: QueuedMessage[] = [];
  /** The messages before this one are sent already. */
  #next = 0;
  #sizeBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(queued: QueuedMessage): boolean {
    // One that is larger than the whole lane still passes when it is alone (PITFALLS F5).
    if (this.#sizeBytes > 0 && this.#sizeBytes + queued.sizeBytes > this.#maxBytes) return false;
    this.#messages.push(queued);
    this.#sizeBytes += queued.sizeBytes;
    return true;
  }

  shift(): QueuedMessage | undefined {
    const queued = this.#messages[this.#next];
    if (queued === undefined) return undefined;
    this.#next += 1;
    this.#sizeBytes -= queued.sizeBytes;
    if (this.#next === this.#messages.length || this.#next === COMPACT_AFTER) {
      this.#messages.splice(0, this.#next);
      this.#next = 0;
    }
    return queued;
  }

  clear(): number {
    const count = this.#messages.length - this.#next;
    this.#messages = [];
    this.#next = 0;
    this.#sizeBytes = 0;
    return count;
  }
}

function roughSize(message: PeerMessage): number {
  switch (message.kind) {
    case "appendEntries":
    case "pulledEntries": {
      let sizeBytes = MESSAGE_BYTES;
      for (const { data } of message.entries) sizeBytes += ENTRY_BYTES + data.length;
      return sizeBytes;
    }
    case "propose":
    case "proposeResult":
      return MESSAGE_BYTES + message.data.length;
    case "snapshotChunk":
      return MESSAGE_BYTES + message.header.length + message.data.length;
    default:
      return MESSAGE_BYTES;
  }
}
