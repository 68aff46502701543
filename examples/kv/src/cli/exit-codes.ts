/** What the exit code of `quorate-kv` says, and which one an error means. */

import { KvError } from "../client/errors.js";

export const EXIT = {
  ok: 0,
  /** The answer is no: no such key, the condition does not hold; or the server could not start. */
  negative: 1,
  /** The command line or its input is wrong; nothing was done. */
  usage: 2,
  /** No server could answer, or it is unknown whether a write took effect. */
  unavailable: 3,
} as const;

/** A wrong command line that commander cannot see. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code = "USAGE";
}

export function exitCodeOf(error: KvError | UsageError): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error.code === "REVISION_COMPACTED") return EXIT.negative;
  const isRefused = error.outcome === "not-executed" && (error.status ?? 400) < 500;
  return isRefused && error.code !== "UNAVAILABLE" ? EXIT.usage : EXIT.unavailable;
}

export function isExpected(error: unknown): error is KvError | UsageError {
  return error instanceof KvError || error instanceof UsageError;
}
