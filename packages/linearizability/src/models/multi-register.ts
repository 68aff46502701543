/** Registers by key, read and written by transactions. A read of null saw something unknown: it is legal anywhere. */

import type { HistoryOperation } from "../history.js";
import { identityOf, illegal, type Model } from "../model.js";
import { describeOperation } from "./operation.js";
import { stepsOf, type TransactionStep } from "./transactions.js";

type Registers = ReadonlyMap<string, unknown>;

/** `init`: the values that keys have at first; default none. */
export function multiRegister({
  init = {},
}: {
  readonly init?: Readonly<Record<string, unknown>>;
} = {}): Model<Registers, HistoryOperation> {
  const cache = new WeakMap<HistoryOperation, TransactionStep[]>();
  const read = (operation: HistoryOperation): TransactionStep[] => {
    const steps = cache.get(operation) ?? stepsOf("multi-register", operation, ["read", "r"], ["write", "w"]);
    cache.set(operation, steps);
    return steps;
  };
  return {
    name: "multi-register",
    init: () => new Map(Object.entries(init)),
    step(state, operation) {
      let registers = state;
      for (const { isRead, key, value } of read(operation)) {
        if (!isRead) registers = new Map(registers).set(key, value);
        else if (value !== undefined && value !== null && identityOf(registers.get(key)) !== identityOf(value)) {
          return illegal;
        }
      }
      return registers;
    },
    fingerprint: (state) => JSON.stringify([...state].sort(([left], [right]) => (left < right ? -1 : 1))),
    partition: (operation) => read(operation).map(({ key }) => key),
    isRead: (operation) => read(operation).every(({ isRead }) => isRead),
    explains(observer, earlier) {
      return read(observer).some(
        (seen) =>
          seen.isRead &&
          seen.value !== undefined &&
          seen.value !== null &&
          read(earlier).some(
            ({ isRead, key, value }) => !isRead && key === seen.key && identityOf(value) === identityOf(seen.value),
          ),
      );
    },
    describe: describeOperation,
    describeState: (state) => [...state].map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(" "),
  };
}
