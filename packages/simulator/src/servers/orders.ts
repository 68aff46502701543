/** What an operator does in the world of servers, and when in a run. */

import { Random } from "@quorate/core";
import type { ServersParameters } from "./servers-parameters.js";

export const ORDERS = [
  "any set of members",
  "two changes at once",
  "join",
  "removal",
  "removal of the leader",
  "another role",
  "another priority",
  "another address",
  "transfer",
  "transfer from a leader that is cut off",
  "handing over at the end",
  "restart of a removed server",
  "crash in a joint change",
  "disk wiped",
] as const;

export type OrderName = (typeof ORDERS)[number];

export interface Order {
  /** What a script leaves out to make it not happen. */
  readonly unit: string;
  readonly name: OrderName;
  readonly atMs: number;
  readonly durationMs: number;
  /** Tells this order from all others. */
  readonly number: number;
  /** Whatever else there is to decide about it. */
  readonly seed: number;
}

/** All orders of a run, by rising time. */
export function drawOrders(random: Random, parameters: ServersParameters): readonly Order[] {
  const { orderEveryMs, faultyMs, electionTimeoutMs } = parameters;
  if (orderEveryMs === 0) return [];
  const own = new Random(random.nextUint32());
  // A few kinds in each run, as with faults.
  const some = ORDERS.filter(() => own.between(0, 1) < 0.4);
  const names: readonly OrderName[] = own.between(0, 1) < 0.2 ? [...some, "disk wiped"] : some;
  const orders: Order[] = [];
  // The first cannot be given before there is a leader.
  for (let atMs = electionTimeoutMs; atMs < faultyMs; atMs += own.between(0, 2 * orderEveryMs)) {
    const name = names[Math.floor(own.between(0, names.length))] ?? "any set of members";
    const durationMs = own.between(0.2, own.between(0.5, 8)) * electionTimeoutMs;
    const number = orders.length + 1;
    orders.push({ unit: `o${number}`, name, atMs, durationMs, number, seed: own.nextUint32() });
  }
  return orders;
}
