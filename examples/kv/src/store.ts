/**
 * KvStore: the replicated state machine, an ordered map of keys with revisions and a window of its latest changes.
 *
 * Pure: no I/O, no clock, nothing but the commands of the log decides what it holds (PITFALLS C10). The revision of a
 * write is the log index of its command. A condition that does not hold is an answer; only a command that this version
 * does not understand throws, which stops the server (PITFALLS C11, C13).
 */

import { createRequire } from "node:module";
import type { CommittedCommand, StateMachine } from "quorate";
import type sortedBTree from "sorted-btree";
import {
  type Compare,
  type Comparison,
  checkCommand,
  type DeleteResult,
  type KvCommand,
  type KvEntry,
  type KvResult,
  type Operation,
  type OperationResult,
  type PutResult,
} from "./commands.js";
import { History, type HistoryState, type KvEvent, type RevisionRecord } from "./history.js";
import { compareKeys, HISTORY_LIMITS, type HistoryLimits, MAX_TXN_BYTES } from "./limits.js";
import { readSnapshot, writeSnapshot } from "./snapshot.js";

// A CommonJS package whose only export is called `default`: the one way to it that every loader agrees on.
const { default: BTree } = createRequire(import.meta.url)("sorted-btree") as typeof sortedBTree;

export interface ListQuery {
  readonly prefix: string;
  /** Only keys after this one; `null` starts with the first. */
  readonly afterKey: string | null;
  readonly limit: number;
  /** The page ends when its keys and values reach this size; one entry at least is in it. */
  readonly maxBytes: number;
}

export interface ListPage {
  readonly entries: readonly KvEntry[];
  readonly hasMore: boolean;
  /** The store's revision when the page was read. */
  readonly revision: number;
}

export class KvStore implements StateMachine<KvCommand, KvResult> {
  #history: History;
  #entries = new BTree<string, KvEntry>(undefined, compareKeys);
  readonly #writeListeners = new Set<() => void>();
  #revision = 0;

  /** `historyLimits` must be the same on every server. */
  constructor(historyLimits: HistoryLimits = HISTORY_LIMITS) {
    this.#history = new History(historyLimits);
  }

  /** Another one after a restore. */
  get history(): History {
    return this.#history;
  }

  /** The revision of the latest write, 0 before the first. */
  get revision(): number {
    return this.#revision;
  }

  get size(): number {
    return this.#entries.size;
  }

  apply({ index, command }: CommittedCommand<KvCommand>): KvResult {
    checkCommand(command);
    const events: KvEvent[] = [];
    const result = this.#execute(index, command, events);
    if (events.length > 0) {
      this.history.append(index, events);
      for (const onWrite of this.#writeListeners) onWrite();
    }
    return result;
  }

  /** Everything, the history included. A copy of the tree that shares its nodes until they change: taken in no time. */
  snapshot(): AsyncIterable<Uint8Array> {
    const { state } = this.history;
    return writeSnapshot({ revision: this.#revision, entries: this.#entries.clone().values(), history: state });
  }

  /** Takes the place of everything, at once when all of it is read; those who watch go on where they were. */
  async restore(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const entries = new BTree<string, KvEntry>(undefined, compareKeys);
    const records: RevisionRecord[] = [];
    let head = { revision: 0, forgotten: this.history.state.forgotten };
    await readSnapshot(pieces, {
      onHead: (revision: number, forgotten: HistoryState["forgotten"]) => {
        head = { revision, forgotten };
      },
      onEntry: (entry: KvEntry) => entries.set(entry.key, entry),
      onRecord: (record: RevisionRecord) => records.push(record),
    });
    this.#entries = entries;
    this.#revision = head.revision;
    this.#history = new History(this.history.limits, { forgotten: head.forgotten, records });
    for (const onWrite of this.#writeListeners) onWrite();
  }

  /** Calls `listener` after every write, from within `apply`: it must be quick and must not throw. */
  onWrite(listener: () => void): () => void {
    this.#writeListeners.add(listener);
    return () => this.#writeListeners.delete(listener);
  }

  get(key: string): KvEntry | null {
    return this.#entries.get(key) ?? null;
  }

  list({ prefix, afterKey, limit, maxBytes }: ListQuery): ListPage {
    const entries: KvEntry[] = [];
    let sizeBytes = 0;
    let hasMore = false;
    const firstKey = afterKey !== null && compareKeys(afterKey, prefix) > 0 ? afterKey : prefix;
    for (const [key, entry] of this.#entries.entries(firstKey)) {
      if (key === afterKey) continue;
      if (!key.startsWith(prefix)) break;
      sizeBytes += entryBytes(entry);
      if (entries.length === limit || (sizeBytes > maxBytes && entries.length > 0)) {
        hasMore = true;
        break;
      }
      entries.push(entry);
    }
    return { entries, hasMore, revision: this.#revision };
  }

  #execute(index: number, command: KvCommand, events: KvEvent[]): KvResult {
    switch (command.type) {
      case "put":
      case "delete": {
        const entry = this.get(command.key);
        if (command.condition !== undefined && !holds(command.condition, entry)) {
          return { type: "conflict", revision: entry?.revision ?? 0 };
        }
        if (command.type === "put") return this.#put(index, command.key, command.value, events);
        return this.#delete(index, command.key, events);
      }
      case "txn": {
        const succeeded = command.compares.every((compare: Compare) => holds(compare, this.get(compare.key)));
        const operations = succeeded ? command.success : command.failure;
        const sizeBytes = this.#answerBytes(operations);
        if (sizeBytes > MAX_TXN_BYTES) return { type: "tooLarge", sizeBytes };
        const results = operations.map((operation) => this.#operate(index, operation, events));
        return { type: "txn", succeeded, revision: this.#revision, results };
      }
    }
  }

  #operate(index: number, operation: Operation, events: KvEvent[]): OperationResult {
    switch (operation.type) {
      case "put":
        return this.#put(index, operation.key, operation.value, events);
      case "delete":
        return this.#delete(index, operation.key, events);
      case "get":
        return { type: "get", entry: this.get(operation.key) };
    }
  }

  #put(index: number, key: string, given: Uint8Array, events: KvEvent[]): PutResult {
    const before = this.#entries.get(key);
    // A copy: what the log hands out may be a view that would keep a whole network frame in memory.
    const value = new Uint8Array(given);
    const createRevision = before?.createRevision ?? index;
    const version = (before?.version ?? 0) + 1;
    this.#revision = index;
    this.#entries.set(key, { key, value, revision: index, createRevision, version });
    events.push({ type: "put", key, value, createRevision, version });
    return { type: "put", revision: index, createRevision, version };
  }

  #delete(index: number, key: string, events: KvEvent[]): DeleteResult {
    if (!this.#entries.delete(key)) return { type: "delete", deleted: false, revision: 0 };
    this.#revision = index;
    events.push({ type: "delete", key });
    return { type: "delete", deleted: true, revision: index };
  }

  /** How much the gets among `operations` will carry out; what the puts before them carry in is bounded already. */
  #answerBytes(operations: readonly Operation[]): number {
    let sizeBytes = 0;
    for (const operation of operations) {
      const entry = operation.type === "get" ? this.get(operation.key) : null;
      if (entry !== null) sizeBytes += entryBytes(entry);
    }
    return sizeBytes;
  }
}

function holds(comparison: Comparison, entry: KvEntry | null): boolean {
  if (comparison.target !== "value")
    return isInOrder((entry?.[comparison.target] ?? 0) - comparison.operand, comparison);
  return entry !== null && isInOrder(Buffer.compare(entry.value, comparison.operand), comparison);
}

function isInOrder(difference: number, { operator }: Comparison): boolean {
  switch (operator) {
    case "=":
      return difference === 0;
    case "!=":
      return difference !== 0;
    case "<":
      return difference < 0;
    case ">":
      return difference > 0;
  }
}

function entryBytes(entry: KvEntry): number {
  return Buffer.byteLength(entry.key) + entry.value.byteLength;
}
