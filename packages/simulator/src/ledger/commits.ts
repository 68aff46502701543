/** What is committed, by whom and on what grounds (§5.3, §5.4.2), and what is applied. */

import type { Index, NodeId, Term } from "@quorate/core";
import { type Books, listOf, nameOf, setWithoutMajority } from "./books.js";
import type { Elections } from "./elections.js";
import { type EntryNode, entryAt, holds } from "./entry-tree.js";
import type { Leadership, ServerRecord } from "./records.js";
import { RULES } from "./rules.js";

export class Commits {
  readonly #books: Books;
  readonly #elections: Elections;

  constructor(books: Books, elections: Elections) {
    this.#books = books;
    this.#elections = elections;
  }

  /** The commit index of a server after a turn; `leadership` if it leads. */
  onCommitIndex(server: ServerRecord, commitIndex: Index, leadership: Leadership | null): void {
    const before = server.commitIndex;
    if (commitIndex === before) return;
    const { tip } = server.asked;
    const deed = `n${server.id}, in term ${server.currentTerm}, has commit index ${commitIndex} ${this.#books.at()}.`;
    if (commitIndex < before) {
      this.#books.breach(RULES.commitMonotone, `n${server.id} had commit index ${before} at its last turn.`, deed);
    } else if (commitIndex > tip.index) {
      this.#books.breach(RULES.commitBounds, `The log of n${server.id} ends with ${nameOf(tip)}.`, deed);
    } else if (leadership !== null && commitIndex > (server.snapshot?.index ?? 0)) {
      this.#onLeaderCommit(server, entryAt(tip, commitIndex), leadership.term, deed);
    } else {
      this.#onFollowerCommit(server, entryAt(tip, commitIndex), deed);
    }
    server.commitIndex = commitIndex;
  }

  #onLeaderCommit(server: ServerRecord, node: EntryNode, term: Term, deed: string): void {
    const books = this.#books;
    if (node.term !== term) {
      const fact = `n${server.id} leads term ${term}, but has ${nameOf(node)} there.`;
      books.breach(RULES.commitOwnTerm, fact, deed);
    }
    this.#checkMajority(server, node, deed);
    if (node.index > books.committed.index) {
      if (!holds(node, books.committed)) this.#breachSafety(server, node, deed);
      this.#mark(node, server.id, term);
      books.committed = node;
    } else if (entryAt(books.committed, node.index) === node) {
      this.#mark(node, server.id, term);
    } else {
      this.#breachSafety(server, node, deed);
    }
    if (term < books.highestLedTerm) this.#checkLaterLeaders(node, term);
  }

  /** The count is by what the disks hold, whatever was said about it (PITFALLS C3, C4, M16, R16). */
  #checkMajority({ asked, made }: ServerRecord, node: EntryNode, deed: string): void {
    const isHolder = (id: NodeId): boolean => this.#books.heldDurably(this.#books.server(id), node);
    const voters = setWithoutMajority(asked.tip.membership.voterSets, isHolder);
    if (voters === null) return;
    // It may have counted first, and have made its next configuration then.
    for (const { parent } of made) if (setWithoutMajority(parent.membership.voterSets, isHolder) === null) return;
    const holders = voters.filter(isHolder);
    const fact = `Of the voters ${listOf(voters)}, ${listOf(holders)} had ${nameOf(node)} on disk by then.`;
    this.#books.breach(RULES.commitMajority, fact, deed);
  }

  /** All entries up to `node`, as far as they are not marked with that term or an earlier one. */
  #mark(last: EntryNode, by: NodeId, term: Term): void {
    const at = this.#books.now();
    for (let node = last; node.committedInTerm === 0 || node.committedInTerm > term; node = node.parent) {
      node.committedInTerm = term;
      node.committedBy = by;
      node.committedAt = at;
    }
  }

  /** Leaders of higher terms that were elected before this one knew that it had committed. */
  #checkLaterLeaders(node: EntryNode, term: Term): void {
    for (const leadership of this.#books.leaderships.values()) {
      if (leadership.term > term) this.#elections.checkHasCommitted(leadership.tip, node, leadership.term);
    }
  }

  /** Or what a leader learns late, from a snapshot that the one before it sent. */
  #onFollowerCommit(server: ServerRecord, node: EntryNode, deed: string): void {
    const { committed } = this.#books;
    if (node.index <= committed.index && entryAt(committed, node.index) !== node) {
      this.#breachSafety(server, node, deed);
    } else if (node.index > committed.index) {
      const fact = `The last entry that any leader committed is ${nameOf(committed)}${this.#byWhom(committed)}.`;
      this.#books.breach(RULES.commitOrigin, fact, deed);
    } else if (node.committedInTerm > server.currentTerm) {
      this.#books.breach(RULES.commitOrigin, `${nameOf(node)} was committed first${this.#byWhom(node)}.`, deed);
    }
  }

  /** Tells of the first entry that differs. */
  #breachSafety({ id }: ServerRecord, last: EntryNode, deed: string): void {
    const { committed } = this.#books;
    let node = entryAt(last, committed.index);
    while (node.parent !== entryAt(committed, node.parent.index)) node = node.parent;
    const other = entryAt(committed, node.index);
    this.#books.breach(
      RULES.stateMachineSafety,
      `${nameOf(other)} was committed${this.#byWhom(other)}.`,
      `${deed.slice(0, -1)}, and with it ${nameOf(node)} in the log of n${id}.`,
    );
  }

  #byWhom({ committedBy, committedInTerm, committedAt }: EntryNode): string {
    if (committedBy === 0) return "";
    return ` by n${committedBy} as leader of term ${committedInTerm} ${this.#books.at(committedAt)}`;
  }

  /** What the core gives free to be applied (PITFALLS C12). */
  onApplyTo(server: ServerRecord, applyTo: Index): void {
    const before = server.applyTo;
    if (applyTo === before) return;
    server.applyTo = applyTo;
    const deed = `n${server.id} may apply everything up to entry ${applyTo} ${this.#books.at()}.`;
    const { durable, asked, commitIndex } = server;
    const isDurable = this.#books.isDurable(server, entryAt(asked.tip, applyTo));
    if (applyTo < before) {
      this.#books.breach(RULES.applyBounds, `n${server.id} could apply up to entry ${before} already.`, deed);
    } else if (applyTo > commitIndex) {
      this.#books.breach(RULES.applyBounds, `n${server.id} has commit index ${commitIndex}.`, deed);
    } else if (!isDurable) {
      const fact = `The disk of n${server.id} holds a log that ends with ${nameOf(durable.tip)}, ${this.#books.since(server.durableAt)}.`;
      this.#books.breach(RULES.applyBounds, fact, deed);
    }
  }

  /** A command reaches a state machine (PITFALLS C6, C9–C11, K15). */
  onApplied(server: ServerRecord, index: Index, term: Term, data: Uint8Array): void {
    const { committed, tree } = this.#books;
    const before = server.appliedIndex;
    const deed = `The state machine of n${server.id} got the command of ${nameOf({ index, term })} ${this.#books.at()}.`;
    if (index <= before) {
      const fact = `The state machine of n${server.id} got entry ${before} in this life already.`;
      this.#books.breach(RULES.applied, fact, deed);
      return;
    }
    server.appliedIndex = index;
    if (index > server.applyTo || index > committed.index) {
      this.#books.breach(RULES.applied, `n${server.id} may apply up to entry ${server.applyTo} so far.`, deed);
      return;
    }
    const node = entryAt(committed, index);
    const isSame = node.term === term && tree.hasCommand(node, data);
    if (!isSame) {
      const fact = `${nameOf(node)}, a ${node.kind}, was committed${this.#byWhom(node)}.`;
      this.#books.breach(RULES.stateMachineSafety, fact, deed);
    }
    if (!this.#books.getsEveryCommand) return;
    for (let passed = node.parent; passed.index > before; passed = passed.parent) {
      if (passed.kind !== "command") continue;
      this.#books.breach(RULES.applied, `${nameOf(passed)} is a command that it did not get before.`, deed);
      return;
    }
  }
}
