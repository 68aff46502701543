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

/** `write 3`, `x: read → 3`, `x: cas 3 → 4 → ?`. */
export function describeOperation({ f, key, input, output }: HistoryOperation): string {
  const name = key === undefined ? f : `${key}: ${f}`;
  const given = input === undefined ? "" : ` ${JSON.stringify(input)}`;
  const isEcho =
    input === undefined ? output === undefined : output === undefined || identityOf(input) === identityOf(output);
  return isEcho ? name + given : `${name}${given} → ${JSON.stringify(output)}`;
}
