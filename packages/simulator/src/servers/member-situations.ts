/** What comes up in the world of servers when members change. */

import { type Configuration, memberOf, membersOf } from "@quorate/core";

export const MEMBER_SITUATIONS = [
  "a change was done",
  "a joint change was committed",
  "a voter was removed",
  "a leader was removed",
  "a server joined",
  "a learner became a voter",
  "a voter was demoted",
  "a witness joined",
  "a change was refused: another version is in force",
  "a change was refused: another is pending",
  "a change was refused: it cannot be",
  "a change was refused: it would lose the quorum",
  "a change was lost with its leader",
  "a change was replaced by another",
  "a change took longer than its caller waited",
  "an order was passed on",
  "a server went to another address",
  "a joiner died with its grant",
  "a joiner was refused, for its place is taken",
  "a removed server stopped",
  "a removed server was started again, and stopped",
  "a server came back with a blank disk, and was refused",
  "a server that had lost its disk joined anew",
  "a leader died in a joint change",
  "a transfer was done",
  "a transfer failed",
  "a transfer found no successor",
  "a transfer took longer than its caller waited",
  "a leader handed over as it closed",
] as const;

export type MemberSituation = (typeof MEMBER_SITUATIONS)[number];

/** What happens from one committed configuration to the next. `leaderId` leads, or led last. */
export function situationsBetween(before: Configuration, after: Configuration, leaderId: number): MemberSituation[] {
  const found: MemberSituation[] = [];
  const isVoter = ({ voters, outgoingVoters }: Configuration, id: number): boolean =>
    [...voters, ...outgoingVoters].some((voter) => voter.id === id);
  if (after.outgoingVoters.length > 0) found.push("a joint change was committed");
  if (before.voters.length === 0) return found;
  for (const { id, isWitness = false } of membersOf(after)) {
    const was = memberOf(before, id);
    if (was === undefined) found.push(isWitness ? "a witness joined" : "a server joined");
    else if (!isVoter(before, id) && isVoter(after, id)) found.push("a learner became a voter");
    else if (isVoter(before, id) && !isVoter(after, id)) found.push("a voter was demoted");
  }
  for (const { id } of [...before.voters, ...before.outgoingVoters]) {
    if (memberOf(after, id) !== undefined) continue;
    found.push(id === leaderId ? "a leader was removed" : "a voter was removed");
  }
  return found;
}

/** By the code that whoever gave an order was told. */
export const SITUATION_OF: Readonly<Record<string, MemberSituation>> = {
  MEMBERS_CHANGED: "a change was refused: another version is in force",
  CHANGE_PENDING: "a change was refused: another is pending",
  INVALID_MEMBERS: "a change was refused: it cannot be",
  WOULD_LOSE_QUORUM: "a change was refused: it would lose the quorum",
  NOT_COMMITTED: "a change was lost with its leader",
  CHANGE_REPLACED: "a change was replaced by another",
  CHANGE_UNDER_WAY: "a change took longer than its caller waited",
  NO_SUCCESSOR: "a transfer found no successor",
  TRANSFER_FAILED: "a transfer failed",
};
