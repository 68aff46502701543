/** Whole clusters of the production runtime under a fake clock, network and disk, from one seed. */

export { drawParameters, type Parameters } from "./parameters.js";
export { ProcessClock, SimulatedTime } from "./simulated-time.js";
export { type Settle, type SimulationReport, simulate } from "./simulation.js";
