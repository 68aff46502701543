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
import type { NodeId, Raft } from "@quorate/core";
import type { Asker, Proposal } from "./proposal.js";
import type { RequestIds } from "./request-ids.js";

const NO_DATA = new Uint8Array(0);

export type Send = (message: PeerMessage) => void;

/** The asker's side: which requests are under way. */
export class Forwarder<Result> {
  readonly #nodeId: NodeId;
  readonly #ids: RequestIds;
  readonly #send: Send;
  readonly #underWay = new Map<number, Proposal<Result>>();

  constructor(nodeId: NodeId, ids: RequestIds, send: Send) {
    this.#nodeId = nodeId;
    this.#ids = ids;
    this.#send = send;
  }

  values(): Iterable<Proposal<Result>> {
    return this.#underWay.values();
  }

  /** Asks the leader that `raft` knows. */
  forward(proposal: Proposal<Result>, { leaderId, currentTerm }: Raft): void {
    proposal.stage = "forwarded";
    proposal.leaderId = leaderId;
    proposal.term = currentTerm;
    proposal.requestId = this.#ids.next();
    proposal.isOrphaned = false;
    this.#underWay.set(proposal.requestId, proposal);
    const { requestId, data } = proposal;
    this.#send({ kind: "propose", from: this.#nodeId, to: leaderId, term: currentTerm, requestId, data });
  }

  /** The proposal that `message` answers, if it is still under way. */
  take({ from, requestId }: ProposeResult): Proposal<Result> | undefined {
    const proposal = this.#underWay.get(requestId);
    if (proposal === undefined || proposal.leaderId !== from) return undefined;
    this.#underWay.delete(requestId);
    return proposal;
  }

  forget({ requestId }: Proposal<Result>): void {
    this.#underWay.delete(requestId);
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
