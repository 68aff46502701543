/** What {@link KvClient} is asked and what it answers. */

import type { ChangePhase, FeatureLevels, Member, MemberRole } from "quorate";
import type { DeleteResult, KvEntry, PutResult } from "../commands.js";
import type { Consistency } from "../node.js";
import type { Health } from "../readiness.js";
import type { CallOptions } from "./call-options.js";

export interface KvClientOptions {
  /**
   * Such as `http://127.0.0.1:8001` or `kv://127.0.0.1:8001`: the same server, over HTTP or over the binary protocol, which
   * takes much less. Any of them serves any request.
   */
  readonly servers: readonly string[];
  /** For calls that do not say otherwise; default 10 000. */
  readonly timeoutMs?: number;
  /**
   * Whether writes are made in a session, so that they can be repeated until they are answered and are executed once.
   * Default true. Without it, each write whose outcome is unknown ends with a `KvError` that says so.
   */
  readonly exactlyOnce?: boolean;
}

export interface ReadOptions extends CallOptions {
  /**
   * `linearizable` (the default) sees every write that was answered before; `lease` too, while clocks run nearly alike;
   * `stale` answers without a quorum.
   */
  readonly consistency?: Consistency | undefined;
  /** How old the answer of a `stale` read may be, in milliseconds; any age unless given. */
  readonly maxStalenessMs?: number | undefined;
}

export interface PutOptions extends CallOptions {
  /** The key expires so many milliseconds later, by the time of the cluster; default: never. */
  readonly ttlMs?: number | undefined;
}

export type Written = Omit<PutResult, "type">;

export type CasAnswer =
  | ({ readonly succeeded: true } & Written)
  | {
      readonly succeeded: false;
      /** The revision that the key has, 0 when it is absent. */
      readonly currentRevision: number;
    };

export type DeleteAnswer =
  | { readonly deleted: true; readonly revision: number }
  | { readonly deleted: false; readonly currentRevision: number };

export interface ListOptions extends ReadOptions {
  readonly prefix?: string | undefined;
  /** The most entries of a page, 1 to 1000; default 100. A page of large values may have fewer. */
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export interface ListAnswer {
  readonly entries: readonly KvEntry[];
  /** The store's revision at the time: watching from the next one on misses nothing. */
  readonly revision: number;
  /** There is more: give it to the next `list`. */
  readonly nextCursor?: string;
}

/** A value is text or bytes; JSON read from a file may have `valueBase64` instead. */
type TxnValue = { readonly value: string | Uint8Array } | { readonly valueBase64: string };

export type TxnCompare = { readonly key: string; readonly operator?: "=" | "!=" | "<" | ">" } & (
  | { readonly revision: number }
  | { readonly createRevision: number }
  | { readonly version: number }
  | TxnValue
);

export type TxnOperation =
  | ({ readonly type: "put"; readonly key: string; readonly ttlMs?: number } & TxnValue)
  | { readonly type: "delete" | "get"; readonly key: string };

export interface TxnRequest {
  readonly compare?: readonly TxnCompare[];
  readonly success?: readonly TxnOperation[];
  readonly failure?: readonly TxnOperation[];
}

export interface TxnAnswer {
  /** Which branch was executed. */
  readonly succeeded: boolean;
  readonly revision: number;
  /** One for each operation of that branch. */
  readonly results: readonly (PutResult | DeleteResult | { readonly type: "get"; readonly entry: KvEntry | null })[];
}

/** What one server knows of itself and the cluster. */
export interface ClusterStatus {
  readonly server: { readonly id: number; readonly name: string; readonly role: string; readonly health: Health };
  readonly leader: { readonly id: number; readonly name: string | null } | null;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly lastIndex: number;
  /** Sessions that are open, those of servers included. */
  readonly sessions: number;
  readonly revision: number;
  readonly keys: number;
  /** What the server's process costs since it began to serve. */
  readonly process: {
    readonly rssBytes: number;
    /** The most that it ever was. */
    readonly peakRssBytes: number;
    readonly eventLoopDelay: { readonly p99Ms: number; readonly maxMs: number };
  };
  readonly membership: MembersInfo;
}

/** What the leader knows of how another member keeps up. */
export interface MemberProgress {
  readonly state: string;
  readonly matchIndex: number;
  readonly lastContactMs: number;
  /** What it said that it can read; null until it has. */
  readonly supportedLevels: FeatureLevels | null;
}

export interface MemberInfo {
  readonly id: number;
  readonly name: string;
  readonly address: string;
  readonly role: MemberRole;
  readonly isVoting: boolean;
  /** What the change under way makes of it; null if it leaves. */
  readonly wantedRole: MemberRole | null;
  readonly priority: number;
  /** Only the leader knows. */
  readonly progress?: MemberProgress;
}

/** Who belongs to the cluster, as one server knows it. */
export interface MembersInfo {
  /** To be named by a change that is based on this. */
  readonly version: number;
  /** `done`, or how far a change is: `catchingUp`, `joint`, `committing`. */
  readonly phase: ChangePhase;
  /** What the log may ask of every server. */
  readonly featureLevels: FeatureLevels;
  readonly members: readonly MemberInfo[];
  readonly committed: { readonly version: number; readonly members: readonly Member[] };
}

/** A member as it shall be. */
export interface MemberWish {
  readonly name: string;
  /** Where the other servers reach it. */
  readonly address: string;
  /** Default `voter`. */
  readonly role?: MemberRole;
  readonly priority?: number;
}

/** What of a member is to change. */
export type MemberEdit = Partial<Omit<MemberWish, "name">>;

/** How one server is, as it says itself; what it knows of the cluster is missing when it does not say. */
export type ServerHealth = { readonly server: string; readonly cluster?: ClusterStatus } & (
  | { readonly status: "UP" }
  | { readonly status: "DOWN"; readonly reason: string; readonly message: string }
);
