/** The members of the cluster as there is to see, and how they compare with what somebody wants. */

import {
  type Configuration,
  type ConfigurationEntry,
  type FeatureLevels,
  type FollowerStatus,
  type Index,
  type Member,
  type MemberChange,
  type MemberRole,
  memberOf,
  membersOf,
  type NodeId,
  type Raft,
  UNCLAIMED,
} from "@quorate/core";

/** A member of the configuration in force. */
export interface MemberStatus extends Member {
  readonly role: MemberRole;
  /** Whether it counts: while the change of voters is joint, so do those that are on their way out. */
  readonly isVoting: boolean;
  /** What the change under way makes of it; as `role` if none is, null if it leaves. */
  readonly wantedRole: MemberRole | null;
  /** How the leader sees it; null on every other server, and for the leader itself. */
  readonly progress: FollowerStatus | null;
}

/**
 * How far a change of members is:
 *
 * - `catchingUp`: new voters receive the log; when they have it, they vote.
 * - `joint`: a majority of the old and of the new voters is needed.
 * - `committing`: the last step is not committed yet.
 * - `done`: nothing is under way.
 */
export type ChangePhase = "catchingUp" | "joint" | "committing" | "done";

/** Who belongs to the cluster, as far as this server knows (PITFALLS O9). */
export interface Membership {
  /** The index of the configuration in force: what a change is based on. */
  readonly version: Index;
  readonly phase: ChangePhase;
  /** What commands and other entries may ask of every server (PITFALLS O7). */
  readonly featureLevels: FeatureLevels;
  /** Those of the configuration in force, by rising id. */
  readonly members: readonly MemberStatus[];
  /** The newest configuration that is known to be committed; the one in force may yet be taken back. */
  readonly committed: { readonly version: Index; readonly members: readonly Member[] };
}

export function membershipOf(raft: Raft): Membership {
  const { configuration, configurationIndex, followers } = raft;
  const committed = committedConfiguration(raft);
  const wanted = wantedRoles(configuration);
  const { voters, outgoingVoters } = configuration;
  return {
    version: configurationIndex,
    phase: phaseOf(configuration, committed.index === configurationIndex),
    // Those of the committed configuration: what is not committed yet may be taken back.
    featureLevels: committed.configuration.featureLevels,
    members: membersOf(configuration).map((member) => {
      const isVoting = [...voters, ...outgoingVoters].some(({ id }) => id === member.id);
      const progress = followers.find(({ id }) => id === member.id);
      return {
        ...member,
        role: roleOf(member, isVoting),
        isVoting,
        wantedRole: wanted.get(member.id) ?? null,
        progress: progress === undefined ? null : { ...plainProgress(progress) },
      };
    }),
    committed: { version: committed.index, members: membersOf(committed.configuration) },
  };
}

function plainProgress({ id, state, matchIndex, nextIndex, ...rest }: FollowerStatus): FollowerStatus {
  const { lastContactAt, supportedLevels } = rest;
  return { id, state, matchIndex, nextIndex, lastContactAt, supportedLevels };
}

/** The newest configuration that this server knows to be committed. */
export function committedConfiguration(raft: Raft): ConfigurationEntry {
  return raft.configurationAt(raft.commitIndex);
}

function phaseOf(configuration: Configuration, isCommitted: boolean): ChangePhase {
  if (configuration.outgoingVoters.length > 0) return "joint";
  if (configuration.target !== null) return "catchingUp";
  return isCommitted ? "done" : "committing";
}

function roleOf({ isWitness }: Member, isVoting: boolean): MemberRole {
  if (isWitness === true) return "witness";
  return isVoting ? "voter" : "learner";
}

/** What each member shall be when the change under way is done; those that leave are not in it. */
function wantedRoles({ voters, learners, target }: Configuration): ReadonlyMap<NodeId, MemberRole> {
  const willVote = target?.voters ?? voters.map(({ id }) => id);
  const willLearn = target?.learners ?? learners.map(({ id }) => id);
  const roles = new Map<NodeId, MemberRole>();
  for (const member of [...voters, ...learners]) {
    if (willVote.includes(member.id)) roles.set(member.id, roleOf(member, true));
    else if (willLearn.includes(member.id)) roles.set(member.id, "learner");
  }
  return roles;
}

/** The members as they shall be when the change under way is done: what a further change starts from. */
export function wantedMembers(configuration: Configuration): MemberChange[] {
  const roles = wantedRoles(configuration);
  const wanted: MemberChange[] = [];
  for (const { id, name, address, priority = 0, incarnation } of membersOf(configuration)) {
    const role = roles.get(id);
    if (role === undefined) continue;
    wanted.push({ name, address, role, priority, ...(incarnation === undefined ? {} : { incarnation }) });
  }
  return wanted;
}

/** Whether nothing follows by itself from `configuration` any more. */
export function isFinal({ outgoingVoters, target }: Configuration): boolean {
  return outgoingVoters.length === 0 && target === null;
}

/** Whether `configuration` is, or ends in, what `members` want. */
export function headsFor(configuration: Configuration, members: readonly MemberChange[]): boolean {
  const shall = new Map(wantedMembers(configuration).map((member) => [member.name, member]));
  return members.length === shall.size && members.every((member) => isAs(shall.get(member.name), member));
}

function isAs(shall: MemberChange | undefined, { address, role, priority = 0, incarnation }: MemberChange): boolean {
  if (shall === undefined) return false;
  const isSameServer = incarnation === undefined || incarnation === UNCLAIMED || incarnation === shall.incarnation;
  return isSameServer && address === shall.address && role === shall.role && priority === (shall.priority ?? 0);
}

/**
 * Whether server `id` was a member and is no longer, for good: a committed configuration is without it that was written
 * after it got its number, which nobody else ever gets (PITFALLS M17).
 */
export function isRemoved(raft: Raft, id: NodeId): boolean {
  const { configuration } = committedConfiguration(raft);
  return configuration.nextId > id && memberOf(configuration, id) === undefined;
}
