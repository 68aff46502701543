/** The world of storage: it has nothing against the production storage, and notices each way of breaking it. */

import type { Entry, Write } from "@quorate/core";
import { DatabaseLogStorage } from "@quorate/storage-level/abstract";
import { afterEach, describe, expect, it, vi } from "vitest";
import { explore, replay, worldOf } from "../../src/index.js";

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const SEEDS = Array.from({ length: 60 }, (_, place) => 8 * place + 1);

async function firstOracle(): Promise<string | null> {
  for (const seed of SEEDS) {
    const { violation } = await explore(seed, { settle });
    if (violation !== null) return violation.oracle;
  }
  return null;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("the world of storage", () => {
  it("has nothing against the production storage, and replays", async () => {
    for (const seed of SEEDS.slice(0, 20)) {
      expect(worldOf(seed)).toBe("storage");
      const { violation, script, hash } = await explore(seed, { settle, isTraced: true });
      expect([seed, violation]).toEqual([seed, null]);
      expect((await replay(script, { settle })).hash).toBe(hash);
    }
  });

  const { write, read } = DatabaseLogStorage.prototype;

  /** Has each write changed before it is carried out. */
  function writing(change: (writes: readonly Write[]) => readonly Write[]): void {
    vi.spyOn(DatabaseLogStorage.prototype, "write").mockImplementation(function (this: DatabaseLogStorage, writes) {
      return write.call(this, change(writes));
    });
  }

  /** Has each page changed after it was read. */
  function reading(change: (entries: readonly Entry[]) => readonly Entry[]): void {
    vi.spyOn(DatabaseLogStorage.prototype, "read").mockImplementation(async function (
      this: DatabaseLogStorage,
      ...asked: Parameters<typeof read>
    ) {
      return change(await read.apply(this, asked));
    });
  }

  it("storage/restored-state, P1: a write that is only said to be done", async () => {
    writing((writes) => writes.map((each) => ({ ...each, hardState: null })));
    expect(await firstOracle()).toBe("storage/restored-state");
  });

  it("storage/restored-state, S18: a log that begins anew after another entry", async () => {
    writing((writes) =>
      writes.map((each) => {
        return each.reset === null ? each : { ...each, reset: { ...each.reset, term: each.reset.term + 1 } };
      }),
    );
    expect(await firstOracle()).toBe("storage/restored-state");
  });

  it("storage/read: an entry with other bytes", async () => {
    reading((entries) => entries.map((entry) => ({ ...entry, data: entry.data.slice(1) })));
    expect(await firstOracle()).toBe("storage/read");
  });

  it("storage/read, P13: a page that is too short", async () => {
    reading((entries) => entries.slice(0, -1));
    expect(await firstOracle()).toBe("storage/read");
  });

  it("storage/refused-read: entries that are there, and are not given", async () => {
    vi.spyOn(DatabaseLogStorage.prototype, "read").mockRejectedValue(new RangeError("not today"));
    expect(await firstOracle()).toBe("storage/refused-read");
  });

  it("storage/failed: a write that fails on a good disk", async () => {
    vi.spyOn(DatabaseLogStorage.prototype, "write").mockRejectedValue(new RangeError("not today"));
    expect(await firstOracle()).toBe("storage/failed");
  });

  it("storage/rest: a read that never comes to an end", async () => {
    vi.spyOn(DatabaseLogStorage.prototype, "read").mockImplementation(async function (
      this: DatabaseLogStorage,
      ...asked: Parameters<typeof read>
    ) {
      for (;;) await read.apply(this, asked);
    });
    expect(await firstOracle()).toBe("storage/rest");
  });

  it("storage/opens: a good disk that is refused", async () => {
    const { open } = DatabaseLogStorage.prototype;
    let opened = 0;
    vi.spyOn(DatabaseLogStorage.prototype, "open").mockImplementation(function (this: DatabaseLogStorage) {
      opened += 1;
      return opened % 3 === 0 ? Promise.reject(new RangeError("not today")) : open.call(this);
    });
    expect(await firstOracle()).toBe("storage/opens");
  });
});
