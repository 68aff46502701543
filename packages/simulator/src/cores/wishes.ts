/** Who shall belong to the cluster, as operators wish it: drawn at random, and put in words that a core understands. */

import { type Configuration, type Member, type MemberChange, type MemberRole, membersOf, NOBODY } from "@quorate/core";
import type { Wish } from "./actions.js";

/** Chance, and a whole number below an end. */
export interface Draw {
  chance(rate: number): boolean;
  below(end: number): number;
}

/** From whoever is a member to anybody else: some go, some come, some change their part. */
export function drawWishes(configuration: Configuration, priorities: number, room: number, draw: Draw): Wish[] {
  const members = membersOf(configuration);
  const priority = (before = 0): number => (draw.chance(priorities) ? draw.below(3) : before);
  const wishes: Wish[] = [];
  // Now and then all of them go, the fewer the more often.
  const leaving = draw.chance(members.length <= 2 ? 0.4 : 0.2) ? 1 : draw.chance(0.6) ? 0.35 : 0;
  for (const member of members) {
    if (draw.chance(leaving)) continue;
    const role = roleOf(configuration, member);
    const turned: MemberRole = role === "learner" ? "voter" : "learner";
    const mayTurn = role !== "witness" && draw.chance(0.15);
    wishes.push({ id: member.id, role: mayTurn ? turned : role, priority: priority(member.priority) });
  }
  const few = wishes.length < 3;
  const joining = Math.min(room, draw.chance(few ? 0.8 : 0.3) ? 1 + draw.below(few ? 3 : 2) : 0);
  for (let count = 0; count < joining; count += 1) {
    const role: MemberRole = draw.chance(0.75) ? "voter" : draw.chance(0.5) ? "learner" : "witness";
    wishes.push({ id: NOBODY, role, priority: priority() });
  }
  return wishes;
}

function roleOf({ voters }: Configuration, { id, isWitness }: Member): MemberRole {
  if (isWitness === true) return "witness";
  return voters.some((voter) => voter.id === id) ? "voter" : "learner";
}

/** Whoever is no member any more is left out; those who join are named after the ids that they will get. */
export function membersFor(wishes: readonly Wish[], configuration: Configuration, room: number): MemberChange[] {
  const members = membersOf(configuration);
  const changes: MemberChange[] = [];
  let nextId = configuration.nextId;
  for (const { id, role, priority } of wishes) {
    if (id !== NOBODY) {
      const member = members.find((each) => each.id === id);
      if (member !== undefined) changes.push({ name: member.name, address: member.address, role, priority });
    } else if (nextId < configuration.nextId + room) {
      const name = `n${nextId}`;
      changes.push({ name, address: name, role, priority });
      nextId += 1;
    }
  }
  return changes;
}
