/** Commit: the one rule by which a leader decides that an entry will stay (§5.3, §5.4.2). */

import { quorumValue } from "./quorum.js";
import type { RaftState } from "./state.js";
import type { Index, NodeId } from "./types.js";

/**
 * Commits up to the last index that a quorum holds durably, if the entry there is of the current term; what stands
 * before it is committed with it (§5.4.2, Figure 8; PITFALLS C1, C2). The leader's own log counts as far as it is
 * durable (C3), and only if the leader is a voter (C4).
 */
export function advanceCommit(state: RaftState): void {
  if (state.commitIndex === state.log.lastIndex) return;
  const index = quorumValue(state.configurations.voterSets, durableIndexOf, state);
  if (index > state.commitIndex && state.log.matches(index, state.currentTerm)) state.commitTo(index);
}

function durableIndexOf(id: NodeId, state: RaftState): Index {
  return id === state.id ? state.outbox.durableIndex : (state.progressOf(id)?.matchIndex ?? 0);
}
