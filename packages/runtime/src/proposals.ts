/**
 * Every proposal under way on this server, from the call to one of three outcomes: its result, *not executed*, or
 * *unknown* (PITFALLS K6). Each settles exactly once, by its deadline at the latest (K9).
 *
 * What is certainly not executed is tried again until the deadline. What may have been executed never is: that an
 * entry is gone is certain only when another one is committed in its place (K5).
 */

import { type Clock, type ProposeRequest, type ProposeResult, RaftError } from "@quorate/contracts";
import { type Index, type Input, NOBODY, type NodeId, type ProposalOutcome, type Term } from "@quorate/core";
import type { Budget } from "./budget.js";
import { checkCommandSize, encodeCommand } from "./commands.js";
import { DeadlineQueue } from "./deadlines.js";
import { errorOf, Forwarder, type ForwarderOptions, PeerAsker, type PeerAskerOptions } from "./forwarder.js";
import { type Asker, Proposal } from "./proposal.js";
import { ProposalsByIndex } from "./proposals-by-index.js";
import { SeenRequests } from "./request-ids.js";

/** What goes into the log in one turn, in payload bytes: the rest waits a turn, so that a flood is not one stall. */
const MAX_TURN_BYTES = 4 * 1024 * 1024;

export interface ProposalsOptions<Command, Result> extends ForwarderOptions, PeerAskerOptions<Command, Result> {
  readonly clock: Clock;
  readonly budget: Budget;
  readonly proposeTimeoutMs: number;
  /** Asks for a turn. */
  readonly schedule: () => void;
}

export class Proposals<Command, Result> {
  readonly #options: ProposalsOptions<Command, Result>;
  readonly #deadlines = new DeadlineQueue<Proposal<Result>>();
  readonly #forwarder: Forwarder<Result>;
  readonly #seen = new SeenRequests();
  /** The term in which this life began: what this server led before, it led in a former one. */
  readonly #firstTerm: Term;
  /** To go on their way in the next turn; may hold settled ones. */
  #gathered: Proposal<Result>[] = [];
  /** With the core, which answers in the same turn. */
  #handed: { readonly proposalId: number; readonly batch: readonly Proposal<Result>[] } | null = null;
  #lastProposalId = 0;
  readonly #byIndex = new ProposalsByIndex<Result>();
  #abandonedCount = 0;
  /** The leadership that was last acted upon. */
  #leaderId: NodeId = NOBODY;
  #term: Term = 0;

  constructor(options: ProposalsOptions<Command, Result>) {
    this.#options = options;
    this.#firstTerm = options.raft.currentTerm;
    this.#forwarder = new Forwarder(options, this.#deadlines);
  }

  /** How many have not settled. */
  get count(): number {
    return this.#deadlines.size;
  }

  get earliestDeadline(): number {
    return this.#deadlines.earliest;
  }

  /** A proposal of this process. */
  propose(command: Command, timeoutMs: number = this.#options.proposeTimeoutMs): Promise<Result> {
    const { codec, maxCommandBytes } = this.#options;
    return new Promise((resolve, reject) => {
      const data = encodeCommand(codec, command, maxCommandBytes);
      this.#admit(data, { onResult: resolve, onError: reject }, false, timeoutMs);
    });
  }

  /**
   * A proposal that a peer passes on, if this server leads the term that the peer means. A copy of one that came before
   * is not answered: only the first is known to have been taken, or not, whoever leads by now (PITFALLS K1, K6).
   */
  onRequest(request: ProposeRequest): void {
    const { raft, proposeTimeoutMs, maxCommandBytes } = this.#options;
    if (!this.#seen.add(request.from, request.requestId)) return;
    const asker = new PeerAsker(this.#options, request);
    if (raft.role !== "leader" || raft.currentTerm !== request.term) {
      asker.onError(this.#refusalOf(request.term));
      return;
    }
    try {
      checkCommandSize(request.data, maxCommandBytes);
      this.#admit(request.data, asker, true, proposeTimeoutMs);
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      asker.onError(error);
    }
  }

  /** What a former life of this server took as leader, this one cannot know. */
  #refusalOf(term: Term): RaftError {
    if (term > this.#firstTerm) return new RaftError("NOT_LEADER", `This server does not lead term ${term}.`);
    return new RaftError("OUTCOME_UNKNOWN", `This server has restarted since term ${term}.`);
  }

  /** The leader's answer to what was forwarded. */
  onAnswer(message: ProposeResult): void {
    const proposal = this.#forwarder.take(message);
    if (proposal === undefined) return;
    if (this.#gathered.length > 0) this.#options.schedule();
    if (message.outcome === "executed") {
      this.#onRemoteResult(proposal, message.data);
      return;
    }
    const error = errorOf(message);
    if (error.code === "NOT_COMMITTED") this.#gather(proposal);
    else if (error.code === "OVERLOADED" || error.code === "COMMAND_TOO_LARGE" || error.outcome !== "not-executed") {
      this.#fail(proposal, error);
    } else if (!this.#forwarder.keep(proposal)) this.#gather(proposal);
  }

  /**
   * Sends what is gathered on its way: to the core if this server leads, in what is returned; to the leader if there is
   * one within reach; otherwise it stays. To be called in every turn.
   */
  route(now: number): Extract<Input, { kind: "propose" }> | null {
    const { raft } = this.#options;
    if (raft.leaderId !== this.#leaderId || raft.currentTerm !== this.#term) this.#onLeadership(now);
    if (this.#gathered.length === 0) return null;
    // A leader that hands over takes nothing: what is here waits for whoever leads next (PITFALLS T1).
    if (raft.role === "leader") return raft.transferTo === NOBODY ? this.#handToCore() : null;
    this.#gathered.splice(0, this.#forwarder.forward(this.#gathered));
    return null;
  }

  /** The core's answer to what {@link route} returned. */
  onOutcome(outcome: ProposalOutcome): void {
    if (this.#handed?.proposalId !== outcome.proposalId) return;
    const { batch } = this.#handed;
    this.#handed = null;
    if (!outcome.accepted) {
      for (const proposal of batch) this.#gather(proposal);
      return;
    }
    let index = outcome.firstIndex;
    for (const proposal of batch) {
      proposal.stage = "appended";
      proposal.term = outcome.term;
      proposal.index = index;
      this.#byIndex.add(proposal);
      index += 1;
    }
  }

  /** The entry of `term` at `index` was applied. Only the proposal that is this very entry gets the result (K5). */
  onResult(index: Index, term: Term, result: Result): void {
    for (let proposal = this.#byIndex.take(index); proposal !== null; proposal = proposal.next) {
      if (proposal.term !== term) this.#onReplaced(proposal);
      else if (this.#release(proposal)) proposal.asker.onResult(result);
    }
  }

  /** An entry that is no command is committed at `index`. */
  onPassed(index: Index): void {
    for (let proposal = this.#byIndex.take(index); proposal !== null; proposal = proposal.next)
      this.#onReplaced(proposal);
  }

  /**
   * A snapshot took the place of all entries up to `index`. Whether a proposal among them is one of those that it
   * contains, nobody can tell any more (PITFALLS S12).
   */
  onInstalled(index: Index): void {
    for (const proposal of this.#byIndex.takeUpTo(index)) {
      const message = `A snapshot that reaches to entry ${index} took the place of entry ${proposal.index}.`;
      this.#fail(proposal, new RaftError("OUTCOME_UNKNOWN", message));
    }
  }

  /** Settles all whose deadline has come. */
  expire(now: number): void {
    if (this.#deadlines.earliest > now) return;
    for (let due = this.#deadlines.takeDue(now); due !== undefined; due = this.#deadlines.takeDue(now)) {
      this.#onDeadline(due);
    }
    this.#gathered = this.#gathered.filter(({ stage }) => stage !== "settled");
    this.#forwarder.dropSettled();
  }

  /** Settles all with what `errorFor` says of those that may have been executed, and of those that were not. */
  stop(errorFor: (isUnderWay: boolean) => RaftError): void {
    for (const proposal of this.#deadlines.items()) {
      this.#fail(proposal, errorFor(proposal.stage === "forwarded" || proposal.stage === "appended"));
    }
    this.#gathered = [];
    this.#forwarder.dropSettled();
  }

  /** What the tables hold, counted anew: always what the budget was charged with (PITFALLS F5). */
  recountBytes(): number {
    const all = [this.#gathered, this.#handed?.batch ?? [], this.#forwarder.all(), this.#byIndex.all()];
    let sum = 0;
    for (const { stage, sizeBytes } of all.flat()) if (stage !== "settled") sum += sizeBytes;
    return sum;
  }

  #admit(data: Uint8Array, asker: Asker<Result>, isForPeer: boolean, timeoutMs: number): void {
    const { clock, budget, schedule } = this.#options;
    const now = clock.now();
    const proposal = new Proposal(data, asker, isForPeer, now + timeoutMs);
    budget.take(proposal.sizeBytes, now);
    this.#deadlines.add(proposal);
    this.#gathered.push(proposal);
    schedule();
  }

  #handToCore(): Extract<Input, { kind: "propose" }> | null {
    const batch: Proposal<Result>[] = [];
    let sizeBytes = 0;
    let taken = 0;
    for (const proposal of this.#gathered) {
      if (sizeBytes > MAX_TURN_BYTES) break;
      taken += 1;
      if (proposal.stage === "settled") continue;
      sizeBytes += proposal.sizeBytes;
      batch.push(proposal);
    }
    this.#gathered = taken === this.#gathered.length ? [] : this.#gathered.slice(taken);
    if (this.#gathered.length > 0) this.#options.schedule();
    if (batch.length === 0) return null;
    this.#lastProposalId += 1;
    const proposalId = this.#lastProposalId;
    this.#handed = { proposalId, batch };
    return { kind: "propose", proposalId, commands: batch.map(({ data }) => data) };
  }

  #onLeadership(now: number): void {
    const { raft } = this.#options;
    this.#leaderId = raft.leaderId;
    this.#term = raft.currentTerm;
    for (const proposal of this.#forwarder.onLeadership(now)) this.#gather(proposal);
    if (raft.role !== "leader") this.#refusePeers();
    if (this.#abandonedCount > 0) this.#dropAbandoned();
  }

  /** What peers passed on to a leader is not passed on by one that is no longer (PITFALLS K7). */
  #refusePeers(): void {
    for (const proposal of this.#gathered) {
      if (!proposal.isForPeer || proposal.stage === "settled") continue;
      this.#fail(proposal, new RaftError("NOT_LEADER", "This server no longer leads."));
    }
    this.#gathered = this.#gathered.filter(({ stage }) => stage !== "settled");
  }

  /** Only a leader's own uncommitted log is bounded by what it counts (PITFALLS F4). */
  #dropAbandoned(): void {
    const { raft } = this.#options;
    for (const proposal of this.#byIndex.all()) {
      const isInOwnTail = raft.role === "leader" && proposal.term === raft.currentTerm;
      if (proposal.stage !== "abandoned" || isInOwnTail) continue;
      this.#byIndex.remove(proposal);
      this.#release(proposal);
    }
  }

  #onRemoteResult(proposal: Proposal<Result>, data: Uint8Array): void {
    let result: Result;
    try {
      result = this.#options.codec.decodeResult(data);
    } catch (cause) {
      this.#fail(proposal, new RaftError("RESULT_UNAVAILABLE", "The leader's answer cannot be decoded.", { cause }));
      return;
    }
    this.#release(proposal);
    proposal.asker.onResult(result);
  }

  /** Another entry was committed in its place: now it is certain that it is not executed. */
  #onReplaced(proposal: Proposal<Result>): void {
    if (proposal.stage === "abandoned") this.#release(proposal);
    else if (!proposal.isForPeer) this.#gather(proposal);
    else this.#fail(proposal, new RaftError("NOT_COMMITTED", `Another entry was committed at ${proposal.index}.`));
  }

  #onDeadline(proposal: Proposal<Result>): void {
    const { raft } = this.#options;
    const { stage, asker, term, isOrphaned } = proposal;
    if (stage === "gathered" || stage === "waiting") {
      const why =
        raft.leaderId === NOBODY ? "No leader is known." : `The leader, ${raft.leaderId}, was not within reach.`;
      this.#fail(proposal, new RaftError("NO_LEADER", why));
    } else if (stage === "forwarded") {
      const error = isOrphaned
        ? new RaftError("OUTCOME_UNKNOWN", `The leader of term ${term} was asked, and is no longer.`)
        : new RaftError("TIMED_OUT", `The leader of term ${term} was asked, and did not answer.`);
      this.#fail(proposal, error);
    } else {
      const error = new RaftError("TIMED_OUT", `Entry ${proposal.index} of term ${term} is not committed.`);
      if (raft.role === "leader" && raft.currentTerm === term) {
        proposal.stage = "abandoned";
        this.#abandonedCount += 1;
        asker.onError(error);
      } else {
        this.#byIndex.remove(proposal);
        this.#fail(proposal, error);
      }
    }
  }

  #gather(proposal: Proposal<Result>): void {
    proposal.stage = "gathered";
    this.#gathered.push(proposal);
    this.#options.schedule();
  }

  #fail(proposal: Proposal<Result>, error: RaftError): void {
    if (proposal.stage === "forwarded") this.#forwarder.forget(proposal);
    if (this.#release(proposal)) proposal.asker.onError(error);
  }

  /** Gives back what it took. False if whoever asked was told already. */
  #release(proposal: Proposal<Result>): boolean {
    const isAbandoned = proposal.stage === "abandoned";
    if (isAbandoned) this.#abandonedCount -= 1;
    else this.#deadlines.remove(proposal);
    proposal.stage = "settled";
    this.#options.budget.giveBack(proposal.sizeBytes);
    return !isAbandoned;
  }
}
