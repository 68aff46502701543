/** Whole clusters of the production runtime under a fake clock, network and disk, from one seed. */

export { explore, replay } from "./explore.js";
export type { Violation } from "./ledger/index.js";
export { drawParameters, type Parameters } from "./parameters.js";
export type {
  Counts,
  Parameters as RunParameters,
  RunOptions,
  RunReport,
  Script,
  TraceEvent,
  WorldName,
} from "./run.js";
export { ProcessClock, SimulatedTime } from "./simulated-time.js";
export { type Settle, type SimulationReport, simulate } from "./simulation.js";
