/**
 * The calls of one part of the object, laid out for the search.
 *
 * Calls that returned are numbered in the order of their returns ("known" calls), those of unknown outcome in the
 * order of their invocations ("unknown" calls). A known call also gets a *slot*: calls that overlap in time have
 * different slots. All calls that are linearized although an earlier return still waits are open at the moment of that
 * return; so the first call that waits and a set of slots say exactly which known calls are linearized. Such a set
 * stays as small as the object was ever busy, however long the history, and calls that never returned do not widen it.
 */

import type { Columns } from "../history.js";
import { NEVER } from "../history.js";

export interface Timeline {
  /** For each known call its place among the calls that were given. */
  readonly known: Int32Array;
  readonly invokedAt: Int32Array;
  readonly returnedAt: Int32Array;
  readonly slotOf: Int32Array;
  readonly slots: number;
  /** The known calls in the order of their invocation. */
  readonly byInvocation: Int32Array;
  /** For each unknown call its place among the calls that were given. */
  readonly unknown: Int32Array;
  readonly unknownInvokedAt: Int32Array;
}

/**
 * Lays out `calls`, given in the order of their invocation. `returned` are those of them that returned, in the order in
 * which they did. Unknown calls of which `isDropped` is true are left out. `scratch` has a place for every call.
 */
export function timelineOf(
  columns: Pick<Columns<unknown>, "invokedAt" | "returnedAt">,
  calls: Int32Array,
  returned: Int32Array,
  isDropped: (place: number) => boolean,
  scratch: Int32Array,
): Timeline {
  const count = returned.length;
  const [known, invokedAt, returnedAt] = [new Int32Array(count), new Int32Array(count), new Int32Array(count)];
  for (let number = 0; number < count; number += 1) {
    const call = returned[number] as number;
    invokedAt[number] = columns.invokedAt[call] as number;
    returnedAt[number] = columns.returnedAt[call] as number;
    scratch[call] = number;
  }
  const unknown: number[] = [];
  const byInvocation = new Int32Array(count);
  for (let place = 0, invoked = 0; place < calls.length; place += 1) {
    const call = calls[place] as number;
    if (columns.returnedAt[call] !== NEVER) {
      const number = scratch[call] as number;
      known[number] = place;
      byInvocation[invoked] = number;
      invoked += 1;
    } else if (!isDropped(place)) {
      unknown.push(place);
    }
  }
  return {
    known,
    invokedAt,
    returnedAt,
    byInvocation,
    unknown: Int32Array.from(unknown),
    unknownInvokedAt: Int32Array.from(unknown, (place) => columns.invokedAt[calls[place] as number] as number),
    ...assignSlots({ invokedAt, returnedAt, byInvocation }),
  };
}

function assignSlots(timeline: Pick<Timeline, "invokedAt" | "returnedAt" | "byInvocation">): {
  readonly slotOf: Int32Array;
  readonly slots: number;
} {
  const { invokedAt, returnedAt, byInvocation } = timeline;
  const slotOf = new Int32Array(byInvocation.length);
  const free: number[] = [];
  let slots = 0;
  let returned = 0;
  for (const call of byInvocation) {
    for (; (returnedAt[returned] as number) < (invokedAt[call] as number); returned += 1) {
      free.push(slotOf[returned] as number);
    }
    const slot = free.pop();
    slotOf[call] = slot ?? slots;
    if (slot === undefined) slots += 1;
  }
  return { slotOf, slots };
}
