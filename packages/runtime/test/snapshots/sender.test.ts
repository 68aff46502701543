import type { SnapshotChunk, SnapshotChunkResult } from "@quorate/contracts";
import type { EntryId, Input, Raft, SnapshotOrder } from "@quorate/core";
import { describe, expect, it } from "vitest";
import { SnapshotSender } from "../../src/snapshot-sender.js";
import { FakeSnapshotStorage } from "../support/fake-snapshot-storage.js";
import { World } from "../support/world.js";

const HEADER = new Uint8Array([9]);
const PLACE = { index: 50, term: 2 };

function order(to: number, stream: number, term = 7): SnapshotOrder {
  return { kind: "snapshotOrder", from: 1, to, term, stream };
}

function open(bodyBytes = 1000, limits: { snapshotBytesPerSecond?: number } = {}) {
  const world = new World();
  const storage = new FakeSnapshotStorage();
  storage.put(PLACE, HEADER, new Uint8Array(bodyBytes));
  const leader = {
    role: "leader",
    currentTerm: 7,
    followers: [
      { id: 2, state: "snapshot" },
      { id: 3, state: "snapshot" },
    ],
  };
  const sent: (SnapshotChunk & { at: number })[] = [];
  const steps: Input[] = [];
  const warnings: string[] = [];
  let isScheduled = false;
  let taken = 0;
  const examined: EntryId[] = [];
  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    world.clock.soon(turn);
  };
  const sender = new SnapshotSender({
    nodeId: 1,
    raft: leader as unknown as Raft,
    clock: world.clock,
    storage,
    snapshotChunkBytes: 100,
    snapshotBytesPerSecond: 1_000_000,
    snapshotTimeoutMs: 4000,
    ...limits,
    isWitness: (id) => id === 3,
    take: async () => {
      taken += 1;
      storage.put(PLACE, HEADER, new Uint8Array(bodyBytes));
    },
    examine: async (place) => {
      examined.push(place);
    },
    send: (chunk) => sent.push({ ...chunk, at: world.now }),
    step: (input) => steps.push(input),
    onWarning: (error) => warnings.push(String(error)),
    schedule,
  });
  function turn(): void {
    isScheduled = false;
    sender.pump(world.now);
    if (sender.wakeAt < Number.POSITIVE_INFINITY) world.clock.wakeAt(sender.wakeAt, schedule);
  }
  const answer = (nextOffset: number, changes: Partial<SnapshotChunkResult> = {}): void => {
    const who = { from: 2, to: 1, term: 7, stream: 3, place: PLACE };
    sender.onResult({ kind: "snapshotChunkResult", ...who, nextOffset, isAccepted: true, ...changes });
  };
  /** The offsets of what was sent since the last time. */
  const offsets = (): number[] => sent.splice(0).map(({ offset }) => offset);
  return { world, storage, leader, sender, sent, steps, warnings, answer, offsets, examined, takenCount: () => taken };
}

describe("a transfer", () => {
  it("F6: asks with one chunk, then keeps a window under way", async () => {
    const { world, sender, sent, answer, offsets } = open();
    sender.onOrder(order(2, 3));
    await world.run(10);
    expect(sent).toEqual([expect.objectContaining({ offset: 0, header: HEADER, sizeBytes: 1000, stream: 3 })]);
    expect(offsets()).toEqual([0]);
    answer(100);
    await world.run(10);
    expect(offsets()).toEqual([100, 200, 300, 400]);
    answer(200);
    answer(300);
    await world.run(10);
    expect(offsets()).toEqual([500, 600]);
    for (let next = 400; next <= 700; next += 100) answer(next);
    await world.run(10);
    expect(offsets()).toEqual([700, 800, 900]);
    answer(1000);
    expect(sender.transfers).toEqual([{ to: 2, index: 50, sizeBytes: 1000, ackedBytes: 1000 }]);
  });

  it("S9: goes on where the follower says, which may have some of it already", async () => {
    const { world, sender, answer, offsets } = open();
    sender.onOrder(order(2, 3));
    await world.run(10);
    answer(700);
    await world.run(10);
    expect(offsets()).toEqual([0, 700, 800, 900]);
  });

  it("S9: sends again what no answer came to, from the last place that was acknowledged", async () => {
    const { world, sender, answer, offsets } = open();
    sender.onOrder(order(2, 3));
    await world.run(10);
    answer(100);
    await world.run(10);
    answer(300);
    await world.run(10);
    offsets();
    await world.run(1100);
    expect(offsets()).toEqual([300, 400, 500, 600]);
  });

  it("S10: begins anew, once, for a follower that has forgotten it", async () => {
    const { world, sender, answer, sent, offsets } = open();
    sender.onOrder(order(2, 3));
    await world.run(10);
    answer(100);
    await world.run(10);
    offsets();
    for (let copy = 0; copy < 4; copy += 1) answer(0);
    await world.run(10);
    expect(sent[0]?.header).toEqual(HEADER);
    expect(offsets()).toEqual([0]);
  });

  it("S5: fails when the follower takes in nothing, and the core hears of it a little later", async () => {
    const { world, sender, answer, steps, warnings, storage } = open();
    sender.onOrder(order(2, 3));
    await world.run(10);
    answer(100);
    await world.run(3000);
    answer(100);
    await world.run(1500);
    expect(warnings).toHaveLength(1);
    expect(steps).toEqual([]);
    await world.run(1000);
    expect(steps).toEqual([{ kind: "snapshotFailed", to: 2, term: 7, stream: 3 }]);
    expect([sender.transfers, storage.openReaders]).toEqual([[], 0]);
  });

  it("S5: fails when the follower refuses it", async () => {
    const { world, sender, answer, steps, examined } = open();
    sender.onOrder(order(2, 3));
    await world.run(10);
    answer(0, { isAccepted: false });
    await world.run(1100);
    expect(steps).toEqual([{ kind: "snapshotFailed", to: 2, term: 7, stream: 3 }]);
    // It was sent a part only: damage is not the reason.
    expect(examined).toEqual([]);
  });

  it("P7: of which all was sent when the follower refuses it has the snapshot looked at", async () => {
    const { world, sender, answer, steps, examined } = open(100);
    sender.onOrder(order(2, 3));
    await world.run(10);
    answer(0, { isAccepted: false });
    expect(examined).toEqual([PLACE]);
    await world.run(1100);
    expect(steps).toEqual([{ kind: "snapshotFailed", to: 2, term: 7, stream: 3 }]);
  });

  it("P7: of which a piece cannot be read fails, and has the snapshot looked at", async () => {
    const { world, sender, storage, steps, warnings, examined } = open();
    storage.failReads = new Error("the disk cannot be read");
    sender.onOrder(order(2, 3));
    await world.run(1100);
    expect(examined).toEqual([PLACE]);
    expect(warnings).toEqual(["Error: the disk cannot be read"]);
    expect(steps).toEqual([{ kind: "snapshotFailed", to: 2, term: 7, stream: 3 }]);
  });

  it("S5: has time while the follower puts it in place", async () => {
    const { world, sender, answer, steps } = open(100);
    sender.onOrder(order(2, 3));
    for (let second = 0; second < 20; second += 1) {
      await world.run(1000);
      answer(100);
    }
    expect(steps).toEqual([]);
    expect(sender.transfers).toHaveLength(1);
  });

  it("S6: ends when the follower is served otherwise, or the leadership is over", async () => {
    for (const end of ["served", "deposed", "next term"]) {
      const { world, sender, leader, storage, offsets, answer } = open();
      sender.onOrder(order(2, 3));
      await world.run(10);
      answer(100);
      offsets();
      if (end === "served") leader.followers[0] = { id: 2, state: "replicate" };
      if (end === "deposed") leader.role = "follower";
      if (end === "next term") leader.currentTerm = 8;
      await world.run(10_000);
      expect([offsets(), sender.transfers, storage.openReaders]).toEqual([[], [], 0]);
    }
  });

  it("S6: without a leader goes on until all of it is there, however often it is asked for", async () => {
    const { world, sender, leader, answer, offsets } = open(300);
    Object.assign(leader, { role: "follower", leaderId: 0 });
    sender.onOrder(order(2, 3));
    await world.run(10);
    answer(100);
    await world.run(10);
    expect(offsets()).toEqual([0, 100, 200]);
    sender.onOrder(order(2, 4));
    answer(200);
    await world.run(10);
    expect(offsets()).toEqual([]);
    answer(300);
    await world.run(10);
    expect(sender.transfers).toEqual([]);
  });

  it("S6: without a leader ends as soon as there is one", async () => {
    const { world, sender, leader, answer } = open(300);
    Object.assign(leader, { role: "follower", leaderId: 0 });
    sender.onOrder(order(2, 3));
    await world.run(10);
    Object.assign(leader, { leaderId: 3 });
    answer(100);
    await world.run(10);
    expect(sender.transfers).toEqual([]);
  });

  it("S23: is replaced by the next order for the same follower", async () => {
    const { world, sender, sent, answer, storage } = open();
    sender.onOrder(order(2, 3));
    await world.run(10);
    sender.onOrder(order(2, 4));
    answer(500);
    await world.run(10);
    expect(sent.map(({ stream, offset }) => [stream, offset])).toEqual([
      [3, 0],
      [4, 0],
    ]);
    expect(storage.openReaders).toBe(1);
  });

  it("S8: goes no faster than all of them together may", async () => {
    const { world, sender, sent, answer } = open(1000, { snapshotBytesPerSecond: 1000 });
    sender.onOrder(order(2, 3));
    await world.run(10);
    for (let next = 100; next < 1000; next += 100) {
      answer(next);
      await world.run(100);
    }
    const times = sent.map(({ at }) => at);
    for (const [place, at] of times.entries()) expect(at).toBeGreaterThanOrEqual(100 * place);
    expect(sent).toHaveLength(10);
  });

  it("to a witness has no body", async () => {
    const { world, sender, sent } = open();
    sender.onOrder(order(3, 3));
    await world.run(10);
    expect(sent).toEqual([expect.objectContaining({ to: 3, sizeBytes: 0, checksum: 0, header: HEADER })]);
    expect(sent[0]?.data).toHaveLength(0);
  });

  it("S14: keeps the log from its place on", async () => {
    const { world, sender } = open();
    expect(sender.neededAfter).toBe(Number.POSITIVE_INFINITY);
    sender.onOrder(order(2, 3));
    await world.run(10);
    expect(sender.neededAfter).toBe(50);
  });
});
