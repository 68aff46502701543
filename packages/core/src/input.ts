/** The facts that a core can be told, one at a time, by `Raft.step`. */

import type { Message } from "./messages.js";

/** Time has passed: the moment that `Effects.deadline` named is here, or an earlier one. */
export interface Tick {
  readonly kind: "tick";
}

/** A message came in. Duplicates, late ones and ones out of order do no harm. */
export interface Receive {
  readonly kind: "receive";
  readonly message: Message;
}

/**
 * Commands to append, in order and all or none. Answered by one `ProposalOutcome` with the same `proposalId` in the
 * next drain. Commands alone: what changes the configuration must pass the rules for that (PITFALLS M2).
 */
export interface Propose {
  readonly kind: "propose";
  readonly proposalId: number;
  /** The payloads, one at least. */
  readonly commands: readonly Uint8Array[];
}

/** A linearizable read wants to begin. Answered by one `ReadOutcome` with the same `readId` in some later drain. */
export interface Read {
  readonly kind: "read";
  readonly readId: number;
}

/** Every write up to and including `seq` is durable. Reports may come late, twice or out of order (PITFALLS P4). */
export interface Persisted {
  readonly kind: "persisted";
  readonly seq: number;
}

export type Input = Tick | Receive | Propose | Read | Persisted;
