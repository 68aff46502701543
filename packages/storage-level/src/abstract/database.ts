/** The database that a log lies in, as far as a log needs one: its shape, and how to come by it. */

/**
 * An ordered key-value database with atomic batches: any of `abstract-level` that takes and gives buffers, such as
 * LevelDB's, in Node or elsewhere. Its keys are in the order of their bytes, and its iterators see it as it was when
 * they were made.
 */
export interface Database {
  /** What is stored under `keys`, in their order. */
  getMany(keys: Buffer[]): Promise<(Buffer | undefined)[]>;
  keys(options: KeysOptions): { all(): Promise<Buffer[]> };
  iterator(options: IteratorOptions): DatabaseIterator;
  /** A batch to be filled; it is carried out by its `write`, whole or not at all. */
  batch(): DatabaseBatch;
  close(): Promise<void>;
}

export interface KeysOptions {
  readonly gte?: Buffer;
  readonly lt?: Buffer;
  readonly limit?: number;
}

export interface IteratorOptions {
  readonly gte?: Buffer;
  readonly lt?: Buffer;
  /** From the last on, and how many at most. */
  readonly reverse?: boolean;
  readonly limit?: number;
  /** How much it reads ahead, and whether what it reads stays in memory. For databases that know of it. */
  readonly highWaterMarkBytes?: number;
  readonly fillCache?: boolean;
}

export interface DatabaseIterator extends AsyncIterable<[Buffer, Buffer]> {
  /** The next few, at most `size`; none if there are no more. */
  nextv(size: number): Promise<[Buffer, Buffer][]>;
  /** All that are left; closes it. */
  all(): Promise<[Buffer, Buffer][]>;
  close(): Promise<void>;
}

/** What can be put into a batch. */
export interface Batch {
  put(key: Buffer, value: Buffer): unknown;
  del(key: Buffer): unknown;
}

export interface DatabaseBatch extends Batch {
  /** With `sync`, resolves once the batch, and all before it, survives a loss of power. */
  write(options: { readonly sync: boolean }): Promise<void>;
  close(): Promise<void>;
}

/**
 * Where the database of a log is found. Both ways to open it reject with a `StorageError`, or with the error of the
 * database, which is put into words then.
 */
export interface DatabaseSource {
  /** What messages to people call it. */
  readonly name: string;
  /** The database, opened; null if there is none, and nothing has changed then. */
  open(): Promise<Database | null>;
  /** The database, opened; a new one if there is none. */
  create(): Promise<Database>;
}
