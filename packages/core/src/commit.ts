/** Commit: the one rule by which a leader decides that an entry will stay (§5.3, §5.4.2). */

import { quorumValue } from "./quorum.js";
import type { Leader } from "./roles.js";
import type { RaftState } from "./state.js";

/**
 * Commits up to the last index that a quorum holds durably, if the entry there is of the current term; what stands
 * before it is committed with it (§5.4.2, Figure 8; PITFALLS C1, C2). The leader's own log counts as far as it is
 * durable (C3), and only if the leader is a voter (C4).
 */
export function advanceCommit(state: RaftState, leader: Leader): void {
  const index = quorumValue(state.configurations.voterSets, (id) =>
    id === state.id ? state.outbox.durableIndex : (leader.progressOf(id)?.matchIndex ?? 0),
  );
  if (index > state.commitIndex && state.log.matches(index, state.currentTerm)) state.commitTo(index);
}
