/** From a seed to a run: which world it is, and the run itself. */

import { CoresWorld } from "./cores/cores-world.js";
import type { RunOptions, RunReport, Script, WorldName } from "./run.js";
import { ServersWorld } from "./servers/servers-world.js";
import { StorageWorld } from "./storage/storage-world.js";

/**
 * The run that `seed`, a whole number from 0 to 2³² − 1, decides. Every fourth is a run of whole servers, which takes
 * some ten times as long as another; every eighth one of the storage; the rest are of bare cores. Rejects only if the
 * simulator itself fails.
 */
export async function explore(seed: number, options: RunOptions): Promise<RunReport> {
  return replay({ seed, world: worldOf(seed), actions: null, without: [] }, options);
}

/** Which world a seed is of. */
export function worldOf(seed: number): WorldName {
  if (seed % 4 === 0) return "servers";
  return seed % 8 === 1 ? "storage" : "cores";
}

/** The run that `script` describes. */
export async function replay(script: Script, { settle, isTraced = false }: RunOptions): Promise<RunReport> {
  if (script.world === "cores") return new CoresWorld(script, isTraced).run();
  if (script.world === "storage") return new StorageWorld(script, settle, isTraced).run();
  return new ServersWorld(script, settle, isTraced).run();
}
