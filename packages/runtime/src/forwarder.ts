/**
 * Proposals between servers: a follower asks its leader, once and never further (PITFALLS K7), and the leader answers
 * with one of the three outcomes of K6. A message that is lost, either way, leaves the outcome unknown.
 */

import {
  type CommandCodec,
  isRaftErrorCode,
  type PeerMessage,
  type ProposeRequest,
  type ProposeResult,
  RaftError,
} from "@quorate/contracts";
import { NOBODY, type NodeId, type Raft } from "@quorate/core";
import type { DeadlineQueue } from "./deadlines.js";
import type { Asker, Proposal } from "./proposal.js";
import type { RequestIds } from "./request-ids.js";

const NO_DATA = new Uint8Array(0);

export type Send = (message: PeerMessage) => void;

export interface ForwarderOptions {
  readonly nodeId: NodeId;
  readonly raft: Raft;
  readonly ids: RequestIds;
  readonly electionTimeoutMs: number;
  readonly maxInflightBytes: number;
  readonly send: Send;
  /** Whether a message to this peer can leave now. */
  readonly canReach: (peer: NodeId) => boolean;
}

/** The asker's side: which requests are under way, and which wait for another leader than the one that refused them. */
export class Forwarder<Result> {
  readonly #options: ForwarderOptions;
  readonly #deadlines: DeadlineQueue<Proposal<Result>>;
  readonly #underWay = new Map<number, Proposal<Result>>();
  #inflightBytes = 0;
  /** May hold settled ones. */
  #waiting: Proposal<Result>[] = [];

  constructor(options: ForwarderOptions, deadlines: DeadlineQueue<Proposal<Result>>) {
    this.#options = options;
    this.#deadlines = deadlines;
  }

  /** All that are here; settled ones may be among them. */
  all(): Proposal<Result>[] {
    return [...this.#underWay.values(), ...this.#waiting];
  }

  /** Asks the leader for the first of `gathered`, if it is within reach, and says how many of them are off the list. */
  forward(gathered: readonly Proposal<Result>[]): number {
    const { raft, canReach } = this.#options;
    if (raft.leaderId === NOBODY || !canReach(raft.leaderId)) return 0;
    let taken = 0;
    for (const proposal of gathered) {
      if (proposal.stage !== "settled") {
        if (!this.#hasRoomFor(proposal)) break;
        this.#ask(proposal);
      }
      taken += 1;
    }
    return taken;
  }

  /** The proposal that `message` answers, if it is still under way. */
  take({ from, requestId }: ProposeResult): Proposal<Result> | undefined {
    const proposal = this.#underWay.get(requestId);
    if (proposal === undefined || proposal.leaderId !== from) return undefined;
    this.forget(proposal);
    return proposal;
  }

  /** Does nothing if it is no longer under way. */
  forget({ requestId, sizeBytes }: Proposal<Result>): void {
    if (this.#underWay.delete(requestId)) this.#inflightBytes -= sizeBytes;
  }

  /** Keeps a refused one until there is another leadership. False if there is one already. */
  keep(proposal: Proposal<Result>): boolean {
    const { raft } = this.#options;
    if (proposal.leaderId !== raft.leaderId || proposal.term !== raft.currentTerm) return false;
    proposal.stage = "waiting";
    this.#waiting.push(proposal);
    return true;
  }

  /** There is another leadership: what waited for one, to be sent on. Old answers are not waited for at length now. */
  onLeadership(now: number): Proposal<Result>[] {
    const { raft, electionTimeoutMs } = this.#options;
    if (raft.leaderId !== NOBODY) {
      for (const proposal of this.#underWay.values()) {
        if (proposal.isOrphaned || proposal.term === raft.currentTerm) continue;
        proposal.isOrphaned = true;
        this.#deadlines.reschedule(proposal, Math.min(proposal.deadline, now + electionTimeoutMs));
      }
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting.filter(({ stage }) => stage === "waiting");
  }

  dropSettled(): void {
    this.#waiting = this.#waiting.filter(({ stage }) => stage !== "settled");
  }

  /** A transport that is flooded drops, and of what it drops nothing is known (PITFALLS F8). */
  #hasRoomFor({ sizeBytes }: Proposal<Result>): boolean {
    return this.#inflightBytes === 0 || this.#inflightBytes + sizeBytes <= this.#options.maxInflightBytes;
  }

  #ask(proposal: Proposal<Result>): void {
    const { nodeId, raft, ids, send } = this.#options;
    const { leaderId, currentTerm } = raft;
    const { data } = proposal;
    const requestId = ids.next();
    proposal.stage = "forwarded";
    proposal.leaderId = leaderId;
    proposal.term = currentTerm;
    proposal.requestId = requestId;
    proposal.isOrphaned = false;
    this.#underWay.set(requestId, proposal);
    this.#inflightBytes += proposal.sizeBytes;
    send({ kind: "propose", from: nodeId, to: leaderId, term: currentTerm, requestId, data });
  }
}

/** What an answer without a result means. Whatever is not certain counts as unknown. */
export function errorOf({ from, outcome, code }: ProposeResult): RaftError {
  if (isRaftErrorCode(code)) {
    const error = new RaftError(code, `Server ${from}, which was asked as leader, answered ${code}.`);
    if (error.outcome === outcome) return error;
  }
  if (outcome === "not-executed") return new RaftError("NOT_LEADER", `Server ${from} refused.`);
  return new RaftError(
    "OUTCOME_UNKNOWN",
    `Server ${from}, which was asked as leader, does not know what became of it.`,
  );
}

export interface PeerAskerOptions<Command, Result> {
  readonly nodeId: NodeId;
  readonly raft: Raft;
  readonly codec: CommandCodec<Command, Result>;
  readonly send: Send;
  readonly maxCommandBytes: number;
}

/** The leader's side: whom to tell what became of a request. */
export class PeerAsker<Command, Result> implements Asker<Result> {
  readonly #options: PeerAskerOptions<Command, Result>;
  readonly #to: NodeId;
  readonly #requestId: number;

  constructor(options: PeerAskerOptions<Command, Result>, { from, requestId }: ProposeRequest) {
    this.#options = options;
    this.#to = from;
    this.#requestId = requestId;
  }

  /** An answer that cannot be encoded, or is larger than any command may be, stays here. */
  onResult(result: Result): void {
    const { codec, maxCommandBytes } = this.#options;
    let data: Uint8Array;
    try {
      data = codec.encodeResult(result);
    } catch (cause) {
      this.onError(new RaftError("RESULT_UNAVAILABLE", "The answer cannot be encoded.", { cause }));
      return;
    }
    if (data.length <= maxCommandBytes) this.#answer("executed", data, "");
    else this.onError(new RaftError("RESULT_UNAVAILABLE", `The answer takes ${data.length} bytes.`));
  }

  onError({ outcome, code }: RaftError): void {
    this.#answer(outcome === "not-executed" ? outcome : "unknown", NO_DATA, code);
  }

  #answer(outcome: ProposeResult["outcome"], data: Uint8Array, code: string): void {
    const { nodeId, raft, send } = this.#options;
    const { leaderId } = raft;
    send({
      kind: "proposeResult",
      from: nodeId,
      to: this.#to,
      requestId: this.#requestId,
      outcome,
      data,
      code,
      leaderId,
    });
  }
}
