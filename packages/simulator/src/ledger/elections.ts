/** Who votes, who stands, who leads (§5.2, §5.4.1), over everything that is stored, said and done in all lives. */

import type { NodeId, RequestVote, RequestVoteResult, Term } from "@quorate/core";
import { type Books, listOf, nameOf, setWithoutMajority } from "./books.js";
import { type EntryNode, holds, type Membership } from "./entry-tree.js";
import { type DiskState, Leadership, type ServerRecord } from "./records.js";
import { RULES } from "./rules.js";

export class Elections {
  readonly #books: Books;

  constructor(books: Books) {
    this.#books = books;
  }

  /** One vote a term (PITFALLS E1–E3): `deed` says how this one came to be known. */
  onVote(server: ServerRecord, term: Term, candidate: NodeId, deed: string): void {
    const known = server.votes.get(term);
    if (known === undefined) {
      server.votes.set(term, { candidate, at: this.#books.now() });
    } else if (known.candidate !== candidate) {
      this.#books.breach(
        RULES.oneVote,
        `n${server.id} voted for n${known.candidate} in term ${term}, on its disk or by what it said, ${this.#books.at(known.at)}.`,
        `n${server.id} ${deed} for n${candidate} in term ${term} ${this.#books.at()}.`,
      );
    }
  }

  /**
   * A server asks its disk to keep a vote: its own, and it stands, or one for another, and `tip` is what it voted with
   * (§5.4.1; PITFALLS E7, E8).
   */
  onVoteAsked(server: ServerRecord, { currentTerm: term, votedFor, tip: end, at }: DiskState, tip: EntryNode): void {
    if (votedFor === server.id) {
      server.campaign = { term, life: server.lives, tip: end, at, grants: [] };
      return;
    }
    const campaign = this.#books.server(votedFor).campaign;
    // Once the term has a leader, the voter's log may have grown since it voted.
    if (campaign?.term !== term || this.#books.leaderships.has(term)) return;
    const { tip: claim } = campaign;
    if (tip.term < claim.term || (tip.term === claim.term && tip.index <= claim.index)) return;
    this.#books.breach(
      RULES.electionRestriction,
      `n${votedFor} stood for term ${term} with a log that ended with ${nameOf(claim)}, ${this.#books.at(campaign.at)}.`,
      `n${server.id}, whose log ends with ${nameOf(tip)}, voted for it ${this.#books.at(at)}.`,
    );
  }

  /** A request for votes leaves (PITFALLS E3). */
  onRequestVote(server: ServerRecord, { term, lastLogIndex, lastLogTerm }: RequestVote): void {
    this.onVote(server, term, server.id, "asked for votes");
    this.#checkVoteIsDurable(server, term, server.id);
    const { campaign, durable } = server;
    // Late, after a newer campaign began or somebody else won: nothing can come of it.
    if (campaign !== null && campaign.term > term) return;
    if (server.currentTerm > term || this.#isLedByAnother(server, term)) return;
    const said = `n${server.id} asked for votes in term ${term} with a log that ends with ${nameOf({ index: lastLogIndex, term: lastLogTerm })}, ${this.#books.at()}.`;
    if (campaign === null || campaign.term < term) {
      this.#books.breach(
        RULES.candidateClaim,
        `n${server.id} never asked its disk to keep a vote for itself in term ${term}.`,
        said,
      );
    } else if (campaign.tip.index !== lastLogIndex || campaign.tip.term !== lastLogTerm) {
      this.#books.breach(
        RULES.candidateClaim,
        `n${server.id} stood for term ${term} with a log that ended with ${nameOf(campaign.tip)}, ${this.#books.at(campaign.at)}.`,
        said,
      );
    } else if (!this.#books.isDurable(server, campaign.tip)) {
      this.#books.breach(
        RULES.candidateClaim,
        `The disk of n${server.id} holds ${this.#books.inPlaceOf(campaign.tip, durable.tip)}, ${this.#books.since(server.durableAt)}.`,
        said,
      );
    }
  }

  #isLedByAnother(server: ServerRecord, term: Term): boolean {
    const leadership = this.#books.leadershipOf(term, server);
    return leadership !== null && leadership.id !== server.id;
  }

  /** A granted vote leaves (PITFALLS E3). */
  onVoteGranted(server: ServerRecord, { term, to }: RequestVoteResult): void {
    this.onVote(server, term, to, "told that it votes");
    this.#checkVoteIsDurable(server, term, to);
    const campaign = this.#books.server(to).campaign;
    if (campaign?.term === term && !campaign.grants.includes(server.id)) campaign.grants.push(server.id);
  }

  #checkVoteIsDurable(server: ServerRecord, term: Term, candidate: NodeId): void {
    const { currentTerm, votedFor } = server.durable;
    if (currentTerm > term || (currentTerm === term && votedFor === candidate)) return;
    const vote = votedFor === 0 ? "no vote" : `a vote for n${votedFor}`;
    this.#books.breach(
      RULES.voteDurable,
      `The disk of n${server.id} holds term ${currentTerm} and ${vote}, ${this.#books.since(server.durableAt)}.`,
      `n${server.id} told of its vote for n${candidate} in term ${term} ${this.#books.at()}.`,
    );
  }

  /** A server leads, by what it says of itself (`deed` is null) or by an entry that it made. */
  claim(server: ServerRecord, term: Term, deed: string | null = null): Leadership {
    const known = this.#books.leaderships.get(term);
    if (known !== undefined && known.id === server.id && known.life === server.lives) {
      server.leadership = known;
      return known;
    }
    const leadership = new Leadership(term, server, this.#books.now());
    server.leadership = leadership;
    if (known !== undefined) {
      this.#books.breach(
        RULES.electionSafety,
        `n${known.id} has led term ${term} ${this.#books.since(known.since)}.`,
        known.id === server.id
          ? `n${server.id} leads term ${term} ${this.#books.at()}, in another life, without a new election.`
          : `n${server.id} ${deed ?? "leads"} in term ${term} ${this.#books.at()}.`,
      );
      return leadership;
    }
    this.#books.leaderships.set(term, leadership);
    this.#books.highestLedTerm = Math.max(this.#books.highestLedTerm, term);
    this.#checkMajority(server, leadership);
    this.#checkMayLead(server, leadership);
    this.#checkCompleteness(leadership);
    return leadership;
  }

  /** PITFALLS E4–E6, M16: each vote counts once, in its own term, and only if its server is a voter. */
  #checkMajority(server: ServerRecord, { term, tip }: Leadership): void {
    const { campaign } = server;
    const grants = campaign?.term === term ? campaign.grants : [];
    const { currentTerm, votedFor } = server.durable;
    const hasOwn = currentTerm > term || (currentTerm === term && votedFor === server.id);
    const hasVote = (id: NodeId): boolean => (id === server.id ? hasOwn : grants.includes(id));
    const voters = setWithoutMajority(tip.membership.voterSets, hasVote);
    if (voters === null) return;
    this.#books.breach(
      RULES.electedByMajority,
      `Of the voters ${listOf(voters)}, ${listOf(voters.filter(hasVote))} voted for n${server.id} in term ${term}, up to ${this.#books.at()}.`,
      `n${server.id} leads term ${term} ${this.#books.at()}.`,
    );
  }

  /**
   * PITFALLS M12, M15: learners, witnesses and those who were removed are not elected. Who is no voter any more is one
   * until it knows that to be committed, for nobody else may have a log to win with (dissertation 4.2.2).
   */
  #checkMayLead({ commitIndex }: ServerRecord, { id, term, tip }: Leadership): void {
    let membership: Membership | null = tip.membership;
    while (membership !== null) {
      const { voters, outgoingVoters } = membership.configuration;
      const member = voters.find((voter) => voter.id === id) ?? outgoingVoters.find((voter) => voter.id === id);
      if (member?.isWitness === true) break;
      if (member !== undefined) return;
      membership = (membership.node?.index ?? 0) > commitIndex ? membership.previous : null;
    }
    const { node, configuration } = tip.membership;
    this.#books.breach(
      RULES.mayLead,
      `The configuration in the log of n${id} is ${node === null ? "none" : nameOf(node)}, ${JSON.stringify(configuration)}; it knows everything up to entry ${commitIndex} to be committed.`,
      `n${id} leads term ${term} ${this.#books.at()}.`,
    );
  }

  /** §5.4.3, bound to entries committed in a lower term. The commits of leaders to come are seen to by `commits.ts`. */
  #checkCompleteness({ term, tip }: Leadership): void {
    let node = this.#books.committed;
    while (node.committedInTerm >= term) node = node.parent;
    this.checkHasCommitted(tip, node, term);
  }

  checkHasCommitted(tip: EntryNode, node: EntryNode, term: Term): void {
    if (holds(tip, node)) return;
    const leadership = this.#books.leaderships.get(term) as Leadership;
    const missing = this.#firstMissing(tip, node);
    this.#books.breach(
      RULES.leaderCompleteness,
      `The leader of term ${missing.committedInTerm}, n${missing.committedBy}, committed ${nameOf(missing)} ${this.#books.at(missing.committedAt)}.`,
      `n${leadership.id}, leader of term ${term} ${this.#books.since(leadership.since)}, has ${this.#books.inPlaceOf(missing, tip)}.`,
    );
  }

  /** The first entry on the way to `node` that is not in the log that ends with `tip`. */
  #firstMissing(tip: EntryNode, node: EntryNode): EntryNode {
    let missing = node;
    while (!holds(tip, missing.parent)) missing = missing.parent;
    return missing;
  }
}
