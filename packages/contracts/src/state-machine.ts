/**
 * StateMachine: the service that is replicated.
 *
 * Every server applies the same commands in the same order, so that all reach the same state (§2). This holds only
 * if `apply` is a function of the state and the command alone: no clock, no randomness, no order of a hash table, no
 * setting that differs between servers (PITFALLS C10). Whoever proposes decides such things and writes them into the
 * command.
 */

import type { Index, Term } from "@quorate/core";

/** A committed command. */
export interface CommittedCommand<Command> {
  readonly index: Index;
  readonly term: Term;
  readonly command: Command;
}

export interface StateMachine<Command = Uint8Array, Result = Uint8Array> {
  /**
   * Applies one command and returns its answer, which goes to whoever proposed it. Called exactly once for each
   * committed command in the life of the process, by rising index (indexes have gaps: not every entry is a command).
   * Runs on the event loop: keep it short.
   *
   * A refusal is an answer, not an exception: return it. An exception, or a promise that rejects, means that this
   * server no longer knows its state: the server stops (PITFALLS C13).
   */
  apply(committed: CommittedCommand<Command>): Result | Promise<Result>;

  /**
   * The state as it is at the moment of the call, as bytes: what the returned iterable yields later must not show what
   * is applied meanwhile (PITFALLS S13). Yields pieces of at most a few hundred KiB, each in little time, for the event
   * loop is shared (S8). Without this and {@link restore} the log is never compacted, and whoever needs entries that
   * a leader no longer has cannot catch up.
   */
  snapshot?(): AsyncIterable<Uint8Array>;

  /**
   * Takes over the state that {@link snapshot} yielded on some server, in place of its own; the pieces may be cut
   * elsewhere, and must be read to their end. Nothing is applied meanwhile, but queries run: put the new state in place at
   * once, when all of it is there. If it rejects, this server stops (PITFALLS S20). A machine that keeps its state on a disk
   * must come out of a crash in the midst of this with the old state, the new one, or none, for which `open` says 0.
   */
  restore?(pieces: AsyncIterable<Uint8Array>): Promise<void>;

  /**
   * For a state machine that keeps its state on a disk: the index of the last command whose effect is durable there,
   * stored in one step with it (PITFALLS C9); 0 if there is none. Asked once, before everything else; only what comes
   * after it is applied. A machine without this is rebuilt from snapshot and log at every start.
   */
  open?(): Promise<Index>;

  /** For the same: has all that was applied made durable, before the log that it could be rebuilt from is compacted. */
  sync?(): Promise<void>;
}

/** Turns commands and answers into bytes and back. `decode(encode(x))` must equal `x`; `encode` must not return a view it writes to later. */
export interface CommandCodec<Command, Result> {
  encodeCommand(command: Command): Uint8Array;
  /** Throws on bytes that no version of this codec wrote: the server stops then, rather than skip a command (PITFALLS C11). */
  decodeCommand(data: Uint8Array): Command;
  encodeResult(result: Result): Uint8Array;
  decodeResult(data: Uint8Array): Result;
}
