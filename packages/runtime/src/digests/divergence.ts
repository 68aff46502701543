/**
 * Finds state machines that do not agree (PITFALLS O8, C10): servers with the same log whose `apply` made something else
 * of it, because it looked at a clock, a setting or the order of a hash table.
 *
 * Every follower reports the digest of its answers to the leader now and then. Where one differs, the leader searches
 * for the first index at which it does, asks every server for its digest there, and once a majority agrees on one,
 * tells all: whoever has another stops, and says at which entry. So the minority is out before it answers much more.
 */

import { type PeerMessage, RaftError, type StateCheckMessage, type StateDigest } from "@quorate/contracts";
import { type Index, membersOf, type NodeId, type Raft, type Term } from "@quorate/core";
import type { DigestChain } from "./digest-chain.js";

export interface DivergenceOptions {
  readonly nodeId: NodeId;
  readonly raft: Raft;
  readonly chain: DigestChain;
  /** How often a follower reports, and a leader asks again, in milliseconds. */
  readonly intervalMs: number;
  readonly send: (message: PeerMessage) => void;
  /** This server's state is not that of the majority: it must stop. */
  readonly onDiverged: (error: RaftError) => void;
  /** States differ, and no majority says which is right. */
  readonly onUndecided: (error: RaftError) => void;
}

/** The search for the first index at which a follower's digest differs. */
interface Search {
  readonly suspect: NodeId;
  /** Equal here, or as far back as digests are known. */
  low: Index;
  /** Differs here. */
  high: Index;
}

/** The question which of the digests at one index is right. */
interface Ballot {
  readonly index: Index;
  readonly votes: Map<NodeId, number>;
  /** How often those who have not said it were asked. */
  rounds: number;
}

/** How often a server is asked that does not know the digest: it may not have got there yet, or not know it any more. */
const MAX_ROUNDS = 10;

export class Divergence {
  readonly #options: DivergenceOptions;
  #term: Term = 0;
  #nextAt = 0;
  /** By follower: up to here its digests are known to be equal. */
  #agreed = new Map<NodeId, Index>();
  /** Reports about what this server has not applied yet. */
  #ahead = new Map<NodeId, StateDigest>();
  #search: Search | null = null;
  #ballot: Ballot | null = null;
  /** Divergences that no majority could decide, so that each is told once. */
  #undecidedIndex: Index = 0;

  constructor(options: DivergenceOptions) {
    this.#options = options;
  }

  /** To be called in every turn. Returns when the next is needed. */
  onTurn(now: number): number {
    const { raft } = this.#options;
    if (raft.currentTerm !== this.#term) this.#begin(raft.currentTerm);
    if (raft.role === "leader") for (const report of [...this.#ahead.values()]) this.#compare(report);
    if (now >= this.#nextAt) {
      this.#nextAt = now + this.#options.intervalMs;
      if (raft.role === "leader") this.#askAgain();
      else this.#report();
    }
    return this.#nextAt;
  }

  onMessage(message: StateCheckMessage): void {
    const { raft, chain } = this.#options;
    if (message.term !== raft.currentTerm) return;
    if (raft.currentTerm !== this.#term) this.#begin(raft.currentTerm);
    if (message.kind === "stateDigest") {
      if (raft.role === "leader") this.#onReport(message);
    } else if (message.from === raft.leaderId) {
      if (message.kind === "stateDigestRequest") this.#sendDigest(message.from, message.index, chain.at(message.index));
      else this.#judgeSelf(message.index, message.digest);
    }
  }

  #begin(term: Term): void {
    this.#term = term;
    this.#agreed = new Map();
    this.#ahead = new Map();
    this.#search = null;
    this.#ballot = null;
  }

  #report(): void {
    const { raft, chain } = this.#options;
    const { index, digest } = chain.last;
    if (raft.leaderId !== 0 && index > 0) this.#sendDigest(raft.leaderId, index, digest);
  }

  #sendDigest(to: NodeId, index: Index, digest: number | null): void {
    const { nodeId, raft, send } = this.#options;
    send({
      kind: "stateDigest",
      from: nodeId,
      to,
      term: raft.currentTerm,
      index,
      isKnown: digest !== null,
      digest: digest ?? 0,
    });
  }

  #onReport(report: StateDigest): void {
    const { from, index, isKnown, digest } = report;
    if (this.#ballot?.index === index) {
      if (isKnown) this.#ballot.votes.set(from, digest);
      this.#count(this.#ballot);
    } else if (this.#search?.suspect === from && index === middle(this.#search)) {
      this.#narrow(this.#search, report);
    } else if (isKnown) {
      this.#compare(report);
    }
  }

  #compare(report: StateDigest): void {
    const { chain } = this.#options;
    const { from, index, digest } = report;
    if (index > chain.last.index) {
      this.#ahead.set(from, report);
      return;
    }
    this.#ahead.delete(from);
    const own = chain.at(index);
    if (own === null) return;
    if (own === digest) {
      this.#agreed.set(from, Math.max(index, this.#agreed.get(from) ?? 0));
    } else if (this.#search === null && this.#ballot === null) {
      const low = Math.max(this.#agreed.get(from) ?? 0, chain.oldestIndex - 1);
      this.#search = { suspect: from, low: Math.min(low, index - 1), high: index };
      this.#goOn(this.#search);
    }
  }

  #narrow(search: Search, { index, isKnown, digest }: StateDigest): void {
    // What the suspect no longer knows cannot be compared: the search stays above it.
    if (!isKnown || this.#options.chain.at(index) === digest) search.low = index;
    else search.high = index;
    this.#goOn(search);
  }

  #goOn(search: Search): void {
    if (search.high - search.low > 1) {
      this.#ask(search.suspect, middle(search));
      return;
    }
    const { nodeId, chain } = this.#options;
    this.#search = null;
    const own = chain.at(search.high);
    this.#ballot = { index: search.high, votes: new Map(own === null ? [] : [[nodeId, own]]), rounds: 0 };
    this.#askAgain();
  }

  /** Repeats whatever question is open: it or its answer may have been lost. */
  #askAgain(): void {
    const { nodeId } = this.#options;
    if (this.#search !== null) this.#ask(this.#search.suspect, middle(this.#search));
    const ballot = this.#ballot;
    if (ballot === null) return;
    ballot.rounds += 1;
    const { index, votes } = ballot;
    for (const id of this.#electorate()) if (id !== nodeId && !votes.has(id)) this.#ask(id, index);
    if (this.#ballot === ballot) this.#count(ballot);
  }

  #ask(to: NodeId, index: Index): void {
    const { nodeId, raft, send } = this.#options;
    send({ kind: "stateDigestRequest", from: nodeId, to, term: raft.currentTerm, index });
  }

  /** The voters that have a state. */
  #electorate(): NodeId[] {
    const { raft } = this.#options;
    const { voters } = raft.configuration;
    return membersOf(raft.configuration)
      .filter(({ id, isWitness }) => isWitness !== true && voters.some((voter) => voter.id === id))
      .map(({ id }) => id);
  }

  #count(ballot: Ballot): void {
    const electorate = this.#electorate();
    const known = electorate.map((id) => ballot.votes.get(id)).filter((vote) => vote !== undefined);
    for (const digest of new Set(known)) {
      if (2 * known.filter((vote) => vote === digest).length <= electorate.length) continue;
      this.#decide(ballot.index, digest);
      return;
    }
    if (known.length === electorate.length) this.#onUndecided(ballot);
    else if (ballot.rounds > MAX_ROUNDS) this.#ballot = null;
  }

  #decide(index: Index, digest: number): void {
    const { nodeId, raft, send } = this.#options;
    this.#ballot = null;
    for (const to of raft.peers) {
      if (to !== nodeId) send({ kind: "stateDigestVerdict", from: nodeId, to, term: raft.currentTerm, index, digest });
    }
    this.#judgeSelf(index, digest);
  }

  #onUndecided({ index }: Ballot): void {
    this.#ballot = null;
    if (this.#undecidedIndex === index) return;
    this.#undecidedIndex = index;
    const message = `The servers' state machines answered entry ${index} differently, and no majority agrees.`;
    this.#options.onUndecided(new RaftError("STATE_DIVERGED", message));
  }

  #judgeSelf(index: Index, digest: number): void {
    const own = this.#options.chain.at(index);
    if (own === null || own === digest) return;
    const message = `The state machine's answers differ from those of the majority: the first that does is at entry ${index}.`;
    this.#options.onDiverged(new RaftError("STATE_DIVERGED", message));
  }
}

function middle({ low, high }: Search): Index {
  return low + Math.floor((high - low) / 2);
}
