/** The faults of the world of servers, and when a run has which. */

import type { NodeId } from "@quorate/core";
import { Random } from "@quorate/core";
import { FAULTS, type FaultName } from "./fault-names.js";
import type { ServersParameters } from "./servers-parameters.js";

export interface Fault {
  /** What a script leaves out to make it not happen. */
  readonly unit: string;
  readonly name: FaultName;
  readonly atMs: number;
  readonly durationMs: number;
  /** Whom it hits. */
  readonly server: NodeId;
  /** Whatever else there is to decide about it. */
  readonly seed: number;
}

/** All faults of a run, by rising time. */
export function drawFaults(random: Random, parameters: ServersParameters): readonly Omit<Fault, "unit">[] {
  const { servers, spares, faultyMs, electionTimeoutMs, everyMs } = parameters;
  const faults: Omit<Fault, "unit">[] = [];
  for (const name of FAULTS) {
    const meanMs = everyMs[name];
    if (meanMs === undefined) continue;
    // Each kind draws from a source of its own, so that one more of it leaves the others as they are.
    const own = new Random(random.nextUint32());
    for (let atMs = own.between(0, meanMs); atMs < faultyMs; atMs += own.between(0, 2 * meanMs)) {
      const durationMs = own.between(0.1, own.between(0.2, 8)) * electionTimeoutMs;
      const server = 1 + Math.floor(own.between(0, servers + spares));
      faults.push({ name, atMs, durationMs, server, seed: own.nextUint32() });
    }
  }
  return faults.sort((left, right) => left.atMs - right.atMs);
}

/** Gives each fault the unit by which it can be left out. */
export function named(faults: readonly Omit<Fault, "unit">[]): readonly Fault[] {
  return faults.map((fault, place) => ({ ...fault, unit: `f${place + 1}` }));
}
