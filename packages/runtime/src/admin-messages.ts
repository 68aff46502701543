/**
 * What operators want of a leader, and its answers, as they travel between servers: JSON in ASCII, so that people can
 * read it and later versions can add to it. What comes in is checked before anyone acts on it (PITFALLS O13).
 */

import {
  type ChangeRefusal,
  decodeJson,
  encodeJson,
  type Index,
  type MemberChange,
  type NodeId,
  type Term,
  type TransferResult,
} from "@quorate/core";

/** What is wanted. */
export type AdminOrder =
  | { readonly kind: "changeMembers"; readonly basedOn: Index; readonly members: readonly MemberChange[] }
  | { readonly kind: "raiseFeatureLevels" }
  | { readonly kind: "transferLeadership"; readonly to: NodeId };

/** What the leader says to it. */
export type AdminReply =
  | { readonly kind: "accepted"; readonly index: Index; readonly term: Term }
  | { readonly kind: "refused"; readonly refusal: ChangeRefusal; readonly reason: string }
  | { readonly kind: "transfer"; readonly result: TransferResult };

const REFUSALS: ReadonlySet<string> = new Set<ChangeRefusal>([
  "notLeader",
  "notReady",
  "changePending",
  "versionMismatch",
  "transferring",
  "invalid",
  "wouldLoseQuorum",
  "outOfTouch",
]);

const RESULTS: ReadonlySet<string> = new Set<TransferResult>([
  "leadershipEnded",
  "timedOut",
  "notLeader",
  "transferring",
  "noTarget",
]);

export const encodeAdmin: (value: AdminOrder | AdminReply) => Uint8Array = encodeJson;

/** Null if `data` is no order that this version knows. */
export function decodeOrder(data: Uint8Array): AdminOrder | null {
  const value = parse(data);
  if (value?.["kind"] === "transferLeadership") {
    const { to } = value;
    return isNatural(to) ? { kind: "transferLeadership", to } : null;
  }
  if (value?.["kind"] === "raiseFeatureLevels") return { kind: "raiseFeatureLevels" };
  if (value?.["kind"] !== "changeMembers") return null;
  const { basedOn, members } = value;
  if (!isNatural(basedOn) || !Array.isArray(members) || !members.every(isMemberChange)) return null;
  return { kind: "changeMembers", basedOn, members: members.map(plainChange) };
}

/** Null if `data` is no reply that this version knows. */
export function decodeReply(data: Uint8Array): AdminReply | null {
  const value = parse(data);
  if (value === null) return null;
  const { kind, index, term, refusal, reason, result } = value;
  if (kind === "accepted" && isNatural(index) && isNatural(term)) return { kind, index, term };
  if (kind === "refused" && typeof refusal === "string" && REFUSALS.has(refusal) && typeof reason === "string")
    return { kind, refusal: refusal as ChangeRefusal, reason };
  if (kind === "transfer" && typeof result === "string" && RESULTS.has(result))
    return { kind, result: result as TransferResult };
  return null;
}

/** The fields of a change, and no others. */
export function plainChange({ name, address, role, priority = 0, incarnation }: MemberChange): MemberChange {
  return { name, address, role, priority, ...(incarnation === undefined ? {} : { incarnation }) };
}

/** Whether `value` says how a member shall be; what it says may still contradict the rest. */
export function isMemberChange(value: unknown): value is MemberChange {
  if (typeof value !== "object" || value === null) return false;
  const { name, address, role, priority = 0, incarnation = 0 } = value as Partial<Record<keyof MemberChange, unknown>>;
  const isRole = role === "voter" || role === "learner" || role === "witness";
  const isText = (text: unknown): boolean => typeof text === "string" && text !== "";
  return isText(name) && isText(address) && isRole && isNatural(priority) && isNatural(incarnation);
}

function parse(data: Uint8Array): Record<string, unknown> | null {
  try {
    const value = decodeJson(data);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function isNatural(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
