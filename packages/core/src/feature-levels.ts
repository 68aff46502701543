/**
 * Feature levels: how a cluster changes its version while it runs (PITFALLS O7, C11).
 *
 * Every server says, with each answer to a heartbeat, up to which levels it can read. The levels in force are part of the
 * configuration, and rise only when someone asks for it and every member supports them. Until then nothing is written
 * that an older server could not read, and an upgrade can be taken back; from then on such a server refuses to take
 * part, instead of passing over what it does not understand.
 */

import { encodeConfiguration, membersOf } from "./configuration.js";
import type { ChangeRefusal } from "./effects.js";
import type { RaiseFeatureLevels } from "./input.js";
import type { Leader } from "./roles.js";
import type { RaftState } from "./state.js";
import { knownLeader } from "./transitions.js";
import type { FeatureLevels } from "./types.js";

/** Raises the levels to what all members support. Refused while some have not said what that is, or are out of touch. */
export function onRaiseFeatureLevels(state: RaftState, { changeId }: RaiseFeatureLevels): void {
  const { role: leader, configurations } = state;
  const refuse = (refusal: ChangeRefusal, reason: string): void =>
    state.outbox.answerChange({ changeId, accepted: false, refusal, reason, leaderId: knownLeader(state) });
  if (leader.kind !== "leader") return refuse("notLeader", "this server does not lead");
  if (state.commitIndex < leader.noopIndex) return refuse("notReady", "the leader has not committed an entry yet");
  if (leader.transfer !== null) return refuse("transferring", "leadership is being handed over");
  const { configuration } = configurations;
  if (configurations.index > state.commitIndex || configuration.outgoingVoters.length > 0)
    return refuse("changePending", `the change at entry ${configurations.index} is under way`);
  const unheard = membersOf(configuration).filter(({ id }) => id !== state.id && !isHeard(state, leader, id));
  if (unheard.length > 0)
    return refuse("outOfTouch", `not heard of late: ${unheard.map(({ name }) => name).join(", ")}`);

  const featureLevels = leader.followers.reduce(
    (lowest, { supportedLevels }) => lowestOf(lowest, supportedLevels ?? lowest),
    state.supportedLevels,
  );
  const { library, application } = configuration.featureLevels;
  if (featureLevels.library > library || featureLevels.application > application)
    state.appendOwn({ kind: "membership", data: encodeConfiguration({ ...configuration, featureLevels }) });
  state.outbox.answerChange({ changeId, accepted: true, index: configurations.index, term: state.currentTerm });
}

function isHeard(state: RaftState, leader: Leader, id: number): boolean {
  const progress = leader.progressOf(id);
  if (progress === undefined || progress.supportedLevels === null) return false;
  return state.now - progress.lastContactAt < state.electionTimeoutMs;
}

function lowestOf(a: FeatureLevels, b: FeatureLevels): FeatureLevels {
  return { library: Math.min(a.library, b.library), application: Math.min(a.application, b.application) };
}
