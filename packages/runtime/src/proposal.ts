/** One proposal, from the call to its outcome: where it stands, what it takes, and who is told (PITFALLS K6, K9). */

import type { RaftError } from "@quorate/contracts";
import type { Index, NodeId, Term } from "@quorate/core";
import type { Timed } from "./deadlines.js";

/** What a proposal takes besides its payload: its objects, and its places in the tables, about. */
export const PROPOSAL_OVERHEAD_BYTES = 512;

/**
 * - `gathered`: goes on its way in the next turn.
 * - `waiting`: for another leadership than the one that refused it, or for any at all.
 * - `forwarded`: the leader was asked, and has not answered.
 * - `appended`: in the log at `index`, in `term`.
 * - `abandoned`: as appended, but whoever asked was told that the outcome is unknown. It still counts: the entry is in
 *   the uncommitted log (PITFALLS F4).
 * - `settled`: over.
 */
export type Stage = "gathered" | "waiting" | "forwarded" | "appended" | "abandoned" | "settled";

/** Whoever is to be told: exactly one of the two, exactly once. */
export interface Asker<Result> {
  onResult(result: Result): void;
  onError(error: RaftError): void;
}

export class Proposal<Result> implements Timed {
  readonly data: Uint8Array;
  /** What was taken from the budget, to be given back as it is (PITFALLS F5). */
  readonly sizeBytes: number;
  readonly asker: Asker<Result>;
  /** Whether a peer asks: what it forwarded is not forwarded again (PITFALLS K7). */
  readonly isForPeer: boolean;
  deadline: number;
  slot = -1;
  stage: Stage = "gathered";
  /** The term in which it was appended, or whose leader was asked. */
  term: Term = 0;
  /** While appended. */
  index: Index = 0;
  /** Another proposal that waits at the same index, from another term. */
  next: Proposal<Result> | null = null;
  /** While forwarded. */
  leaderId: NodeId = 0;
  requestId = 0;
  /** The leadership that was asked is over: the answer is no longer likely to come. */
  isOrphaned = false;

  constructor(data: Uint8Array, asker: Asker<Result>, isForPeer: boolean, deadline: number) {
    this.data = data;
    this.sizeBytes = data.length + PROPOSAL_OVERHEAD_BYTES;
    this.asker = asker;
    this.isForPeer = isForPeer;
    this.deadline = deadline;
  }
}
