/** Succession: who could lead next, and who fits best. Preferred leaders have a higher priority (see `transfer.ts`). */

import type { Progress } from "./progress.js";
import type { Leader } from "./roles.js";
import type { RaftState } from "./state.js";
import type { Member } from "./types.js";

/** Whoever could lead instead of this server. */
export function successors(state: RaftState): Member[] {
  return state.configurations.configuration.voters.filter(({ id, isWitness }) => id !== state.id && isWitness !== true);
}

/** Of those that were heard of late and lack nothing that is committed: by priority, then by log. */
export function bestSuccessor(state: RaftState, leader: Leader): Member | undefined {
  let best: { readonly member: Member; readonly progress: Progress } | undefined;
  for (const member of successors(state)) {
    const progress = leader.progressOf(member.id);
    if (progress === undefined || progress.matchIndex < state.commitIndex) continue;
    if (state.now - progress.lastContactAt >= state.electionTimeoutMs) continue;
    const isBetter =
      best === undefined ||
      priorityOf(member) > priorityOf(best.member) ||
      (priorityOf(member) === priorityOf(best.member) && progress.matchIndex > best.progress.matchIndex);
    if (isBetter) best = { member, progress };
  }
  return best?.member;
}

/** Whether someone else should rather lead. */
export function hasBetterSuccessor(state: RaftState): boolean {
  const own = ownPriority(state);
  return successors(state).some((member) => priorityOf(member) > own);
}

export function ownPriority({ id, configurations }: RaftState): number {
  return priorityOf(configurations.configuration.voters.find((voter) => voter.id === id));
}

export function priorityOf(member: Member | undefined): number {
  return member?.priority ?? 0;
}
