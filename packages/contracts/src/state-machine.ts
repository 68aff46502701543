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
}

/** Turns commands and answers into bytes and back. `decode(encode(x))` must equal `x`; `encode` must not return a view it writes to later. */
export interface CommandCodec<Command, Result> {
  encodeCommand(command: Command): Uint8Array;
  /** Throws on bytes that no version of this codec wrote: the server stops then, rather than skip a command (PITFALLS C11). */
  decodeCommand(data: Uint8Array): Command;
  encodeResult(result: Result): Uint8Array;
  decodeResult(data: Uint8Array): Result;
}
