/**
 * Whether this server, and whoever speaks to it, belongs to the cluster.
 *
 * A server that was removed is told so, and stops (PITFALLS O11, M28): it has nothing more to do, and its number will
 * never be given again (M17). It stays for a moment to say no to those who do not know yet. One that is not in the
 * configuration in force here, but was not removed either, is heard: the configuration may be the older one (M11).
 *
 * One with another disk than the member whose number it bears is not that member: it may have voted, and forgotten it
 * (M18). Members that joined have said from the start which disk is theirs; those of founders the leader writes into the
 * configuration as soon as it knows them, and until then each server goes by whom it has met.
 */

import { type Clock, type PeerMessage, RaftError, type Unwanted } from "@quorate/contracts";
import {
  type Configuration,
  type Index,
  type MemberChange,
  memberOf,
  membersOf,
  type NodeId,
  type Raft,
  UNCLAIMED,
} from "@quorate/core";
import { committedConfiguration, isFinal, isRemoved } from "./members.js";

/** How long a server that was removed still says no to those who ask it, in election timeouts. */
const LINGER_TIMEOUTS = 2;

/** How long a leader waits for founders that have not shown up yet before it notes the disks of the others. */
const PATIENCE_TIMEOUTS = 2;

export interface BelongingOptions {
  readonly nodeId: NodeId;
  /** That of this server; undefined if its storage has none. */
  readonly incarnation: number | undefined;
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
  /** The incarnations that were heard of, by server; that of this one too. */
  readonly #heard = new Map<NodeId, number>();
  /** A configuration that was looked through, and lacks no incarnation. */
  #complete: Configuration | null = null;
  /** Since when this server has seen a configuration in which some are unknown. */
  #unknownSince: { readonly configuration: Configuration; readonly at: number } | null = null;

  constructor(options: BelongingOptions) {
    this.#options = options;
    if (options.incarnation !== undefined) this.#heard.set(options.nodeId, options.incarnation);
  }

  get wakeAt(): number {
    return this.#stopAt;
  }

  /** Whether to take in `message`. Whoever sends without belonging is told. */
  admits(message: PeerMessage, incarnation: number | undefined): boolean {
    const { raft } = this.#options;
    const { from, kind } = message;
    if (incarnation !== undefined && this.#isForeign(raft.configuration, from, incarnation)) {
      const { index, configuration } = committedConfiguration(raft);
      // What is not committed may be taken back; what was heard was heard.
      const isCertain = this.#isForeign(configuration, from, incarnation) || this.#isNotWhoWasHeard(from, incarnation);
      if (isCertain) this.#tell(message, index, incarnation);
      return false;
    }
    if (incarnation !== undefined) this.#heard.set(from, incarnation);
    // A leader that is being removed leads until those who stay know (PITFALLS M14).
    if (!isRemoved(raft, from) || from === raft.leaderId || raft.peers.includes(from)) return true;
    if (kind !== "unwanted") this.#tell(message, committedConfiguration(raft).index, 0);
    return false;
  }

  /** Whoever bears a number that nobody has claimed here has claimed it where this server has yet to get. */
  #isForeign(configuration: Configuration, id: NodeId, incarnation: number): boolean {
    const member = memberOf(configuration, id);
    if (member === undefined || member.incarnation === UNCLAIMED) return false;
    // As long as the configuration does not say it, the first that was heard of is the one.
    if (member.incarnation === undefined) return this.#isNotWhoWasHeard(id, incarnation);
    return member.incarnation !== incarnation;
  }

  #isNotWhoWasHeard(id: NodeId, incarnation: number): boolean {
    return (this.#heard.get(id) ?? incarnation) !== incarnation;
  }

  #tell({ from: to }: PeerMessage, index: Index, incarnation: number): void {
    const { nodeId, send } = this.#options;
    send({ kind: "unwanted", from: nodeId, to, index, incarnation });
  }

  /** Somebody who knows says that this server does not belong. */
  onUnwanted({ index, incarnation }: Unwanted): void {
    if (incarnation === 0) this.#stop(index);
    else if (incarnation === this.#options.incarnation) {
      const message = `The member of this server's number has another disk, as of entry ${index}: this one was wiped.`;
      this.#options.onFailed(new RaftError("FOREIGN_INCARNATION", message));
    }
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

  /** Whether this server, which leads, should note incarnations in the configuration: {@link noting}. */
  shouldNote(now: number): boolean {
    const { raft, electionTimeoutMs } = this.#options;
    const { configuration } = raft;
    if (raft.role !== "leader" || configuration === this.#complete || !isFinal(configuration)) return false;
    const members = membersOf(configuration);
    // Alone, there is nobody who could be deceived.
    if (members.length < 2) return false;
    const unknown = members.filter(({ incarnation }) => incarnation === undefined);
    if (unknown.length === 0) {
      this.#complete = configuration;
      return false;
    }
    if (this.#unknownSince?.configuration !== configuration) this.#unknownSince = { configuration, at: now };
    const heard = unknown.filter(({ id }) => this.#heard.has(id));
    const hasNews = heard.some(({ id }) => id !== this.#options.nodeId);
    if (!hasNews || raft.configurationIndex > raft.commitIndex) return false;
    return heard.length === unknown.length || now - this.#unknownSince.at >= PATIENCE_TIMEOUTS * electionTimeoutMs;
  }

  /** The edit that notes the incarnations that were heard of. */
  readonly noting = (members: readonly MemberChange[]): MemberChange[] => {
    const known = membersOf(this.#options.raft.configuration);
    return members.map((member) => {
      const id = known.find(({ name }) => name === member.name)?.id ?? 0;
      const incarnation = member.incarnation ?? this.#heard.get(id);
      return incarnation === undefined ? member : { ...member, incarnation };
    });
  };
}
