/** What a single read may ask for: three names for three guarantees (PITFALLS Q9). */

import type { RaftError } from "@quorate/contracts";
import type { AbortSignalLike } from "./abort.js";
import { invalid, timeoutRefusal } from "./options.js";

export const CONSISTENCIES = ["linearizable", "lease", "stale"] as const;

export type Consistency = (typeof CONSISTENCIES)[number];

/** For a single read. */
export interface ReadOptions {
  /**
   * - `linearizable`, the default: sees everything that was acknowledged, by any server, before the read began. A
   *   majority confirms it; all reads that wait share one round.
   * - `lease`: the same, if no server's clock runs more than `maxClockDrift` faster than another's, or stands still
   *   while others go on. The leader answers on its own while it has a lease, and as for `linearizable` when it has none.
   * - `stale`: what this server has applied. With `maxStalenessMs` it sees everything that was acknowledged that long
   *   before the read began. Without, it is answered at once, may lag behind by any amount, and starts empty.
   */
  readonly consistency?: Consistency | undefined;
  /** How old a `stale` read may be, in milliseconds; above 0. */
  readonly maxStalenessMs?: number | undefined;
  /** How long it may take, in milliseconds. Default: the node's `readTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** An `AbortSignal`: ends the call, with `ABORTED`. */
  readonly signal?: AbortSignalLike | undefined;
}

/** Why there can be no such read; null if there can. */
export function readRefusal({ consistency, maxStalenessMs, timeoutMs }: ReadOptions): RaftError | null {
  if (consistency !== undefined && !CONSISTENCIES.includes(consistency))
    return invalid(`consistency is one of ${CONSISTENCIES.join(", ")}, not ${JSON.stringify(consistency)}.`);
  if (maxStalenessMs !== undefined) {
    if (consistency !== "stale") return invalid(`maxStalenessMs is for reads with consistency "stale".`);
    if (!(maxStalenessMs > 0)) return invalid(`maxStalenessMs must be above 0, not ${maxStalenessMs}.`);
  }
  return timeoutMs === undefined ? null : timeoutRefusal(timeoutMs);
}
