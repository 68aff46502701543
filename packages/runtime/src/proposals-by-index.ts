/**
 * The proposals that are in the log, by their place. Several may wait at one index, each from another term: a leader
 * that is deposed and elected again may append where an entry of its former reign stood (PITFALLS K5).
 */

import type { Index } from "@quorate/core";
import type { Proposal } from "./proposal.js";

export class ProposalsByIndex<Result> {
  /** The newest at each index; the others hang on by `next`. */
  readonly #newest = new Map<Index, Proposal<Result>>();

  add(proposal: Proposal<Result>): void {
    proposal.next = this.#newest.get(proposal.index) ?? null;
    this.#newest.set(proposal.index, proposal);
  }

  /** Takes out all at `index`: the newest, or null. */
  take(index: Index): Proposal<Result> | null {
    const newest = this.#newest.get(index);
    if (newest === undefined) return null;
    this.#newest.delete(index);
    return newest;
  }

  /** Takes out all at `last` and before. */
  takeUpTo(last: Index): Proposal<Result>[] {
    const taken = this.all().filter(({ index }) => index <= last);
    for (const { index } of taken) this.#newest.delete(index);
    return taken;
  }

  remove(proposal: Proposal<Result>): void {
    const newest = this.#newest.get(proposal.index);
    if (newest === proposal) {
      if (proposal.next === null) this.#newest.delete(proposal.index);
      else this.#newest.set(proposal.index, proposal.next);
      return;
    }
    for (let each = newest ?? null; each !== null; each = each.next) {
      if (each.next === proposal) each.next = proposal.next;
    }
  }

  all(): Proposal<Result>[] {
    const all: Proposal<Result>[] = [];
    for (const newest of this.#newest.values()) {
      for (let each: Proposal<Result> | null = newest; each !== null; each = each.next) all.push(each);
    }
    return all;
  }
}
