/**
 * The configuration: who belongs to the cluster. It is in force from the moment its entry is appended (§6), and so is
 * a function of snapshot and log alone: it goes back when the log does (PITFALLS M4, M5).
 */

import type { VoterSets } from "./quorum.js";
import type {
  Configuration,
  ConfigurationEntry,
  Entry,
  FeatureLevels,
  Index,
  Member,
  NodeId,
  TargetConfiguration,
} from "./types.js";
import { UnsupportedFeatureLevelError } from "./unsupported-feature-level-error.js";

/** Those of every new cluster, whatever its servers support: they must all write the same first entry (PITFALLS O4). */
const FIRST_LEVELS: FeatureLevels = { library: 1, application: 1 };

/** The configuration of a cluster that begins with these voters. */
export function foundingConfiguration(voters: readonly Member[]): Configuration {
  const nextId = voters.reduce((highest, { id }) => Math.max(highest, id), 0) + 1;
  return { voters, outgoingVoters: [], learners: [], target: null, nextId, featureLevels: FIRST_LEVELS };
}

/** What stands before the first configuration in the log: nobody, so that a blank server waits (PITFALLS O3). */
const NO_CONFIGURATION: Configuration = foundingConfiguration([]);

/** Every member, whatever its part, by rising id. */
export function membersOf({ voters, outgoingVoters, learners }: Configuration): readonly Member[] {
  if (outgoingVoters.length === 0 && learners.length === 0) return voters;
  const byId = new Map<NodeId, Member>();
  // The newer lists last: an address that a joint change brings is the one that counts.
  for (const list of [outgoingVoters, learners, voters]) for (const member of list) byId.set(member.id, member);
  return [...byId.values()].sort((a, b) => a.id - b.id);
}

/** The sets that must each agree by a majority (§6). */
function voterSetsOf({ voters, outgoingVoters }: Configuration): VoterSets {
  const sets = [voters.map(({ id }) => id)];
  if (outgoingVoters.length > 0) sets.push(outgoingVoters.map(({ id }) => id));
  return sets;
}

/**
 * The bytes of a `membership` entry: JSON in ASCII, so that people can read it and later versions can add to it.
 * Throws a `RangeError` as {@link decodeConfiguration} does.
 */
export function encodeConfiguration(configuration: Configuration): Uint8Array {
  validate(configuration);
  const { voters, outgoingVoters, learners, target, nextId, featureLevels } = configuration;
  const json = JSON.stringify({
    voters: voters.map(plainMember),
    outgoingVoters: outgoingVoters.map(plainMember),
    learners: learners.map(plainMember),
    target: target === null ? null : { voters: target.voters, learners: target.learners },
    nextId,
    featureLevels: { library: featureLevels.library, application: featureLevels.application },
  }).replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const data = new Uint8Array(json.length);
  for (let place = 0; place < json.length; place += 1) data[place] = json.charCodeAt(place);
  return data;
}

/**
 * Throws a `RangeError` on bytes that are no configuration, and on one that contradicts itself or names a server twice
 * by id, name or address (PITFALLS O12): a committed entry that cannot be understood must not be passed over (C11).
 */
export function decodeConfiguration(data: Uint8Array): Configuration {
  let json = "";
  for (let from = 0; from < data.length; from += 1024)
    json += Reflect.apply(String.fromCharCode, null, data.subarray(from, from + 1024));
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new RangeError("a membership entry is not JSON", { cause });
  }
  const configuration = configurationFrom(value);
  validate(configuration);
  return configuration;
}

function configurationFrom(value: unknown): Configuration {
  if (typeof value !== "object" || value === null) throw new RangeError("a membership entry is no object");
  const field = (name: string): unknown =>
    Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
  const voters = membersFrom("voters", field("voters"));
  // The first version wrote nothing but voters.
  const founding = foundingConfiguration(voters);
  const {
    nextId = founding.nextId,
    outgoingVoters = [],
    learners = [],
    target = null,
    featureLevels = founding.featureLevels,
  } = {
    nextId: field("nextId"),
    outgoingVoters: field("outgoingVoters"),
    learners: field("learners"),
    target: field("target"),
    featureLevels: field("featureLevels"),
  };
  if (!isId(nextId)) throw new RangeError("a membership entry has no valid nextId");
  return {
    voters,
    outgoingVoters: membersFrom("outgoingVoters", outgoingVoters),
    learners: membersFrom("learners", learners),
    target: targetFrom(target),
    nextId,
    featureLevels: levelsFrom(featureLevels),
  };
}

function membersFrom(name: string, value: unknown): Member[] {
  if (!Array.isArray(value) || !value.every(isMember)) throw new RangeError(`a membership entry has no valid ${name}`);
  return value.map(plainMember);
}

function targetFrom(value: unknown): TargetConfiguration | null {
  if (value === null) return null;
  if (typeof value === "object" && value !== undefined && "voters" in value && "learners" in value) {
    const { voters, learners } = value;
    const areIds = (list: unknown): list is NodeId[] => Array.isArray(list) && list.every(isId);
    if (areIds(voters) && areIds(learners)) return { voters: [...voters], learners: [...learners] };
  }
  throw new RangeError("a membership entry has no valid target");
}

function levelsFrom(value: unknown): FeatureLevels {
  if (typeof value === "object" && value !== null && "library" in value && "application" in value) {
    const { library, application } = value;
    // As ids: whole numbers from 1 up.
    if (isId(library) && isId(application)) return { library, application };
  }
  throw new RangeError("a membership entry has no valid featureLevels");
}

function isMember(value: unknown): value is Member {
  if (typeof value !== "object" || value === null) return false;
  const { id, name, address, isWitness, priority, incarnation } = value as Record<keyof Member, unknown>;
  return (
    isId(id) &&
    typeof name === "string" &&
    typeof address === "string" &&
    (isWitness === undefined || typeof isWitness === "boolean") &&
    isNaturalOrAbsent(priority) &&
    isNaturalOrAbsent(incarnation)
  );
}

function isNaturalOrAbsent(value: unknown): value is number | undefined {
  return value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0);
}

function isId(value: unknown): value is NodeId {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** The fields that a member has, and no others; those with their default are left out. */
function plainMember({ id, name, address, isWitness = false, priority = 0, incarnation }: Member): Member {
  return {
    id,
    name,
    address,
    ...(isWitness ? { isWitness } : {}),
    ...(priority > 0 ? { priority } : {}),
    ...(incarnation === undefined ? {} : { incarnation }),
  };
}

/** Throws a `RangeError` that says what is wrong. */
export function validate(configuration: Configuration): void {
  const { voters, outgoingVoters, learners, target, nextId } = configuration;
  for (const list of [voters, outgoingVoters, learners]) validateList(list, nextId);
  for (const list of [voters, outgoingVoters]) validateWitnesses(list);
  const members = membersOf(configuration);
  validateList(members, nextId);
  // No majority is needed where there is nobody: one half of a joint configuration would decide alone.
  const isHalf = voters.length === 0 && (outgoingVoters.length > 0 || target !== null);
  if (isHalf || target?.voters.length === 0) throw new RangeError("a change that begins or ends with no voters");
  for (const { id, isWitness } of learners) {
    if (voters.some((voter) => voter.id === id)) throw new RangeError(`server ${id} is both voter and learner`);
    const willVote = target?.voters.includes(id) === true || outgoingVoters.some((voter) => voter.id === id);
    if (isWitness === true && !willVote) throw new RangeError(`server ${id} is a witness that does not vote`);
  }
  if (target === null) return;
  if (outgoingVoters.length > 0) throw new RangeError("a joint configuration has a target besides");
  const ids = [...target.voters, ...target.learners].sort((a, b) => a - b);
  for (const [place, id] of ids.entries()) {
    if (!members.some((member) => member.id === id)) throw new RangeError(`target ${id} is no member`);
    if (ids[place - 1] === id) throw new RangeError(`target ${id} is named twice`);
  }
}

/**
 * Those who can lead must be a majority by themselves: a witness may hold entries that its vote then demands of every
 * candidate, and that nobody else has any more.
 */
function validateWitnesses(voters: readonly Member[]): void {
  const witnesses = voters.filter(({ isWitness }) => isWitness === true);
  if (witnesses.length > 0 && 2 * witnesses.length >= voters.length)
    throw new RangeError(`${witnesses.length} of ${voters.length} voters are witnesses, which must be fewer than half`);
}

function validateList(members: readonly Member[], nextId: NodeId): void {
  const names = new Set<string>();
  const addresses = new Set<string>();
  let previousId = 0;
  for (const { id, name, address, priority } of members) {
    if (!isId(id))
      throw new RangeError(`server ${JSON.stringify(name)} has the id ${id}; ids are positive safe integers`);
    if (id <= previousId)
      throw new RangeError(`servers are listed by rising id, but ${previousId} stands before ${id}`);
    if (id >= nextId) throw new RangeError(`server ${id} has an id that is still to be given: the next is ${nextId}`);
    if (names.has(name)) throw new RangeError(`two servers are named ${JSON.stringify(name)}`);
    if (!isNaturalOrAbsent(priority))
      throw new RangeError(`server ${JSON.stringify(name)} has the priority ${priority}`);
    if (addresses.has(address)) throw new RangeError(`two servers have the address ${JSON.stringify(address)}`);
    names.add(name);
    addresses.add(address);
    previousId = id;
  }
}

interface InForce extends ConfigurationEntry {
  readonly voterSets: VoterSets;
}

function inForce(index: Index, configuration: Configuration): InForce {
  return { index, configuration, voterSets: voterSetsOf(configuration) };
}

/** The configurations of the log and the one before them, the one in force on top. */
export class ConfigurationStack {
  #stack: InForce[];

  readonly #supportedLevels: FeatureLevels;

  /**
   * `base` is what was in force where the log begins: that of the snapshot, or nobody. Here and wherever a configuration
   * comes in, an `UnsupportedFeatureLevelError` is thrown if it asks for more than `supportedLevels`.
   */
  constructor(supportedLevels: FeatureLevels, base = { index: 0, configuration: NO_CONFIGURATION }) {
    this.#supportedLevels = supportedLevels;
    this.#stack = [this.#checked(base)];
  }

  #checked({ index, configuration }: ConfigurationEntry): InForce {
    const needed = configuration.featureLevels;
    const { library, application } = this.#supportedLevels;
    if (needed.library > library || needed.application > application)
      throw new UnsupportedFeatureLevelError(needed, this.#supportedLevels);
    return inForce(index, configuration);
  }

  get #top(): InForce {
    return this.#stack[this.#stack.length - 1] as InForce;
  }

  get configuration(): Configuration {
    return this.#top.configuration;
  }

  get voterSets(): VoterSets {
    return this.#top.voterSets;
  }

  /** The index from which on the configuration in force has been. */
  get index(): Index {
    return this.#top.index;
  }

  /** Whether nothing but the base is known yet. */
  get isAtBase(): boolean {
    return this.#stack.length === 1;
  }

  isVoter(id: NodeId): boolean {
    return this.voterSets.some((voters) => voters.includes(id));
  }

  /** What was, or is, in force at `index`, as far back as is remembered. */
  at(index: Index): ConfigurationEntry {
    let place = this.#stack.length - 1;
    while (place > 0 && (this.#stack[place] as InForce).index > index) place -= 1;
    const { index: since, configuration } = this.#stack[place] as InForce;
    return { index: since, configuration };
  }

  /** Takes in an appended entry. Throws a `RangeError` if it is of kind `membership` and cannot be understood. */
  onAppend(entry: Entry): void {
    if (entry.kind !== "membership") return;
    this.#stack.push(this.#checked({ index: entry.index, configuration: decodeConfiguration(entry.data) }));
  }

  /** Goes back to what was in force before `index`. */
  onTruncate(index: Index): void {
    while (this.#top.index >= index && this.#stack.length > 1) this.#stack.pop();
  }

  /** Forgets what was in force before `index` only. */
  onCompact(index: Index): void {
    while (this.#stack.length > 1 && (this.#stack[1] as InForce).index <= index) this.#stack.shift();
  }

  /** Starts again from a snapshot. */
  onReset(base: ConfigurationEntry): void {
    this.#stack = [this.#checked(base)];
  }
}
