/**
 * Proposals between servers: a follower asks its leader and nobody else (PITFALLS K7), and the leader answers with one of
 * the three outcomes of K6. When no answer comes, or another leader does, it asks again: a message that was lost, either
 * way, leaves open whether the command was executed, and the command's session sees to it that it is executed once.
 */

import { isRaftErrorCode, type PeerMessage, type ProposeResult, RaftError } from "@quorate/contracts";
import { NOBODY, type NodeId, type Raft } from "@quorate/core";
import type { DeadlineQueue } from "./deadlines.js";
import type { Proposal } from "./proposal.js";
import type { RequestIds } from "./request-ids.js";

/** How long an answer may take before the leader is asked again, in election timeouts; twice as long each time. */
const PATIENCE_TIMEOUTS = 2;

/** How often that doubles. */
const MAX_DOUBLINGS = 5;

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

/** The asker's side: which requests are under way, and which wait for another leader or another attempt. */
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
  forward(gathered: readonly Proposal<Result>[], now: number): number {
    const { raft, canReach } = this.#options;
    if (raft.leaderId === NOBODY || !canReach(raft.leaderId)) return 0;
    let taken = 0;
    for (const proposal of gathered) {
      if (proposal.stage !== "settled") {
        if (!this.#hasRoomFor(proposal)) break;
        this.#ask(proposal, now);
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

  /** Keeps one until there is another leadership, or a while has passed; gathers nothing if there is one already. */
  keep(proposal: Proposal<Result>, now: number): boolean {
    const { raft } = this.#options;
    if (proposal.leaderId !== raft.leaderId || proposal.term !== raft.currentTerm) return false;
    proposal.stage = "waiting";
    this.#waiting.push(proposal);
    this.#lookAgain(proposal, now);
    return true;
  }

  /** There is another leadership: what waited for one, and what the former one was asked, to be sent on. */
  onLeadership(): Proposal<Result>[] {
    const { raft } = this.#options;
    const again = this.#waiting.filter(({ stage }) => stage === "waiting");
    this.#waiting = [];
    if (raft.leaderId === NOBODY) return again;
    for (const proposal of this.#underWay.values()) {
      if (proposal.term === raft.currentTerm) continue;
      this.forget(proposal);
      proposal.isInDoubt = true;
      again.push(proposal);
    }
    return again;
  }

  dropSettled(): void {
    this.#waiting = this.#waiting.filter(({ stage }) => stage === "waiting");
  }

  #lookAgain(proposal: Proposal<Result>, now: number): void {
    const patienceMs = PATIENCE_TIMEOUTS * this.#options.electionTimeoutMs;
    const doublings = Math.min(proposal.attempts - 1, MAX_DOUBLINGS);
    this.#deadlines.reschedule(proposal, Math.min(proposal.endsAt, now + patienceMs * 2 ** doublings));
  }

  /** A transport that is flooded drops, and of what it drops nothing is known (PITFALLS F8). */
  #hasRoomFor({ sizeBytes }: Proposal<Result>): boolean {
    return this.#inflightBytes === 0 || this.#inflightBytes + sizeBytes <= this.#options.maxInflightBytes;
  }

  #ask(proposal: Proposal<Result>, now: number): void {
    const { nodeId, raft, ids, send } = this.#options;
    const { leaderId, currentTerm } = raft;
    const requestId = ids.next();
    proposal.stage = "forwarded";
    proposal.leaderId = leaderId;
    proposal.term = currentTerm;
    proposal.requestId = requestId;
    proposal.attempts += 1;
    this.#lookAgain(proposal, now);
    this.#underWay.set(requestId, proposal);
    this.#inflightBytes += proposal.sizeBytes;
    const data = proposal.dataToSend();
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
