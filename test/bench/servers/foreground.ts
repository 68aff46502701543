/** A load that leaves room, as a service makes it while something else goes on. */

import type { Server } from "./cluster.js";
import type { LoadFigures } from "./protocol.js";

const CLIENTS = 16;

/** What the leader's proposals take while `deed` is under way, and what it brings. */
export async function inForeground<Result>(
  leader: Server,
  deed: () => Promise<Result>,
): Promise<[LoadFigures, Result]> {
  const load = leader.ask({ kind: "load", clients: CLIENTS });
  const deedAndStop = async (): Promise<Result> => {
    const result = await deed();
    await leader.ask({ kind: "stop" });
    return result;
  };
  return Promise.all([load, deedAndStop()]);
}

/** A tuning under which servers take no snapshots by themselves: no log gets so long. */
export const NO_SNAPSHOTS = { snapshotAfterEntries: 10 ** 12, snapshotAfterBytes: 10 ** 15 };
