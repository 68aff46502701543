/** What an operator can order: how each order comes about, and what another change may do to it meanwhile. */

import { RaftError, type RaftErrorCode } from "@quorate/contracts";
import type { Index, MemberChange, NodeId, Raft } from "@quorate/core";
import type { AdminOrder } from "./admin-messages.js";
import type { MemberEdit } from "./member-edits.js";
import { headsFor, wantedMembers } from "./members.js";
import type { OperationKind } from "./operation.js";

/** Another change was first: it is seen whether that matters. */
const PASSING: ReadonlySet<RaftErrorCode> = new Set(["MEMBERS_CHANGED", "CHANGE_PENDING"]);

/** To an edit it never matters. */
const PASSING_FOR_EDITS: ReadonlySet<RaftErrorCode> = new Set([...PASSING, "CHANGE_REPLACED", "NOT_COMMITTED"]);

/**
 * The members are to be those that are wanted, committed and final. Without `basedOn` they are based on what is in force
 * now, and what changes nothing but the incarnations may come between.
 */
export function changeOf(raft: Raft, basedOn: Index | undefined, members: readonly MemberChange[]): OperationKind {
  if (basedOn !== undefined) return { makeOrder: () => ({ kind: "changeMembers", basedOn, members }) };
  const before = wantedMembers(raft.configuration).map(({ incarnation: _, ...member }) => member);
  const edit = (): readonly MemberChange[] => {
    const { configuration, configurationIndex } = raft;
    if (headsFor(configuration, before) || headsFor(configuration, members)) return members;
    throw new RaftError("MEMBERS_CHANGED", `Version ${configurationIndex} is in force by now.`);
  };
  return { makeOrder: () => edited(raft, edit), outlives: PASSING };
}

/** The same for members that follow from those in force. With `endsEarly`, once they will come by themselves. */
export function editOf(raft: Raft, edit: MemberEdit, endsEarly = false): OperationKind {
  return { makeOrder: () => edited(raft, edit), outlives: PASSING_FOR_EDITS, endsEarly };
}

function edited({ configuration, configurationIndex }: Raft, edit: MemberEdit): AdminOrder {
  return { kind: "changeMembers", basedOn: configurationIndex, members: edit(wantedMembers(configuration)) };
}

/** The feature levels are to be what every member supports. */
export const RAISE: OperationKind = { makeOrder: () => ({ kind: "raiseFeatureLevels" }), outlives: PASSING_FOR_EDITS };

/** `to` is to lead; NOBODY: whoever fits best. */
export function transferTo(to: NodeId): OperationKind {
  return { makeOrder: () => ({ kind: "transferLeadership", to }) };
}
