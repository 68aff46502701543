/**
 * KvStore: the replicated state machine, an ordered map of keys with revisions and a window of its latest changes.
 *
 * Pure: no I/O, no clock, nothing but the log decides what it holds (PITFALLS C10). Keys expire by the time of the cluster,
 * which the log carries: at the same entry on every server. The revision of a write is the log index of its command. A condition that does not hold is an answer; only a command that this version
 * does not understand throws, which stops the server (PITFALLS C11, C13).
 */

import { createRequire } from "node:module";
import type { CommittedCommand, CommittedTime, StateMachine } from "quorate";
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
  type Put,
  type PutResult,
} from "./commands.js";
import { History, type KvEvent, type RevisionRecord } from "./history.js";
import { compareKeys, HISTORY_LIMITS, type HistoryLimits, MAX_EXPIRED_AT_ONCE, MAX_TXN_BYTES } from "./limits.js";
import { readSnapshot, type SnapshotHead, writeSnapshot } from "./snapshot.js";

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
  /** All entries in the order of their keys. Snapshots share its nodes until they change. */
  #entries = new BTree<string, KvEntry>(undefined, compareKeys);
  /** The same by key, for all that needs no order: no search from node to node. */
  #byKey = new Map<string, KvEntry>();
  /** The keys that expire, by when they do. */
  #expiries = new BTree<Expiry, true>(undefined, compareExpiries);
  readonly #writeListeners = new Set<() => void>();
  /** Where clients reach the servers, by their names. */
  #addresses = new Map<string, string>();
  readonly #addressListeners = new Set<() => void>();
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

  apply({ index, timeMs, command }: CommittedCommand<KvCommand>): KvResult {
    checkCommand(command);
    const events: KvEvent[] = [];
    this.#expire({ index, timeMs }, events);
    const result = this.#execute({ index, timeMs }, command, events);
    this.#record(index, events);
    return result;
  }

  onTime(at: CommittedTime): void {
    const events: KvEvent[] = [];
    this.#expire(at, events);
    this.#record(at.index, events);
  }

  nextExpiryMs(): number {
    return this.#expiries.minKey()?.expiresAtMs ?? Number.POSITIVE_INFINITY;
  }

  #record(index: number, events: readonly KvEvent[]): void {
    if (events.length === 0) return;
    this.history.append(index, events);
    for (const onWrite of this.#writeListeners) onWrite();
  }

  #expire({ index, timeMs }: Place, events: KvEvent[]): void {
    while (this.nextExpiryMs() <= timeMs && events.length < MAX_EXPIRED_AT_ONCE) {
      const { key } = this.#expiries.minKey() as Expiry;
      this.#remove(key);
      this.#revision = index;
      events.push({ type: "expire", key });
    }
  }

  /** Everything, the history included. A copy of the tree that shares its nodes until they change: taken in no time. */
  snapshot(): AsyncIterable<Uint8Array> {
    const { state } = this.history;
    const addresses = [...this.#addresses];
    return writeSnapshot({
      revision: this.#revision,
      addresses,
      entries: this.#entries.clone().values(),
      history: state,
    });
  }

  /** Takes the place of everything, at once when all of it is read; those who watch go on where they were. */
  async restore(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const entries = new BTree<string, KvEntry>(undefined, compareKeys);
    const byKey = new Map<string, KvEntry>();
    const expiries = new BTree<Expiry, true>(undefined, compareExpiries);
    const records: RevisionRecord[] = [];
    let head: SnapshotHead = { revision: 0, forgotten: this.history.state.forgotten, addresses: [] };
    await readSnapshot(pieces, {
      onHead: (given: SnapshotHead) => {
        head = given;
      },
      onEntry: (entry: KvEntry) => {
        entries.set(entry.key, entry);
        byKey.set(entry.key, entry);
        const expiry = expiryOf(entry);
        if (expiry !== null) expiries.set(expiry, true);
      },
      onRecord: (record: RevisionRecord) => records.push(record),
    });
    this.#entries = entries;
    this.#byKey = byKey;
    this.#expiries = expiries;
    this.#revision = head.revision;
    this.#addresses = new Map(head.addresses);
    this.#history = new History(this.history.limits, { forgotten: head.forgotten, records });
    for (const onWrite of this.#writeListeners) onWrite();
    for (const onAddress of this.#addressListeners) onAddress();
  }

  /** Where clients reach the server of this name; null if it has not said. */
  addressOf(server: string): string | null {
    return this.#addresses.get(server) ?? null;
  }

  /** Calls `listener` when an address may have changed, from within `apply`: it must be quick and must not throw. */
  onAddress(listener: () => void): () => void {
    this.#addressListeners.add(listener);
    return () => this.#addressListeners.delete(listener);
  }

  /** Calls `listener` after every write, from within `apply`: it must be quick and must not throw. */
  onWrite(listener: () => void): () => void {
    this.#writeListeners.add(listener);
    return () => this.#writeListeners.delete(listener);
  }

  get(key: string): KvEntry | null {
    return this.#byKey.get(key) ?? null;
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

  #execute(at: Place, command: KvCommand, events: KvEvent[]): KvResult {
    switch (command.type) {
      case "put":
      case "delete": {
        const { condition } = command;
        const entry = condition === undefined ? null : this.get(command.key);
        if (condition !== undefined && !holds(condition, entry)) {
          return { type: "conflict", revision: entry?.revision ?? 0 };
        }
        return command.type === "put" ? this.#put(at, command, events) : this.#delete(at, command.key, events);
      }
      case "txn": {
        const succeeded = command.compares.every((compare: Compare) => holds(compare, this.get(compare.key)));
        const operations = succeeded ? command.success : command.failure;
        const sizeBytes = this.#answerBytes(operations);
        if (sizeBytes > MAX_TXN_BYTES) return { type: "tooLarge", sizeBytes };
        const results = operations.map((operation) => this.#operate(at, operation, events));
        return { type: "txn", succeeded, revision: this.#revision, results };
      }
      case "announce":
        this.#addresses.set(command.server, command.url);
        for (const onAddress of this.#addressListeners) onAddress();
        return { type: "announce" };
    }
  }

  #operate(at: Place, operation: Operation, events: KvEvent[]): OperationResult {
    switch (operation.type) {
      case "put":
        return this.#put(at, operation, events);
      case "delete":
        return this.#delete(at, operation.key, events);
      case "get":
        return { type: "get", entry: this.get(operation.key) };
    }
  }

  #put({ index, timeMs }: Place, { key, value: given, ttlMs }: Put, events: KvEvent[]): PutResult {
    // Written over where it is: to take it out first would move its neighbours in the tree, twice.
    const before = this.#byKey.get(key);
    if (before !== undefined) this.#forgetExpiry(before);
    // A copy: what the log hands out may be a view that would keep a whole network frame in memory.
    const value = new Uint8Array(given);
    const createRevision = before?.createRevision ?? index;
    const version = (before?.version ?? 0) + 1;
    this.#revision = index;
    const expiresAtMs = ttlMs === undefined ? undefined : timeMs + ttlMs;
    const plain = { key, value, revision: index, createRevision, version };
    const entry: KvEntry = expiresAtMs === undefined ? plain : { ...plain, expiresAtMs };
    this.#entries.set(key, entry);
    this.#byKey.set(key, entry);
    if (expiresAtMs !== undefined) this.#expiries.set({ key, expiresAtMs }, true);
    events.push({ type: "put", key, value, createRevision, version });
    return { type: "put", revision: index, createRevision, version };
  }

  #delete({ index }: Place, key: string, events: KvEvent[]): DeleteResult {
    if (this.#remove(key) === undefined) return { type: "delete", deleted: false, revision: 0 };
    this.#revision = index;
    events.push({ type: "delete", key });
    return { type: "delete", deleted: true, revision: index };
  }

  /** Takes the key out, if it is there. */
  #remove(key: string): KvEntry | undefined {
    const entry = this.#byKey.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#byKey.delete(key);
    this.#forgetExpiry(entry);
    return entry;
  }

  #forgetExpiry(entry: KvEntry): void {
    const expiry = expiryOf(entry);
    if (expiry !== null) this.#expiries.delete(expiry);
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

/** Where in the log, and when. */
type Place = Pick<CommittedTime, "index" | "timeMs">;

interface Expiry {
  readonly key: string;
  readonly expiresAtMs: number;
}

function expiryOf({ key, expiresAtMs }: KvEntry): Expiry | null {
  return expiresAtMs === undefined ? null : { key, expiresAtMs };
}

function compareExpiries(a: Expiry, b: Expiry): number {
  return a.expiresAtMs - b.expiresAtMs || compareKeys(a.key, b.key);
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
