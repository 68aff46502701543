/** A storage of snapshots under test together with what it must hold: the newest snapshot that was committed. */

import type { EntryId } from "@quorate/core";
import { expect } from "vitest";
import { crc32 } from "../../crc.js";
import type { SnapshotReader, SnapshotStorage, SnapshotWriter, StoredSnapshot } from "../../snapshot-storage.js";
import { bytes } from "../fixture.js";
import type { SnapshotHarness } from "./harness.js";

/** A snapshot as it is meant. */
export interface Snapshot {
  readonly place: EntryId;
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

export function snapshotAt(index: number, term = 1, sizeBytes = 1000): Snapshot {
  return { place: { index, term }, header: bytes(20 + (index % 7), index), body: bytes(sizeBytes, index * 31 + term) };
}

/** What the storage has to say about it. */
export function storedOf({ place, header, body }: Snapshot): StoredSnapshot {
  return { place, header, sizeBytes: body.length, checksum: crc32(body) };
}

/** As a value that compares by content, whatever kind of byte array a storage returns. */
export function plain(stored: StoredSnapshot | null): object | null {
  if (stored === null) return null;
  const { place, header, sizeBytes, checksum } = stored;
  expect(header).toBeInstanceOf(Uint8Array);
  return {
    place: { index: place.index, term: place.term },
    header: Array.from(header),
    sizeBytes,
    checksum,
  };
}

/** Has all of `body` written, in pieces of so many bytes. */
export async function writeBody(writer: SnapshotWriter, body: Uint8Array, pieceBytes = 300): Promise<void> {
  for (let at = writer.sizeBytes; at < body.length; at = writer.sizeBytes) {
    await writer.write(body.subarray(at, at + pieceBytes));
  }
}

export async function readBody(reader: SnapshotReader, pieceBytes = 64 * 1024): Promise<Uint8Array> {
  const { sizeBytes } = reader.snapshot;
  const body = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; ) {
    const piece = await reader.read(at, pieceBytes);
    expect(piece.length).toBeGreaterThan(0);
    body.set(piece, at);
    at += piece.length;
  }
  return body;
}

/** Without `toEqual`, which takes its time for megabytes. */
export function expectSame(found: Uint8Array, wanted: Uint8Array): void {
  expect(found.length).toBe(wanted.length);
  let same = 0;
  while (same < found.length && found[same] === wanted[same]) same += 1;
  expect(same).toBe(wanted.length);
}

export class SnapshotSubject {
  readonly #harness: SnapshotHarness;
  storage: SnapshotStorage;
  newest: Snapshot | null = null;

  private constructor(harness: SnapshotHarness, storage: SnapshotStorage) {
    this.#harness = harness;
    this.storage = storage;
  }

  /** An open storage with nothing in it, or with one snapshot. */
  static async opened(harness: SnapshotHarness, first: Snapshot | null = null): Promise<SnapshotSubject> {
    const storage = await harness.create();
    expect(await storage.open()).toBeNull();
    const subject = new SnapshotSubject(harness, storage);
    if (first !== null) await subject.store(first);
    return subject;
  }

  async begin(snapshot: Snapshot): Promise<SnapshotWriter> {
    return this.storage.create(snapshot.place, snapshot.header);
  }

  /** Begins it, and writes all of it. */
  async write(snapshot: Snapshot): Promise<SnapshotWriter> {
    const writer = await this.begin(snapshot);
    await writeBody(writer, snapshot.body);
    return writer;
  }

  /** Writes and commits it. */
  async store(snapshot: Snapshot): Promise<void> {
    await this.commit(await this.write(snapshot), snapshot);
  }

  /** Commits what `writer` wrote of it: it is the newest now, unless there is one that reaches as far. */
  async commit(writer: SnapshotWriter, snapshot: Snapshot): Promise<void> {
    const stored = await writer.commit();
    this.newest = newerOf(this.newest, snapshot);
    expect(plain(stored)).toEqual(plain(storedOf(this.newest)));
    expect(plain(this.storage.newest())).toEqual(plain(stored));
  }

  async reopen(): Promise<void> {
    await this.storage.close();
    this.storage = await this.#harness.reopen(this.storage);
    await this.expectFound([this.newest]);
  }

  /** The process dies: the storage that is opened then must find one of the `permitted`. */
  async crash(permitted: readonly (Snapshot | null)[] = [this.newest]): Promise<void> {
    this.storage = await this.#harness.crash(this.storage);
    await this.expectFound(permitted);
  }

  /** Opens the storage; takes the one of `permitted` that it finds for the newest from now on. */
  async expectFound(permitted: readonly (Snapshot | null)[]): Promise<void> {
    const found = await this.storage.open();
    const match = permitted.find((each) => (each?.place.index ?? null) === (found?.place.index ?? null));
    if (match === undefined) expect(plain(found)).toEqual(plain(this.newest && storedOf(this.newest)));
    else this.newest = match;
    await this.expectNewest();
  }

  /** What it says of the newest is right, and so is every byte of it. */
  async expectNewest(): Promise<void> {
    const { newest } = this;
    expect(plain(this.storage.newest())).toEqual(plain(newest && storedOf(newest)));
    const reader = await this.storage.read();
    expect(plain(reader?.snapshot ?? null)).toEqual(plain(newest && storedOf(newest)));
    if (reader === null || newest === null) return;
    expectSame(await readBody(reader), newest.body);
    await reader.close();
  }
}

export function newerOf(before: Snapshot | null, candidate: Snapshot): Snapshot {
  return before !== null && before.place.index >= candidate.place.index ? before : candidate;
}
