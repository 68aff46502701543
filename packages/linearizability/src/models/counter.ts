/** A number: `add` n changes it, `read` tells it. */

import type { HistoryOperation } from "../history.js";
import { illegal, type Model } from "../model.js";
import { describeOperation, partitionByKey, refuse } from "./operation.js";

/** `init`: the number at first; default 0. */
export function counter({ init = 0 }: { readonly init?: number } = {}): Model<number, HistoryOperation> {
  const amountOf = (operation: HistoryOperation): number => {
    if (typeof operation.input === "number") return operation.input;
    return refuse("counter", operation, "add needs a number");
  };
  const step = (state: number, operation: HistoryOperation): number | typeof illegal => {
    if (operation.f === "add") return state + amountOf(operation);
    if (operation.f !== "read") return refuse("counter", operation);
    return operation.output === undefined || (operation.output ?? init) === state ? state : illegal;
  };
  return {
    name: "counter",
    init: () => init,
    step,
    fingerprint: (state) => state,
    partition: partitionByKey,
    isRead: ({ f, input }) => f === "read" || input === 0,
    explains: (observer, earlier) => observer.f === "read" && observer.output !== undefined && earlier.f === "add",
    describe: describeOperation,
  };
}
