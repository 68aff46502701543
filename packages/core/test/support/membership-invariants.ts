/** What must hold of members and majorities, said once more without the code under test. */

import {
  type Configuration,
  type ConfigurationEntry,
  decodeConfiguration,
  type Entry,
  type Member,
  type NodeId,
} from "../../src/index.js";
import type { Server } from "./server.js";

/** Throws unless a majority of the voters, and while a change is joint of those before it too, passes. */
export function ensureMajorities(
  { voters, outgoingVoters }: Configuration,
  passes: (id: NodeId) => boolean,
  describe: () => string,
): void {
  for (const set of [voters, outgoingVoters]) {
    const passing = set.filter(({ id }) => passes(id));
    if (set.length > 0 && 2 * passing.length <= set.length) throw new Error(describe());
  }
}

export function isOfNobody({ index, configuration }: ConfigurationEntry): boolean {
  return index === 0 && configuration.voters.length === 0;
}

/**
 * A leader changes the members only when the change before is committed, and an entry of its own term (M1, M3, M6); and
 * never so that two majorities could miss each other: voters change one half of a joint configuration at a time (§6).
 */
export function checkChange({ id, raft, disk }: Server, entry: Entry): void {
  const before = disk.configurationAt(entry.index - 1);
  const after = decodeConfiguration(entry.data);
  const fail = (what: string): never => {
    throw new Error(`n${id} changes the members at entry ${entry.index} ${what}`);
  };
  if (before.index > raft.commitIndex) fail(`while the change at ${before.index} is not committed`);
  if (raft.termAt(raft.commitIndex) !== raft.currentTerm) fail("before it committed an entry of its term");
  const { voters, outgoingVoters, nextId } = before.configuration;
  const isLeaving = outgoingVoters.length > 0;
  const kept = isLeaving ? voters : after.outgoingVoters.length > 0 ? after.outgoingVoters : after.voters;
  if (!isSame(kept, voters)) fail("without a joint configuration");
  if (isLeaving && (after.outgoingVoters.length > 0 || !isSame(after.voters, voters))) fail("to yet another set");
  if (after.nextId < nextId) fail("and would give an id twice");
}

function isSame(one: readonly Member[], other: readonly Member[]): boolean {
  return one.map(({ id }) => id).join() === other.map(({ id }) => id).join();
}
