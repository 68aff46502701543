/** Lives of a server on a simulated disk, for the tests of its faults. */

import type { LogStorage, StorageIdentity, StoredState } from "@quorate/contracts";
import type { Entry, Index, Term, Write } from "@quorate/core";
import { type DiskOperation, openLogStorage, SimulatedDisk } from "../../src/disk/index.js";

const ALL = Number.MAX_SAFE_INTEGER;
const IDENTITY: StorageIdentity = { clusterId: "c", nodeId: 2, name: "n2" };

/** An entry that says where it was written. */
export function entryOf(index: Index, term: Term): Entry {
  return { index, term, kind: "command", data: Buffer.from(`${index} of term ${term}`) };
}

/** A write of term `term`, with entries from `firstIndex` to `lastIndex` in the place of what was there. */
export function writeOf(term: Term, firstIndex: Index, lastIndex: Index, isTruncation = false): Write {
  const append = Array.from({ length: lastIndex - firstIndex + 1 }, (_, place) => entryOf(firstIndex + place, term));
  const truncateFrom = isTruncation ? firstIndex : null;
  return { seq: firstIndex, hardState: { currentTerm: term, votedFor: 2 }, reset: null, truncateFrom, append };
}

export function initialize(storage: LogStorage): Promise<StoredState> {
  return storage.initialize(IDENTITY, { ...writeOf(1, 1, 1), seq: 0 });
}

/** A storage that is open on `disk`, with entries 1 to `lastIndex` of term 1. */
export async function founded(disk: SimulatedDisk, lastIndex: Index): Promise<LogStorage> {
  const storage = openLogStorage(disk);
  await storage.open();
  await initialize(storage);
  if (lastIndex > 1) await storage.write([writeOf(1, 2, lastIndex)]);
  return storage;
}

/** What the next life finds: the term, and each entry as its index and term. Rejects as the storage does. */
export async function found(disk: SimulatedDisk): Promise<{ term: Term; log: string[] }> {
  const storage = openLogStorage(disk);
  const state = await storage.open();
  try {
    if (state === null) return { term: 0, log: [] };
    return { term: state.hardState.currentTerm, log: await logOf(storage, state.lastIndex) };
  } finally {
    await storage.close();
  }
}

export async function logOf(storage: LogStorage, lastIndex: Index): Promise<string[]> {
  const entries = await storage.read(1, lastIndex, ALL);
  return entries.map(({ index, term, data }) => {
    const said = Buffer.from(data).toString();
    return said === `${index} of term ${term}` ? `${index}:${term}` : `${index}:${term} says ${said}`;
  });
}

/** A disk whose operations complete when the test says so. */
export class ManualDisk extends SimulatedDisk {
  readonly pending: { readonly operation: DiskOperation; readonly complete: () => void }[];
  readonly #manual: { isOn: boolean };

  constructor() {
    const pending: ManualDisk["pending"] = [];
    const manual = { isOn: false };
    super({
      schedule: (operation, complete) => {
        if (manual.isOn) pending.push({ operation, complete });
        else complete();
      },
    });
    this.pending = pending;
    this.#manual = manual;
  }

  /** From now on nothing completes by itself. */
  hold(): void {
    this.#manual.isOn = true;
  }

  /** Completes what is pending as long as it only reads, and what comes of that. */
  async letRead(): Promise<void> {
    await microtasks();
    while (this.pending[0]?.operation.kind === "read") {
      this.pending.shift()?.complete();
      await microtasks();
    }
  }

  /** What comes completes by itself again; what is pending does not. */
  resume(): void {
    this.#manual.isOn = false;
  }

  /** Completes what is pending, and all that comes. */
  letGo(): void {
    this.resume();
    for (const { complete } of this.pending.splice(0)) complete();
  }
}

/** Lets microtasks run, and nothing else: no timer, no turn of the event loop. */
export async function microtasks(): Promise<void> {
  for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
}

/** How `promise` has ended, once the microtasks of now have run. */
export async function outcomeOf(promise: Promise<unknown>): Promise<"pending" | "resolved" | "rejected"> {
  let outcome: "pending" | "resolved" | "rejected" = "pending";
  promise.then(
    () => {
      outcome = "resolved";
    },
    () => {
      outcome = "rejected";
    },
  );
  await microtasks();
  return outcome;
}
