import type { LogStorage } from "@quorate/contracts";
import type { Write } from "@quorate/core";
import { expect, it } from "vitest";
import { openLogStorage, SimulatedDisk, SimulatedLevel } from "../../src/disk/index.js";
import { entryOf, founded, logOf, writeOf } from "./lives.js";

const NOTHING: Write = { seq: 9, hardState: null, reset: null, truncateFrom: null, append: [] };

/** What may have been the last thing to happen to a log of entries 1 to 9, of terms 1 to 3, in five packs. */
const ENDS: readonly (readonly [string, (storage: LogStorage) => Promise<void>])[] = [
  ["an append", async () => undefined],
  ["a vote", (storage) => storage.write([{ ...NOTHING, hardState: { currentTerm: 7, votedFor: 3 } }])],
  ["a truncation", (storage) => storage.write([{ ...NOTHING, truncateFrom: 6 }])],
  ["a truncation to the end of a pack", (storage) => storage.write([{ ...NOTHING, truncateFrom: 7 }])],
  ["a compaction", (storage) => storage.compact(5)],
  ["a compaction of everything", (storage) => storage.compact(9)],
  ["a reset before the end", (storage) => storage.write([{ ...NOTHING, reset: { index: 5, term: 5 } }])],
  ["a reset after the end", (storage) => storage.write([{ ...NOTHING, reset: { index: 90, term: 5 } }])],
  [
    "a reset of an empty log",
    async (storage) => {
      await storage.compact(9);
      await storage.write([{ ...NOTHING, reset: { index: 90, term: 5 } }]);
    },
  ],
  [
    "a reset with entries",
    (storage) => storage.write([{ ...NOTHING, reset: { index: 90, term: 5 }, append: [entryOf(91, 6)] }]),
  ],
];

async function everything(disk: SimulatedDisk): Promise<unknown> {
  const storage = openLogStorage(disk);
  try {
    const state = await storage.open();
    const isEmpty = state === null || state.lastIndex === state.compacted.index;
    const entries = isEmpty ? [] : await storage.read(state.compacted.index + 1, state.lastIndex, 10_000);
    return { ...state, log: entries.map(({ index, term, data }) => `${index}:${term} ${Buffer.from(data)}`) };
  } finally {
    await storage.close();
  }
}

async function onDatabase<Result>(
  disk: SimulatedDisk,
  work: (level: SimulatedLevel) => Promise<Result>,
): Promise<Result> {
  const level = new SimulatedLevel(disk);
  await level.open();
  try {
    return await work(level);
  } finally {
    await level.close();
  }
}

const CASES = ENDS.flatMap(([what, end]) => [
  { what, end, isCrash: false },
  { what: `${what} and a crash`, end, isCrash: true },
]);

it.each(CASES)("P16: one record that is gone, whichever it is, takes nothing back after $what", async (one) => {
  const disk = new SimulatedDisk();
  const storage = await founded(disk, 3);
  await storage.write([writeOf(2, 4, 4)]);
  await storage.write([writeOf(2, 5, 6)]);
  await storage.write([writeOf(3, 7, 9)]);
  expect(await logOf(storage, 9)).toHaveLength(9);
  await one.end(storage);
  // Before anything is erased.
  if (one.isCrash) disk.crash();
  else await storage.close();
  const intact = await everything(disk);
  const whole = disk.snapshot();
  const keys = await onDatabase(disk, (level) => level.keys().all());
  let reported = 0;
  for (const key of keys) {
    disk.rollBack(whole);
    await onDatabase(disk, (level) => level.del(key, { sync: true } as object));
    const found = await everything(disk).catch((error: { code: string }) => error.code);
    if (found === "STORAGE_CORRUPT") reported += 1;
    else expect(found).toEqual(intact);
  }
  // The format, the identity and the head are always missed; older heads never.
  expect(reported).toBeGreaterThanOrEqual(3);
  expect(reported).toBeLessThanOrEqual(keys.length);
});
