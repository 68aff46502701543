import type { RaftError } from "@quorate/contracts";
import type { Write } from "@quorate/core";
import { expect, it } from "vitest";
import { WriteQueue } from "../src/write-queue.js";
import { FakeStorage } from "./support/fake-storage.js";
import { World } from "./support/world.js";

function write(seq: number, sizeBytes = 1): Write {
  const data = new Uint8Array(sizeBytes);
  return {
    seq,
    hardState: null,
    reset: null,
    truncateFrom: null,
    append: [{ index: seq, term: 1, kind: "command", data }],
  };
}

function open() {
  const world = new World();
  const storage = new FakeStorage(world);
  const stored: number[] = [];
  const failures: RaftError[] = [];
  const queue = new WriteQueue({
    storage,
    clock: world.clock,
    onStored: (seq) => stored.push(seq),
    onFailed: (error) => failures.push(error),
  });
  return { world, storage, stored, failures, queue };
}

it("writes the first at once, and all that comes meanwhile as one", async () => {
  const { world, storage, stored, queue } = open();
  queue.push(write(1));
  expect(storage.batches).toEqual([1]);
  for (let seq = 2; seq <= 5; seq += 1) queue.push(write(seq));
  expect(storage.batches).toEqual([1]);
  await world.run(10);
  expect(storage.batches).toEqual([1, 4]);
  expect(stored).toEqual([1, 5]);
  expect(storage.disk.entries.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5]);
  expect(queue.startedAt).toBeNull();
});

it("splits a flood, so that encoding it is not one long stall", async () => {
  const { world, storage, stored, queue } = open();
  for (let seq = 1; seq <= 6; seq += 1) queue.push(write(seq, 3 * 1024 * 1024));
  await world.run(10);
  expect(storage.batches).toEqual([1, 2, 2, 1]);
  expect(stored).toEqual([1, 3, 5, 6]);
});

it.each<[string, (storage: FakeStorage) => void]>([
  ["rejects", (storage) => (storage.failNextWrite = new Error("EIO"))],
  [
    "throws",
    (storage) => {
      storage.write = () => {
        throw new Error("EIO");
      };
    },
  ],
])("P5: a write that %s is the last one, and is never tried again", async (_, breakIt) => {
  const { world, storage, stored, failures, queue } = open();
  breakIt(storage);
  queue.push(write(1));
  queue.push(write(2));
  await world.run(10);
  queue.push(write(3));
  await world.run(10);
  expect(stored).toEqual([]);
  expect(storage.batches.length).toBeLessThanOrEqual(1);
  expect(failures).toHaveLength(1);
  expect(failures[0]).toMatchObject({ code: "STORAGE_FAILED", cause: new Error("EIO") });
});

it("F18: reports nothing after it was stopped", async () => {
  const { world, stored, queue } = open();
  queue.push(write(1));
  queue.stop();
  await world.run(10);
  expect(stored).toEqual([]);
});
