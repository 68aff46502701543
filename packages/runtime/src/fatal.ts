/** What an error means that nobody expected: the node stops, and says why (PITFALLS F16, O13). */

import { RaftError } from "@quorate/contracts";
import { UnsupportedFeatureLevelError } from "@quorate/core";

/** An `InvariantError` of the core, or a fault of our own: either way, nothing here can be relied upon any more. */
export function fatalOf(cause: unknown): RaftError {
  if (cause instanceof UnsupportedFeatureLevelError) return unsupported(cause);
  return cause instanceof RaftError ? cause : new RaftError("INVARIANT_BROKEN", `${messageOf(cause)}.`, { cause });
}

/** The cluster went on to what this version cannot read: no fault of anybody's, but it ends here (PITFALLS C11, O7). */
export function unsupported(cause: UnsupportedFeatureLevelError): RaftError {
  return new RaftError("UNSUPPORTED_FEATURE_LEVEL", `${cause.message}.`, { cause });
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
