/** One proposal, from the call to its outcome: where it stands, what it takes, and who is told (PITFALLS K6, K9). */

import type { RaftError } from "@quorate/contracts";
import type { Index, NodeId, Term } from "@quorate/core";
import type { Timed } from "./deadlines.js";
import type { Answer } from "./sessions/answer.js";
import type { ClientSession } from "./sessions/client-session.js";
import { ENVELOPE_BYTES, writeSession } from "./sessions/envelope.js";

/** What a proposal takes besides its payload: its objects, its envelope and its places in the tables, about. */
export const PROPOSAL_OVERHEAD_BYTES = 512;

/**
 * - `parked`: waits for its session to be open, or for a number in it.
 * - `gathered`: goes on its way in the next turn.
 * - `waiting`: was refused, or its leader does not know; for another leadership, or for its next attempt.
 * - `forwarded`: the leader was asked, and has not answered.
 * - `appended`: in the log of this server, which leads, at `index`, in `term`.
 * - `abandoned`: as appended, but whoever asked was told that the outcome is unknown. It still counts: the entry is in
 *   the uncommitted log (PITFALLS F4).
 * - `settled`: over.
 */
export type Stage = "parked" | "gathered" | "waiting" | "forwarded" | "appended" | "abandoned" | "settled";

/** Whoever is to be told: exactly one of the two, exactly once. */
export interface Asker<Result> {
  onAnswer(answer: Exclude<Answer<Result>, { kind: "refused" }>): void;
  onError(error: RaftError): void;
}

/** For whom a command is executed. */
export interface Numbering<Result> {
  readonly session: ClientSession<Proposal<Result>>;
  /** The number that the caller gave it, or 0: the session gives it one. */
  readonly sequence: number;
  /** What the caller acknowledges, if it gave the number. */
  readonly acknowledgedBelow: number;
  /** Whether the caller, if it gave the number, may have sent the command before, from wherever. */
  readonly isRetry: boolean;
}

export interface ProposalOptions<Result> {
  /** In its envelope, in bytes of its own. */
  readonly data: Uint8Array;
  readonly asker: Asker<Result>;
  /** Whether a peer asks: what it forwarded is not forwarded again (PITFALLS K7). */
  readonly isForPeer: boolean;
  readonly endsAt: number;
  readonly numbering: Numbering<Result> | null;
}

export class Proposal<Result> implements Timed {
  /** What was taken from the budget, to be given back as it is (PITFALLS F5). */
  readonly sizeBytes: number;
  readonly asker: Asker<Result>;
  readonly isForPeer: boolean;
  readonly endsAt: number;
  /** When it is looked at again, `endsAt` at the latest. */
  deadline: number;
  slot = -1;
  stage: Stage = "gathered";
  /** Null for what needs no session, and for peers, whose sessions are theirs. */
  session: ClientSession<Proposal<Result>> | null;
  /** Its number in the session; 0 while it has none. */
  sequence: number;
  readonly isNumberedByCaller: boolean;
  /** What became of the command before this proposal, its caller may not know. */
  readonly isRetry: boolean;
  /** An attempt went on its way, of which it is not known what became: it may be executed. */
  isInDoubt = false;
  attempts = 0;
  /** The term in which it was appended, or whose leader was asked. */
  term: Term = 0;
  /** While appended. */
  index: Index = 0;
  /** While forwarded. */
  leaderId: NodeId = 0;
  requestId = 0;
  readonly #acknowledgedBelow: number;
  #data: Uint8Array;
  /** The bytes are in a log or on the wire. */
  #isShared = false;

  constructor({ data, asker, isForPeer, endsAt, numbering }: ProposalOptions<Result>) {
    this.sizeBytes = data.length - ENVELOPE_BYTES + PROPOSAL_OVERHEAD_BYTES;
    this.asker = asker;
    this.isForPeer = isForPeer;
    this.endsAt = endsAt;
    this.deadline = endsAt;
    this.session = numbering?.session ?? null;
    this.sequence = numbering?.sequence ?? 0;
    this.isNumberedByCaller = this.sequence > 0;
    this.isRetry = this.isNumberedByCaller && numbering?.isRetry === true;
    this.#acknowledgedBelow = numbering?.acknowledgedBelow ?? 0;
    this.#data = data;
  }

  get isUnderWay(): boolean {
    return this.isInDoubt || this.stage === "forwarded" || this.stage === "appended";
  }

  /** Bytes for one attempt: what went on its way before is not written to again (PITFALLS F11). */
  dataToSend(): Uint8Array {
    if (this.#isShared) this.#data = new Uint8Array(this.#data);
    this.#isShared = true;
    const { session } = this;
    if (session !== null) {
      const below = this.isNumberedByCaller ? this.#acknowledgedBelow : session.acknowledgedBelow;
      writeSession(this.#data, session.id, this.sequence, below);
    }
    return this.#data;
  }
}
