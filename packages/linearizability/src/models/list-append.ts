/** Lists by key: transactions append to them and read them whole. */

import type { HistoryOperation } from "../history.js";
import { identityOf, illegal, type Model } from "../model.js";
import { decideListAppend } from "./list-append-graph.js";
import { describeOperation, refuse } from "./operation.js";
import { stepsOf, type TransactionStep } from "./transactions.js";

type Lists = ReadonlyMap<string, readonly unknown[]>;

/** `init`: the lists that keys have at first; default none. A read of null by a transaction that returned saw none. */
export function listAppendTxn({
  init = {},
}: {
  readonly init?: Readonly<Record<string, readonly unknown[]>>;
} = {}): Model<Lists, HistoryOperation> {
  const cache = new WeakMap<HistoryOperation, TransactionStep[]>();
  const read = (operation: HistoryOperation): TransactionStep[] => {
    const steps = cache.get(operation) ?? listSteps(operation);
    cache.set(operation, steps);
    return steps;
  };
  return {
    name: "list-append-txn",
    init: () => new Map(Object.entries(init)),
    step(state, operation) {
      let lists = state;
      for (const { isRead, key, value } of read(operation)) {
        const list = lists.get(key) ?? [];
        if (!isRead) lists = new Map(lists).set(key, [...list, value]);
        else if (value !== undefined && identityOf(list) !== identityOf(value)) return illegal;
      }
      return lists;
    },
    fingerprint: (state) => JSON.stringify([...state].sort(([left], [right]) => (left < right ? -1 : 1))),
    partition: (operation) => read(operation).map(({ key }) => key),
    isRead: (operation) => read(operation).every(({ isRead }) => isRead),
    explains(observer, earlier) {
      return read(observer).some(
        (seen) =>
          seen.isRead &&
          Array.isArray(seen.value) &&
          read(earlier).some(
            ({ isRead, key, value }) =>
              !isRead &&
              key === seen.key &&
              (seen.value as unknown[]).some((each) => identityOf(each) === identityOf(value)),
          ),
      );
    },
    describe: describeOperation,
    describeState: (state) => [...state].map(([key, list]) => `${key}=${JSON.stringify(list)}`).join(" "),
    decide: (calls) => decideListAppend(calls, ({ operation }) => read(operation), init),
  };
}

function listSteps(operation: HistoryOperation): TransactionStep[] {
  return stepsOf("list-append-txn", operation, ["r", "read"], ["append"]).map((step) => {
    if (!step.isRead || step.value === undefined) return step;
    const list = step.value ?? [];
    return Array.isArray(list) ? { ...step, value: list } : refuse("list-append-txn", operation, "a list is read");
  });
}
