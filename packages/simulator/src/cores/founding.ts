/** The first configuration, which is the same in all runs of that size. */

import { type Entry, encodeConfiguration, foundingConfiguration } from "@quorate/core";

const entries = new Map<number, Entry>();

export function foundingEntry(servers: number): Entry {
  const known = entries.get(servers);
  if (known !== undefined) return known;
  const voters = Array.from({ length: servers }, (_, place) => {
    const id = place + 1;
    return { id, name: `n${id}`, address: `n${id}` };
  });
  const data = encodeConfiguration(foundingConfiguration(voters));
  const entry: Entry = { index: 1, term: 1, kind: "membership", data };
  entries.set(servers, entry);
  return entry;
}
