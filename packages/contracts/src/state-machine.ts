/**
 * StateMachine: the service that is replicated.
 *
 * Every server applies the same commands in the same order, so that all reach the same state (§2). This holds only
 * if `apply` is a function of the state and the command alone: no clock, no randomness, no order of a hash table, no
 * setting that differs between servers (PITFALLS C10). Whoever proposes decides such things and writes them into the
 * command.
 */

import type { Index, Term } from "@quorate/core";

/** A place in the log, and the time there. */
export interface CommittedTime {
  readonly index: Index;
  readonly term: Term;
  /**
   * The time of the cluster, in milliseconds: the only time that `apply` may look at. The same for this entry on every
   * server; never falls along the log, and goes on when leaders change. Zero means nothing: only differences do. It is
   * measured by the leader's own clock, and stands still while the whole cluster is down.
   */
  readonly timeMs: number;
}

/** A committed command. */
export interface CommittedCommand<Command> extends CommittedTime {
  readonly command: Command;
}

export interface StateMachine<Command = Uint8Array, Result = Uint8Array> {
  /**
   * Applies one command and returns its answer, which goes to whoever proposed it. Called exactly once for each
   * proposed command that is committed, however often it was sent (PITFALLS K1), by rising index (indexes have gaps: not
   * every entry is a command to be executed). Runs on the event loop: keep it short. The answer must not be changed later.
   *
   * A refusal is an answer, not an exception: return it. An exception, or a promise that rejects, means that this
   * server no longer knows its state: the server stops (PITFALLS C13).
   */
  apply(committed: CommittedCommand<Command>): Result | Promise<Result>;

  /**
   * Takes in the time, from an entry without a command to apply. To expire things at the same index on every server,
   * compare them with `timeMs` here and in {@link apply}, and say when in {@link nextExpiryMs}. What holds for an
   * exception in `apply` holds here.
   */
  onTime?(committed: CommittedTime): void | Promise<void>;

  /**
   * When something is going to expire next, in the time of the cluster; `Infinity` if nothing is. Soon after that moment
   * there is an entry with that time, if there is a leader. Asked often: must be quick.
   */
  nextExpiryMs?(): number;

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

/** Turns commands and answers into bytes and back: `decode(encode(x))` must equal `x`. */
export interface CommandCodec<Command, Result> {
  /** What it returns is copied at once. */
  encodeCommand(command: Command): Uint8Array;
  /** Throws on bytes that no version of this codec wrote: the server stops then, rather than skip a command (PITFALLS C11). */
  decodeCommand(data: Uint8Array): Command;
  /** Called on every server. Must not return a view that is written to later. */
  encodeResult(result: Result): Uint8Array;
  decodeResult(data: Uint8Array): Result;
}
