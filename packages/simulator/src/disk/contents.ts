/**
 * What a database on a simulated disk holds: what its users see, and what is left of that when the power fails.
 *
 * The two are one tree as long as every batch is synced. A batch that is not makes them two, and is kept until one that
 * is comes after it: LevelDB has one write-ahead log, so that a sync makes everything before it durable.
 *
 * Keys are held as strings of one character per byte, which compare faster than buffers, and in the same order. Values
 * are shared with whoever wrote or reads them, not copied: they never change (PITFALLS F11).
 */

import sortedBTree from "sorted-btree";

/** A CommonJS package whose export is called `default`; some loaders have unwrapped it already, and Node has not. */
const BTree = sortedBTree.default ?? (sortedBTree as unknown as typeof sortedBTree.default);

export type Tree = InstanceType<typeof BTree<string, Buffer>>;

/** One put, or a deletion if `value` is null. */
export interface Change {
  readonly key: string;
  readonly value: Buffer | null;
}

/** A batch that is not certain to survive. */
interface UnsyncedBatch {
  readonly changes: readonly Change[];
  /** That of a write that failed, and yet reached the disk: nobody sees it before the database is opened again. */
  readonly isUnseen: boolean;
}

export function keyOf(bytes: Buffer): string {
  return bytes.toString("latin1");
}

export function bytesOf(key: string): Buffer {
  return Buffer.from(key, "latin1");
}

export class Contents {
  #visible: Tree;
  /** The same tree as `#visible`, unless something is not synced or not seen. */
  #durable: Tree;
  #unsynced: UnsyncedBatch[] = [];
  #hasUnseen = false;

  constructor(tree: Tree = new BTree<string, Buffer>(undefined, compareKeys)) {
    this.#visible = tree;
    this.#durable = tree;
  }

  get size(): number {
    return this.#visible.size;
  }

  get(key: string): Buffer | undefined {
    return this.#visible.get(key);
  }

  /** All that users see now; it stays as it is. */
  view(): Tree {
    return this.#visible.clone();
  }

  /** What a loss of power at this moment is certain to leave. */
  durable(): Contents {
    return new Contents(this.#durable.clone());
  }

  apply(changes: readonly Change[], isSynced: boolean): void {
    if (isSynced && this.#durable === this.#visible) {
      carryOut(this.#visible, changes);
      return;
    }
    this.#diverge();
    carryOut(this.#visible, changes);
    this.#unsynced.push({ changes, isUnseen: false });
    if (isSynced) this.#sync();
  }

  /** A write has failed, and yet reached the disk. */
  land(changes: readonly Change[]): void {
    this.#diverge();
    this.#unsynced.push({ changes, isUnseen: true });
    this.#hasUnseen = true;
  }

  /** The database is opened again: what lay on the disk unseen comes to light. */
  reopen(isSynced: boolean): void {
    if (this.#hasUnseen) {
      this.#visible = this.#durable.clone();
      for (const { changes } of this.#unsynced) carryOut(this.#visible, changes);
      this.#unsynced = this.#unsynced.map(({ changes }) => ({ changes, isUnseen: false }));
      this.#hasUnseen = false;
    }
    if (isSynced) this.#sync();
  }

  /**
   * The power fails. Of each batch that was not synced, the oldest first, `survives` says whether its part of the log
   * reached the disk; the log is read up to the first gap, so what survives is a prefix. A write that failed and reached
   * the disk is not asked about. Returns whether there was no gap.
   */
  crash(survives: (changes: readonly Change[]) => boolean): boolean {
    let isWhole = true;
    for (const { changes, isUnseen } of this.#unsynced) {
      // All are asked, also after a gap: the caller draws a set of survivors.
      const survived = isUnseen || survives(changes);
      isWhole &&= survived;
      if (isWhole) carryOut(this.#durable, changes);
    }
    this.#unsynced = [];
    this.#hasUnseen = false;
    this.#visible = this.#durable;
    return isWhole;
  }

  /** Replaces what is stored under `key`, wherever it is, with what may lie under another key. */
  replace(key: string, otherKey: string, value: Buffer): void {
    for (const tree of new Set([this.#visible, this.#durable])) {
      if (tree.delete(key)) tree.set(otherKey, value);
    }
  }

  #diverge(): void {
    if (this.#durable === this.#visible) this.#durable = this.#visible.clone();
  }

  #sync(): void {
    for (const { changes } of this.#unsynced) carryOut(this.#durable, changes);
    this.#unsynced = [];
    // With something unseen they go on to differ: what users see does not hold it.
    if (!this.#hasUnseen) this.#durable = this.#visible;
  }
}

function carryOut(tree: Tree, changes: readonly Change[]): void {
  for (const { key, value } of changes) {
    if (value === null) tree.delete(key);
    else tree.set(key, value);
  }
}

function compareKeys(a: string, b: string): number {
  if (a < b) return -1;
  return a > b ? 1 : 0;
}
