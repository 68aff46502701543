/** What operators do with a cluster, through any of its servers: look at its members, change them, hand over. */

import type { FeatureLevels, JoinGrant, Newcomer, SnapshotResult } from "quorate";
import { FEATURE_LEVELS_RAISE_PATH, MEMBERS_PATH } from "../wire.js";
import type { CallOptions } from "./call-options.js";
import type { HttpRequest } from "./requests.js";
import type { MemberEdit, MembersInfo, MemberWish } from "./types.js";

/** How long a change may take: new servers have to catch up first. */
const CHANGE_TIMEOUT_MS = 60_000;

/** Every call rejects with a `KvError`; `CHANGE_UNDER_WAY` says that the change goes on by itself. */
export class KvAdmin {
  readonly #ask: (request: HttpRequest, options: CallOptions) => Promise<unknown>;

  /** `ask` sends a request, and resolves with what the answer's JSON says. */
  constructor(ask: (request: HttpRequest, options: CallOptions) => Promise<unknown>) {
    this.#ask = ask;
  }

  members(options: CallOptions = {}): Promise<MembersInfo> {
    return this.#call("GET", MEMBERS_PATH, undefined, options);
  }

  /** Makes the cluster consist of exactly these, if `version` is still that of its members. */
  changeMembers(members: readonly MemberWish[], version?: number, options: CallOptions = {}): Promise<MembersInfo> {
    return this.#change("PUT", MEMBERS_PATH, { members, version }, options);
  }

  /** Makes a place for a server, which is then to join. */
  addMember(member: MemberWish, options: CallOptions = {}): Promise<MembersInfo> {
    return this.#change("POST", MEMBERS_PATH, member, options);
  }

  removeMember(name: string, options: CallOptions = {}): Promise<MembersInfo> {
    return this.#change("DELETE", memberPath(name), undefined, options);
  }

  updateMember(name: string, edit: MemberEdit, options: CallOptions = {}): Promise<MembersInfo> {
    return this.#change("PATCH", memberPath(name), edit, options);
  }

  /** For a new server: takes it in. */
  join(member: Newcomer, options: CallOptions = {}): Promise<JoinGrant> {
    return this.#change("POST", `${MEMBERS_PATH}/join`, member, options);
  }

  /** Has another server lead, `to` if it is given. */
  transfer(to?: string, options: CallOptions = {}): Promise<{ readonly leader: string }> {
    return this.#call("POST", "/v1/transfer", { to }, options);
  }

  /** Puts the levels in force that every member supports: servers of an older version do not start from then on. */
  raiseFeatureLevels(options: CallOptions = {}): Promise<FeatureLevels> {
    return this.#call("POST", FEATURE_LEVELS_RAISE_PATH, undefined, options);
  }

  /** Has one server, the first that answers, take a snapshot of its own. */
  snapshot(options: CallOptions = {}): Promise<SnapshotResult> {
    return this.#change("POST", "/v1/snapshot", undefined, options);
  }

  #change<Result>(method: HttpRequest["method"], path: string, body: object | undefined, options: CallOptions) {
    return this.#call<Result>(method, path, body, { timeoutMs: CHANGE_TIMEOUT_MS, ...options });
  }

  #call<Result>(
    method: HttpRequest["method"],
    path: string,
    body: object | undefined,
    options: CallOptions,
  ): Promise<Result> {
    return this.#ask({ kind: "http", method, path, body }, options) as Promise<Result>;
  }
}

function memberPath(name: string): string {
  return `${MEMBERS_PATH}/${encodeURIComponent(name)}`;
}
