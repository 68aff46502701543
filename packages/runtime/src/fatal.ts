/** What an error means that nobody expected: the node stops, and says why (PITFALLS F16, O13). */

import { RaftError } from "@quorate/contracts";

/** An `InvariantError` of the core, or a fault of our own: either way, nothing here can be relied upon any more. */
export function fatalOf(cause: unknown): RaftError {
  return cause instanceof RaftError ? cause : new RaftError("INVARIANT_BROKEN", `${messageOf(cause)}.`, { cause });
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
