/** What leaves the servers: nothing that is untrue, or that a crash could make so. */

import type {
  AppendEntries,
  AppendEntriesResult,
  Commit,
  Entry,
  Heartbeat,
  Message,
  PulledEntries,
} from "@quorate/core";
import { type Books, nameOf } from "./books.js";
import type { Elections } from "./elections.js";
import { entryAt } from "./entry-tree.js";
import type { Leadership, ServerRecord } from "./records.js";
import { RULES } from "./rules.js";
import type { Transfers } from "./transfers.js";

export class Wire {
  readonly #books: Books;
  readonly #elections: Elections;
  readonly #transfers: Transfers;

  constructor(books: Books, elections: Elections, transfers: Transfers) {
    this.#books = books;
    this.#elections = elections;
    this.#transfers = transfers;
  }

  onMessage(server: ServerRecord, message: Message): void {
    if (message.from !== server.id || message.term > server.currentTerm) this.#breachTerm(server, message);
    switch (message.kind) {
      case "requestVote":
        if (message.isTransfer) this.#transfers.onCampaign(server, message);
        return this.#elections.onRequestVote(server, message);
      case "requestVoteResult":
        if (message.voteGranted) this.#elections.onVoteGranted(server, message);
        return;
      case "appendEntries":
        return this.#onAppendEntries(server, message);
      case "pulledEntries":
        return this.#onPulledEntries(server, message);
      case "appendEntriesResult":
        if (message.success) this.#onAcknowledgement(server, message);
        return;
      case "heartbeat":
      case "commit":
        return this.#onBareCommit(server, message);
      case "timeoutNow": {
        const leadership = this.#leadershipOf(server, message);
        if (leadership !== null) this.#transfers.onTimeoutNow(leadership, message);
        return;
      }
      case "requestPreVote":
      case "requestPreVoteResult":
      case "pullEntries":
      case "heartbeatResult":
      case "readIndex":
      case "readIndexResult":
        // They claim nothing but the term; what follows from the answers is judged where it takes effect.
        return;
      default:
        message satisfies never;
    }
  }

  #breachTerm(server: ServerRecord, { kind, from, term }: Message): void {
    this.#books.breach(
      RULES.termOnWire,
      `n${server.id} was in term ${server.currentTerm} at the end of its last turn.`,
      `n${server.id} sends a ${kind} of term ${term} as n${from}, ${this.#books.at()}.`,
    );
  }

  /** The leadership under which the message is sent; null, and a breach, if there is none. */
  #leadershipOf(server: ServerRecord, { kind, term }: Message): Leadership | null {
    const leadership = this.#books.leadershipOf(term, server);
    if (leadership !== null && leadership.id === server.id) return leadership;
    const deed = `n${server.id} sends a message of kind ${kind} as leader of term ${term} ${this.#books.at()}.`;
    if (leadership === null) {
      this.#books.breach(RULES.notALeader, `Nobody has led term ${term} so far.`, deed);
    } else {
      const fact = `n${leadership.id} has led term ${term} ${this.#books.since(leadership.since)}.`;
      this.#books.breach(RULES.electionSafety, fact, deed);
    }
    return null;
  }

  #onAppendEntries(server: ServerRecord, message: AppendEntries): void {
    const leadership = this.#leadershipOf(server, message);
    if (leadership === null) return;
    this.#checkEntries(leadership, message);
    if (message.prevLogIndex < server.compactedTo) this.#breachForgotten(server, message);
    if (message.leaderCommit > leadership.commitIndex) this.#breachCommit(leadership, message, leadership.commitIndex);
  }

  /** PITFALLS R7, R19. */
  #checkEntries(leadership: Leadership, { to, prevLogIndex, prevLogTerm, entries }: AppendEntries): void {
    const { tree } = this.#books;
    const lastIndex = prevLogIndex + entries.length;
    let node = entryAt(leadership.tip, lastIndex);
    let wrong: Pick<Entry, "index" | "term"> | null =
      node.index < lastIndex && lastIndex > leadership.tip.index
        ? { index: lastIndex, term: entries[entries.length - 1]?.term ?? prevLogTerm }
        : null;
    for (let place = entries.length - 1; place >= 0 && wrong === null; place -= 1) {
      const entry = entries[place] as Entry;
      const isRight =
        entry.index === prevLogIndex + 1 + place && entry.index === node.index && entry.term === node.term;
      if (!isRight || !tree.hasContentFor(to, node, entry)) wrong = entry;
      node = node.parent;
    }
    if (wrong === null && node.index === prevLogIndex && node.term !== prevLogTerm)
      wrong = { index: prevLogIndex, term: prevLogTerm };
    if (wrong === null) return;
    this.#books.breach(
      RULES.appendContent,
      `The log of n${leadership.id}, leader of term ${leadership.term}, has ${nameOf(entryAt(leadership.tip, wrong.index))} there and ends with ${nameOf(leadership.tip)}.`,
      `n${leadership.id} sends n${to} ${nameOf(wrong)} in an append that begins after ${nameOf({ index: prevLogIndex, term: prevLogTerm })}, ${this.#books.at()}.`,
    );
  }

  /** Whoever is asked for its log tells the truth about it, where it ends included. */
  #onPulledEntries(server: ServerRecord, message: PulledEntries): void {
    const { tip } = server.asked;
    const { prevLogIndex, prevLogTerm, lastLogIndex, lastLogTerm, entries, to } = message;
    const end = entryAt(tip, lastLogIndex);
    let wrong: Pick<Entry, "index" | "term"> | null =
      end.index === lastLogIndex && end.term === lastLogTerm ? null : { index: lastLogIndex, term: lastLogTerm };
    let node = entryAt(end, prevLogIndex + entries.length);
    for (let place = entries.length - 1; place >= 0 && wrong === null; place -= 1) {
      const entry = entries[place] as Entry;
      const isRight =
        entry.index === prevLogIndex + 1 + place && entry.index === node.index && entry.term === node.term;
      if (!isRight || !this.#books.tree.hasContent(node, entry)) wrong = entry;
      node = node.parent;
    }
    if (wrong === null && (node.index !== prevLogIndex || node.term !== prevLogTerm))
      wrong = { index: prevLogIndex, term: prevLogTerm };
    if (wrong === null) return;
    this.#books.breach(
      RULES.pulledContent,
      `The log of n${server.id} has ${nameOf(entryAt(tip, wrong.index))} there and ends with ${nameOf(tip)}.`,
      `n${server.id} sends n${to} ${nameOf(wrong)} as a part of its log, ${this.#books.at()}.`,
    );
  }

  /** PITFALLS S4. */
  #breachForgotten({ id, compactedTo }: ServerRecord, { to, prevLogIndex }: AppendEntries): void {
    this.#books.breach(
      RULES.compaction,
      `n${id} forgot everything up to entry ${compactedTo}.`,
      `n${id} sends n${to} what comes after entry ${prevLogIndex}, ${this.#books.at()}.`,
    );
  }

  #breachCommit(
    { id, term }: Leadership,
    { kind, to, leaderCommit }: AppendEntries | Heartbeat | Commit,
    most: number,
  ): void {
    this.#books.breach(
      RULES.leaderCommit,
      kind === "appendEntries"
        ? `n${id} had commit index ${most} as leader of term ${term} at the end of its last turn.`
        : `n${id} had committed, and n${to} had acknowledged in term ${term}, no more than entry ${most}.`,
      `n${id} tells n${to} to commit up to entry ${leaderCommit}, by a message of kind ${kind} ${this.#books.at()}.`,
    );
  }

  /** PITFALLS R5. */
  #onBareCommit(server: ServerRecord, message: Heartbeat | Commit): void {
    const leadership = this.#leadershipOf(server, message);
    if (leadership === null) return;
    const acknowledged = leadership.acked[message.to] ?? 0;
    const most = Math.min(leadership.commitIndex, acknowledged);
    if (message.leaderCommit > most) this.#breachCommit(leadership, message, most);
  }

  /** PITFALLS P1, P2, P19, R9. */
  #onAcknowledgement(server: ServerRecord, { to, term, matchIndex }: AppendEntriesResult): void {
    const leadership = this.#books.leadershipOf(term, this.#books.server(to));
    const deed = `n${server.id} acknowledges everything up to entry ${matchIndex} to n${to} in term ${term}, ${this.#books.at()}.`;
    if (leadership === null || leadership.id !== to) {
      const leader = leadership === null ? "Nobody" : `n${leadership.id}`;
      this.#books.breach(RULES.acknowledgement, `${leader} has led term ${term} so far.`, deed);
      return;
    }
    if (matchIndex > (leadership.acked[server.id] ?? 0)) leadership.acked[server.id] = matchIndex;
    const { durable } = server;
    if (matchIndex > leadership.tip.index) {
      const fact = `The log of n${to}, leader of term ${term}, ends with ${nameOf(leadership.tip)}.`;
      this.#books.breach(RULES.acknowledgement, fact, deed);
      return;
    }
    const node = entryAt(leadership.tip, matchIndex);
    // What the leader of a later term took away was promised before that, and can no longer be part of a majority.
    const isHeld = this.#books.isDurable(server, node) || server.currentTerm > term;
    if (isHeld && durable.currentTerm >= term) return;
    const state = isHeld ? `term ${durable.currentTerm}` : this.#books.inPlaceOf(node, durable.tip);
    this.#books.breach(
      RULES.acknowledgement,
      `n${to} has ${nameOf(node)}; the disk of n${server.id} holds ${state}, ${this.#books.since(server.durableAt)}.`,
      deed,
    );
  }
}
