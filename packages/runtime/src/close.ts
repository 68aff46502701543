/** Closing what may hang: not for ever (PITFALLS F18). */

import type { Clock } from "@quorate/contracts";

/** Waits for all of `closings`, `limitMs` at most. Rejects with the first error, or with what `onLate` makes. */
export async function closeWithin(
  clock: Clock,
  limitMs: number,
  closings: readonly Promise<void>[],
  onLate: () => Error,
): Promise<void> {
  let giveUp: (() => void) | undefined;
  const late = new Promise<"late">((resolve) => {
    giveUp = clock.wakeAt(clock.now() + limitMs, () => resolve("late"));
  });
  const results = await Promise.race([Promise.allSettled(closings), late]);
  giveUp?.();
  if (results === "late") throw onLate();
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
