/**
 * Thrown on proof that safety is already lost: two leaders in a term, a committed entry replaced. Never on a message
 * that is merely stale or odd. The server that catches it stops, and keeps its data (PITFALLS E24, O13).
 */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** Stops the server unless `condition` holds. */
export function invariant(condition: boolean, describe: () => string): asserts condition {
  if (!condition) throw new InvariantError(describe());
}
