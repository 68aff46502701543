/**
 * Every proposal under way on this server, from the call to one of three outcomes: its result, *not executed*, or
 * *unknown* (PITFALLS K6). Each settles exactly once, by its deadline at the latest (K9).
 *
 * Each is sent as often as it takes: to the leader, to the next one when that is gone, to the same one when no answer
 * comes. That it is executed once is for its session to see to, which is part of what is replicated (K1, K2). What is
 * left to do here is to be honest about a deadline that comes first: an attempt of which it is not known what became
 * leaves the proposal in doubt.
 */

import { type Clock, type ProposeRequest, type ProposeResult, RaftError, type RaftErrorCode } from "@quorate/contracts";
import { type Index, type Input, NOBODY, type NodeId, type ProposalOutcome, type Term } from "@quorate/core";
import { Appender } from "./appender.js";
import { PeerAsker, type PeerAskerOptions } from "./askers.js";
import type { Budget } from "./budget.js";
import { checkCommandSize } from "./commands.js";
import { DeadlineQueue } from "./deadlines.js";
import { errorOf, Forwarder, type ForwarderOptions } from "./forwarder.js";
import { Proposal, type ProposalOptions } from "./proposal.js";
import { SeenRequests } from "./request-ids.js";
import type { Answer } from "./sessions/answer.js";
import type { ClusterTime } from "./sessions/cluster-time.js";
import { checkEnvelope, ENVELOPE_BYTES } from "./sessions/envelope.js";
import type { Ticker } from "./sessions/ticker.js";

/** Errors that mean the same whoever asks again: the session table, or a limit, has spoken. */
const FINAL_CODES: ReadonlySet<RaftErrorCode> = new Set([
  "COMMAND_NOT_ENCODABLE",
  "RESULT_UNAVAILABLE",
  "SEQUENCE_REUSED",
  "SESSION_EXPIRED",
]);

type Refusal = Pick<RaftError, "code" | "message">;

export interface ProposalsOptions extends ForwarderOptions, PeerAskerOptions {
  readonly clock: Clock;
  readonly budget: Budget;
  readonly time: ClusterTime;
  readonly ticker: Ticker;
  readonly proposeTimeoutMs: number;
  /** Asks for a turn. */
  readonly schedule: () => void;
}

/** What is told to the sessions of this server. */
export interface SessionKeeper<Result> {
  /** It may be sent now: gather it, or keep it until it can be. */
  enter(proposal: Proposal<Result>): void;
  /** It is over. */
  onSettled(proposal: Proposal<Result>): void;
  /** Its session is over, and it was certainly not executed there. Whether it may go to another one. */
  renew(proposal: Proposal<Result>): boolean;
}

export class Proposals<Result> {
  readonly #options: ProposalsOptions;
  readonly #keeper: SessionKeeper<Result>;
  readonly #deadlines = new DeadlineQueue<Proposal<Result>>();
  readonly #appender: Appender<Result>;
  readonly #forwarder: Forwarder<Result>;
  readonly #seen = new SeenRequests();
  /** The term in which this life began: what this server led before, it led in a former one. */
  readonly #firstTerm: Term;
  /** To go on their way in the next turn; may hold settled ones. */
  #gathered: Proposal<Result>[] = [];
  /** The leadership that was last acted upon. */
  #leaderId: NodeId = NOBODY;
  #term: Term = 0;
  /** This server leads, but hands over: what is gathered is held until it is known who leads next (PITFALLS T1). */
  #isHeld = false;
  #isStopped = false;

  constructor(options: ProposalsOptions, keeper: SessionKeeper<Result>) {
    this.#options = options;
    this.#keeper = keeper;
    this.#firstTerm = options.raft.currentTerm;
    this.#appender = new Appender(options.time);
    this.#forwarder = new Forwarder(options, this.#deadlines);
  }

  /** How many have not settled. */
  get count(): number {
    return this.#deadlines.size;
  }

  /** When a turn is needed, if nothing else happens. */
  get wakeAt(): number {
    const { raft, ticker } = this.#options;
    const isLeading = raft.role === "leader" && raft.transferTo === NOBODY;
    return isLeading ? Math.min(this.#deadlines.earliest, ticker.dueAt) : this.#deadlines.earliest;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /**
   * Takes in a proposal. Throws `OVERLOADED` if it does not fit (PITFALLS F4), unless `isForced`, which is for what
   * others that fitted wait for.
   */
  admit(options: ProposalOptions<Result>, isForced = false): Proposal<Result> {
    const { clock, budget } = this.#options;
    const proposal = new Proposal(options);
    if (isForced) budget.force(proposal.sizeBytes);
    else budget.take(proposal.sizeBytes, clock.now());
    this.#deadlines.add(proposal);
    if (proposal.session === null) this.gather(proposal);
    else this.#keeper.enter(proposal);
    return proposal;
  }

  /** It goes on its way in the next turn. */
  gather(proposal: Proposal<Result>): void {
    proposal.stage = "gathered";
    this.#gathered.push(proposal);
    this.#options.schedule();
  }

  /** A proposal that a peer passes on, if this server leads the term that the peer means; a copy is not answered. */
  onRequest(request: ProposeRequest): void {
    const { raft, clock, proposeTimeoutMs, maxCommandBytes } = this.#options;
    if (!this.#seen.add(request.from, request.requestId)) return;
    const asker = new PeerAsker<Result>(this.#options, request);
    if (raft.role !== "leader" || raft.currentTerm !== request.term) {
      asker.onError(this.#refusalOf(request.term));
      return;
    }
    try {
      const { data } = request;
      checkCommandSize(data.length - ENVELOPE_BYTES, maxCommandBytes);
      checkEnvelope(data);
      this.admit({ data, asker, isForPeer: true, endsAt: clock.now() + proposeTimeoutMs, numbering: null });
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
      if (this.#release(proposal)) proposal.asker.onAnswer({ kind: "bytes", data: message.data });
      return;
    }
    const error = errorOf(message);
    const isLimit = error.code === "OVERLOADED" || error.code === "COMMAND_TOO_LARGE";
    if (FINAL_CODES.has(error.code) || (isLimit && !proposal.isInDoubt)) {
      this.#onRefused(proposal, error);
      return;
    }
    if (error.outcome !== "not-executed") proposal.isInDoubt = true;
    if (!this.#forwarder.keep(proposal, this.#options.clock.now())) this.gather(proposal);
  }

  /**
   * Sends what is gathered on its way: to the core if this server leads, in what is returned; to the leader if there is
   * one within reach; otherwise it stays. To be called in every turn.
   */
  route(now: number): Extract<Input, { kind: "propose" }> | null {
    const { raft, ticker } = this.#options;
    if (raft.leaderId !== this.#leaderId || raft.currentTerm !== this.#term) this.#onLeadership();
    this.#isHeld = raft.transferTo !== NOBODY;
    if (raft.role === "leader") {
      if (this.#isHeld) return null;
      if (this.#gathered.length === 0 && ticker.dueAt > now) return null;
      const { input, taken } = this.#appender.hand(this.#gathered);
      this.#gathered.splice(0, taken);
      if (this.#gathered.length > 0) this.#options.schedule();
      return input;
    }
    if (this.#gathered.length > 0) this.#gathered.splice(0, this.#forwarder.forward(this.#gathered, now));
    return null;
  }

  /** The core's answer to what {@link route} returned. */
  onOutcome(outcome: ProposalOutcome): void {
    for (const proposal of this.#appender.onOutcome(outcome)) this.gather(proposal);
  }

  /** To be called when the core was drained: what was held may go on when the handing over is done. */
  onDrained(): void {
    if (this.#isHeld && this.#options.raft.transferTo === NOBODY) this.#options.schedule();
  }

  /** The entry of `term` at `index` was applied. Only the proposal that is this very entry is told (PITFALLS K5). */
  onApplied(index: Index, term: Term, answer: Answer<Result>): void {
    const proposal = this.#appender.take(index, term);
    if (proposal === undefined) return;
    if (answer.kind === "refused") this.#onRefused(proposal, answer);
    else if (this.#release(proposal)) proposal.asker.onAnswer(answer);
  }

  /** Settles all whose deadline has come, and sends again what was not answered. */
  expire(now: number): void {
    if (this.#deadlines.earliest > now) return;
    for (let due = this.#deadlines.takeDue(now); due !== undefined; due = this.#deadlines.takeDue(now)) {
      if (now >= due.endsAt) {
        this.#onDeadline(due);
        continue;
      }
      due.deadline = due.endsAt;
      this.#deadlines.add(due);
      if (due.stage === "forwarded") {
        this.#forwarder.forget(due);
        due.isInDoubt = true;
        this.gather(due);
      } else if (due.stage === "waiting") this.gather(due);
    }
    this.#dropSettled();
  }

  /** Whoever asked does not want to wait any longer. */
  abort(proposal: Proposal<Result>, errorFor: (isUnderWay: boolean) => RaftError): void {
    if (proposal.stage === "settled" || proposal.stage === "abandoned") return;
    this.#giveUp(proposal, errorFor(proposal.isUnderWay));
  }

  /** Settles all with what `errorFor` says of those that may have been executed, and of those that were not. */
  stop(errorFor: (isUnderWay: boolean) => RaftError): void {
    this.#isStopped = true;
    for (const proposal of this.#deadlines.items()) this.fail(proposal, errorFor(proposal.isUnderWay));
    this.#gathered = [];
    this.#forwarder.dropSettled();
  }

  /** What the tables hold, counted anew: always what the budget was charged with (PITFALLS F5). */
  recountBytes(parked: readonly Proposal<Result>[]): number {
    const all = [
      this.#gathered.filter(({ stage }) => stage === "gathered"),
      this.#forwarder.all().filter(({ stage }) => stage === "forwarded" || stage === "waiting"),
      this.#appender.all(),
      parked.filter(({ stage }) => stage === "parked"),
    ];
    let sum = 0;
    for (const { sizeBytes } of all.flat()) sum += sizeBytes;
    return sum;
  }

  /**
   * Another leadership. What this server appended as leader may be committed yet, but who leads next decides: it is
   * sent again, under its number (PITFALLS K5). A peer is told, and does the same. What was abandoned counts no more.
   */
  #onLeadership(): void {
    const { raft } = this.#options;
    this.#leaderId = raft.leaderId;
    this.#term = raft.currentTerm;
    for (const proposal of this.#appender.onLeadership()) {
      if (proposal.stage === "abandoned") this.#release(proposal);
      else if (proposal.isForPeer)
        this.fail(proposal, new RaftError("OUTCOME_UNKNOWN", `This server no longer leads term ${proposal.term}.`));
      else {
        proposal.isInDoubt = true;
        this.gather(proposal);
      }
    }
    for (const proposal of this.#forwarder.onLeadership()) this.gather(proposal);
    if (raft.role !== "leader") this.#refusePeers();
  }

  /** What peers passed on to a leader is not passed on by one that is no longer (PITFALLS K7). */
  #refusePeers(): void {
    for (const proposal of this.#gathered) {
      if (!proposal.isForPeer || proposal.stage === "settled") continue;
      this.fail(proposal, new RaftError("NOT_LEADER", "This server no longer leads."));
    }
    this.#dropSettled();
  }

  /** The session table, or a limit, says no. */
  #onRefused(proposal: Proposal<Result>, { code, message }: Refusal): void {
    const { isInDoubt, isForPeer, isRetry, session } = proposal;
    if (proposal.stage === "abandoned") this.#release(proposal);
    else if (isForPeer) this.fail(proposal, new RaftError(code, message));
    else if (code === "SESSION_EXPIRED" && session !== null) {
      // A retry may follow upon an attempt that was executed, from wherever (PITFALLS K3).
      if (isInDoubt || isRetry) this.fail(proposal, new RaftError("SESSION_EXPIRED_UNDER_WAY", message));
      else if (!this.#keeper.renew(proposal)) this.fail(proposal, new RaftError(code, message));
    } else if (code === "OVERLOADED" && isInDoubt) this.fail(proposal, new RaftError("OUTCOME_UNKNOWN", message));
    else this.fail(proposal, new RaftError(code, message));
  }

  #onDeadline(proposal: Proposal<Result>): void {
    const { raft } = this.#options;
    const { stage, term } = proposal;
    let error: RaftError;
    if (stage === "forwarded") error = new RaftError("TIMED_OUT", `The leader of term ${term} did not answer.`);
    else if (stage === "appended")
      error = new RaftError("TIMED_OUT", `Entry ${proposal.index} of term ${term} is not committed.`);
    else {
      const isReachable = raft.leaderId === NOBODY || this.#options.canReach(raft.leaderId);
      let why = raft.leaderId === NOBODY ? "No leader is known." : "There was no room for it.";
      if (!isReachable) why = `The leader, ${raft.leaderId}, was not within reach.`;
      else if (stage === "parked") why = "No leader has opened a session.";
      error = new RaftError(proposal.isInDoubt ? "TIMED_OUT" : "NO_LEADER", why);
    }
    this.#giveUp(proposal, error);
  }

  /** What is in the log counts until its fate is known, whoever still waits for it (PITFALLS F4). */
  #giveUp(proposal: Proposal<Result>, error: RaftError): void {
    if (proposal.stage !== "appended") return this.fail(proposal, error);
    this.#deadlines.remove(proposal);
    proposal.stage = "abandoned";
    this.#keeper.onSettled(proposal);
    proposal.asker.onError(error);
  }

  /** Settles one that was not executed, or of which that is not known. */
  fail(proposal: Proposal<Result>, error: RaftError): void {
    if (proposal.stage === "forwarded") this.#forwarder.forget(proposal);
    if (proposal.stage === "appended") this.#appender.forget(proposal);
    if (this.#release(proposal)) proposal.asker.onError(error);
  }

  /** Gives back what it took. False if whoever asked was told already. */
  #release(proposal: Proposal<Result>): boolean {
    const isAbandoned = proposal.stage === "abandoned";
    proposal.stage = "settled";
    this.#options.budget.giveBack(proposal.sizeBytes);
    if (isAbandoned) return false;
    this.#deadlines.remove(proposal);
    this.#keeper.onSettled(proposal);
    return true;
  }

  #dropSettled(): void {
    this.#gathered = this.#gathered.filter(({ stage }) => stage === "gathered");
    this.#forwarder.dropSettled();
  }
}
