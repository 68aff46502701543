/** What the transactional models have in common: a `txn` is a list of steps `[name, key, value]`, and is atomic. */

import type { HistoryOperation } from "../history.js";
import { refuse } from "./operation.js";

/** A step of a transaction. The value of a read is what it saw: undefined, or null, if that is not known. */
export interface TransactionStep {
  readonly isRead: boolean;
  readonly key: string;
  readonly value: unknown;
}

/** The steps of `operation`, with what they saw if it returned. `reads` and `writes` are the names of such steps. */
export function stepsOf(
  model: string,
  operation: HistoryOperation,
  reads: readonly string[],
  writes: readonly string[],
): TransactionStep[] {
  const steps: unknown = operation.output ?? operation.input;
  if (operation.f !== "txn" || !Array.isArray(steps)) return refuse(model, operation);
  return steps.map((step: unknown) => {
    if (!Array.isArray(step)) return refuse(model, operation, "a step is a list [name, key, value]");
    const [name, key, value] = step as readonly unknown[];
    const isRead = reads.includes(String(name));
    if (!isRead && !writes.includes(String(name))) return refuse(model, operation, `no such step: ${String(name)}`);
    // What a transaction of unknown outcome names as read is what it was invoked with, and nothing that it saw.
    const isUnknown = isRead && operation.output === undefined;
    return { isRead, key: typeof key === "string" ? key : JSON.stringify(key), value: isUnknown ? undefined : value };
  });
}
