import { StorageError, type StoredSnapshot } from "@quorate/contracts";
import { describe, expect, it } from "vitest";
import { SnapshotCheck } from "../../src/snapshot-check.js";
import { FakeSnapshotStorage } from "../support/fake-snapshot-storage.js";
import { World } from "../support/world.js";

const PLACE = { index: 50, term: 2 };

function open() {
  const world = new World();
  const storage = new FakeSnapshotStorage();
  const stored = storage.put(PLACE, new Uint8Array([9]), new Uint8Array(300_000));
  const warnings: unknown[] = [];
  let taken = 0;
  const check = new SnapshotCheck({
    clock: world.clock,
    storage,
    takeAnew: async () => {
      taken += 1;
      throw new Error("this is told elsewhere");
    },
    onWarning: (error) => warnings.push(error),
  });
  const outcome = () => ({ taken, distrusted: storage.distrusted as StoredSnapshot | null, warnings: warnings.length });
  return { world, storage, stored, warnings, check, outcome };
}

const NOTHING = { taken: 0, distrusted: null, warnings: 0 };

describe("a look at a snapshot", () => {
  it("P7: that is damaged tells of it, and has another one taken", async () => {
    const { world, storage, stored, warnings, check, outcome } = open();
    storage.body?.fill(1, 299_999);
    await world.finish(check.examine(PLACE));
    expect(outcome()).toEqual({ taken: 1, distrusted: stored, warnings: 1 });
    expect(warnings[0]).toMatchObject({ code: "SNAPSHOT_DAMAGED", cause: { code: "STORAGE_CORRUPT" } });
    expect([check.damagedIndex, storage.openReaders]).toEqual([50, 0]);
  });

  it("P7: that cannot be read takes it for damaged", async () => {
    const { world, storage, stored, check, outcome } = open();
    storage.failReads = new StorageError("STORAGE_UNAVAILABLE", "The disk cannot be read.");
    await world.finish(check.examine(PLACE));
    expect(outcome()).toEqual({ taken: 1, distrusted: stored, warnings: 1 });
    expect(storage.openReaders).toBe(0);
  });

  it("that is sound, or another one by now, changes nothing", async () => {
    const { world, storage, check, outcome } = open();
    await world.finish(check.examine(PLACE));
    expect(outcome()).toEqual(NOTHING);
    storage.body?.fill(1, 299_999);
    await world.finish(check.examine({ index: 49, term: 2 }));
    await world.finish(check.examine({ index: 50, term: 3 }));
    expect(outcome()).toEqual(NOTHING);
    expect([check.damagedIndex, storage.openReaders]).toEqual([0, 0]);
  });

  it("S8: goes on one at a time, and the event loop has its turns; it ends with the node", async () => {
    const { world, storage, check, outcome } = open();
    storage.body?.fill(1, 299_999);
    const first = check.examine(PLACE);
    await check.examine(PLACE);
    check.stop();
    await world.finish(first);
    await world.finish(check.examine(PLACE));
    expect(outcome()).toEqual(NOTHING);
    expect(storage.openReaders).toBe(0);
  });
});
