/**
 * Whether this server, and whoever speaks to it, belongs to the cluster.
 *
 * A server that was removed is told so, and stops (PITFALLS O11, M28): it has nothing more to do, and its number will
 * never be given again (M17). It stays for a moment to say no to those who do not know yet. One that is not in the configuration in force here, but was not removed either, is heard:
 * the configuration may be the older one (M11).
 */

import { type Clock, type PeerMessage, RaftError, type Removed } from "@quorate/contracts";
import type { Index, NodeId, Raft } from "@quorate/core";
import { committedConfiguration, isRemoved } from "./members.js";

/** How long a server that was removed still says no to those who ask it, in election timeouts. */
const LINGER_TIMEOUTS = 2;

export interface BelongingOptions {
  readonly nodeId: NodeId;
  readonly raft: Raft;
  readonly clock: Clock;
  readonly electionTimeoutMs: number;
  readonly send: (message: PeerMessage) => void;
  /** This server must stop. */
  readonly onFailed: (error: RaftError) => void;
}

export class Belonging {
  readonly #options: BelongingOptions;
  /** When this server, which was removed, stops; `Infinity` if it was not. */
  #stopAt = Number.POSITIVE_INFINITY;

  constructor(options: BelongingOptions) {
    this.#options = options;
  }

  get wakeAt(): number {
    return this.#stopAt;
  }

  /** Whether to take in `message`. Whoever sends without belonging is told. */
  admits(message: PeerMessage): boolean {
    const { nodeId, raft, send } = this.#options;
    const { from, kind } = message;
    // A leader that is being removed leads until those who stay know (PITFALLS M14).
    if (!isRemoved(raft, from) || from === raft.leaderId || raft.peers.includes(from)) return true;
    if (kind !== "removed")
      send({ kind: "removed", from: nodeId, to: from, index: committedConfiguration(raft).index });
    return false;
  }

  /** Somebody who knows says that this server was removed. */
  onRemoved({ index }: Removed): void {
    this.#stop(index);
  }

  /**
   * Stops this server if it was removed: a leader leads until those who stay know, any other is no longer needed. To be
   * called in every turn.
   */
  check(): void {
    const { nodeId, raft, clock, electionTimeoutMs } = this.#options;
    if (raft.role === "leader" || !isRemoved(raft, nodeId)) return;
    const now = clock.now();
    if (this.#stopAt === Number.POSITIVE_INFINITY) this.#stopAt = now + LINGER_TIMEOUTS * electionTimeoutMs;
    if (now >= this.#stopAt) this.#stop(committedConfiguration(raft).index);
  }

  #stop(index: Index): void {
    const message = `This server was removed from its cluster at entry ${index}.`;
    this.#options.onFailed(new RaftError("REMOVED", message));
  }
}
