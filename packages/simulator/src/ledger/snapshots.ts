/** What stands for the part of a log that is gone (§7): what snapshots say, when a log begins anew, what is forgotten. */

import type { EntryId, Input, SnapshotPoint } from "@quorate/core";
import { type Books, nameOf } from "./books.js";
import type { CoreView } from "./core-view.js";
import { type EntryNode, entryAt, isSameConfiguration } from "./entry-tree.js";
import type { ServerRecord } from "./records.js";
import { RULES } from "./rules.js";

/** How a server came by a snapshot: of its own state, or from a leader. */
export type SnapshotOrigin = "taken" | "received";

export class Snapshots {
  readonly #books: Books;

  constructor(books: Books) {
    this.#books = books;
  }

  /** A snapshot is durable, and the newest on its server (PITFALLS M19, S13, S19). */
  onStored(server: ServerRecord, { index, term, membership }: SnapshotPoint, origin: SnapshotOrigin): void {
    const { committed, tree } = this.#books;
    const deed = `n${server.id} stores a snapshot up to ${nameOf({ index, term })} ${this.#books.at()}.`;
    const node = entryAt(committed, index);
    server.snapshot = tree.find(index, term) ?? node;
    if (node.index !== index || node.term !== term) {
      this.#breach(`What is committed has ${nameOf(node)} there, and ends with ${nameOf(committed)}.`, deed);
    } else if (origin === "taken" && index > server.applyTo) {
      this.#breach(`n${server.id} may apply no more than entry ${server.applyTo} so far.`, deed);
    } else {
      const { node: carrier, configuration } = node.membership;
      const isSame =
        (carrier?.index ?? 0) === membership.index && isSameConfiguration(configuration, membership.configuration);
      if (isSame) return;
      const where = carrier === null ? "no entry" : nameOf(carrier);
      this.#breach(
        `The configuration in force there is that of ${where}, ${JSON.stringify(configuration)}.`,
        `${deed.slice(0, -1)}, with the configuration of entry ${membership.index}, ${JSON.stringify(membership.configuration)}.`,
      );
    }
  }

  #breach(fact: string, deed: string): void {
    this.#books.breach(RULES.snapshotContent, fact, deed);
  }

  /** The log begins anew (PITFALLS S1, S2, S4). The last entry of what the log stands for then. */
  onReset(server: ServerRecord, { index, term }: EntryId, leadsOn: boolean): EntryNode {
    const { snapshot, commitIndex, asked } = server;
    // A crash may have come between the snapshot and this: then it is known from the first.
    const isFirst = asked.seq === 0 && index === commitIndex;
    const deed = `n${server.id} begins its log anew after ${nameOf({ index, term })} ${this.#books.at()}.`;
    const breach = (fact: string): void => this.#books.breach(RULES.logReset, fact, deed);
    if (snapshot === null || snapshot.index !== index || snapshot.term !== term) {
      breach(
        `The newest durable snapshot of n${server.id} ${snapshot === null ? "is none" : `reaches to ${nameOf(snapshot)}`}.`,
      );
    } else if (index <= commitIndex && !isFirst) {
      breach(`n${server.id} knew at its last turn that everything up to entry ${commitIndex} is committed.`);
    } else if (entryAt(asked.tip, index) === snapshot) {
      breach(`The log of n${server.id} contains that entry, and ends with ${nameOf(asked.tip)}.`);
    } else if (leadsOn && server.leadership !== null) {
      const { term: led, since } = server.leadership;
      this.#books.breach(
        RULES.leaderAppendOnly,
        `n${server.id} has led term ${led} ${this.#books.since(since)}.`,
        deed,
      );
    }
    return snapshot ?? asked.tip;
  }

  /** The core is told that it may forget (PITFALLS S21). */
  onCompact(server: ServerRecord, { snapshotIndex, compactTo }: Extract<Input, { readonly kind: "compact" }>): void {
    const end = server.snapshot?.index ?? 0;
    if (snapshotIndex <= end && compactTo <= snapshotIndex) return;
    this.#breachCompaction(server, `is told that it may forget everything up to entry ${compactTo}`);
  }

  /** What the core believes of that (PITFALLS S4, S16). */
  onView(server: ServerRecord, { snapshotIndex, compacted }: CoreView): void {
    const end = server.snapshot?.index ?? 0;
    if (snapshotIndex > end) this.#breachCompaction(server, `believes in a snapshot up to entry ${snapshotIndex}`);
    if (compacted.index > end) this.#breachCompaction(server, `forgot everything up to entry ${compacted.index}`);
    server.compactedTo = compacted.index;
  }

  #breachCompaction(server: ServerRecord, what: string): void {
    const { id, snapshot } = server;
    this.#books.breach(
      RULES.compaction,
      `The newest durable snapshot of n${id} ${snapshot === null ? "is none" : `reaches to ${nameOf(snapshot)}`}.`,
      `n${id} ${what}, ${this.#books.at()}.`,
    );
  }
}
