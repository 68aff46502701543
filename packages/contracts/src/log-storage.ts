/**
 * LogStorage: what a server remembers across a crash: who it is, its hard state, and the log.
 *
 * The one promise everything rests on: when `write` resolves, all of it survives a crash of the process and of the
 * machine, as far as the storage's `durability` says; when the process dies before that, each batch is there whole or
 * not at all, and no batch without the ones before it.
 */

import type { Entry, EntryId, HardState, Index, NodeId, TermRun, Write } from "@quorate/core";

/** Whose log this is. Written once, by `initialize`, and never changed (PITFALLS O1, O2, P16). */
export interface StorageIdentity {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** The server's name, for messages to people. */
  readonly name: string;
  /** A number that was drawn when this was written: a blank disk gets another one (PITFALLS M18). */
  readonly incarnation?: number;
}

/** What `open` found: everything the core needs to go on, without reading the log. */
export interface StoredState {
  readonly identity: StorageIdentity;
  readonly hardState: HardState;
  /** The last entry that was compacted away; `{index: 0, term: 0}` if none was. The log starts right after it. */
  readonly compacted: EntryId;
  /** The last index of the log; `compacted.index` when the log is empty. */
  readonly lastIndex: Index;
  /** Which term wrote which entries of the log, by rising index: the first run starts right after `compacted`. */
  readonly termRuns: readonly TermRun[];
  /** All entries of kind `membership` in the log, by rising index. */
  readonly memberships: readonly Entry[];
}

/**
 * - `durable`: survives the loss of power, as far as the disk keeps what it said it had synced.
 * - `volatile`: lost with the process. For tests and simulations (PITFALLS P18).
 */
export type Durability = "durable" | "volatile";

export interface LogStorage {
  readonly durability: Durability;

  /**
   * Opens what is there and checks it; `null` when nothing was ever stored here. Rejects with a `StorageError`, and
   * has changed nothing then, if it is locked by another process, damaged, or of a format that is not understood.
   * Called once, before everything else.
   */
  open(): Promise<StoredState | null>;

  /**
   * Writes the first state of a server, as one atomic and durable batch. Rejects with `STORAGE_NOT_EMPTY` if anything
   * is stored already (PITFALLS O2). `write.seq` is 0.
   */
  initialize(identity: StorageIdentity, write: Write): Promise<StoredState>;

  /**
   * Carries out `writes` in their order, as one atomic and durable batch. The next call comes only after this one has
   * settled; reads may come meanwhile, and see either state. A rejection is final: nothing more is ever written
   * through this object, whatever the cause (PITFALLS P5); what the disk holds then is either state. A write that does
   * not fit the log, with a gap say, rejects like any other that fails. After a `reset` the log is empty and `compacted`
   * is what it names: any place from `compacted` on, before the end of the log or after it. No entry from before is
   * ever seen again.
   */
  write(writes: readonly Write[]): Promise<void>;

  /**
   * Reads entries from `firstIndex` on, at most up to `lastIndex`: as many as fit into `maxBytes` of payload, but at
   * least one (PITFALLS F7, P13). Rejects with `STORAGE_CORRUPT` if one of them is damaged or missing, also past the end,
   * and with `STORAGE_COMPACTED` if `firstIndex` lies at or before the last compacted entry. May reject as well if what
   * was written together with one of them is damaged; what was written by later calls, behind the entries that fit, does
   * not matter. The caller may keep the entries; each keeps at most some tens of kilobytes more than its data in memory.
   */
  read(firstIndex: Index, lastIndex: Index, maxBytes: number): Promise<readonly Entry[]>;

  /**
   * Forgets all entries up to and including `upTo`, whose index and term stay known. Does not delay writes by more
   * than a bounded piece of work. Compacting at or before what is compacted already does nothing; beyond the end rejects.
   */
  compact(upTo: Index): Promise<void>;

  /** Waits for the write under way, then releases everything; later calls reject. May be called twice, and before `open`. */
  close(): Promise<void>;
}
