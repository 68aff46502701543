/** The naive model that a storage is held against: an array of entries, copied on every change. */

import type { Entry, EntryId, HardState, Index, TermRun, Write } from "@quorate/core";
import type { StorageIdentity, StoredState } from "../../log-storage.js";

export interface Model {
  readonly identity: StorageIdentity;
  readonly hardState: HardState;
  readonly compacted: EntryId;
  readonly entries: readonly Entry[];
}

export function initialModel(identity: StorageIdentity, write: Write): Model {
  const hardState = { currentTerm: 0, votedFor: 0 };
  return written({ identity, hardState, compacted: { index: 0, term: 0 }, entries: [] }, [write]);
}

export function lastIndexOf({ compacted, entries }: Model): Index {
  return entries.at(-1)?.index ?? compacted.index;
}

export function lastTermOf({ compacted, entries }: Model): Index {
  return entries.at(-1)?.term ?? compacted.term;
}

export function written(before: Model, writes: readonly Write[]): Model {
  let { hardState, compacted: start, entries } = before;
  for (const write of writes) {
    const { reset, truncateFrom } = write;
    hardState = write.hardState ?? hardState;
    if (reset !== null) {
      start = { index: reset.index, term: reset.term };
      entries = [];
    }
    if (truncateFrom !== null) entries = entries.filter(({ index }) => index < truncateFrom);
    entries = [...entries, ...write.append];
  }
  return { ...before, hardState, compacted: start, entries };
}

export function compacted(before: Model, upTo: Index): Model {
  const last = before.entries.find(({ index }) => index === upTo);
  if (last === undefined) return before;
  return {
    ...before,
    compacted: { index: last.index, term: last.term },
    entries: before.entries.filter(({ index }) => index > upTo),
  };
}

/** What `open` has to find. */
export function stateOf(model: Model): StoredState {
  const termRuns: TermRun[] = [];
  for (const { index, term } of model.entries) {
    if (termRuns.at(-1)?.term !== term) termRuns.push({ firstIndex: index, term });
  }
  return {
    identity: model.identity,
    hardState: model.hardState,
    compacted: model.compacted,
    lastIndex: lastIndexOf(model),
    termRuns,
    memberships: model.entries.filter(({ kind }) => kind === "membership"),
  };
}

/** What `read` has to find. */
export function pageOf(model: Model, firstIndex: Index, lastIndex: Index, maxBytes: number): Entry[] {
  const page: Entry[] = [];
  let sizeBytes = 0;
  for (const entry of model.entries) {
    if (entry.index < firstIndex || entry.index > lastIndex) continue;
    sizeBytes += entry.data.length;
    if (page.length > 0 && sizeBytes > maxBytes) break;
    page.push(entry);
  }
  return page;
}
