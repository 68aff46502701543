import { decodeJson, encodeJson } from "./ascii-json.js";
import type { Configuration, FeatureLevels, Member, NodeId, TargetConfiguration } from "./types.js";

/** Those of every new cluster, whatever its servers support: they must all write the same first entry (PITFALLS O4). */
const FIRST_LEVELS: FeatureLevels = { library: 1, application: 1 };

/** The configuration of a cluster that begins with these voters. */
export function foundingConfiguration(voters: readonly Member[]): Configuration {
  const nextId = voters.reduce((highest, { id }) => Math.max(highest, id), 0) + 1;
  return { voters, outgoingVoters: [], learners: [], target: null, nextId, featureLevels: FIRST_LEVELS };
}

/** Every member, whatever its part, by rising id. */
export function membersOf({ voters, outgoingVoters, learners }: Configuration): readonly Member[] {
  if (outgoingVoters.length === 0 && learners.length === 0) return voters;
  const byId = new Map<NodeId, Member>();
  // The newer lists last: an address that a joint change brings is the one that counts.
  for (const list of [outgoingVoters, learners, voters]) for (const member of list) byId.set(member.id, member);
  return [...byId.values()].sort((a, b) => a.id - b.id);
}

/** The member of this id, whatever its part. */
export function memberOf({ voters, learners, outgoingVoters }: Configuration, id: NodeId): Member | undefined {
  const isIt = (member: Member): boolean => member.id === id;
  return voters.find(isIt) ?? learners.find(isIt) ?? outgoingVoters.find(isIt);
}

/**
 * The bytes of a `membership` entry: JSON in ASCII, so that people can read it and later versions can add to it.
 * Throws a `RangeError` as {@link decodeConfiguration} does.
 */
export function encodeConfiguration(configuration: Configuration): Uint8Array {
  validate(configuration);
  const { voters, outgoingVoters, learners, target, nextId, featureLevels } = configuration;
  return encodeJson({
    voters: voters.map(plainMember),
    outgoingVoters: outgoingVoters.map(plainMember),
    learners: learners.map(plainMember),
    target: target === null ? null : { voters: target.voters, learners: target.learners },
    nextId,
    featureLevels: { library: featureLevels.library, application: featureLevels.application },
  });
}

/**
 * Throws a `RangeError` on bytes that are no configuration, and on one that contradicts itself or names a server twice
 * by id, name or address (PITFALLS O12): a committed entry that cannot be understood must not be passed over (C11).
 */
export function decodeConfiguration(data: Uint8Array): Configuration {
  let value: unknown;
  try {
    value = decodeJson(data);
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
  // What it does not say is as it would be if the cluster began with these voters.
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
