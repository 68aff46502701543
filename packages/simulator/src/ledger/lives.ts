/** Where lives begin and end: what a disk gives back must be what it was given (PITFALLS P2, P7, P11, P14). */

import { type EntryId, type Index, NOBODY, type RestoredState, type TermRun } from "@quorate/core";
import { type Books, nameOf } from "./books.js";
import { hardStateOf } from "./disks.js";
import type { Elections } from "./elections.js";
import { type EntryNode, entryAt, type Membership } from "./entry-tree.js";
import type { DiskState, ServerRecord } from "./records.js";
import { RULES } from "./rules.js";

export class Lives {
  readonly #books: Books;
  readonly #elections: Elections;

  constructor(books: Books, elections: Elections) {
    this.#books = books;
    this.#elections = elections;
  }

  onStart(server: ServerRecord, restored: RestoredState): void {
    if (server.isRunning) throw new Error(`n${server.id} is running already`);
    const found = this.#survivor(server, restored);
    if (found === null && !server.isUnknown) this.#breach(server, restored);
    this.#begin(server, found ?? this.#adopted(server, restored), restored);
    if (found === null) this.#onCompacted(server, restored);
  }

  /** Which of the states that the disk may be in is the one that was found. */
  #survivor(server: ServerRecord, restored: RestoredState): DiskState | null {
    if (server.isUnknown) return null;
    if (!isSamePlace(server.snapshot, restored.snapshot)) return null;
    const states = [server.durable, ...server.pending];
    return states.find((state) => this.#isState(state, restored)) ?? null;
  }

  #isState({ currentTerm, votedFor, tip }: DiskState, restored: RestoredState): boolean {
    const { hardState, compacted, lastIndex, termRuns, memberships } = restored;
    return (
      hardState.currentTerm === currentTerm &&
      hardState.votedFor === votedFor &&
      tip.index === lastIndex &&
      entryAt(tip, compacted.index).term === compacted.term &&
      haveRuns(tip, compacted.index, termRuns) &&
      this.#haveMemberships(tip.membership, compacted.index, memberships)
    );
  }

  #haveMemberships(last: Membership, after: Index, entries: RestoredState["memberships"]): boolean {
    let membership: Membership | null = last;
    for (let place = entries.length - 1; place >= 0; place -= 1) {
      const entry = entries[place] as RestoredState["memberships"][number];
      const node: EntryNode | null = membership?.node ?? null;
      if (membership === null || node === null || node.index !== entry.index || node.term !== entry.term) return false;
      if (!this.#books.tree.hasContent(node, entry)) return false;
      membership = membership.previous;
    }
    return (membership?.node?.index ?? 0) <= after;
  }

  #breach(server: ServerRecord, { hardState, lastIndex, termRuns, compacted, snapshot }: RestoredState): void {
    const { durable, pending } = server;
    const stored = server.snapshot === null ? "" : `, and a snapshot up to ${nameOf(server.snapshot)}`;
    const found = snapshot === null ? "" : `, and a snapshot up to ${nameOf(snapshot)}`;
    const term = termRuns[termRuns.length - 1]?.term ?? compacted.term;
    const more = pending.length === 0 ? "" : `, and may have carried out ${pending.length} writes more`;
    this.#books.breach(
      RULES.restoredState,
      `The disk of n${server.id} held ${hardStateOf(durable)} and a log that ended with ${nameOf(durable.tip)}${stored}, ${this.#books.since(server.durableAt)}${more}.`,
      `n${server.id} starts with ${hardStateOf(hardState)} and a log that ends with ${nameOf({ index: lastIndex, term })}${found}, ${this.#books.at()}.`,
    );
  }

  /** Takes what was found for granted: nobody saw how it came to be. */
  #adopted(server: ServerRecord, restored: RestoredState): DiskState {
    const { hardState, compacted, lastIndex, termRuns, memberships } = restored;
    const { tree } = this.#books;
    const seenAt = this.#books.now();
    let tip = tree.root;
    if (compacted.index > 0)
      tip = tree.find(compacted.index, compacted.term) ?? tree.add(tip, compacted, server.id, seenAt);
    let membership = 0;
    for (const [place, { firstIndex, term }] of termRuns.entries()) {
      const end = termRuns[place + 1]?.firstIndex ?? lastIndex + 1;
      for (let index = firstIndex; index < end; index += 1) {
        const known = tree.find(index, term);
        const isKnown = known !== null && tree.follows(known, tip);
        const node = isKnown ? known : tree.add(tip, { index, term }, server.id, seenAt);
        const entry = memberships[membership];
        if (entry?.index === index) {
          membership += 1;
          if (tree.hasContent(node, entry) && node.membership.node !== node) tree.setMembership(node, entry.data);
        }
        tip = node;
      }
    }
    return { seq: 0, ...hardState, tip, at: seenAt };
  }

  #begin(server: ServerRecord, state: DiskState, { compacted, snapshot }: RestoredState): void {
    // What a snapshot holds was committed, and so was what was compacted.
    const commitIndex = snapshot?.index ?? compacted.index;
    server.lives += 1;
    server.isRunning = true;
    server.isUnknown = false;
    for (const { currentTerm, votedFor, seq } of [...server.pending, state]) {
      const survived = seq <= state.seq && votedFor !== 0;
      if (survived) this.#elections.onVote(server, currentTerm, votedFor, "starts with a vote");
    }
    server.durable = { ...state, seq: 0 };
    // One that nobody saw come to be is taken for granted, as is the log.
    if (snapshot === null) server.snapshot = null;
    else server.snapshot ??= this.#books.tree.find(snapshot.index, snapshot.term) ?? state.tip;
    server.durableAt = this.#books.now();
    server.asked = server.durable;
    server.pending = [];
    server.currentTerm = state.currentTerm;
    server.commitIndex = commitIndex;
    server.applyTo = commitIndex;
    server.appliedIndex = commitIndex;
    server.durableIndex = state.tip.index;
    server.membership = null;
    server.configuration = null;
    server.isLeader = false;
    server.leadership = null;
    server.made = [];
    server.compactedTo = compacted.index;
    server.transferTo = NOBODY;
    server.appointments = [];
    // A snapshot may have outlived the term that its leader spoke in.
    server.heardTerm = snapshot?.term ?? 0;
    server.isUntold = true;
    server.hasPulled = false;
    server.heardLeader = NOBODY;
    server.heardLeaderTerm = -1;
  }

  /** What was compacted before anybody looked was committed by then. */
  #onCompacted({ id, durable, commitIndex }: ServerRecord, { hardState }: RestoredState): void {
    const node = entryAt(durable.tip, commitIndex);
    if (node.committedInTerm !== 0) return;
    node.committedInTerm = hardState.currentTerm;
    node.committedBy = id;
    node.committedAt = this.#books.now();
    if (node.index > this.#books.committed.index) this.#books.committed = node;
  }

  onCrash(server: ServerRecord): void {
    server.isRunning = false;
    server.reads.clear();
    server.proposals = [];
    server.changes = [];
    server.transfers.clear();
  }

  onDiskLost(server: ServerRecord): void {
    if (server.isRunning) throw new Error(`n${server.id} is running: its disk can be lost once it is down`);
    server.lost.push(server.durable.tip);
    if (server.snapshot !== null) server.lost.push(server.snapshot);
    server.snapshot = null;
    server.durable = { seq: 0, currentTerm: 0, votedFor: 0, tip: this.#books.tree.root, at: this.#books.now() };
    server.durableAt = this.#books.now();
    server.asked = server.durable;
    server.pending = [];
    server.votes.clear();
    server.isUnknown = true;
  }
}

function isSamePlace(node: EntryNode | null, place: EntryId | null): boolean {
  if (node === null || place === null) return node === place;
  return node.index === place.index && node.term === place.term;
}

/** Whether the entries after `after`, up to `tip`, are of the terms that `runs` name. Terms only rise along a log. */
function haveRuns(tip: EntryNode, after: Index, runs: readonly TermRun[]): boolean {
  let end = tip.index;
  for (let place = runs.length - 1; place >= 0; place -= 1) {
    const { firstIndex, term } = runs[place] as TermRun;
    if (firstIndex > end || entryAt(tip, end).term !== term || entryAt(tip, firstIndex).term !== term) return false;
    end = firstIndex - 1;
  }
  return end === after;
}
