/**
 * What the operator was told, compared with the configurations that were committed:
 *
 * - What was done is committed, and as it was wanted. What was "not executed" is nowhere, then and ever after.
 * - A change that names a version is done upon that version only, and once (compare-and-set, PITFALLS M23).
 * - Who is taken in is a member for sure, and gets a number that is its own (M17, M18).
 * - Leadership is handed over to whom it was asked for.
 */

import type { RaftError } from "@quorate/contracts";
import { type Configuration, type Index, type MemberChange, membersOf, type NodeId } from "@quorate/core";
import type { Violation } from "../ledger/index.js";
import { marksOf } from "./marks.js";

interface Committed {
  readonly index: Index;
  readonly configuration: Configuration;
  readonly marks: readonly number[];
}

/** What is known of one change. */
interface Change {
  /** All members that were wanted; null where a single edit was. */
  readonly wanted: readonly MemberChange[] | null;
  /** The version that it named, or undefined. */
  readonly version: Index | undefined;
  /** The configuration that its mark came with, once it is committed. */
  at: Committed | null;
  isGone: boolean;
  refused: string | null;
}

export class MemberOutcomes {
  readonly #committed: Committed[] = [];
  readonly #changes = new Map<number, Change>();
  /** By incarnation: what those were told that were not taken in. */
  readonly #notAdmitted = new Map<number, string>();
  readonly #report: (violation: Violation) => void;

  constructor(report: (violation: Violation) => void) {
    this.#report = report;
  }

  /** A change is asked for, with this mark. */
  onAsked(mark: number, wanted: readonly MemberChange[] | null, version: Index | undefined): void {
    this.#changes.set(mark, { wanted, version, at: null, isGone: false, refused: null });
  }

  /** To be called with each configuration that is committed, in order. */
  onCommitted(index: Index, configuration: Configuration): void {
    const before = this.#committed.at(-1);
    const now = { index, configuration, marks: marksOf(configuration) };
    this.#committed.push(now);
    for (const mark of before?.marks ?? []) if (!now.marks.includes(mark)) this.#onGone(mark);
    for (const mark of now.marks) if (before?.marks.includes(mark) !== true) this.#onNew(mark, now, before?.index ?? 0);
    for (const { incarnation = 0 } of membersOf(configuration)) {
      const said = this.#notAdmitted.get(incarnation);
      if (said !== undefined) this.#breachRefused(`A server that wants to join was told: ${said}`, now);
    }
  }

  #onGone(mark: number): void {
    const change = this.#changes.get(mark);
    if (change !== undefined) change.isGone = true;
  }

  #onNew(mark: number, now: Committed, before: Index): void {
    const change = this.#changes.get(mark);
    if (change === undefined) return;
    const { refused, version, wanted, isGone } = change;
    change.at ??= now;
    if (refused !== null) this.#breachRefused(`Whoever asked for change ${mark} was told: ${refused}`, now);
    if (version !== undefined && version !== before)
      this.#breachVersion(`Change ${mark} was to be based on version ${version}.`, now, before);
    // An edit may be done anew after another change.
    if (wanted !== null && isGone) this.#breachVersion(`Change ${mark} was done, and undone by another.`, now, before);
  }

  #breachRefused(told: string, { index, configuration }: Committed): void {
    this.#report({
      property: "Honest outcomes",
      oracle: "members/not-executed",
      statement: "A change of members that was told to be not executed is never committed.",
      facts: [told, `And yet entry ${index} was committed: ${describe(configuration)}.`],
    });
  }

  #breachVersion(fact: string, { index, configuration }: Committed, before: Index): void {
    this.#report({
      property: "Compare and Set",
      oracle: "members/version",
      statement: "A change of members is done at most once, and only upon the version that it names.",
      facts: [fact, `Upon version ${before} entry ${index} was committed with it: ${describe(configuration)}.`],
    });
  }

  /** The change is done, it is said. */
  onDone(mark: number): void {
    const change = this.#changes.get(mark) as Change;
    const { at, wanted } = change;
    if (at === null) return this.#breachDone(mark, "No configuration that was committed has its mark");
    if (wanted === null) return;
    const asWanted = this.#committed.find(
      ({ index, configuration: { outgoingVoters, target, voters, learners } }) =>
        index >= at.index &&
        outgoingVoters.length === 0 &&
        target === null &&
        listing(voters.map(({ name }) => name)) === namesOf(wanted, false) &&
        listing(learners.map(({ name }) => name)) === namesOf(wanted, true),
    );
    if (asWanted === undefined) this.#breachDone(mark, `Entry ${at.index} with its mark led to nothing like it`);
  }

  #breachDone(mark: number, fact: string): void {
    const last = this.#committed.at(-1);
    const now = last === undefined ? "nothing" : `entry ${last.index}, ${describe(last.configuration)}`;
    this.#report({
      property: "Honest outcomes",
      oracle: "members/done",
      statement: "A change of members that was told to be done is committed, and all that follows from it.",
      facts: [`Whoever asked for change ${mark} was told that it is done.`, `${fact}; the last is ${now}.`],
    });
  }

  onRefused(mark: number, { code, message, outcome }: RaftError): void {
    if (outcome !== "not-executed") return;
    const change = this.#changes.get(mark) as Change;
    change.refused = `${code}: ${message}`;
    if (change.at !== null)
      this.#breachRefused(`Whoever asked for change ${mark} was told: ${change.refused}`, change.at);
  }

  onAdmitted(name: string, incarnation: number, nodeId: NodeId): void {
    const isMember = this.#committed.some(({ configuration }) =>
      membersOf(configuration).some((member) => member.id === nodeId && member.incarnation === incarnation),
    );
    if (isMember) return;
    this.#report({
      property: "Honest outcomes",
      oracle: "members/admitted",
      statement: "A server that is told its number is a member by a committed entry.",
      facts: [
        `${name} was told that it is server ${nodeId}.`,
        "No committed configuration has that server with its disk.",
      ],
    });
  }

  /** Whoever asked `server` to have `to` lead, or anybody, was told that `leader` does. */
  onTransferred(server: string, to: string | undefined, leader: string): void {
    if (to === undefined || to === leader) return;
    this.#report({
      property: "Honest outcomes",
      oracle: "members/transferred",
      statement: "A transfer that was told to be done has whom it was asked for lead.",
      facts: [`${server} was asked to have ${to} lead.`, `It said that it is done, and that ${leader} leads.`],
    });
  }

  /** None of the attempts of a server to join did anything, as it was told. */
  onNotAdmitted(incarnation: number, { code, message }: RaftError): void {
    this.#notAdmitted.set(incarnation, `${code}: ${message}`);
    const at = this.#committed.find(({ configuration }) =>
      membersOf(configuration).some((member) => member.incarnation === incarnation),
    );
    if (at !== undefined) this.#breachRefused(`A server that wants to join was told: ${code}: ${message}`, at);
  }
}

function namesOf(members: readonly MemberChange[], areLearners: boolean): string {
  return listing(members.filter(({ role }) => (role === "learner") === areLearners).map(({ name }) => name));
}

function listing(names: readonly string[]): string {
  return [...names].sort().join(", ");
}

function describe({ voters, outgoingVoters, learners }: Configuration): string {
  const list = (members: Configuration["voters"]): string =>
    members.map(({ id, address }) => `n${id} at ${address}`).join(", ") || "nobody";
  const before = outgoingVoters.length === 0 ? "" : `, before them ${list(outgoingVoters)}`;
  return `voters ${list(voters)}${before}, learners ${list(learners)}`;
}
