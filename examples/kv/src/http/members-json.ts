/** The bodies of requests about members, read strictly: what is not understood is refused by name. */

import type { MemberChange, MemberRole, MemberUpdate, Newcomer } from "quorate";
import { Refusal } from "../service/refusals.js";

const CHANGE_FIELDS = ["name", "address", "role", "priority", "incarnation"];

const ROLES: readonly MemberRole[] = ["voter", "learner", "witness"];

/** `{name, address, role?, priority?, incarnation?}`; a voter unless it says otherwise. */
export function readChange(body: unknown): MemberChange {
  const fields = readObject(body, CHANGE_FIELDS);
  const incarnation = readNatural(fields, "incarnation");
  return {
    name: required(readText(fields, "name"), "name"),
    address: required(readText(fields, "address"), "address"),
    role: readRole(fields) ?? "voter",
    priority: readNatural(fields, "priority") ?? 0,
    ...(incarnation === undefined ? {} : { incarnation }),
  };
}

/** The same, with `keepsState: false` from a server without a state machine. */
export function readNewcomer(body: unknown): Newcomer {
  const { keepsState = true, ...member } = readObject(body, [...CHANGE_FIELDS, "keepsState"]);
  if (typeof keepsState !== "boolean") throw invalid("keepsState is true or false.");
  return { ...readChange(member), keepsState };
}

/** `{members: […], version?}`. */
export function readMembersChange(body: unknown): { members: readonly MemberChange[]; version?: number } {
  const fields = readObject(body, ["members", "version"]);
  const { members } = fields;
  if (!Array.isArray(members)) throw invalid("members is a list of all members that there shall be.");
  const version = readNatural(fields, "version");
  return { members: members.map(readChange), ...(version === undefined ? {} : { version }) };
}

/** `{role?, address?, priority?}`, one at least. */
export function readUpdate(body: unknown): MemberUpdate {
  const fields = readObject(body, ["role", "address", "priority"]);
  if (Object.keys(fields).length === 0) throw invalid("Say at least one of role, address and priority.");
  return {
    role: readRole(fields),
    address: readText(fields, "address"),
    priority: readNatural(fields, "priority"),
  };
}

/** `{to?}`, or nothing. */
export function readTransfer(body: unknown): { readonly to?: string } {
  if (body === undefined || body === null) return {};
  const to = readText(readObject(body, ["to"]), "to");
  return to === undefined ? {} : { to };
}

type Fields = Readonly<Record<string, unknown>>;

function readObject(body: unknown, names: readonly string[]): Fields {
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw invalid(`It is a JSON object with ${names.join(", ")}.`);
  for (const name of Object.keys(body))
    if (!names.includes(name)) throw invalid(`There is no ${JSON.stringify(name)}.`);
  return body as Fields;
}

function readText(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || (typeof value === "string" && value !== "")) return value;
  throw invalid(`${name} is a text that is not empty.`);
}

function readNatural(fields: Fields, name: string): number | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw invalid(`${name} is a whole number from 0 up.`);
}

function readRole(fields: Fields): MemberRole | undefined {
  const role = ROLES.find((each) => each === fields["role"]);
  if (role === undefined && fields["role"] !== undefined) throw invalid(`role is one of ${ROLES.join(", ")}.`);
  return role;
}

function required<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) throw invalid(`${name} is missing.`);
  return value;
}

function invalid(message: string): Refusal {
  return new Refusal("INVALID_MEMBERS", message);
}
