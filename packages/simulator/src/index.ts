/** Clusters under a fake clock, network and disk, from one seed: production cores, and whole production nodes. */

export { explore, replay } from "./explore.js";
export type { Violation } from "./ledger/index.js";
export type { Counts, Parameters, RunOptions, RunReport, Script, Settle, TraceEvent, WorldName } from "./run.js";
