/**
 * The one gate that every entry with a configuration passes, whatever it changes (PITFALLS M1–M3): a second way in would
 * be a way around the rules.
 */

import type { ChangeRefusal } from "./effects.js";
import { stir } from "./quiet.js";
import type { Leader } from "./roles.js";
import type { RaftState } from "./state.js";
import { knownLeader } from "./transitions.js";

/** Lets a change in, and returns who leads; or refuses it, and returns null. */
export function passGate(state: RaftState, changeId: number): Leader | null {
  const refuse = (refusal: ChangeRefusal, reason: string): null => {
    refuseChange(state, changeId, refusal, reason);
    return null;
  };
  const { role: leader, configurations } = state;
  if (leader.kind !== "leader") return refuse("notLeader", "this server does not lead");
  if (state.commitIndex < leader.noopIndex) return refuse("notReady", "the leader has not committed an entry yet");
  if (leader.transfer !== null) return refuse("transferring", "leadership is being handed over");
  if (configurations.index > state.commitIndex || configurations.configuration.outgoingVoters.length > 0)
    return refuse("changePending", `the change at entry ${configurations.index} is under way`);
  stir(state, leader);
  return leader;
}

/** Says why nothing was done: never silence, and never anything in between (PITFALLS M24, M25). */
export function refuseChange(state: RaftState, changeId: number, refusal: ChangeRefusal, reason: string): void {
  state.outbox.answerChange({ changeId, accepted: false, refusal, reason, leaderId: knownLeader(state) });
}

/** The configuration in force is, or leads to, what was wanted. */
export function acceptChange(state: RaftState, changeId: number): void {
  const { index } = state.configurations;
  const known = state.log.termAt(index);
  // Of an entry that was compacted away the term is not known; it is committed, and so any will do.
  const term = typeof known === "number" ? known : state.currentTerm;
  state.outbox.answerChange({ changeId, accepted: true, index, term });
}
