/**
 * SimulatedLevel: a database of `abstract-level` on a simulated disk, in the place of LevelDB. One object is one life of
 * a process. Keys and values are buffers.
 */

import { type AbstractBatchOperation, AbstractIterator, AbstractLevel } from "abstract-level";
import { bytesOf, type Change, keyOf, type Tree } from "./contents.js";
import type { SimulatedDisk } from "./simulated-disk.js";

/** What an iterator reads at a time, as that of LevelDB does unless it is told otherwise. */
const READ_AHEAD_BYTES = 16 * 1024;
const READ_AHEAD_ENTRIES = 1000;

interface Range {
  readonly gte?: Buffer;
  readonly gt?: Buffer;
  readonly lte?: Buffer;
  readonly lt?: Buffer;
  readonly reverse?: boolean;
}

interface IteratorOptions extends Range {
  readonly highWaterMarkBytes?: number;
}

type Pair = [Buffer, Buffer];

export class SimulatedLevel extends AbstractLevel<Buffer, Buffer, Buffer> {
  readonly #disk: SimulatedDisk;

  constructor(disk: SimulatedDisk) {
    const encodings = { keyEncoding: "buffer", valueEncoding: "buffer" };
    super({ encodings: { buffer: true } }, encodings);
    this.#disk = disk;
  }

  _open(): Promise<void> {
    return this.#disk.open(this);
  }

  async _close(): Promise<void> {
    this.#disk.close(this);
  }

  async _get(key: Buffer): Promise<Buffer | undefined> {
    const [value] = await this._getMany([key]);
    return value;
  }

  _getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    const { contents } = this.#disk;
    const values = keys.map((key) => contents.get(keyOf(key)));
    const found = values.filter((value) => value !== undefined);
    return this.#disk.read(this, values, found, sumOf(keys) + sumOf(found));
  }

  _put(key: Buffer, value: Buffer, options: { readonly sync?: boolean }): Promise<void> {
    return this.#write([{ key: keyOf(key), value }], options);
  }

  _del(key: Buffer, options: { readonly sync?: boolean }): Promise<void> {
    return this.#write([{ key: keyOf(key), value: null }], options);
  }

  _batch(
    operations: readonly AbstractBatchOperation<this, Buffer, Buffer>[],
    options: { readonly sync?: boolean },
  ): Promise<void> {
    const changes = operations.map((operation) => ({
      key: keyOf(operation.key),
      value: operation.type === "put" ? operation.value : null,
    }));
    return this.#write(changes, options);
  }

  _clear(options: Range & { readonly limit: number }): Promise<void> {
    const cursor = new Cursor(this.#disk.contents.view(), options);
    const limit = options.limit === -1 ? Number.POSITIVE_INFINITY : options.limit;
    const changes: Change[] = [];
    for (let pair = cursor.next(); pair !== null && changes.length < limit; pair = cursor.next()) {
      changes.push({ key: pair[0], value: null });
    }
    return this.#write(changes, {});
  }

  _iterator(options: IteratorOptions): SimulatedIterator {
    return new SimulatedIterator(this, this.#disk, options);
  }

  #write(changes: readonly Change[], { sync = false }: { readonly sync?: boolean }): Promise<void> {
    let sizeBytes = 0;
    for (const { key, value } of changes) sizeBytes += key.length + (value?.length ?? 0);
    return this.#disk.write(this, changes, sizeBytes, sync);
  }
}

class SimulatedIterator extends AbstractIterator<SimulatedLevel, Buffer, Buffer> {
  readonly #database: SimulatedLevel;
  readonly #disk: SimulatedDisk;
  readonly #cursor: Cursor;
  readonly #readAheadBytes: number;
  /** What `_next` has read ahead, the last first. */
  #ahead: Pair[] = [];

  constructor(database: SimulatedLevel, disk: SimulatedDisk, options: IteratorOptions) {
    super(database, options);
    this.#database = database;
    this.#disk = disk;
    this.#cursor = new Cursor(disk.contents.view(), options);
    this.#readAheadBytes = options.highWaterMarkBytes ?? READ_AHEAD_BYTES;
  }

  async _next(): Promise<Pair | undefined> {
    if (this.#ahead.length === 0) this.#ahead = (await this.#read(READ_AHEAD_ENTRIES)).reverse();
    return this.#ahead.pop();
  }

  async _nextv(size: number): Promise<Pair[]> {
    const first = this.#ahead.splice(Math.max(0, this.#ahead.length - size)).reverse();
    return first.length > 0 ? first : this.#read(size);
  }

  async #read(maxEntries: number): Promise<Pair[]> {
    const pairs: Pair[] = [];
    const values: Buffer[] = [];
    let sizeBytes = 0;
    while (pairs.length < maxEntries && sizeBytes <= this.#readAheadBytes) {
      const pair = this.#cursor.next();
      if (pair === null) break;
      const [key, value] = pair;
      pairs.push([bytesOf(key), value]);
      values.push(value);
      sizeBytes += key.length + value.length;
    }
    return this.#disk.read(this.#database, pairs, values, sizeBytes);
  }
}

/** Walks through a range of a tree that nobody changes. */
class Cursor {
  readonly #pairs: IterableIterator<[string, Buffer]>;
  readonly #isBefore: (key: string) => boolean;
  readonly #isBehind: (key: string) => boolean;

  constructor(tree: Tree, { gte, gt, lte, lt, reverse = false }: Range) {
    const low = gte ?? gt;
    const high = lte ?? lt;
    const first = low === undefined ? null : keyOf(low);
    const last = high === undefined ? null : keyOf(high);
    const isBelow = (key: string): boolean => first !== null && (gte === undefined ? key <= first : key < first);
    const isAbove = (key: string): boolean => last !== null && (lte === undefined ? key >= last : key > last);
    this.#pairs = reverse ? tree.entriesReversed(last ?? undefined) : tree.entries(first ?? undefined);
    this.#isBefore = reverse ? isAbove : isBelow;
    this.#isBehind = reverse ? isBelow : isAbove;
  }

  /** The next pair; null behind the last. */
  next(): [string, Buffer] | null {
    for (;;) {
      const { done, value: pair } = this.#pairs.next();
      if (done === true || this.#isBehind(pair[0])) return null;
      if (!this.#isBefore(pair[0])) return pair;
    }
  }
}

function sumOf(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, { length }) => sum + length, 0);
}
