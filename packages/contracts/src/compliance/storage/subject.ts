/** A storage under test together with the model of what it must hold: every change is made to both. */

import type { Entry, EntryId, EntryKind, HardState, Index, Term, Write } from "@quorate/core";
import { expect } from "vitest";
import type { RaftErrorCode } from "../../errors.js";
import type { LogStorage, StorageIdentity, StoredState } from "../../log-storage.js";
import { bytes } from "../fixture.js";
import type { StorageHarness } from "./harness.js";
import { compacted, initialModel, type Model, stateOf, written } from "./model.js";

export const IDENTITY: StorageIdentity = { clusterId: "5f1c-compliance", nodeId: 3, name: "storage under test ✓" };

export function entryAt(index: Index, term: Term, sizeBytes = 16, kind: EntryKind = "command"): Entry {
  return { index, term, kind, data: bytes(sizeBytes, index * 31 + term) };
}

export function entriesFrom(firstIndex: Index, count: number, term: Term, sizeBytes = 16): Entry[] {
  return Array.from({ length: count }, (_, place) => entryAt(firstIndex + place, term, sizeBytes));
}

interface Change {
  readonly hardState?: HardState;
  readonly reset?: EntryId;
  readonly truncateFrom?: Index;
  readonly append?: readonly Entry[];
}

let lastSeq = 0;

export function writeOf({ hardState, reset, truncateFrom, append }: Change): Write {
  lastSeq += 1;
  return {
    seq: lastSeq,
    hardState: hardState ?? null,
    reset: reset ?? null,
    truncateFrom: truncateFrom ?? null,
    append: append ?? [],
  };
}

/** The write that founds a server: its term, and the membership as the first entry. */
export function firstWrite(): Write {
  const hardState = { currentTerm: 1, votedFor: 0 };
  return { seq: 0, hardState, reset: null, truncateFrom: null, append: [entryAt(1, 1, 40, "membership")] };
}

export class Subject {
  readonly #harness: StorageHarness;
  storage: LogStorage;
  model: Model;

  private constructor(harness: StorageHarness, storage: LogStorage, model: Model) {
    this.#harness = harness;
    this.storage = storage;
    this.model = model;
  }

  /** A storage that holds the first entry, and `count - 1` more of term 1. */
  static async founded(harness: StorageHarness, count = 1, sizeBytes = 16): Promise<Subject> {
    const storage = await harness.create();
    expect(await storage.open()).toBeNull();
    const write = firstWrite();
    const found = await storage.initialize(IDENTITY, write);
    const subject = new Subject(harness, storage, initialModel(IDENTITY, write));
    expect(plainState(found)).toEqual(plainState(stateOf(subject.model)));
    if (count > 1) await subject.write({ append: entriesFrom(2, count - 1, 1, sizeBytes) });
    return subject;
  }

  /** One call of `write`, of as many writes as there are changes. */
  async write(...changes: Change[]): Promise<void> {
    const writes = changes.map(writeOf);
    await this.storage.write(writes);
    this.model = written(this.model, writes);
  }

  async compact(upTo: Index): Promise<void> {
    await this.storage.compact(upTo);
    this.model = compacted(this.model, upTo);
  }

  /** Closes the storage and opens it again: it must find all of the model and nothing else. */
  async reopen(): Promise<void> {
    await this.storage.close();
    this.storage = await this.#harness.reopen(this.storage);
    await this.expectFound([this.model]);
  }

  /** The process dies: the storage that is opened then must find one of the `permitted`. */
  async crash(permitted: readonly Model[]): Promise<void> {
    this.storage = await this.#harness.crash(this.storage);
    await this.expectFound(permitted);
  }

  /** Opens the storage; takes the one of `permitted` that it finds for the model from now on. */
  async expectFound(permitted: readonly Model[]): Promise<void> {
    const found = await this.storage.open();
    const state = plainState(found);
    const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
    const alike = permitted.filter((model) => isSame(plainState(stateOf(model)), state));
    if (found === null || alike.length === 0) expect(state).toEqual(plainState(stateOf(this.model)));
    // Two may differ in nothing but the payloads of their entries.
    const entries = found === null ? [] : await this.#readLog(found.compacted.index, found.lastIndex);
    this.model = alike.find((model) => isSame(model.entries.map(plainEntry), entries)) ?? alike[0] ?? this.model;
    expect(entries).toEqual(this.model.entries.map(plainEntry));
  }

  /** Reads the whole log, in pages, and compares it with the model. */
  async expectLog(maxBytes = 100): Promise<void> {
    const { compacted: last, lastIndex } = stateOf(this.model);
    expect(await this.#readLog(last.index, lastIndex, maxBytes)).toEqual(this.model.entries.map(plainEntry));
  }

  async #readLog(compactedIndex: Index, lastIndex: Index, maxBytes = 100): Promise<object[]> {
    const found: Entry[] = [];
    for (let index = compactedIndex + 1; index <= lastIndex; index = (found.at(-1)?.index ?? 0) + 1) {
      const page = await this.storage.read(index, lastIndex, maxBytes);
      expect(page[0]?.index).toBe(index);
      found.push(...page);
    }
    return found.map(plainEntry);
  }
}

/** Entries as values that compare by content, whatever kind of byte array a storage returns. */
export function plainEntry({ index, term, kind, data }: Entry): object {
  expect(data).toBeInstanceOf(Uint8Array);
  return { index, term, kind, data: Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("") };
}

export function plainState(state: StoredState | null): object | null {
  if (state === null) return null;
  const { identity, hardState, compacted: last, lastIndex, termRuns, memberships } = state;
  return {
    identity: { clusterId: identity.clusterId, nodeId: identity.nodeId, name: identity.name },
    hardState: { currentTerm: hardState.currentTerm, votedFor: hardState.votedFor },
    compacted: { index: last.index, term: last.term },
    lastIndex,
    termRuns: termRuns.map(({ firstIndex, term }) => ({ firstIndex, term })),
    memberships: memberships.map(plainEntry),
  };
}

/** The promise rejects, with an error that carries `code`. */
export async function expectRejection(promise: Promise<unknown>, code: RaftErrorCode): Promise<void> {
  await expect(promise).rejects.toMatchObject({ code });
}

/** For the promise of a process that dies: nobody is left to hear how it ends. */
export function abandon(promise: Promise<unknown>): void {
  promise.catch(() => undefined);
}

/** Lets so many turns of the microtask queue pass. */
export async function pass(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
}
