/**
 * Entries for tests. The same index and term always make the same bytes, as Raft promises of real entries, so that a
 * test may write a log as the terms of its entries, as the figures of the paper do.
 */

import {
  type Configuration,
  type Entry,
  type EntryId,
  encodeConfiguration,
  foundingConfiguration,
  type Index,
  type NodeId,
  type SnapshotPoint,
  type Term,
  type TermRun,
} from "../../src/index.js";

export function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function text(data: Uint8Array): string {
  return String.fromCharCode(...data);
}

/** Servers 1 to `size`, all of them voters. */
export function configurationOf(voters: number | readonly NodeId[]): Configuration {
  const ids = typeof voters === "number" ? Array.from({ length: voters }, (_, place) => place + 1) : voters;
  return foundingConfiguration(ids.map((id) => ({ id, name: `n${id}`, address: `n${id}:1` })));
}

export function membership(index: Index, term: Term, voters: number | readonly NodeId[]): Entry {
  return { index, term, kind: "membership", data: encodeConfiguration(configurationOf(voters)) };
}

export function command(index: Index, term: Term): Entry {
  return { index, term, kind: "command", data: bytes(`${index}@${term}`) };
}

/** Consecutive commands after `prevIndex`, one for each of `terms`. */
export function commands(prevIndex: Index, terms: readonly Term[]): Entry[] {
  return terms.map((term, place) => command(prevIndex + 1 + place, term));
}

/** A log of the given terms after `prevIndex`, whose first entry is the configuration. */
export function logOf(terms: readonly Term[], voters: number | readonly NodeId[], prevIndex = 0): Entry[] {
  const [first, ...rest] = terms;
  return first === undefined ? [] : [membership(prevIndex + 1, first, voters), ...commands(prevIndex + 1, rest)];
}

/** Which term wrote which run of `entries`. */
export function termRunsOf(entries: readonly Entry[]): TermRun[] {
  const runs: TermRun[] = [];
  let last: Term | null = null;
  for (const { index, term } of entries) {
    if (term !== last) runs.push({ firstIndex: index, term });
    last = term;
  }
  return runs;
}

export function isSameEntry(one: Entry | undefined, other: Entry | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return (
    one.index === other.index &&
    one.term === other.term &&
    one.kind === other.kind &&
    text(one.data) === text(other.data)
  );
}

/** The snapshot that must be there where a log begins after `compacted`: it knows of no members but those in the log. */
export function snapshotOf(compacted: EntryId): SnapshotPoint | null {
  if (compacted.index === 0) return null;
  return { ...compacted, membership: { index: 0, configuration: foundingConfiguration([]) } };
}
