/**
 * Readiness: whether this server can serve, for `/health` and for those who roll out restarts.
 *
 * A server is up when it runs, knows a leader, and has once caught up: a linearizable read succeeded after its start,
 * so everything that was committed before it started is applied (PITFALLS O10).
 */

import { RaftError } from "quorate";
import type { KvNode } from "./node.js";

export type Health =
  | { readonly status: "UP" }
  | { readonly status: "DOWN"; readonly reason: DownReason; readonly message: string };

const DOWN_MESSAGES = {
  FAILED: "This server stopped after a fatal error; its log says which.",
  REMOVED: "This server was removed from the cluster. Stop it; to have it back, let it join with an empty directory.",
  WIPED: "The cluster knows this server by another disk. Remove it there, then let it join with an empty directory.",
  SHUTTING_DOWN: "This server is shutting down.",
  FOUNDERS_AWAITED:
    "The cluster has lived, and this server's disk is blank: it takes no part before it has met a majority of the other " +
    "founders. Start them.",
  NO_LEADER: "No leader is known: there may be none, or this server cannot reach it.",
  CATCHING_UP: "This server has not caught up with the cluster since it started.",
} as const;

export type DownReason = keyof typeof DOWN_MESSAGES;

export interface ReadinessOptions {
  /** How long one attempt to catch up may take, and how long a leader may be missing before `onLeaderless`. */
  readonly timeoutMs: number;
  /** Called when no leader was known for `timeoutMs`, and again after each further `timeoutMs`. */
  readonly onLeaderless: () => void;
}

/** A failed attempt to catch up is repeated after this time, unless a new leader starts one before. */
const RETRY_MS = 200;

export class Readiness {
  readonly #node: KvNode;
  readonly #options: ReadinessOptions;
  readonly #unsubscribers: readonly (() => void)[];
  #hasLeader = false;
  #hasCaughtUp = false;
  #isTrying = false;
  #failure: "FAILED" | "REMOVED" | "WIPED" | null = null;
  #isClosed = false;
  #settleCaughtUp: (hasCaughtUp: boolean) => void = () => undefined;
  /** Resolves with true when the server has caught up, with false when it is closed before. */
  readonly caughtUp: Promise<boolean>;
  #retry: NodeJS.Timeout | undefined;
  #leaderless: NodeJS.Timeout | undefined;

  constructor(node: KvNode, options: ReadinessOptions) {
    this.#node = node;
    this.#options = options;
    this.#leaderless = this.#startLeaderless();
    this.caughtUp = new Promise((resolve) => {
      this.#settleCaughtUp = resolve;
    });
    this.#unsubscribers = [
      node.subscribe("leader", ({ leaderId }) => this.#onLeader(leaderId !== 0)),
      node.subscribe("fatal", (fatal) => {
        this.#failure = fatal === null ? null : failureOf(fatal.error);
      }),
    ];
  }

  health(): Health {
    const reason = this.#downReason();
    return reason === null ? { status: "UP" } : { status: "DOWN", reason, message: DOWN_MESSAGES[reason] };
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** From now on the server says that it is shutting down. */
  close(): void {
    this.#isClosed = true;
    this.#settleCaughtUp(false);
    clearTimeout(this.#retry);
    clearInterval(this.#leaderless);
    for (const unsubscribe of this.#unsubscribers) unsubscribe();
  }

  #downReason(): DownReason | null {
    if (this.#isClosed) return "SHUTTING_DOWN";
    if (this.#failure !== null) return this.#failure;
    if (!this.#hasLeader) return this.#node.status().awaitedFounders.length > 0 ? "FOUNDERS_AWAITED" : "NO_LEADER";
    return this.#hasCaughtUp ? null : "CATCHING_UP";
  }

  #onLeader(hasLeader: boolean): void {
    if (this.#isClosed) return;
    if (hasLeader !== this.#hasLeader) {
      clearInterval(this.#leaderless);
      this.#leaderless = hasLeader ? undefined : this.#startLeaderless();
    }
    this.#hasLeader = hasLeader;
    if (hasLeader) void this.#catchUp();
  }

  async #catchUp(): Promise<void> {
    if (this.#hasCaughtUp || this.#isTrying || this.#isClosed) return;
    this.#isTrying = true;
    clearTimeout(this.#retry);
    try {
      await this.#node.read(() => undefined, { consistency: "linearizable", timeoutMs: this.#options.timeoutMs });
      this.#onCaughtUp();
    } catch (error) {
      // A witness has no state to catch up with. Else it is not an error of this server: without a quorum there is nothing
      // to catch up with either, and until there is one it is not ready.
      if (error instanceof RaftError && error.code === "WITNESS") this.#onCaughtUp();
      else if (!this.#isClosed) this.#retry = setTimeout(() => void this.#catchUp(), RETRY_MS);
    } finally {
      this.#isTrying = false;
    }
  }

  #onCaughtUp(): void {
    this.#hasCaughtUp = true;
    this.#settleCaughtUp(true);
  }

  #startLeaderless(): NodeJS.Timeout {
    return setInterval(this.#options.onLeaderless, this.#options.timeoutMs);
  }
}

function failureOf(error: Error): "FAILED" | "REMOVED" | "WIPED" {
  const code = error instanceof RaftError ? error.code : null;
  if (code === "REMOVED") return "REMOVED";
  return code === "FOREIGN_INCARNATION" ? "WIPED" : "FAILED";
}
