/**
 * RaftNode: one server of a cluster, in this process. What there is to call; `event-loop.ts` is what goes on behind it.
 */

import { RaftError } from "@quorate/contracts";
import { openStorage } from "./bootstrap.js";
import { closeWithin } from "./close.js";
import { EventLoop } from "./event-loop.js";
import type { NodeEventMap } from "./node-events.js";
import { checkIdentityOptions, type RaftNodeOptions, settingsOf, timeoutRefusal } from "./options.js";
import { type ReadOptions, readRefusal } from "./read-options.js";
import type { NodeStatus } from "./status.js";
import type { Listener } from "./topic.js";

/** How long transport and storage may take to close, in milliseconds. */
const CLOSE_LIMIT_MS = 10_000;

/** For a single proposal. */
export interface ProposeOptions {
  /** How long it may take, in milliseconds. Default: the node's `proposeTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

export class RaftNode<Command, Result> {
  readonly #options: RaftNodeOptions<Command, Result>;
  readonly #loop: EventLoop<Command, Result>;
  #closing: Promise<void> | null = null;

  private constructor(options: RaftNodeOptions<Command, Result>, loop: EventLoop<Command, Result>) {
    this.#options = options;
    this.#loop = loop;
  }

  /**
   * Opens a server: founds its cluster if `bootstrap` is given and nothing is stored yet, else goes on where it
   * stopped. Resolves when it takes part; a leader need not be elected then.
   *
   * Rejects with a `RaftError` of code `INVALID_OPTIONS`, `NOT_BOOTSTRAPPED`, `FOREIGN_STORAGE`, `STORAGE_COMPACTED`
   * or `STORAGE_CORRUPT`, or with what storage or transport reject with. Both are closed then.
   */
  static async open<Command, Result>(options: RaftNodeOptions<Command, Result>): Promise<RaftNode<Command, Result>> {
    const { id, bootstrap, storage, transport } = options;
    try {
      checkIdentityOptions(options);
      const settings = settingsOf(options);
      const stored = await openStorage(storage, id, bootstrap);
      const { clusterId, nodeId } = stored.identity;
      await transport.open({ clusterId, nodeId });
      const loop = new EventLoop(options, settings, stored);
      loop.start();
      return new RaftNode(options, loop);
    } catch (error) {
      await Promise.allSettled([transport.close(), storage.close()]);
      throw error;
    }
  }

  /**
   * Has every server apply `command`, all in the same order, and resolves with the state machine's answer. On any
   * server: a follower passes it on to the leader.
   *
   * Rejects with a `RaftError` whose `outcome` says whether the command took effect (PITFALLS K6). `not-executed`:
   * `NO_LEADER`, `OVERLOADED`, `COMMAND_TOO_LARGE`, `COMMAND_NOT_ENCODABLE`, `CLOSED`, `STOPPED`. `unknown`:
   * `TIMED_OUT`, `OUTCOME_UNKNOWN`, `RESULT_UNAVAILABLE`, `CLOSED_UNDER_WAY`, `STOPPED_UNDER_WAY`. `none`: `INVALID_OPTIONS`.
   */
  propose(command: Command, { timeoutMs }: ProposeOptions = {}): Promise<Result> {
    const refusal = this.#refusal(timeoutMs);
    return refusal === null ? this.#loop.proposals.propose(command, timeoutMs) : Promise.reject(refusal);
  }

  /**
   * Runs `query` on the state machine of this server, whichever it is, and resolves with what it returns. `query` must
   * only look, and at once; it may run more than once.
   *
   * Rejects with what `query` throws, or with a `RaftError` of code `READ_TIMED_OUT`, `READ_TOO_STALE`, `OVERLOADED`,
   * `CLOSED`, `STOPPED` or `INVALID_OPTIONS`.
   */
  read<Value>(query: () => Value, options: ReadOptions = {}): Promise<Value> {
    const refusal = this.#refusal(undefined) ?? readRefusal(options);
    return refusal === null ? this.#loop.reads.read(query, options) : Promise.reject(refusal);
  }

  /**
   * Calls `listener` with the current value before it returns, and then with each change, in order (PITFALLS F14).
   * Returns what ends that. `fatal` is null until this node has stopped for good.
   */
  subscribe<Kind extends keyof NodeEventMap>(kind: Kind, listener: Listener<NodeEventMap[Kind]>): () => void {
    return this.#loop.events.subscribe(kind, listener);
  }

  /** What there is to see, as one plain object. */
  status(): NodeStatus {
    return this.#loop.status();
  }

  /**
   * Ends this server: settles every proposal and read, closes transport and storage, leaves no timer behind. May be
   * called twice. Settles within ten seconds; rejects if transport or storage could not be closed.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #close(): Promise<void> {
    this.#loop.close();
    const { clock, transport, storage } = this.#options;
    return closeWithin(clock, CLOSE_LIMIT_MS, [transport.close(), storage.close()], () => {
      return new RaftError("STORAGE_FAILED", `Transport or storage did not close within ${CLOSE_LIMIT_MS} ms.`);
    });
  }

  #refusal(timeoutMs: number | undefined): RaftError | null {
    const { isRunning, fatal } = this.#loop;
    if (isRunning) return timeoutMs === undefined ? null : timeoutRefusal(timeoutMs);
    return fatal === null
      ? new RaftError("CLOSED", "The node was closed.")
      : new RaftError("STOPPED", `It failed with ${fatal.code}.`, { cause: fatal });
  }
}
