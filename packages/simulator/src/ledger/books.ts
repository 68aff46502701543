/** What all parts of the ledger share: the entries, the servers, the terms, and how a contradiction is told. */

import type { Index, NodeId, Term } from "@quorate/core";
import { type CommandOf, type EntryNode, EntryTree, entryAt, holds } from "./entry-tree.js";
import { type Leadership, ServerRecord } from "./records.js";
import type { Rule } from "./rules.js";
import type { Violation } from "./violation.js";

export interface LedgerOptions {
  /** Called for each contradiction. It may throw, to end the run there. */
  readonly onViolation: (violation: Violation) => void;
  /** For the facts: a time or a number of steps, on any scale. */
  readonly now: () => number;
  /** How long who hears a leader is loyal to it, by the clocks that steps are told with. */
  readonly electionTimeoutMs?: number;
  /** How a fact names a moment; "12.5 ms" if not given. */
  readonly formatTime?: (time: number) => string;
  /**
   * What an entry of kind `command` has for the state machine, if that is not all that it says; null if it has nothing.
   * Then a state machine need not get every command: which ones it got is for others to judge.
   */
  readonly commandOf?: CommandOf;
}

export class Books {
  readonly tree: EntryTree;
  /** Whether a state machine gets every command that is committed. */
  readonly getsEveryCommand: boolean;
  readonly now: () => number;
  /** By term. */
  readonly leaderships = new Map<Term, Leadership>();
  highestLedTerm: Term = 0;
  /** The last entry that any leader committed; the path to it is all that is committed. */
  committed: EntryNode;
  readonly #servers: (ServerRecord | undefined)[] = [];
  readonly #onViolation: (violation: Violation) => void;
  readonly #formatTime: (time: number) => string;

  constructor({ onViolation, now, formatTime = (time) => `${time} ms`, commandOf }: LedgerOptions) {
    this.tree = new EntryTree(commandOf);
    this.committed = this.tree.root;
    this.getsEveryCommand = commandOf === undefined;
    this.#onViolation = onViolation;
    this.now = now;
    this.#formatTime = formatTime;
  }

  server(id: NodeId): ServerRecord {
    const known = this.#servers[id];
    if (known !== undefined) return known;
    const server = new ServerRecord(id, this.tree.root);
    this.#servers[id] = server;
    return server;
  }

  /** Who leads the term: the newest leadership of `server`, mostly. */
  leadershipOf(term: Term, server: ServerRecord): Leadership | null {
    if (server.leadership?.term === term) return server.leadership;
    return this.leaderships.get(term) ?? null;
  }

  breach({ property, oracle, statement }: Rule, earlier: string, later: string): void {
    this.#onViolation({ property, oracle, statement, facts: [sentence(earlier), sentence(later)] });
  }

  /** "at 12 ms", for a moment gone by, or for this one. */
  at(time: number = this.now()): string {
    return `at ${this.#formatTime(time)}`;
  }

  since(time: number): string {
    return `since ${this.#formatTime(time)}`;
  }

  /** How the log that ends with `tip` stands to another entry at `node`'s place. */
  inPlaceOf(node: EntryNode, tip: EntryNode): string {
    if (tip.index < node.index) return `a log that ends with ${nameOf(tip)}`;
    return `${nameOf(entryAt(tip, node.index))} in its place`;
  }

  /** Whether the disk of the server has the entry, in the log or in what the snapshot stands for. */
  isDurable({ durable, snapshot }: ServerRecord, node: EntryNode): boolean {
    return holds(durable.tip, node) || (snapshot !== null && holds(snapshot, node));
  }

  /** Whether the server holds the entry durably, or did until its disk was lost. */
  heldDurably(server: ServerRecord, node: EntryNode): boolean {
    return this.isDurable(server, node) || server.lost.some((tip) => holds(tip, node));
  }
}

/** Sentences begin with a capital letter, or with the name of a server. */
function sentence(text: string): string {
  return /^n\d/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);
}

export function nameOf({ index, term }: { readonly index: Index; readonly term: Term }): string {
  return index === 0 ? "no entry" : `entry ${index} of term ${term}`;
}

/** "n1, n2 and n3". */
export function listOf(ids: readonly NodeId[]): string {
  if (ids.length === 0) return "nobody";
  const names = ids.map((id) => `n${id}`);
  const last = names.pop() as string;
  return names.length === 0 ? last : `${names.join(", ")} and ${last}`;
}

/** The first of the sets of which no majority is so; null if there is none. Nobody is no majority of nobody. */
export function setWithoutMajority(
  voterSets: readonly (readonly NodeId[])[],
  isSo: (id: NodeId) => boolean,
): readonly NodeId[] | null {
  for (const voters of voterSets) {
    let count = 0;
    for (const id of voters) if (isSo(id)) count += 1;
    if (2 * count <= voters.length) return voters;
  }
  return null;
}
