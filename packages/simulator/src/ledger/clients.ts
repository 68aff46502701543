/** What clients are told: where their proposals are, and from which index on a read is good. */

import type { Input, ProposalOutcome, ReadOutcome } from "@quorate/core";
import { type Books, nameOf } from "./books.js";
import { entryAt } from "./entry-tree.js";
import type { OpenProposal, ServerRecord } from "./records.js";
import { RULES } from "./rules.js";

export class Clients {
  readonly #books: Books;

  constructor(books: Books) {
    this.#books = books;
  }

  onRead(server: ServerRecord, readId: number): void {
    server.reads.set(readId, { floor: this.#books.committed.index, at: this.#books.now() });
  }

  onPropose(server: ServerRecord, { proposalId, commands }: Extract<Input, { kind: "propose" }>): void {
    server.proposals.push({ proposalId, commands, at: this.#books.now() });
  }

  /** Linearizability, end to end: whoever was asked, and whoever confirmed it (PITFALLS Q1, Q2, Q3, Q9). */
  onReadOutcome(server: ServerRecord, outcome: ReadOutcome): void {
    const read = server.reads.get(outcome.readId);
    if (read === undefined) {
      this.#books.breach(
        RULES.readAnswer,
        `No read ${outcome.readId} waits on n${server.id} for an answer.`,
        `n${server.id} answers read ${outcome.readId} ${this.#books.at()}.`,
      );
      return;
    }
    server.reads.delete(outcome.readId);
    if (!outcome.ready || outcome.index >= read.floor) return;
    const missed = entryAt(this.#books.committed, read.floor);
    this.#books.breach(
      RULES.readIndex,
      `n${missed.committedBy} committed ${nameOf(missed)} ${this.#books.at(missed.committedAt)}, and read ${outcome.readId} began on n${server.id} ${this.#books.at(read.at)}.`,
      `n${server.id} answers read ${outcome.readId} from entry ${outcome.index} on, ${this.#books.at()}.`,
    );
  }

  onProposalOutcomes(server: ServerRecord, outcomes: readonly ProposalOutcome[]): void {
    const { proposals } = server;
    if (proposals.length === 0 && outcomes.length === 0) return;
    server.proposals = [];
    for (const [place, outcome] of outcomes.entries()) {
      const isInPlace = proposals[place]?.proposalId === outcome.proposalId;
      const proposal = isInPlace ? proposals[place] : proposals.find((each) => each.proposalId === outcome.proposalId);
      if (proposal === undefined)
        this.#breachAnswer(server, `No proposal ${outcome.proposalId} waits`, outcome.proposalId);
      else if (outcome.accepted) this.#checkPlace(server, proposal, outcome);
    }
    if (outcomes.length === proposals.length) return;
    const ids = proposals.map(({ proposalId }) => proposalId).join(", ");
    const answered = outcomes.map(({ proposalId }) => proposalId).join(", ");
    this.#books.breach(
      RULES.proposalOutcome,
      `Since its last turn n${server.id} was asked to propose ${ids || "nothing"}.`,
      `n${server.id} answers the proposals ${answered || "with nothing"} ${this.#books.at()}.`,
    );
  }

  #breachAnswer(server: ServerRecord, fact: string, proposalId: number): void {
    this.#books.breach(
      RULES.proposalOutcome,
      `${fact} on n${server.id} for an answer.`,
      `n${server.id} answers proposal ${proposalId} ${this.#books.at()}.`,
    );
  }

  /** Another server's entries may be there by now, if the term went on in the same turn. */
  #checkPlace(
    server: ServerRecord,
    { proposalId, commands, at }: OpenProposal,
    { firstIndex, term }: Extract<ProposalOutcome, { accepted: true }>,
  ): void {
    const { tree } = this.#books;
    const { tip } = server.asked;
    if (term < server.currentTerm) return;
    const lastIndex = firstIndex + commands.length - 1;
    let node = entryAt(tip, lastIndex);
    for (let place = commands.length - 1; place >= 0; place -= 1) {
      const data = commands[place] as Uint8Array;
      const isThere = node.index === firstIndex + place && node.term === term;
      if (!isThere || !tree.hasContent(node, { kind: "command", data })) {
        this.#books.breach(
          RULES.proposalOutcome,
          `n${server.id} was asked for proposal ${proposalId} of ${commands.length} commands ${this.#books.at(at)}, and has ${nameOf(node)} where command ${place + 1} of them should be.`,
          `n${server.id} answers that proposal ${proposalId} begins at ${nameOf({ index: firstIndex, term })}, ${this.#books.at()}.`,
        );
        return;
      }
      node = node.parent;
    }
  }
}
