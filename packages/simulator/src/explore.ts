/** From a seed to a run: which world it is, and the run itself. */

import { CoresWorld } from "./cores/cores-world.js";
import type { RunOptions, RunReport, Script } from "./run.js";
import { ServersWorld } from "./servers/servers-world.js";

/**
 * The run that `seed`, a whole number from 0 to 2³² − 1, decides. Every fourth is a run of whole servers, which takes
 * some ten times as long as one of bare cores. Rejects only if the simulator itself fails.
 */
export async function explore(seed: number, options: RunOptions): Promise<RunReport> {
  return replay({ seed, world: seed % 4 === 0 ? "servers" : "cores", actions: null, without: [] }, options);
}

/** The run that `script` describes. */
export async function replay(script: Script, { settle, isTraced = false }: RunOptions): Promise<RunReport> {
  if (script.world === "cores") return new CoresWorld(script, isTraced).run();
  return new ServersWorld(script, settle, isTraced).run();
}
