/**
 * Every entry that was ever seen, in any log, life or message, once: a tree, for each entry has one before it. A log is
 * the path that ends in its last entry, and so a log can be kept, compared and gone back to by a single reference.
 *
 * Log Matching (§5.3) says that (index, term) names one entry and all that is before it. So it names one node here, and
 * whoever brings another content or another past under the same name breaks it.
 */

import type { Index, NodeId, Term } from "@quorate/core";
import {
  type Configuration,
  decodeConfiguration,
  type Entry,
  type EntryId,
  type EntryKind,
  foundingConfiguration,
  type Member,
  membersOf,
} from "@quorate/core";

/** A configuration, and the entry that carries it. */
export interface Membership {
  /** Null for the one that stands before all entries, which has no voters. */
  readonly node: EntryNode | null;
  readonly configuration: Configuration;
  /** A majority of each is needed: of the voters, and while the configuration is joint of those before them, too. */
  readonly voterSets: readonly (readonly NodeId[])[];
  /** The one in force before it. */
  readonly previous: Membership | null;
}

const NO_MEMBERSHIP: Membership = {
  node: null,
  configuration: foundingConfiguration([]),
  voterSets: [[]],
  previous: null,
};

export class EntryNode {
  readonly index: Index;
  readonly term: Term;
  /** The entry before it; of the root, the root. */
  parent: EntryNode;
  /** An entry further back: with it, any place on the path is found in a logarithmic number of steps. */
  jump: EntryNode;
  /** Null while nobody has shown what the entry says. */
  kind: EntryKind | null = null;
  low = 0;
  high = 0;
  /** A fingerprint of what it has for the state machine, if that is not all that it says. */
  commandLow = 0;
  commandHigh = 0;
  /** The configuration in force once this entry is appended. */
  membership: Membership = NO_MEMBERSHIP;
  /** Another entry at the same index. */
  sibling: EntryNode | null = null;

  // For the facts: where it was first seen.
  readonly seenOn: NodeId;
  readonly seenAt: number;
  /** The lowest term whose leader committed it; 0 while none has. */
  committedInTerm: Term = 0;
  committedBy: NodeId = 0;
  committedAt = 0;

  constructor(index: Index, term: Term, parent: EntryNode | null, seenOn: NodeId, seenAt: number) {
    this.index = index;
    this.term = term;
    this.parent = parent ?? this;
    this.jump = this;
    if (parent !== null) {
      const { jump } = parent;
      this.jump = parent.index - jump.index === jump.index - jump.jump.index ? jump.jump : parent;
      this.membership = parent.membership;
    }
    this.seenOn = seenOn;
    this.seenAt = seenAt;
  }
}

/** Whether both say the same of the same members. */
export function isSameConfiguration(a: Configuration, b: Configuration): boolean {
  return (
    a.nextId === b.nextId &&
    a.featureLevels.library === b.featureLevels.library &&
    a.featureLevels.application === b.featureLevels.application &&
    areSame(a.voters, b.voters) &&
    areSame(a.outgoingVoters, b.outgoingVoters) &&
    areSame(a.learners, b.learners) &&
    String(a.target?.voters) === String(b.target?.voters) &&
    String(a.target?.learners) === String(b.target?.learners)
  );
}

function areSame(a: readonly Member[], b: readonly Member[]): boolean {
  return a.length === b.length && a.every((member, place) => isSameMember(member, b[place] as Member));
}

function isSameMember(a: Member, b: Member): boolean {
  return (
    a.id === b.id &&
    a.name === b.name &&
    a.address === b.address &&
    (a.isWitness ?? false) === (b.isWitness ?? false) &&
    (a.priority ?? 0) === (b.priority ?? 0) &&
    a.incarnation === b.incarnation
  );
}

/** The entry at `index` on the path to `tip`; where that part of the path is compacted, the last one before it. */
export function entryAt(tip: EntryNode, index: Index): EntryNode {
  let node = tip;
  while (node.index > index) node = node.jump.index >= index ? node.jump : node.parent;
  return node;
}

/** Whether `node` is in the log that ends with `tip`. What was compacted there counts as held. */
export function holds(tip: EntryNode, node: EntryNode): boolean {
  if (tip === node) return true;
  if (tip.index < node.index) return false;
  const found = entryAt(tip, node.index);
  return found === node || found.index < node.index;
}

/** Null if there is nothing for the state machine in it. */
export type CommandOf = (data: Uint8Array) => Uint8Array | null;

export class EntryTree {
  /** What stands before the first entry. Committed from the first. */
  readonly root = new EntryNode(0, 0, null, 0, 0);
  readonly #byIndex: (EntryNode | undefined)[] = [];
  readonly #commandOf: CommandOf | undefined;
  /** Whoever is one stays one. */
  readonly #witnesses = new Set<NodeId>();
  /** The fingerprint that was drawn last. */
  #low = 0;
  #high = 0;

  /** `commandOf` says what an entry of kind `command` has for the state machine, unless that is all that it says. */
  constructor(commandOf?: CommandOf) {
    this.#commandOf = commandOf;
    this.root.kind = "noop";
    this.root.committedInTerm = -1;
  }

  find(index: Index, term: Term): EntryNode | null {
    let node = this.#byIndex[index] ?? null;
    while (node !== null && node.term !== term) node = node.sibling;
    return node;
  }

  /** A new node after `parent`; to be called when {@link find} knows none of this name. */
  add(parent: EntryNode, { index, term }: EntryId, seenOn: NodeId, seenAt: number): EntryNode {
    const node = new EntryNode(index, term, parent, seenOn, seenAt);
    node.sibling = this.#byIndex[index] ?? null;
    this.#byIndex[index] = node;
    return node;
  }

  /** An entry that bears the name of another one; it cannot be found by it. */
  stray(parent: EntryNode, entry: Entry, seenOn: NodeId, seenAt: number): EntryNode {
    const node = new EntryNode(entry.index, entry.term, parent, seenOn, seenAt);
    this.hasContent(node, entry);
    if (entry.kind === "membership") this.setMembership(node, entry.data);
    return node;
  }

  /** Whether `node` has `parent` before it. A node whose past was compacted when it was first seen gets one now. */
  follows(node: EntryNode, parent: EntryNode): boolean {
    if (node.parent === parent) return true;
    if (node.parent.index === node.index - 1 || node.index === 0) return false;
    node.parent = parent;
    return true;
  }

  /** As {@link hasContent}, for what `holder` stores or is sent: a witness has entries without their payloads. */
  hasContentFor(holder: NodeId, node: EntryNode, entry: Entry): boolean {
    const isBare = entry.kind === "command" && entry.data.length === 0;
    if (isBare && node.kind === "command" && this.#witnesses.has(holder)) return true;
    return this.hasContent(node, entry);
  }

  /** Whether `node` says what `entry` says. One whose content nobody has shown so far takes it over. */
  hasContent(node: EntryNode, entry: Pick<Entry, "kind" | "data">): boolean {
    this.#draw(entry.data);
    if (node.kind === entry.kind) return node.low === this.#low && node.high === this.#high;
    if (node.kind !== null) return false;
    node.kind = entry.kind;
    node.low = this.#low;
    node.high = this.#high;
    if (entry.kind === "command") this.#drawCommand(node, entry.data);
    return true;
  }

  /** Whether `data` is what `node` has for the state machine. */
  hasCommand(node: EntryNode, data: Uint8Array): boolean {
    if (this.#commandOf === undefined) return this.hasContent(node, { kind: "command", data });
    this.#draw(data);
    return node.kind === "command" && node.commandLow === this.#low && node.commandHigh === this.#high;
  }

  #drawCommand(node: EntryNode, data: Uint8Array): void {
    const command = this.#commandOf?.(data) ?? null;
    if (command === null) return;
    this.#draw(command);
    node.commandLow = this.#low;
    node.commandHigh = this.#high;
  }

  /** Notes that `node`, which is new, carries a configuration. */
  setMembership(node: EntryNode, data: Uint8Array): void {
    const configuration = decodeConfiguration(data);
    const { voters, outgoingVoters } = configuration;
    const voterSets = [voters.map(({ id }) => id)];
    if (outgoingVoters.length > 0) voterSets.push(outgoingVoters.map(({ id }) => id));
    node.membership = { node, configuration, voterSets, previous: node.parent.membership };
    for (const { id, isWitness } of membersOf(configuration)) if (isWitness === true) this.#witnesses.add(id);
  }

  /**
   * A fingerprint of 64 bits in two halves. Drawn anew each time that an entry is seen, and not kept with the bytes:
   * bytes that somebody wrote to after they were shared must not pass as what they were (PITFALLS F11).
   */
  #draw(data: Uint8Array): void {
    let low = 0x811c9dc5 | 0;
    let high = data.length ^ 0x5bd1e995;
    for (let place = 0; place < data.length; place += 1) {
      const byte = data[place] as number;
      low = Math.imul(low ^ byte, 0x01000193);
      high = Math.imul(high ^ byte, 0x85ebca6b);
      high ^= high >>> 13;
    }
    this.#low = low;
    this.#high = high;
  }
}
