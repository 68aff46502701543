/** What a bench and a server of its cluster, in a process of its own, say to each other. */

import type { Tuning } from "quorate";

/** How a server is started. */
export interface ServerTask {
  readonly id: string;
  readonly members: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly stateMiB: number;
  /** What a command holds, and a slot of the state: a power of two. */
  readonly commandBytes: number;
  readonly tuning: Tuning;
}

export interface LoadOrder {
  readonly kind: "load";
  /** So many are at work at once: each proposes, waits for the answer, and proposes again. */
  readonly clients: number;
  /** The load ends after so many entries, after so many seconds, or when it is told to `stop`: whatever comes first. */
  readonly entries?: number;
  readonly seconds?: number;
}

/** What is asked of a server. */
export type Order =
  | LoadOrder
  | { readonly kind: "stop" }
  /** Reads linearizably; answers with the moment, in milliseconds since the server began to open. */
  | { readonly kind: "read" }
  /** Takes a snapshot, and compacts the log. */
  | { readonly kind: "snapshot" }
  | { readonly kind: "usage" }
  /** Its event loop is watched from the first one on, which takes a little CPU time. */
  | { readonly kind: "status" };

export interface LoadFigures {
  readonly operations: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface ServerUsage {
  readonly rssMiB: number;
  /** Since the process began. */
  readonly highestRssMiB: number;
  /** All of the process's, since it began. */
  readonly cpuSeconds: number;
}

export interface ServerStatus extends ServerUsage {
  readonly role: string;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** The longest that the event loop was late since the last status, in milliseconds. */
  readonly loopDelayMs: number;
}

/** Each order's answer. */
export interface Answers {
  readonly load: LoadFigures;
  readonly stop: null;
  readonly read: number;
  readonly snapshot: null;
  readonly usage: ServerUsage;
  readonly status: ServerStatus;
}

/** From the bench: `close` has no answer but the end of the process. */
export type Request = { readonly call: number; readonly order: Order } | { readonly close: true };

export type Notice =
  /** Times are in milliseconds since `openNode` was called. */
  | { readonly kind: "open"; readonly atMs: number }
  | { readonly kind: "role"; readonly role: string; readonly leaderName: string | null; readonly atMs: number }
  | { readonly kind: "answer"; readonly call: number; readonly answer: Answers[keyof Answers] }
  | { readonly kind: "failure"; readonly call: number; readonly message: string };
