/**
 * Single edits of the members, for `RaftNode.editMembers`: each takes the members as they are and returns them as they
 * shall be. Doing one twice does no more than doing it once, so that an edit can be repeated when another change came
 * between.
 */

import type { MemberChange, MemberRole } from "@quorate/core";

export type MemberEdit = (members: readonly MemberChange[]) => readonly MemberChange[];

/**
 * Adds `member`, or makes the one of that name what it says. Its place is then there for the first server of that name
 * that joins.
 */
export function adding(member: MemberChange): MemberEdit {
  return (members) => [...members.filter(({ name }) => name !== member.name), member];
}

/** Removes the member of that name, if there is one. */
export function removing(name: string): MemberEdit {
  return (members) => members.filter((member) => member.name !== name);
}

/** What of a member can be changed. */
export interface MemberUpdate {
  /** `voter` promotes a learner, `learner` demotes a voter. Nobody turns from or into a `witness`. */
  readonly role?: MemberRole | undefined;
  readonly address?: string | undefined;
  readonly priority?: number | undefined;
}

/** Changes the member of that name, if there is one. */
export function updating(name: string, update: MemberUpdate): MemberEdit {
  return (members) => members.map((member) => (member.name === name ? updated(member, update) : member));
}

function updated(member: MemberChange, { role, address, priority }: MemberUpdate): MemberChange {
  return {
    ...member,
    address: address ?? member.address,
    role: role ?? member.role,
    priority: priority ?? member.priority ?? 0,
  };
}
