/**
 * Membership (§6, dissertation 4): from any set of servers to any other.
 *
 * A change runs by itself once it is in the log, whoever leads then, for the configuration says what is left to do:
 *
 * 1. New members come in as learners; `target` says what they shall be (PITFALLS M22).
 * 2. When those who shall vote have caught up, a joint configuration: old and new voters must each agree.
 * 3. When that is committed, the new voters alone. A leader that is not among them then goes (M12–M14).
 *
 * Each step waits until the one before is committed, and until the leader has committed something in its own term
 * (M1–M3, M6). A change that adds no voter starts with 2; one that leaves the voters as they are is a single entry.
 */

import { encodeConfiguration, foundingConfiguration, membersOf, validate } from "./configuration.js";
import { acceptChange, passGate, refuseChange } from "./configuration-gate.js";
import type { ChangeRefusal } from "./effects.js";
import type { ChangeMembers } from "./input.js";
import { Progress } from "./progress.js";
import { quorumValue } from "./quorum.js";
import type { Leader } from "./roles.js";
import type { RaftState } from "./state.js";
import { handOver } from "./transfer.js";
import { stepDown } from "./transitions.js";
import { type Configuration, type Member, type MemberChange, type NodeId, UNCLAIMED } from "./types.js";

/** Takes a change of members, or refuses it and says why. */
export function onChangeMembers(state: RaftState, { changeId, basedOn, members }: ChangeMembers): void {
  const leader = passGate(state, changeId);
  if (leader === null) return;
  const refuse = (refusal: ChangeRefusal, reason: string): void => refuseChange(state, changeId, refusal, reason);
  const { index, configuration: current } = state.configurations;
  if (basedOn !== index) return refuse("versionMismatch", `version ${index} is in force, not ${basedOn}`);

  const awaited = members.find((change) => {
    const place = replacedBy(state, leader, change);
    return place !== null && isAwaited(state, leader, place);
  });
  if (awaited !== undefined)
    return refuse("changePending", `${JSON.stringify(awaited.name)} may yet come, with the disk that was let in`);

  let next: Configuration;
  try {
    next = configurationTowards(current, members, (change) => replacedBy(state, leader, change) !== null);
    validate(next);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return refuse("invalid", error.message);
  }
  const wanted = next.target?.voters ?? next.voters.map(({ id }) => id);
  if (!canReachMajority(state, leader, wanted, current))
    return refuse("wouldLoseQuorum", "a majority of the voters that are wanted is out of touch");
  if (!isSame(next, current)) appendConfiguration(state, leader, next);
  acceptChange(state, changeId);
}

/**
 * The place that `change` takes from its holder, who was given it and never came: a server that crashed before it wrote
 * down who it is comes again as another one (PITFALLS M17). It counts nowhere yet, and its number goes with it. Null if it
 * takes none: from whoever has been heard here, or votes, nobody takes anything.
 */
function replacedBy({ configurations }: RaftState, leader: Leader, change: MemberChange): Member | null {
  const { configuration } = configurations;
  const { name, incarnation = UNCLAIMED } = change;
  const place = configuration.learners.find((learner) => learner.name === name);
  if (place === undefined || configuration.outgoingVoters.some(({ id }) => id === place.id)) return null;
  const { id, incarnation: holder = UNCLAIMED } = place;
  if (incarnation === UNCLAIMED || holder === UNCLAIMED || holder === incarnation) return null;
  const progress = leader.progressOf(id);
  return progress?.supportedLevels === null && progress.matchIndex === 0 ? place : null;
}

/** Whether the holder of a place, whom nobody has heard of, has not had the time to come. */
function isAwaited({ now, electionTimeoutMs }: RaftState, leader: Leader, { id }: Member): boolean {
  return now - (leader.progressOf(id)?.lastContactAt ?? Number.NEGATIVE_INFINITY) < electionTimeoutMs;
}

/** The first step on the way from `current` to `changes`. Throws a `RangeError` if there is no way. */
function configurationTowards(
  current: Configuration,
  changes: readonly MemberChange[],
  takesPlace: (change: MemberChange) => boolean,
): Configuration {
  const known = membersOf(current);
  const { featureLevels } = current;
  let { nextId } = current;
  const wanted = changes.map((change) => {
    const { name, address, role, priority = 0 } = change;
    const before = takesPlace(change) ? undefined : known.find((member) => member.name === name);
    const isWitness = role === "witness";
    if (before !== undefined && (before.isWitness === true) !== isWitness)
      throw new RangeError(`${JSON.stringify(name)} cannot turn from or into a witness: remove it, then add it anew`);
    const id = before?.id ?? nextId++;
    const incarnation = incarnationOf(before, change);
    const member: Member = { id, name, address, isWitness, priority, ...incarnation };
    return { member, isVoter: role !== "learner" };
  });
  wanted.sort((a, b) => a.member.id - b.member.id);
  const voters = wanted.filter(({ isVoter }) => isVoter).map(({ member }) => member);
  const learners = wanted.filter(({ isVoter }) => !isVoter).map(({ member }) => member);
  validate({ ...foundingConfiguration([]), voters, learners, nextId, featureLevels });
  const isVoting = ({ id }: Member): boolean => current.voters.some((voter) => voter.id === id);
  if (!voters.every(isVoting)) {
    // The voters stay who they are until the new ones have caught up.
    const updated = current.voters.map((voter) => wanted.find(({ member }) => member.id === voter.id)?.member ?? voter);
    return {
      voters: updated,
      outgoingVoters: [],
      learners: wanted.map(({ member }) => member).filter((member) => !isVoting(member)),
      target: { voters: voters.map(({ id }) => id), learners: learners.map(({ id }) => id) },
      nextId,
      featureLevels,
    };
  }
  const outgoingVoters = voters.length < current.voters.length ? current.voters : [];
  return { voters, outgoingVoters, learners, target: null, nextId, featureLevels };
}

/** A place is claimed once: whoever comes later under its name, with another disk, is another server (PITFALLS M18). */
function incarnationOf(before: Member | undefined, { name, incarnation }: MemberChange): Pick<Member, "incarnation"> {
  if (before === undefined) return incarnation === undefined ? {} : { incarnation };
  const known = before.incarnation;
  if (incarnation === undefined || incarnation === UNCLAIMED) return known === undefined ? {} : { incarnation: known };
  if (known === undefined || known === UNCLAIMED || known === incarnation) return { incarnation };
  throw new RangeError(
    `${JSON.stringify(name)} is a member already, with another disk: remove it, then let it join anew`,
  );
}

/**
 * Whether the voters that are wanted could commit anything: of those that vote already, the ones out of touch must not
 * make up half. The others prove themselves by catching up, and nothing counts on them before.
 */
function canReachMajority(
  state: RaftState,
  leader: Leader,
  wanted: readonly NodeId[],
  current: Configuration,
): boolean {
  const inTouch = wanted.filter((id) => {
    if (id === state.id || !current.voters.some((voter) => voter.id === id)) return true;
    const progress = leader.progressOf(id);
    return progress !== undefined && state.now - progress.lastContactAt < state.electionTimeoutMs;
  });
  return 2 * inTouch.length > wanted.length;
}

/** Takes the next step of a change, if the last one is committed. To be called in every drain. */
export function advanceMembership(state: RaftState, leader: Leader): void {
  const { configurations, commitIndex } = state;
  if (leader.followers.some((progress) => isFarewellOver(state, progress)))
    leader.followers = leader.followers.filter((progress) => !isFarewellOver(state, progress));
  if (configurations.index > commitIndex || commitIndex < leader.noopIndex) return;
  const { voters, outgoingVoters, learners, target, nextId, featureLevels } = configurations.configuration;
  if (outgoingVoters.length > 0) {
    appendConfiguration(state, leader, { voters, outgoingVoters: [], learners, target: null, nextId, featureLevels });
  } else if (target !== null) {
    if (!haveCaughtUp(state, leader, target.voters)) return;
    const pick = (ids: readonly NodeId[]): Member[] => [...voters, ...learners].filter(({ id }) => ids.includes(id));
    const byId = (a: Member, b: Member): number => a.id - b.id;
    appendConfiguration(state, leader, {
      voters: pick(target.voters).sort(byId),
      outgoingVoters: voters,
      learners: pick(target.learners).sort(byId),
      target: null,
      nextId,
      featureLevels,
    });
  } else if (!state.isVoter) {
    leave(state, leader);
  }
}

/** Whether all who shall vote can: the new ones keep up, and with them a majority is in touch. */
function haveCaughtUp(state: RaftState, leader: Leader, wanted: readonly NodeId[]): boolean {
  const { configuration } = state.configurations;
  const isReady = (id: NodeId): boolean =>
    // A leader on its way out may be asked to stay; it has everything.
    id === state.id ||
    configuration.voters.some((voter) => voter.id === id) ||
    leader.progressOf(id)?.hasCaughtUp(state.log.lastIndex, state.now, state.electionTimeoutMs) === true;
  return wanted.every(isReady) && canReachMajority(state, leader, wanted, configuration);
}

/**
 * This leader was removed, and that is committed. It leads on until a quorum of those who stay knows (PITFALLS M13,
 * M14), then hands over to one of them; it stops when that is done or has failed.
 */
function leave(state: RaftState, leader: Leader): void {
  leader.farewell ??= { round: leader.hastenRound(state.now), handsOver: false };
  const { farewell } = leader;
  const knowing = quorumValue(state.configurations.voterSets, (id) => {
    const progress = leader.progressOf(id);
    const knows =
      progress !== undefined &&
      progress.ackedRound >= farewell.round &&
      progress.matchIndex >= state.configurations.index;
    return knows ? 1 : 0;
  });
  if (knowing < 1 || leader.transfer !== null) return;
  if (farewell.handsOver || !handOver(state, leader)) stepDown(state);
  farewell.handsOver = true;
}

/** In force at once (§6); whoever joins is fed from now on, whoever leaves is fed a little longer (PITFALLS M26–M28). */
function appendConfiguration(state: RaftState, leader: Leader, configuration: Configuration): void {
  state.appendOwn({ kind: "membership", data: encodeConfiguration(configuration) });
  leader.farewell = null;
  const members = membersOf(state.configurations.configuration).filter(({ id }) => id !== state.id);
  const followers = [...leader.followers];
  for (const { id } of members) {
    if (leader.progressOf(id) !== undefined) continue;
    leader.lastStream += 1;
    followers.push(new Progress(id, state.log.lastIndex, leader.lastStream, state.now));
  }
  for (const progress of followers) {
    if (!members.some(({ id }) => id === progress.id)) progress.seeOff(state.now, state.electionTimeoutMs);
  }
  // Whoever is new comes last: ids rise.
  leader.followers = followers;
}

/** It knows that it left, or has had the time to learn it. */
function isFarewellOver(state: RaftState, { farewellUntil, matchIndex, sentCommit }: Progress): boolean {
  if (farewellUntil === null) return false;
  const { index } = state.configurations;
  return state.now >= farewellUntil || (state.commitIndex >= index && matchIndex >= index && sentCommit >= index);
}

function isSame(a: Configuration, b: Configuration): boolean {
  return String(encodeConfiguration(a)) === String(encodeConfiguration(b));
}
