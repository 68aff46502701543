/**
 * The first steps of a founder whose disk is blank (PITFALLS M18): it may be a server that founds its cluster, or one that
 * did, has voted and acknowledged since, and lost its disk. It cannot tell; the others may.
 *
 * So it takes no part before it has introduced itself to the other founders. Whoever knows its number by another disk says
 * so, and it stops (`belonging.ts`). If all others have answered, or none has within an election timeout that knows of a
 * life of the cluster, it is a founding. If one does, a majority of the others must answer: any quorum that this server
 * was part of in a former life had one of them in it.
 *
 * What it holds back it holds back whole: nothing reaches the core, so that nothing is written, and a restart begins here
 * again.
 */

import { type AdminRequest, type AdminResult, type Clock, type PeerMessage, RaftError } from "@quorate/contracts";
import { decodeJson, encodeJson, NOBODY, type NodeId, type Raft, type RestoredState } from "@quorate/core";
import type { RequestIds } from "./request-ids.js";

export interface FoundingOptions {
  readonly nodeId: NodeId;
  readonly raft: Raft;
  readonly clock: Clock;
  readonly ids: RequestIds;
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  readonly send: (message: PeerMessage) => void;
  readonly schedule: () => void;
  readonly onWarning: (error: RaftError) => void;
}

/** What is stored when nothing was promised yet. */
function isPristine({ hardState, lastIndex, compacted, snapshot }: RestoredState): boolean {
  return (
    hardState.currentTerm === 1 &&
    hardState.votedFor === NOBODY &&
    lastIndex === 1 &&
    compacted.index === 0 &&
    snapshot === null
  );
}

/** What a founder says of itself, and is answered: whether there was more than the founding. */
interface Introduction {
  readonly kind: "introduction";
  readonly hasLived: boolean;
}

export class Founding {
  readonly #options: FoundingOptions;
  readonly #others: readonly NodeId[];
  /** Who else has spoken to it: members of later days, who may know it by another disk as well. */
  readonly #strangers = new Set<NodeId>();
  readonly #startedAt: number;
  /** Who has answered. */
  readonly #met = new Set<NodeId>();
  /** The requests that were sent. */
  readonly #asked = new Set<number>();
  #isHeld: boolean;
  /** Some other founder knows that the cluster has lived. */
  #hasLived = false;
  #askAt: number;
  #hasWarned = false;

  constructor(options: FoundingOptions, restored: RestoredState) {
    const { nodeId, raft, clock } = options;
    const isVoter = raft.configuration.voters.some(({ id }) => id === nodeId);
    this.#options = options;
    this.#others = raft.configuration.voters.map(({ id }) => id).filter((id) => id !== nodeId);
    this.#isHeld = isPristine(restored) && isVoter && this.#others.length > 0;
    this.#startedAt = clock.now();
    this.#askAt = this.#startedAt;
  }

  /** Whether this server takes no part yet. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** When a turn is wanted; `Infinity` when it is over. */
  get wakeAt(): number {
    if (!this.#isHeld) return Number.POSITIVE_INFINITY;
    const endsAt = this.#startedAt + this.#options.electionTimeoutMs;
    return this.#options.clock.now() < endsAt ? Math.min(this.#askAt, endsAt) : this.#askAt;
  }

  /** Introduces this server again and again, until that is over. To be called in every turn. */
  onTurn(now: number): void {
    if (!this.#isHeld || this.#isOver(now)) return;
    if (now < this.#askAt) return;
    const { nodeId: from, ids, send, heartbeatIntervalMs, raft } = this.#options;
    this.#askAt = now + heartbeatIntervalMs;
    for (const to of [...this.#others, ...this.#strangers]) {
      if (this.#met.has(to)) continue;
      const requestId = ids.next();
      this.#asked.add(requestId);
      const data = encodeJson({ kind: "introduction", hasLived: false } satisfies Introduction);
      send({ kind: "adminRequest", from, to, term: raft.currentTerm, requestId, data });
    }
  }

  #isOver(now: number): boolean {
    const { electionTimeoutMs } = this.#options;
    const isLate = now >= this.#startedAt + electionTimeoutMs;
    const needed = isLate ? (this.#hasLived ? Math.floor(this.#others.length / 2) + 1 : 0) : this.#others.length;
    this.#isHeld = this.#met.size < needed;
    if (this.#isHeld && isLate) this.#warn();
    return !this.#isHeld;
  }

  /** The founders that this server has not met, while it takes no part; else none. */
  get awaited(): readonly string[] {
    if (!this.#isHeld) return [];
    const { voters } = this.#options.raft.configuration;
    const missing = voters.filter(({ id }) => this.#others.includes(id) && !this.#met.has(id));
    return missing.map(({ name }) => name);
  }

  #warn(): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const who = this.awaited.join(", ");
    const why = "The cluster has lived, and this server's disk is blank";
    const message = `${why}: it takes no part before it has met a majority of the other founders. Missing: ${who}.`;
    this.#options.onWarning(new RaftError("FOUNDERS_AWAITED", message));
  }

  /** Somebody speaks to this server, which does not listen yet. */
  onOther({ from }: PeerMessage): void {
    if (!this.#others.includes(from)) this.#strangers.add(from);
  }

  /** Answers a server that introduces itself. Whether it was that. */
  onRequest({ from: to, requestId, data }: AdminRequest): boolean {
    if (introductionOf(data) === null) return false;
    const { raft, nodeId, send } = this.#options;
    const hasLived = raft.currentTerm > 1 || raft.lastIndex > 1;
    const answer = encodeJson({ kind: "introduction", hasLived } satisfies Introduction);
    send({ kind: "adminResult", from: nodeId, to, requestId, data: answer });
    return true;
  }

  /** Takes in an answer. Whether it was one. */
  onAnswer({ from, requestId, data }: AdminResult): boolean {
    const introduction = introductionOf(data);
    if (introduction === null) return false;
    if (!this.#isHeld || !this.#asked.has(requestId)) return true;
    if (this.#others.includes(from)) this.#met.add(from);
    this.#strangers.delete(from);
    if (introduction.hasLived) this.#hasLived = true;
    this.#options.schedule();
    return true;
  }
}

function introductionOf(data: Uint8Array): Introduction | null {
  try {
    const value = decodeJson(data) as Partial<Record<keyof Introduction, unknown>> | null;
    if (typeof value !== "object" || value?.kind !== "introduction") return null;
    return { kind: "introduction", hasLived: value.hasLived === true };
  } catch {
    return null;
  }
}
