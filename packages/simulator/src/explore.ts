/** From a seed to a run: which world it is, and the run itself. */

import { CoresWorld } from "./cores/cores-world.js";
import type { RunOptions, RunReport, Script } from "./run.js";

/** The run that `seed`, a whole number from 0 to 2³² − 1, decides. Rejects only if the simulator itself fails. */
export async function explore(seed: number, options: RunOptions): Promise<RunReport> {
  return replay({ seed, world: "cores", actions: null, without: [] }, options);
}

/** The run that `script` describes. */
export async function replay(script: Script, { isTraced = false }: RunOptions): Promise<RunReport> {
  return new CoresWorld(script, isTraced).run();
}
