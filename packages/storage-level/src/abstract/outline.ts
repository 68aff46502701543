/**
 * The outline of a group's log: everything but the payloads. It is held in memory, and stored beside the entries in
 * small records, so that opening a log of any length reads none of it.
 */

import type { EntryId, HardState, Index, Term, TermRun } from "@quorate/core";
import { NOBODY } from "@quorate/core";
import type { Head } from "./head.js";

export interface Outline {
  readonly hardState: HardState;
  readonly compacted: EntryId;
  /** What was written up to here is not only compacted, but erased, but for a head. */
  readonly erasedIndex: Index;
  readonly lastIndex: Index;
  readonly termRuns: readonly TermRun[];
  /** Where the memberships are. */
  readonly memberships: readonly Index[];
  /** The checksums of the records of all term runs and memberships, combined by XOR. */
  readonly checksum: number;
}

export const BLANK: Outline = {
  hardState: { currentTerm: 0, votedFor: NOBODY },
  compacted: { index: 0, term: 0 },
  erasedIndex: 0,
  lastIndex: 0,
  termRuns: [],
  memberships: [],
  checksum: 0,
};

/** The term of the entry at `index`, which lies in the log. */
export function termAt({ termRuns }: Outline, index: Index): Term {
  let low = 0;
  let high = termRuns.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((termRuns[middle]?.firstIndex ?? 0) <= index) low = middle + 1;
    else high = middle;
  }
  return termRuns[low - 1]?.term ?? 0;
}

export function headOf(outline: Outline): Head {
  const { hardState, compacted, erasedIndex, lastIndex, termRuns, memberships, checksum } = outline;
  const counts = { termRunCount: termRuns.length, membershipCount: memberships.length, outlineChecksum: checksum };
  return { hardState, compacted, erasedIndex, lastIndex, ...counts };
}
