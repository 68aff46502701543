/** What can go wrong in the world of servers, by name. */

/** Single deeds; the network's steady faults (loss, duplicates, delay, limbo) are parameters. */
export const FAULTS = [
  "one-way cut",
  "isolation",
  "isolated leader",
  "halves",
  "bridge",
  "chain",
  "flapping link",
  "swizzled links",
  "clogged link",
  "pause",
  "event-loop stall",
  "suspended machine",
  "clock jump",
  "slow apply",
  "crash",
  "crash in a write",
  "restart storm",
  "slow disk",
  "hanging disk",
  "failed write",
  "failed fsync",
  "full disk",
  "bit flip",
  "wiped disk",
  "rolled-back disk",
  "snapshot on demand",
  "crash in a snapshot",
  "failed snapshot",
  "damaged snapshot",
  "wiped snapshots",
  "broken transfer",
  "raised feature levels",
  "false alarm",
] as const;

export type FaultName = (typeof FAULTS)[number];

/** What goes on all the time, as often as the parameters say. */
export const STEADY_FAULTS = [
  "loss",
  "duplicate",
  "reordering",
  "limbo",
  "lost write",
  "untold loss",
  "late answer",
  "stalled read",
  "clock drift",
  "abandoned call",
  "retry",
] as const;

export type SteadyFaultName = (typeof STEADY_FAULTS)[number];
