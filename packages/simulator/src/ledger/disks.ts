/** What servers ask their disks to keep, and what of it the disks have. */

import { type Entry, type HardState, type Index, NOBODY, type Write } from "@quorate/core";
import { type Books, nameOf } from "./books.js";
import type { Elections } from "./elections.js";
import { type EntryNode, entryAt, holds } from "./entry-tree.js";
import type { DiskState, ServerRecord } from "./records.js";
import { RULES } from "./rules.js";
import type { Snapshots } from "./snapshots.js";

export class Disks {
  readonly #books: Books;
  readonly #elections: Elections;
  readonly #snapshots: Snapshots;

  constructor(books: Books, elections: Elections, snapshots: Snapshots) {
    this.#books = books;
    this.#elections = elections;
    this.#snapshots = snapshots;
  }

  /** `leadsOn`: this server led at the end of its last turn, and still leads the same term. */
  onWrite(server: ServerRecord, write: Write, leadsOn: boolean): void {
    const { seq, hardState, reset, truncateFrom, append } = write;
    const before = server.asked;
    if (seq !== before.seq + 1) this.#breachOrder(server, `write ${seq} after write ${before.seq}`);
    if (hardState !== null) this.#checkHardState(server, hardState, truncateFrom !== null);
    const { currentTerm, votedFor } = hardState ?? before;
    let { tip } = before;
    if (reset !== null) tip = this.#snapshots.onReset(server, reset, leadsOn);
    if (truncateFrom !== null) tip = this.#truncated(server, tip, truncateFrom, leadsOn);
    for (const entry of append) tip = this.#appended(server, tip, entry, currentTerm);
    const asked: DiskState = { seq, currentTerm, votedFor, tip, at: this.#books.now() };
    if (truncateFrom !== null && truncateFrom > server.commitIndex) this.#checkDropped(server, truncateFrom, asked);
    server.asked = asked;
    server.pending.push(asked);
    // What was pulled in the same turn may have come after the vote.
    if (isNewVote(before, asked)) this.#elections.onVoteAsked(server, asked, server.hasPulled ? before.tip : asked.tip);
  }

  #breachOrder(server: ServerRecord, later: string): void {
    const { seq, tip, at } = server.asked;
    this.#books.breach(
      RULES.writeOrder,
      `After write ${seq} the log of n${server.id} ended with ${nameOf(tip)}, ${this.#books.at(at)}.`,
      `n${server.id} asks for ${later}, ${this.#books.at()}.`,
    );
  }

  /**
   * The term never falls, and rises to what others are in, or by one to stand, or to drop entries for a log that was pulled; within one, a vote for nobody may become
   * one for somebody (PITFALLS E1, E7, S3).
   */
  #checkHardState(server: ServerRecord, hardState: HardState, drops: boolean): void {
    const { currentTerm, votedFor, at } = server.asked;
    const isSameTerm = hardState.currentTerm === currentTerm;
    const mayFollow =
      hardState.currentTerm > currentTerm || (isSameTerm && (votedFor === NOBODY || votedFor === hardState.votedFor));
    const known = Math.max(currentTerm, server.heardTerm);
    const mayRise = drops || hardState.votedFor === server.id;
    if (hardState.currentTerm > (mayRise ? known + 1 : known)) {
      this.#books.breach(
        RULES.termOrigin,
        `n${server.id} was in term ${currentTerm}, and heard of no term above ${known} that it had to follow, up to ${this.#books.at()}.`,
        `n${server.id} asks to store ${hardStateOf(hardState)} ${this.#books.at()}.`,
      );
    }
    if (mayFollow) return;
    this.#books.breach(
      isSameTerm && hardState.votedFor !== NOBODY ? RULES.oneVote : RULES.hardState,
      `n${server.id} asked to store ${hardStateOf({ currentTerm, votedFor })} ${this.#books.at(at)}.`,
      `n${server.id} asks to store ${hardStateOf(hardState)} ${this.#books.at()}.`,
    );
  }

  /** PITFALLS R1–R3, C8, R17. */
  #truncated(server: ServerRecord, tip: EntryNode, from: Index, leadsOn: boolean): EntryNode {
    const deed = `n${server.id} asks to remove everything from entry ${from} on, ${this.#books.at()}.`;
    if (from > tip.index || from < 1) this.#breachOrder(server, `a truncation from entry ${from} on`);
    if (from <= server.commitIndex) {
      const fact = `n${server.id} knew at its last turn that everything up to entry ${server.commitIndex} is committed.`;
      this.#books.breach(RULES.truncateCommitted, fact, deed);
    }
    if (leadsOn && server.leadership !== null) {
      const { term, since } = server.leadership;
      const fact = `n${server.id} has led term ${term} ${this.#books.since(since)}.`;
      this.#books.breach(RULES.leaderAppendOnly, fact, deed);
    }
    return entryAt(tip, from - 1);
  }

  /**
   * What is gone after a write, whoever sent what replaces it: a leader, or a server whose log was pulled. An entry that a
   * later leader committed, by one of its own, may go from where that one never came: there it did not count.
   */
  #checkDropped(server: ServerRecord, from: Index, after: DiskState): void {
    const { committed, leaderships } = this.#books;
    const before = server.asked.tip;
    const deed = `n${server.id} asks for a log that ends with ${nameOf(after.tip)} ${this.#books.at()}.`;
    for (let index = from; index <= Math.min(before.index, committed.index); index += 1) {
      const node = entryAt(committed, index);
      if (holds(after.tip, node)) continue;
      if (!holds(before, node)) break;
      if (node.committedInTerm !== node.term) continue;
      const by = `n${node.committedBy} as leader of term ${node.committedInTerm}`;
      const fact = `${nameOf(node)} was committed by ${by} ${this.#books.at(node.committedAt)}.`;
      this.#books.breach(RULES.committedStays, fact, deed);
      return;
    }
    const leadership = leaderships.get(after.currentTerm);
    const acked = leadership?.acked[server.id] ?? 0;
    if (leadership === undefined || acked < from || holds(after.tip, entryAt(leadership.tip, acked))) return;
    const fact = `n${server.id} acknowledged everything up to entry ${acked} to n${leadership.id}, leader of term ${leadership.term}.`;
    this.#books.breach(RULES.acknowledgedStays, fact, deed);
  }

  #appended(server: ServerRecord, tip: EntryNode, entry: Entry, currentTerm: number): EntryNode {
    const { tree } = this.#books;
    const isInPlace = entry.index === tip.index + 1 && entry.term >= tip.term && entry.term <= currentTerm;
    if (!isInPlace) {
      this.#breachOrder(server, `${nameOf(entry)} after ${nameOf(tip)} while in term ${currentTerm}`);
      return tree.stray(tip, entry, server.id, this.#books.now());
    }
    const known = tree.find(entry.index, entry.term);
    if (known !== null) return this.#matched(server, known, tip, entry);
    this.#checkOrigin(server, entry);
    const node = tree.add(tip, entry, server.id, this.#books.now());
    tree.hasContent(node, entry);
    if (entry.kind === "membership") {
      tree.setMembership(node, entry.data);
      server.made.push(node);
    }
    return node;
  }

  /** Log Matching. Where it is broken, the log of this server goes on with an entry of its own. */
  #matched(server: ServerRecord, known: EntryNode, tip: EntryNode, entry: Entry): EntryNode {
    const { tree } = this.#books;
    const isSamePast = tree.follows(known, tip);
    if (isSamePast && tree.hasContentFor(server.id, known, entry)) return known;
    const first = `${nameOf(known)} was first seen on n${known.seenOn} ${this.#books.at(known.seenAt)}`;
    const second = `${nameOf(known)}, as n${server.id} asks to store it ${this.#books.at()},`;
    this.#books.breach(
      RULES.logMatching,
      isSamePast ? `${first}, with one content.` : `${first}, after ${nameOf(known.parent)}.`,
      isSamePast ? `${second} says something else.` : `${second} comes after ${nameOf(tip)}.`,
    );
    return tree.stray(tip, entry, server.id, this.#books.now());
  }

  /** An entry that nobody has seen before: its maker leads its term, and says so by this. */
  #checkOrigin(server: ServerRecord, entry: Entry): void {
    const { campaign } = server;
    if (campaign?.term === entry.term && campaign.life === server.lives) {
      if (server.leadership?.term !== entry.term) this.#elections.claim(server, entry.term, `made ${nameOf(entry)}`);
      return;
    }
    const leadership = this.#books.leaderships.get(entry.term);
    this.#books.breach(
      RULES.entryOrigin,
      leadership === undefined
        ? `Nobody is known to have led term ${entry.term}, up to ${this.#books.at()}.`
        : `n${leadership.id}, leader of term ${entry.term} ${this.#books.since(leadership.since)}, has a log that ends with ${nameOf(leadership.tip)}.`,
      `n${server.id}, which did not stand for term ${entry.term}, asks to store ${nameOf(entry)} ${this.#books.at()}.`,
    );
  }

  /** The disk has everything up to the write `seq`. Reports may come late or twice. */
  onStored(server: ServerRecord, seq: number): void {
    if (seq > server.asked.seq)
      throw new RangeError(`n${server.id} stored write ${seq}, but asked for ${server.asked.seq}`);
    const { pending } = server;
    for (let next = pending[0]; next !== undefined && next.seq <= seq; next = pending[0]) {
      pending.shift();
      const before = server.durable;
      server.durable = next;
      server.durableAt = this.#books.now();
      if (isNewVote(before, next))
        this.#elections.onVote(server, next.currentTerm, next.votedFor, "has a vote on its disk");
    }
  }

  /** The core is told that a write is durable (PITFALLS P1, P18). */
  onPersisted(server: ServerRecord, seq: number): void {
    if (seq <= server.durable.seq) return;
    this.#books.breach(
      RULES.storedReport,
      `The disk of n${server.id} holds what it was asked for up to write ${server.durable.seq}, ${this.#books.since(server.durableAt)}.`,
      `n${server.id} is told that everything up to write ${seq} is durable, ${this.#books.at()}.`,
    );
  }
}

export function hardStateOf({ currentTerm, votedFor }: HardState): string {
  return votedFor === NOBODY
    ? `term ${currentTerm} without a vote`
    : `term ${currentTerm} with a vote for n${votedFor}`;
}

function isNewVote(before: DiskState, after: DiskState): boolean {
  const isSame = before.currentTerm === after.currentTerm && before.votedFor === after.votedFor;
  return !isSame && after.votedFor !== NOBODY;
}
