/**
 * Orders of operators: changes of members, and transfers of leadership. Taken on every server, and passed on to the
 * leader, once and never further; what comes of them every server sees for itself, in its log and in who leads.
 *
 * A change is judged by what is wanted, not by who asked: it names the configuration that it is based on, and so takes
 * effect once at most, however often it is asked for (PITFALLS M23). That is why an order whose answer was lost, or
 * whose leader fell, is simply given again to whoever leads then.
 */

import type { AdminRequest, AdminResult, Clock, PeerMessage, RaftError, RaftErrorCode } from "@quorate/contracts";
import {
  type ChangeOutcome,
  type ChangeRefusal,
  type Input,
  type MemberChange,
  NOBODY,
  type NodeId,
  type Raft,
  type TransferOutcome,
  type TransferResult,
} from "@quorate/core";
import { abortError, type CallOptions, listenTo } from "./abort.js";
import { type AdminOrder, type AdminReply, decodeOrder, decodeReply, encodeAdmin } from "./admin-messages.js";
import { committedConfiguration, headsFor, isFinal } from "./members.js";
import { Operation, type OperationKind } from "./operation.js";
import { type RequestIds, SeenRequests } from "./request-ids.js";

/** Without an answer for so long, in election timeouts, a leader is asked again; a transfer takes one. */
const ANSWER_TIMEOUTS = 3;

/** How long an order may take, and what ends it earlier. */
export type OrderLimits = CallOptions & { readonly timeoutMs: number };

export interface AdminOptions {
  readonly nodeId: NodeId;
  readonly raft: Raft;
  readonly clock: Clock;
  readonly ids: RequestIds;
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  readonly send: (message: PeerMessage) => void;
  readonly schedule: () => void;
  /** Whether a message to this peer can leave now. */
  readonly canReach: (peer: NodeId) => boolean;
}

/** Whoever waits for the core's answer: an operation of this server, or a peer. */
type Asker = Operation | AdminRequest;

export class Admin {
  readonly #options: AdminOptions;
  readonly #operations = new Set<Operation>();
  readonly #seen = new SeenRequests();
  /** What peers want, to be given to the core in the next turn. */
  #requests: { readonly request: AdminRequest; readonly order: AdminOrder }[] = [];
  /** What the core was asked, by the number it was given. */
  readonly #asked = new Map<number, Asker>();
  /** Why nothing is taken any more. */
  #stopped: RaftError | null = null;

  constructor(options: AdminOptions) {
    this.#options = options;
  }

  /** Whether somebody waits for an order to be carried out. */
  get isWaiting(): boolean {
    return this.#operations.size > 0;
  }

  /** When a turn is wanted; `Infinity` if nothing is under way. */
  get wakeAt(): number {
    let wakeAt = Number.POSITIVE_INFINITY;
    for (const { deadline, retryAt, stage } of this.#operations)
      wakeAt = Math.min(wakeAt, stage === "accepted" ? deadline : Math.min(deadline, retryAt));
    return wakeAt;
  }

  /** Takes in an order. Resolves with the leader when it is carried out; with the new one, if it was a transfer. */
  order(kind: OperationKind, { timeoutMs, signal }: OrderLimits): Promise<NodeId> {
    const { clock, schedule } = this.#options;
    return new Promise((resolve, reject) => {
      if (this.#stopped !== null) throw this.#stopped;
      if (signal?.aborted === true) throw abortError(signal, false);
      const operation = new Operation(kind, clock.now() + timeoutMs, resolve, reject);
      this.#operations.add(operation);
      if (signal !== undefined)
        operation.onSettled = listenTo(signal, () => this.#end(operation, () => operation.abort(signal)));
      schedule();
    });
  }

  /** A peer passes on an order: taken if this server leads the term that the peer means. */
  onRequest(request: AdminRequest): void {
    const order = decodeOrder(request.data);
    if (order === null || !this.#seen.add(request.from, request.requestId)) return;
    this.#requests.push({ request, order });
    this.#options.schedule();
  }

  /** The leader's answer to what was passed on. */
  onAnswer({ from, requestId, data }: AdminResult): void {
    for (const operation of this.#operations) {
      if (operation.stage !== "asked" || operation.requestId !== requestId || operation.leaderId !== from) continue;
      const reply = decodeReply(data);
      if (reply !== null) this.#onReply(operation, reply);
      this.#options.schedule();
      return;
    }
  }

  /** Gives on what waits: to the core, in what is returned, or to the leader. To be called before each drain. */
  route(now: number): readonly Input[] {
    const inputs: Input[] = [];
    const requests = this.#requests;
    this.#requests = [];
    const { raft } = this.#options;
    for (const { request, order } of requests) {
      if (raft.role === "leader" && raft.currentTerm === request.term) inputs.push(this.#inputFor(request, order));
      else this.#reply(request, refusalOf(order));
    }
    for (const operation of this.#operations) {
      if (now >= operation.deadline) this.#end(operation, () => operation.expire());
      else if (operation.stage !== "accepted") this.#ask(operation, now, inputs);
    }
    return inputs;
  }

  #ask(operation: Operation, now: number, inputs: Input[]): void {
    const { raft, nodeId, ids, send, canReach, electionTimeoutMs } = this.#options;
    const { leaderId, currentTerm } = raft;
    if (operation.stage === "asked" && operation.term === currentTerm && now < operation.retryAt) return;
    if (operation.stage === "asked") {
      operation.stage = "waiting";
      operation.isUncertain = true;
      operation.retryAt = now;
    }
    if (now < operation.retryAt) return;
    operation.retryAt = now + this.#options.heartbeatIntervalMs;
    // What a transfer came to shows in who leads in the next term.
    const wasAsked = operation.order.kind === "transferLeadership" && operation.requestId > 0;
    if (wasAsked && operation.term !== currentTerm) return;
    if (leaderId === NOBODY || (leaderId !== nodeId && !canReach(leaderId))) return;
    // A server that is yet to be fed knows no members that could be changed.
    if (operation.order.kind === "changeMembers" && raft.configurationIndex === 0) return;
    // It leads already: nothing to ask for.
    if (operation.order.kind === "transferLeadership" && operation.order.to === leaderId) return;
    try {
      operation.remakeOrder();
    } catch (error) {
      this.#end(operation, () => operation.abandon(error));
      return;
    }
    operation.stage = "asked";
    operation.lastRefusal = null;
    operation.leaderId = leaderId;
    operation.term = currentTerm;
    operation.requestId = ids.next();
    operation.retryAt = now + ANSWER_TIMEOUTS * electionTimeoutMs;
    if (leaderId === nodeId) {
      inputs.push(this.#inputFor(operation, operation.order));
      return;
    }
    const { order, requestId } = operation;
    const data = encodeAdmin(order);
    send({ kind: "adminRequest", from: nodeId, to: leaderId, term: currentTerm, requestId, data });
  }

  #inputFor(asker: Asker, order: AdminOrder): Input {
    const id = this.#options.ids.next();
    this.#asked.set(id, asker);
    if (order.kind === "transferLeadership") return { ...order, transferId: id };
    return { ...order, changeId: id };
  }

  /** The core's answer to a change. */
  onChange(outcome: ChangeOutcome): void {
    const { changeId } = outcome;
    this.#onCoreReply(
      changeId,
      outcome.accepted
        ? { kind: "accepted", index: outcome.index, term: outcome.term }
        : { kind: "refused", refusal: outcome.refusal, reason: outcome.reason },
    );
  }

  /** The core's answer to a transfer. */
  onTransfer({ transferId, result }: TransferOutcome): void {
    this.#onCoreReply(transferId, { kind: "transfer", result });
  }

  #onCoreReply(id: number, reply: AdminReply): void {
    const asker = this.#asked.get(id);
    this.#asked.delete(id);
    if (asker instanceof Operation) {
      if (this.#operations.has(asker) && asker.stage === "asked") this.#onReply(asker, reply);
    } else if (asker !== undefined) this.#reply(asker, reply);
  }

  #reply({ from: to, requestId }: AdminRequest, reply: AdminReply): void {
    const { nodeId, send } = this.#options;
    send({ kind: "adminResult", from: nodeId, to, requestId, data: encodeAdmin(reply) });
  }

  #onReply(operation: Operation, reply: AdminReply): void {
    if (reply.kind === "transfer") this.#onTransferReply(operation, reply.result);
    else if (reply.kind === "refused") this.#onRefusal(operation, reply.refusal, reply.reason);
    else {
      operation.stage = "accepted";
      operation.place = { index: reply.index, term: reply.term };
    }
  }

  #onTransferReply(operation: Operation, result: TransferResult): void {
    if (result === "notLeader" || result === "transferring") {
      this.#retryLater(operation);
    } else if (result === "leadershipEnded") {
      operation.stage = "accepted";
    } else if (result === "timedOut") {
      this.#fail(operation, "TRANSFER_FAILED", "The server that was to lead did not take over in time.");
    } else {
      this.#fail(operation, "NO_SUCCESSOR", "There is no such voter, or none that keeps up.");
    }
  }

  #onRefusal(operation: Operation, refusal: ChangeRefusal, reason: string): void {
    const { order, isUncertain } = operation;
    switch (refusal) {
      case "notLeader":
      case "notReady":
      case "transferring":
        return this.#retryLater(operation);
      case "changePending":
      case "versionMismatch": {
        const { configuration, configurationIndex } = this.#options.raft;
        if (isUncertain && order.kind === "changeMembers" && headsFor(configuration, order.members)) {
          operation.stage = "accepted";
        } else if (isUncertain && order.kind === "changeMembers" && configurationIndex <= order.basedOn) {
          // What stands in the way is not here yet: it may be this very change.
          this.#retryLater(operation);
        } else {
          const code = refusal === "changePending" ? "CHANGE_PENDING" : "MEMBERS_CHANGED";
          this.#fail(operation, code, `The change of members was refused: ${reason}.`);
        }
        return;
      }
      case "invalid":
        return this.#fail(operation, "INVALID_MEMBERS", `The members cannot be so: ${reason}.`);
      case "wouldLoseQuorum":
        return this.#fail(operation, "WOULD_LOSE_QUORUM", `The change of members was refused: ${reason}.`);
      case "outOfTouch":
        return this.#fail(operation, "MEMBERS_OUT_OF_TOUCH", `Every member has to agree; ${reason}.`);
    }
  }

  /** It was certainly not taken this time, or something else came of it. */
  #retryLater(operation: Operation): void {
    operation.stage = "waiting";
    operation.place = null;
    if (!operation.isUncertain) operation.requestId = 0;
    operation.retryAt = this.#options.clock.now() + this.#options.heartbeatIntervalMs;
  }

  /** Ends what is done. To be called after each drain. */
  observe(): void {
    for (const operation of this.#operations) {
      const { order, stage } = operation;
      if (order.kind === "transferLeadership") this.#observeTransfer(operation, order.to);
      else if (stage === "accepted" && this.#isInPlace(operation)) {
        if (order.kind === "changeMembers") this.#observeChange(operation, order.members);
        else this.#end(operation, () => operation.succeed(this.#options.raft.leaderId));
      }
    }
  }

  #observeTransfer(operation: Operation, to: NodeId): void {
    const { leaderId, currentTerm } = this.#options.raft;
    const wasAsked = operation.requestId > 0;
    if (leaderId === NOBODY) return;
    if (leaderId === to) this.#end(operation, () => operation.succeed(leaderId));
    else if (!wasAsked || currentTerm === operation.term) return;
    else if (to === NOBODY) this.#end(operation, () => operation.succeed(leaderId));
    else this.#fail(operation, "TRANSFER_FAILED", `Server ${leaderId} leads now, not server ${to}.`);
  }

  /** Whether the entry of what was accepted is committed, as far as its place is known. */
  #isInPlace(operation: Operation): boolean {
    const { raft } = this.#options;
    const { place } = operation;
    if (place === null) return true;
    if (raft.commitIndex < place.index) return false;
    const term = raft.termAt(place.index);
    if (typeof term !== "number" || term === place.term) return true;
    this.#fail(operation, "NOT_COMMITTED", `Another entry was committed at ${place.index}.`);
    return false;
  }

  #observeChange(operation: Operation, members: readonly MemberChange[]): void {
    const { raft } = this.#options;
    const { place } = operation;
    const committed = committedConfiguration(raft);
    const isLater = place === null && !headsFor(raft.configuration, members);
    if (isLater || (place !== null && !headsFor(committed.configuration, members)))
      this.#fail(operation, "CHANGE_REPLACED", `Configuration ${raft.configurationIndex} is in force.`);
    else if ((operation.endsEarly || isFinal(committed.configuration)) && headsFor(committed.configuration, members))
      this.#end(operation, () => operation.succeed(raft.leaderId));
  }

  /** Settles all with `error`. */
  stop(errorFor: (isUnderWay: boolean) => RaftError): void {
    this.#stopped ??= errorFor(false);
    for (const operation of this.#operations)
      this.#end(operation, () => operation.abandon(errorFor(operation.isUnderWay)));
  }

  #fail(operation: Operation, code: RaftErrorCode, message: string): void {
    if (!operation.outlives(code)) return this.#end(operation, () => operation.fail(code, message));
    operation.lastRefusal = { code, message };
    // It was done, as far as that went, and is to be done again.
    if (code === "CHANGE_REPLACED") operation.isUncertain = true;
    this.#retryLater(operation);
  }

  #end(operation: Operation, tell: () => void): void {
    if (!this.#operations.delete(operation)) return;
    operation.onSettled?.();
    tell();
  }
}

function refusalOf(order: AdminOrder): AdminReply {
  if (order.kind === "transferLeadership") return { kind: "transfer", result: "notLeader" };
  return { kind: "refused", refusal: "notLeader", reason: "this server does not lead" };
}
