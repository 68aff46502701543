/** Handing over leadership (dissertation 3.10): who is told to campaign, who does, and what waits meanwhile. */

import { NOBODY, type ProposalOutcome, type RequestVote, type TimeoutNow, type TransferOutcome } from "@quorate/core";
import { type Books, nameOf } from "./books.js";
import type { CoreView } from "./core-view.js";
import { entryAt } from "./entry-tree.js";
import type { Leadership, ServerRecord } from "./records.js";
import { RULES } from "./rules.js";

export class Transfers {
  readonly #books: Books;
  readonly #electionTimeoutMs: number;

  constructor(books: Books, electionTimeoutMs: number) {
    this.#books = books;
    this.#electionTimeoutMs = electionTimeoutMs;
  }

  /** A leader tells `to` to campaign (PITFALLS T3, T7, M14). */
  onTimeoutNow(leadership: Leadership, { to, lastLogIndex, lastLogTerm }: TimeoutNow): void {
    const { id, term, tip } = leadership;
    const { configuration } = tip.membership;
    const deed = `n${id} tells n${to} to campaign, with a log that ends with ${nameOf({ index: lastLogIndex, term: lastLogTerm })}, ${this.#books.at()}.`;
    const breach = (fact: string): void => this.#books.breach(RULES.timeoutNow, fact, deed);
    const successor = configuration.voters.find((voter) => voter.id === to);
    const acked = leadership.acked[to] ?? 0;
    if (successor === undefined || successor.isWitness === true) {
      breach(
        `n${to} is ${successor === undefined ? "no voter" : "a witness"} in the configuration in force on n${id}.`,
      );
    } else if (lastLogIndex > tip.index || entryAt(tip, lastLogIndex).term !== lastLogTerm) {
      breach(`The log of n${id}, leader of term ${term}, ends with ${nameOf(tip)}.`);
    } else if (acked < lastLogIndex) {
      breach(`n${to} has acknowledged to n${id} in term ${term} no more than entry ${acked}.`);
    }
  }

  /** The leader's word arrives; of several of a term it may obey any, for it draws conclusions later. */
  onAppointed(server: ServerRecord, { from, term, lastLogIndex, lastLogTerm }: TimeoutNow): void {
    const latest = server.appointments[0]?.term ?? 0;
    if (latest > term) return;
    if (latest < term) server.appointments = [];
    server.appointments.push({ by: from, term, lastLogIndex, lastLogTerm });
  }

  /** A server asks for votes in the name of its leader (PITFALLS T3, T4, T6, L3). */
  onCampaign(server: ServerRecord, { term, lastLogIndex, lastLogTerm }: RequestVote): void {
    const isMeant = (told: ServerRecord["appointments"][number]): boolean =>
      told.term === term - 1 && told.lastLogIndex === lastLogIndex && told.lastLogTerm === lastLogTerm;
    if (server.appointments.some(isMeant)) return;
    const appointment = server.appointments[server.appointments.length - 1];
    const told =
      appointment === undefined
        ? `Nobody has told n${server.id} to campaign in this life.`
        : `n${server.id} was told to campaign last by n${appointment.by}, leader of term ${appointment.term}, with a log that ends with ${nameOf({ index: appointment.lastLogIndex, term: appointment.lastLogTerm })}.`;
    this.#books.breach(
      RULES.transferCampaign,
      told,
      `n${server.id} asks for votes in term ${term} in the name of a leader, with a log that ends with ${nameOf({ index: lastLogIndex, term: lastLogTerm })}, ${this.#books.at()}.`,
    );
  }

  /** PITFALLS T1. `transferTo` of the server is that of the turn before. */
  onProposals(server: ServerRecord, outcomes: readonly ProposalOutcome[]): void {
    const { id, transferTo, leadership } = server;
    if (transferTo === NOBODY) return;
    for (const outcome of outcomes) {
      if (!outcome.accepted || outcome.term !== leadership?.term) continue;
      this.#books.breach(
        RULES.transferProposals,
        `n${id}, leader of term ${outcome.term}, was handing over to n${transferTo} at the end of its last turn.`,
        `n${id} accepts proposal ${outcome.proposalId} for ${nameOf({ index: outcome.firstIndex, term: outcome.term })}, ${this.#books.at()}.`,
      );
    }
  }

  onOutcomes(server: ServerRecord, outcomes: readonly TransferOutcome[], { transferTo }: CoreView): void {
    if (transferTo !== server.transferTo) {
      server.transferTo = transferTo;
      server.transferSince = server.clock;
    } else if (transferTo !== NOBODY && server.clock - server.transferSince >= this.#electionTimeoutMs) {
      this.#breachDeadline(server);
    }
    for (const { transferId, result } of outcomes) {
      if (server.transfers.delete(transferId)) continue;
      this.#books.breach(
        RULES.transferOutcome,
        `No transfer ${transferId} waits on n${server.id} for an answer.`,
        `n${server.id} answers transfer ${transferId}: ${result}, ${this.#books.at()}.`,
      );
    }
  }

  /** PITFALLS T2. */
  #breachDeadline({ id, transferTo, transferSince, clock }: ServerRecord): void {
    this.#books.breach(
      RULES.transferDeadline,
      `n${id} has been handing over to n${transferTo} since its clock showed ${transferSince} ms.`,
      `n${id} still does when its clock shows ${clock} ms, ${this.#books.at()}.`,
    );
  }
}
