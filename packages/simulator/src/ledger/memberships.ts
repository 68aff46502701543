/** Changes of members (§6, dissertation 4): each step of each, and what whoever asked for one is told. */

import type { ChangeOutcome, Configuration, Index, Member, NodeId } from "@quorate/core";
import { type Books, listOf, nameOf } from "./books.js";
import { type EntryNode, entryAt } from "./entry-tree.js";
import type { OpenChange, ServerRecord } from "./records.js";
import { RULES } from "./rules.js";

export class Memberships {
  readonly #books: Books;

  constructor(books: Books) {
    this.#books = books;
  }

  /** A leader made a configuration, and knows that everything up to `commitIndex` is committed (PITFALLS M1–M3, M6). */
  onMade(server: ServerRecord, node: EntryNode, commitIndex: Index): void {
    const { id, asked } = server;
    const before = node.parent.membership;
    const deed = `n${id} makes ${nameOf(node)}, a configuration, ${this.#books.at()}.`;
    const committed = entryAt(asked.tip, commitIndex);
    if (committed.term !== node.term) {
      const fact = `n${id} leads term ${node.term}, and the last entry that it knows to be committed is ${nameOf(committed)}.`;
      this.#books.breach(RULES.changeAfterCommit, fact, deed);
    } else if (before.node !== null && before.node.index > commitIndex) {
      const fact = `The configuration before that, ${nameOf(before.node)}, is not known to n${id} to be committed: ${nameOf(committed)} is the last that is.`;
      this.#books.breach(RULES.oneChange, fact, deed);
    } else {
      this.#checkStep(before.configuration, node, deed);
      this.#checkIds(before.configuration, node, deed);
    }
  }

  /** PITFALLS M1, M6, M23. */
  #checkStep(before: Configuration, { membership }: EntryNode, deed: string): void {
    const { configuration: after } = membership;
    const [was, is] = [before.voters.map(idOf), after.voters.map(idOf)];
    const breach = (fact: string): void =>
      this.#books.breach(RULES.changeSteps, fact, `${deed.slice(0, -1)} of ${describe(after)}.`);
    if (before.outgoingVoters.length > 0) {
      const isLeft = after.outgoingVoters.length === 0 && isSameList(was, is) && after.target === null;
      if (!isLeft) breach(`Before that ${describe(before)} were in force.`);
    } else if (after.outgoingVoters.length > 0) {
      if (!isSameList(after.outgoingVoters.map(idOf), was)) breach(`Before that ${describe(before)} were in force.`);
    } else if (!isSameList(was, is)) {
      breach(`Before that ${describe(before)} were in force.`);
    }
  }

  /** PITFALLS M17. */
  #checkIds(before: Configuration, { membership }: EntryNode, deed: string): void {
    const { configuration: after } = membership;
    const known = membersOf(before);
    const breach = (fact: string): void => this.#books.breach(RULES.newIds, fact, deed);
    if (after.nextId < before.nextId) breach(`The next id was ${before.nextId}, and is ${after.nextId} with it.`);
    for (const { id, name, isWitness = false } of membersOf(after)) {
      const same = known.find((member) => member.id === id);
      if (same === undefined && (id < before.nextId || id >= after.nextId))
        breach(`Ids below ${before.nextId} were given already, and by that entry n${id} joins as ${name}.`);
      if (same !== undefined && (same.name !== name || (same.isWitness ?? false) !== isWitness))
        breach(`n${id} was ${same.name}${same.isWitness === true ? ", a witness" : ""}, and is another by that entry.`);
    }
  }

  /** Each is answered in the next turn, and what was accepted is in the log (PITFALLS M23, M24). */
  onOutcomes(server: ServerRecord, outcomes: readonly ChangeOutcome[]): void {
    const { changes } = server;
    server.changes = [];
    const isEach =
      changes.length === outcomes.length &&
      changes.every(({ changeId }, place) => outcomes[place]?.changeId === changeId);
    if (!isEach) {
      const asked = changes.map(({ changeId }) => changeId).join(", ");
      const answered = outcomes.map(({ changeId }) => changeId).join(", ");
      this.#books.breach(
        RULES.changeOutcome,
        `Since its last turn n${server.id} was asked for the changes ${asked || "none"}.`,
        `n${server.id} answers the changes ${answered || "none"} ${this.#books.at()}.`,
      );
    }
    for (const [place, outcome] of outcomes.entries()) {
      const change = changes[place];
      if (change !== undefined && outcome.accepted && outcome.term === server.currentTerm)
        this.#checkAccepted(server, change, outcome.index);
    }
  }

  #checkAccepted({ id, asked }: ServerRecord, { changeId, wanted }: OpenChange, index: Index): void {
    const { node, configuration, previous } = entryAt(asked.tip, index).membership;
    // What is asked for besides members may be there already, and says nothing of them.
    const { basedOn, members } = wanted ?? { basedOn: index, members: [] };
    const isBased = index === basedOn || (previous?.node?.index ?? 0) === basedOn;
    const goal = (isLearner: boolean): string =>
      listing(members.flatMap(({ role, name }) => ((role === "learner") === isLearner ? [name] : [])));
    const { target, voters, learners } = configuration;
    const named = (ids: readonly NodeId[]): string =>
      listing(membersOf(configuration).flatMap((member) => (ids.includes(member.id) ? [member.name] : [])));
    const isWanted =
      named(target?.voters ?? voters.map(idOf)) === goal(false) &&
      named(target?.learners ?? learners.map(idOf)) === goal(true);
    if (node?.index === index && isBased && (isWanted || wanted === null)) return;
    this.#books.breach(
      RULES.changeOutcome,
      `n${id} was asked for change ${changeId}, based on entry ${basedOn}, to the voters ${goal(false) || "nobody"} and the learners ${goal(true) || "nobody"}.`,
      `n${id} answers that it is at entry ${index}, where ${describe(configuration)} are in force since ${node === null ? "ever" : nameOf(node)}, ${this.#books.at()}.`,
    );
  }
}

function idOf({ id }: Member): NodeId {
  return id;
}

function membersOf({ voters, outgoingVoters, learners }: Configuration): readonly Member[] {
  return [...voters, ...outgoingVoters, ...learners];
}

/** Each once, in an order that is always the same. */
function listing(names: readonly string[]): string {
  return [...new Set(names)].sort().join(", ");
}

function isSameList(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((id, place) => id === b[place]);
}

/** "the voters n1 and n2, with n3 before them". */
function describe({ voters, outgoingVoters, learners }: Configuration): string {
  const before =
    outgoingVoters.length === 0 ? "" : ` together with those before them, ${listOf(outgoingVoters.map(idOf))}`;
  const more = learners.length === 0 ? "" : `, and the learners ${listOf(learners.map(idOf))}`;
  return `the voters ${listOf(voters.map(idOf))}${before}${more}`;
}
