/** Clusters under a fake clock, network and disk, from one seed: production cores, and whole production nodes. */

export { explore, replay, worldOf } from "./explore.js";
export type { Violation } from "./ledger/index.js";
export { type Minimized, type MinimizeOptions, type MinimizeProgress, minimize } from "./minimize.js";
export type { Counts, Parameters, RunOptions, RunReport, Script, Settle, TraceEvent, WorldName } from "./run.js";
export { type RecordedRun, RUN_FILE_VERSION, type RunFile, scriptOf, toRunFile } from "./run-file.js";
export { FAULTS, type FaultName } from "./servers/fault-names.js";
export { type Call, QUIET, type Scenario } from "./servers/scenario.js";
export type { ServersParameters } from "./servers/servers-parameters.js";
export { describeCounts, describeParameters, type StoryOptions, shortTimes, tellStory, tellTrace } from "./story.js";
export { casesOfLinks, type Past, type TopologyCase, topologyCases } from "./topologies/cases.js";
export { describeGraph, quorumConnected } from "./topologies/graphs.js";
export { FIRST_COMMIT_BOUND, REIGN_TIMEOUTS, runTopology, type TopologyOutcome } from "./topologies/topology-world.js";
