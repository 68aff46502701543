/**
 * Feature levels: how a cluster changes its version while it runs (PITFALLS O7, C11).
 *
 * Every server says, with each answer to a heartbeat, up to which levels it can read. The levels in force are part of the
 * configuration, and rise only when someone asks for it and every member supports them. Until then nothing is written
 * that an older server could not read, and an upgrade can be taken back; from then on such a server refuses to take
 * part, instead of passing over what it does not understand.
 */

import { encodeConfiguration, membersOf } from "./configuration.js";
import { acceptChange, passGate, refuseChange } from "./configuration-gate.js";
import type { RaiseFeatureLevels } from "./input.js";
import type { Leader } from "./roles.js";
import type { RaftState } from "./state.js";
import type { FeatureLevels } from "./types.js";

/** Raises the levels to what all members support. Refused while some have not said what that is, or are out of touch. */
export function onRaiseFeatureLevels(state: RaftState, { changeId }: RaiseFeatureLevels): void {
  const leader = passGate(state, changeId);
  if (leader === null) return;
  const { configuration } = state.configurations;
  const unheard = membersOf(configuration).filter(({ id }) => id !== state.id && !isHeard(state, leader, id));
  if (unheard.length > 0) {
    const names = unheard.map(({ name }) => name).join(", ");
    return refuseChange(state, changeId, "outOfTouch", `not heard of late: ${names}`);
  }
  const featureLevels = leader.followers.reduce(
    (lowest, { supportedLevels }) => lowestOf(lowest, supportedLevels ?? lowest),
    state.supportedLevels,
  );
  const { library, application } = configuration.featureLevels;
  if (featureLevels.library > library || featureLevels.application > application)
    state.appendOwn({ kind: "membership", data: encodeConfiguration({ ...configuration, featureLevels }) });
  acceptChange(state, changeId);
}

function isHeard(state: RaftState, leader: Leader, id: number): boolean {
  const progress = leader.progressOf(id);
  if (progress === undefined || progress.supportedLevels === null) return false;
  return state.now - progress.lastContactAt < state.electionTimeoutMs;
}

function lowestOf(a: FeatureLevels, b: FeatureLevels): FeatureLevels {
  return { library: Math.min(a.library, b.library), application: Math.min(a.application, b.application) };
}
