/** A failing run as one JSON object, for programs to open, and to replay it anywhere. */

import type { Violation } from "./ledger/index.js";
import type { Minimized } from "./minimize.js";
import type { Counts, Parameters, RunReport, Script, TraceEvent } from "./run.js";

/** Rises when a reader of an older version could misread a file. */
export const RUN_FILE_VERSION = 1;

export interface RunFile {
  readonly version: typeof RUN_FILE_VERSION;
  readonly seed: number;
  readonly parameters: Parameters;
  /** As it was found. */
  readonly raw: RecordedRun;
  /** What is left of it; the same if nothing can be left out. */
  readonly shrunk: RecordedRun;
}

export interface RecordedRun {
  readonly script: Script;
  readonly violation: Violation | null;
  readonly events: number;
  readonly coreSteps: number;
  readonly simulatedMs: number;
  readonly faults: Counts;
  readonly situations: Counts;
  readonly hash: string;
  readonly trace: readonly TraceEvent[] | null;
}

export function toRunFile({ raw, report }: Pick<Minimized, "raw" | "report">): RunFile {
  const { script, parameters } = report;
  return { version: RUN_FILE_VERSION, seed: script.seed, parameters, raw: recorded(raw), shrunk: recorded(report) };
}

function recorded({ parameters: _, ...run }: RunReport): RecordedRun {
  return run;
}

/** The short script of a saved run. Throws a `RangeError` on anything else. */
export function scriptOf(file: unknown): Script {
  const { version, shrunk } = (file ?? {}) as Partial<RunFile>;
  if (version !== RUN_FILE_VERSION) throw new RangeError(`this is no run of version ${RUN_FILE_VERSION}`);
  const { seed, world, actions, without, scenario } = (shrunk?.script ?? {}) as Partial<Script>;
  const areStrings = (list: unknown): boolean => Array.isArray(list) && list.every((each) => typeof each === "string");
  const isSound =
    typeof seed === "number" &&
    (world === "cores" || world === "servers" || world === "storage") &&
    (actions === null || areStrings(actions)) &&
    areStrings(without);
  if (!isSound) throw new RangeError("the script of this run is damaged");
  return { seed, world, actions, without, scenario } as Script;
}
