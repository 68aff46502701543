/**
 * Marks: how the world tells which order a configuration comes from. Each change of members puts a number of its own
 * behind the address of one member, as in "n2#17": what was told of change 17 is then compared with what is committed.
 */

import { type Configuration, type MemberChange, membersOf } from "@quorate/core";

/** The address without its mark. */
export function placeOf(address: string): string {
  return address.split("#", 1)[0] as string;
}

export function marked(member: MemberChange, mark: number): MemberChange {
  return { ...member, address: `${placeOf(member.address)}#${mark}` };
}

/** The marks that are in a configuration. */
export function marksOf(configuration: Configuration): readonly number[] {
  return membersOf(configuration).flatMap(({ address }) => {
    const mark = address.slice(placeOf(address).length + 1);
    return mark === "" ? [] : [Number(mark)];
  });
}
