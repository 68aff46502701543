/** What the models for histories of events have in common. */

import { HistoryError, type HistoryOperation } from "../history.js";
import { identityOf } from "../model.js";

export function partitionByKey({ key }: HistoryOperation): string {
  return key ?? "";
}

/** @throws HistoryError always. */
export function refuse(model: string, operation: HistoryOperation, problem?: string): never {
  throw new HistoryError(-1, `${model}: ${problem ?? `no such operation`}: ${describeOperation(operation)}`);
}

/** `write 3`, `read → 3`, `x: cas [3,4]`. A transaction is told by its answer, which repeats what was asked. */
export function describeOperation({ f, key, input, output }: HistoryOperation): string {
  const name = key === undefined ? f : `${key}: ${f}`;
  if (f === "txn") return `${name} ${JSON.stringify(output ?? input)}`;
  const given = input === undefined ? "" : ` ${JSON.stringify(input)}`;
  const isEcho = output === undefined || identityOf(input) === identityOf(output);
  return isEcho ? name + given : `${name}${given} → ${JSON.stringify(output)}`;
}
