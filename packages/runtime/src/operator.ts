/**
 * What an operator can do with a cluster, through any of its servers: look at its members, change them, take in a new
 * server, hand over leadership.
 */

import { RaftError } from "@quorate/contracts";
import {
  type FeatureLevels,
  type Index,
  type MemberChange,
  memberOf,
  membersOf,
  NOBODY,
  type NodeId,
  type Raft,
  UNCLAIMED,
} from "@quorate/core";
import type { AbortSignalLike, CallOptions } from "./abort.js";
import type { Admin, OrderLimits } from "./admin.js";
import { isMemberChange, plainChange } from "./admin-messages.js";
import type { Belonging } from "./belonging.js";
import type { MemberEdit } from "./member-edits.js";
import { committedConfiguration, type Membership, membershipOf } from "./members.js";
import { changeOf, editOf, RAISE, transferTo } from "./operation-kinds.js";
import type { JoinGrant, Newcomer } from "./options.js";

/** A change of members takes as long as new ones need to catch up. */
const CHANGE_TIMEOUT_MS = 60_000;

/** The members that there shall be. */
export interface MembersChange {
  /** All of them. A name that is there already stays the server it is; another one is to join. */
  readonly members: readonly MemberChange[];
  /** The `version` of the members that the change is based on. Default: what this server sees when it is called. */
  readonly version?: Index | undefined;
  /** How long to wait for the end of the change, in milliseconds. Default 60 000. */
  readonly timeoutMs?: number | undefined;
  /** An `AbortSignal`: ends the call. A change that is under way goes on, and the error says so. */
  readonly signal?: AbortSignalLike | undefined;
}

export interface OperatorOptions {
  readonly raft: Raft;
  readonly admin: Admin;
  readonly belonging: Belonging;
  readonly clusterId: string;
  readonly proposeTimeoutMs: number;
  readonly electionTimeoutMs: number;
}

export class Operator {
  readonly #options: OperatorOptions;
  /** Not before this are incarnations noted again. */
  #noteAt = 0;

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  members(): Membership {
    return membershipOf(this.#options.raft);
  }

  async change({ members, version, ...limits }: MembersChange): Promise<Membership> {
    const { admin, raft } = this.#options;
    await admin.order(changeOf(raft, version, checked(members)), within(limits, CHANGE_TIMEOUT_MS));
    return this.members();
  }

  async edit(edit: MemberEdit, limits: CallOptions): Promise<Membership> {
    const { admin, raft } = this.#options;
    const checkedEdit: MemberEdit = (members) => checked(edit(members));
    await admin.order(editOf(raft, checkedEdit), within(limits, CHANGE_TIMEOUT_MS));
    return this.members();
  }

  async admit(member: Newcomer, limits: CallOptions): Promise<JoinGrant> {
    const { raft, admin, clusterId } = this.#options;
    const edit: MemberEdit = (members) => checked(claiming(members, member));
    await admin.order(editOf(raft, edit, true), within(limits, CHANGE_TIMEOUT_MS));
    const { configuration } = committedConfiguration(raft);
    const { name, incarnation } = member;
    const admitted = membersOf(configuration).find((each) => {
      return each.name === name && (incarnation === undefined || each.incarnation === incarnation);
    });
    if (admitted === undefined) throw new RaftError("CHANGE_REPLACED", "The new member is gone already.");
    return { clusterId, nodeId: admitted.id };
  }

  async raiseFeatureLevels(limits: CallOptions): Promise<FeatureLevels> {
    const { admin, proposeTimeoutMs } = this.#options;
    await admin.order(RAISE, within(limits, proposeTimeoutMs));
    return this.members().featureLevels;
  }

  async transfer(to: string | undefined, limits: CallOptions): Promise<string> {
    const { raft, admin, proposeTimeoutMs } = this.#options;
    const id = to === undefined ? NOBODY : this.#idOf(to);
    const leaderId = await admin.order(transferTo(id), within(limits, proposeTimeoutMs));
    // It may lead, and be no member any more.
    if (to !== undefined && leaderId === id) return to;
    return memberOf(raft.configuration, leaderId)?.name ?? `server ${leaderId}`;
  }

  /** Hands over if this server leads and someone can take over, within two election timeouts; otherwise does nothing. */
  async handOver(): Promise<void> {
    const { raft, electionTimeoutMs } = this.#options;
    if (raft.role !== "leader") return;
    try {
      await this.transfer(undefined, { timeoutMs: 2 * electionTimeoutMs });
    } catch (error) {
      // Nobody could: then there will be an election.
      if (!(error instanceof RaftError)) throw error;
    }
  }

  /**
   * A leader writes into the configuration which disks the founders have, once that is known (PITFALLS M18). To be called
   * in every turn. What comes between is no harm: it is looked at again.
   */
  noteIncarnations(now: number): void {
    const { admin, raft, belonging, electionTimeoutMs } = this.#options;
    if (now < this.#noteAt || !belonging.shouldNote(now)) return;
    const limitMs = 4 * electionTimeoutMs;
    this.#noteAt = now + limitMs;
    const isOver = (): void => undefined;
    admin.order(editOf(raft, belonging.noting, true), { timeoutMs: limitMs }).then(isOver, isOver);
  }

  #idOf(name: string): NodeId {
    const member = membersOf(this.#options.raft.configuration).find((each) => each.name === name);
    if (member !== undefined) return member.id;
    throw new RaftError("NO_SUCCESSOR", `There is no member ${JSON.stringify(name)}.`);
  }
}

function within({ timeoutMs, signal }: CallOptions, defaultMs: number): OrderLimits {
  return { timeoutMs: timeoutMs ?? defaultMs, signal };
}

/**
 * With `member` among them. A place that nobody has claimed becomes that of `member`; whoever asks twice gets the same
 * answer. One that is taken stays with whoever has it (PITFALLS M18), unless that one never came: the leader knows (M17).
 */
function claiming(members: readonly MemberChange[], member: Newcomer): readonly MemberChange[] {
  const { name, address, incarnation = UNCLAIMED, keepsState = true } = member;
  const place = members.find((each) => each.name === name);
  const { role } = place ?? member;
  if (!keepsState && role !== "witness")
    throw unacceptable(
      `${JSON.stringify(name)} is to be a ${role}, and has no state machine: only a witness needs none`,
    );
  if (place === undefined) return [...members, member];
  if (incarnation !== UNCLAIMED && place.incarnation === incarnation) return members;
  if (incarnation !== UNCLAIMED && place.incarnation !== undefined)
    return members.map((each) => (each === place ? { ...place, address, incarnation } : each));
  throw unacceptable(
    `${JSON.stringify(name)} is a member already, with another disk: remove it, then let it join anew`,
  );
}

function unacceptable(why: string): RaftError {
  return new RaftError("INVALID_MEMBERS", `The members cannot be so: ${why}.`);
}

function checked(members: readonly MemberChange[]): MemberChange[] {
  for (const member of members) {
    if (isMemberChange(member)) continue;
    const what = "needs a name, an address, a role of voter, learner or witness, and a priority from 0 up if any";
    throw new RaftError("INVALID_MEMBERS", `A member ${what}; this has not: ${JSON.stringify(member)}.`);
  }
  return members.map((member) => ({ incarnation: UNCLAIMED, ...plainChange(member) }));
}
