/**
 * The store as bytes: what a snapshot of it holds, record by record, each with its length in front.
 *
 * All of it is in there: the keys with their revisions, and the history, so that a server that was restored serves the
 * same watches as one that has applied every command. First a head, then the entries by key, then the history by
 * revision, then an end that counts them.
 */

import { msgpackrCodec } from "quorate";
import type { KvEntry } from "./commands.js";
import type { HistoryState, RevisionRecord } from "./history.js";

/** What a snapshot begins with. */
export interface SnapshotHead {
  readonly revision: number;
  readonly forgotten: HistoryState["forgotten"];
  /** Where clients reach the servers, by their names. */
  readonly addresses: readonly (readonly [server: string, url: string])[];
}

/** Everything that the commands have made of the store. */
export interface StoreState {
  readonly revision: number;
  readonly addresses: SnapshotHead["addresses"];
  readonly entries: Iterable<KvEntry>;
  readonly history: HistoryState;
}

/** What a store is told that is restored, in this order. */
export interface StoreBuilder {
  onHead(head: SnapshotHead): void;
  onEntry(entry: KvEntry): void;
  onRecord(record: RevisionRecord): void;
}

/** An entry, which most records are: a row, for names of fields would be a third of the time that it takes. */
type EntryRow = readonly [
  key: string,
  value: Uint8Array,
  revision: number,
  createRevision: number,
  version: number,
  expiresAtMs: number | null,
];

type SnapshotRecord =
  | EntryRow
  | ({ readonly type: "head"; readonly version: number } & Omit<SnapshotHead, "addresses"> & Partial<SnapshotHead>)
  | { readonly type: "history"; readonly record: RevisionRecord }
  | { readonly type: "end"; readonly count: number };

const VERSION = 2;
const PIECE_BYTES = 64 * 1024;
const LENGTH_BYTES = 4;

const { encodeCommand: encode, decodeCommand: decode } = msgpackrCodec<SnapshotRecord, never>();

/** `state` must not change while it is being written. */
export async function* writeSnapshot(state: StoreState): AsyncGenerator<Uint8Array, void, undefined> {
  let piece: Uint8Array[] = [];
  let sizeBytes = 0;
  for (const record of recordsOf(state)) {
    const bytes = encode(record);
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(bytes.length);
    piece.push(length, bytes);
    sizeBytes += LENGTH_BYTES + bytes.length;
    if (sizeBytes < PIECE_BYTES) continue;
    yield Buffer.concat(piece, sizeBytes);
    piece = [];
    sizeBytes = 0;
  }
  yield Buffer.concat(piece, sizeBytes);
}

function* recordsOf({ revision, addresses, entries, history }: StoreState): Generator<SnapshotRecord, void, undefined> {
  // Without addresses it is as it was before there were any, for servers that know of none.
  const told = addresses.length === 0 ? {} : { addresses };
  yield { type: "head", version: VERSION, revision, forgotten: history.forgotten, ...told };
  let count = 0;
  for (const entry of entries) {
    count += 1;
    yield rowOf(entry);
  }
  for (const record of history.records) {
    count += 1;
    yield { type: "history", record };
  }
  yield { type: "end", count };
}

/** Tells `builder` what `pieces` say, to their end. Throws if that is no whole snapshot. */
export async function readSnapshot(pieces: AsyncIterable<Uint8Array>, builder: StoreBuilder): Promise<void> {
  let rest: Uint8Array = Buffer.alloc(0);
  let count = 0;
  let isAtEnd = false;
  for await (const piece of pieces) {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let at = 0;
    for (let end = recordEnd(rest, at); end !== null; end = recordEnd(rest, at)) {
      if (isAtEnd) throw new Error("A snapshot goes on after its end.");
      const record = decode(rest.subarray(at + LENGTH_BYTES, end));
      at = end;
      if (isRow(record)) {
        count += 1;
        builder.onEntry(entryOf(record));
      } else if (record.type === "end") {
        if (record.count !== count) throw new Error(`A snapshot of ${record.count} records has ${count}.`);
        isAtEnd = true;
      } else {
        if (record.type !== "head") count += 1;
        build(builder, record);
      }
    }
    rest = rest.subarray(at);
  }
  if (!isAtEnd || rest.length > 0) throw new Error("A snapshot has no end.");
}

/** Where the record that begins at `at` ends; null if that is not here yet. */
function recordEnd(bytes: Uint8Array, at: number): number | null {
  if (bytes.length < at + LENGTH_BYTES) return null;
  const end = at + LENGTH_BYTES + new DataView(bytes.buffer, bytes.byteOffset + at, LENGTH_BYTES).getUint32(0);
  return end <= bytes.length ? end : null;
}

function rowOf({ key, value, revision, createRevision, version, expiresAtMs }: KvEntry): EntryRow {
  return [key, value, revision, createRevision, version, expiresAtMs ?? null];
}

function isRow(record: SnapshotRecord): record is EntryRow {
  return Array.isArray(record);
}

function entryOf([key, value, revision, createRevision, version, expiresAtMs]: EntryRow): KvEntry {
  const entry = { key, value, revision, createRevision, version };
  return expiresAtMs === null ? entry : { ...entry, expiresAtMs };
}

function build(builder: StoreBuilder, record: Exclude<SnapshotRecord, EntryRow | { type: "end" }>): void {
  switch (record.type) {
    case "head":
      if (record.version !== VERSION) throw new Error(`A snapshot has the version ${record.version}, not ${VERSION}.`);
      return builder.onHead({
        revision: record.revision,
        forgotten: record.forgotten,
        addresses: record.addresses ?? [],
      });
    case "history":
      return builder.onRecord(record.record);
    default:
      throw new Error(`A snapshot has a record of an unknown type: ${JSON.stringify(record)}.`);
  }
}
