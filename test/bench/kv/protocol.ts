/** What a bench and a server of the key-value store, in a process of its own, say to each other. */

/** How a server is started. */
export interface KvTask {
  readonly id: string;
  readonly members: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly http: { readonly host: string; readonly port: number };
}

export type KvOrder =
  | { readonly kind: "status" }
  /** The event loop stands still for so long, as when a garbage collection takes its time. */
  | { readonly kind: "stall"; readonly timeMs: number };

export interface KvStatus {
  readonly role: string;
  readonly term: number;
  readonly leaderName: string | null;
  readonly appliedIndex: number;
  readonly lastIndex: number;
  /** What the process has had written to disks since it began; null where the system does not tell. */
  readonly diskBytes: number | null;
}

/** From the bench: `close` has no answer but the end of the process. */
export type KvRequest = { readonly call: number; readonly order: KvOrder } | { readonly close: true };

export type KvNotice =
  | { readonly kind: "listening"; readonly url: string }
  /** The answer to any order: how things stand after it. */
  | { readonly kind: "answer"; readonly call: number; readonly status: KvStatus };
