/** What can happen in the world of cores, one deed at a time, and how a script writes it: `deliver 1>2/commit@3#2 late`. */

import { type MemberRole, NOBODY, type NodeId } from "@quorate/core";
import { type Flight, nameOf, type UnderWay } from "./flight.js";

/** A member as it is wanted. */
export interface Wish {
  /** NOBODY for one that joins. */
  readonly id: NodeId;
  readonly role: MemberRole;
  readonly priority: number;
}

export type Action =
  /** A message arrives; a copy of it arrives; it is lost. */
  | { readonly kind: "deliver" | "copy" | "lose"; readonly message: UnderWay; readonly isLate: boolean }
  /** The clock of one server, or of all but one that stands still, goes on. */
  | { readonly kind: "tick"; readonly server: NodeId; readonly ms: number; readonly isLate: boolean }
  | { readonly kind: "elapse"; readonly ms: number; readonly except: NodeId }
  /** So many pending writes become durable; the process dies with so many of them. */
  | { readonly kind: "store" | "crash"; readonly server: NodeId; readonly writes: number; readonly isLate: boolean }
  | { readonly kind: "start"; readonly server: NodeId }
  | { readonly kind: "propose"; readonly server: NodeId; readonly commands: number; readonly isLate: boolean }
  | { readonly kind: "read"; readonly server: NodeId; readonly isLease: boolean; readonly isLate: boolean }
  /** Someone wants other members; those who join get their id when it happens. */
  | {
      readonly kind: "change";
      readonly server: NodeId;
      /** Whether it is based on a configuration that is no longer in force. */
      readonly isStale: boolean;
      readonly members: readonly Wish[];
      readonly isLate: boolean;
    }
  | { readonly kind: "transfer"; readonly server: NodeId; readonly to: NodeId; readonly isLate: boolean }
  /** A snapshot of what is applied is durable, and all of the log before it but so many entries may go. */
  | { readonly kind: "snapshot"; readonly server: NodeId; readonly kept: number; readonly isLate: boolean }
  /** The sending of a snapshot comes to nothing. */
  | { readonly kind: "fail"; readonly server: NodeId; readonly to: NodeId; readonly isLate: boolean }
  /** A server hears, rightly or not, that its connection with another has ended. */
  | { readonly kind: "suspect"; readonly server: NodeId; readonly peer: NodeId; readonly isLate: boolean }
  | { readonly kind: "cut"; readonly from: NodeId; readonly to: NodeId }
  | { readonly kind: "heal" }
  /** The faults stop, and whatever majority can talk must get on. */
  | { readonly kind: "recover" };

/** The consequences of a late action are drawn together with those of the server's next one. */
const LATE = "late";
/** A lease will do for a read. */
const LEASE = "lease";

export function encodeAction(action: Action): string {
  const words = wordsOf(action).join(" ");
  return "isLate" in action && action.isLate ? `${words} ${LATE}` : words;
}

function wordsOf(action: Action): readonly (string | number)[] {
  switch (action.kind) {
    case "deliver":
    case "copy":
    case "lose":
      return [action.kind, nameOf(action.message)];
    case "tick":
      return [action.kind, action.server, action.ms];
    case "elapse":
      return action.except === NOBODY ? [action.kind, action.ms] : [action.kind, action.ms, action.except];
    case "store":
    case "crash":
      return [action.kind, action.server, action.writes];
    case "start":
      return [action.kind, action.server];
    case "read":
      return action.isLease ? [action.kind, action.server, LEASE] : [action.kind, action.server];
    case "propose":
      return [action.kind, action.server, action.commands];
    case "change":
      return [
        action.kind,
        action.server,
        action.isStale ? "stale" : "current",
        action.members.map(encodeWish).join(","),
      ];
    case "transfer":
    case "fail":
      return [action.kind, action.server, action.to];
    case "snapshot":
      return [action.kind, action.server, action.kept];
    case "suspect":
      return [action.kind, action.server, action.peer];
    case "cut":
      return [action.kind, action.from, action.to];
    case "heal":
    case "recover":
      return [action.kind];
  }
}

/** "3voter", "new-learner", "2witness/5", where 5 is its priority. */
function encodeWish({ id, role, priority }: Wish): string {
  return `${id === NOBODY ? "new-" : id}${role}${priority > 0 ? `/${priority}` : ""}`;
}

function decodeWishes(text: string): Wish[] {
  return [...text.matchAll(/(\d+|new-)(voter|learner|witness)(?:\/(\d+))?/g)].map(([, id, role, priority = "0"]) => ({
    id: id === "new-" ? NOBODY : Number(id),
    role: role as MemberRole,
    priority: Number(priority),
  }));
}

/** Null if it cannot happen: its message is not under way. Throws a `RangeError` on words that are no action. */
export function decodeAction(text: string, flight: Flight): Action | null {
  const [kind, first = "", second = "", ...rest] = text.split(" ");
  const isLate = [first, second, ...rest].includes(LATE);
  const server = Number(first);
  switch (kind) {
    case "deliver":
    case "copy":
    case "lose": {
      const message = flight.find(first);
      return message === undefined ? null : { kind, message, isLate };
    }
    case "tick":
      return { kind, server, ms: Number(second), isLate };
    case "elapse":
      return { kind, ms: Number(first), except: Number(second) };
    case "store":
    case "crash":
      return { kind, server, writes: Number(second), isLate };
    case "start":
      return { kind, server };
    case "read":
      return { kind, server, isLease: second === LEASE, isLate };
    case "propose":
      return { kind, server, commands: Number(second), isLate };
    case "change":
      return { kind, server, isStale: second === "stale", members: decodeWishes(rest[0] ?? ""), isLate };
    case "transfer":
    case "fail":
      return { kind, server, to: Number(second), isLate };
    case "snapshot":
      return { kind, server, kept: Number(second), isLate };
    case "suspect":
      return { kind, server, peer: Number(second), isLate };
    case "cut":
      return { kind, from: server, to: Number(second) };
    case "heal":
    case "recover":
      return { kind };
    default:
      throw new RangeError(`"${text}" is no action`);
  }
}
