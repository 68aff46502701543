import { crc32, type SnapshotChunk, type SnapshotChunkResult } from "@quorate/contracts";
import { foundingConfiguration, type Raft } from "@quorate/core";
import { describe, expect, it } from "vitest";
import { encodeSnapshotHeader } from "../../src/snapshot-header.js";
import { SnapshotReceiver } from "../../src/snapshot-receiver.js";
import { FakeSnapshotStorage } from "../support/fake-snapshot-storage.js";
import { World } from "../support/world.js";

const configuration = foundingConfiguration([{ id: 1, name: "a", address: "a" }]);
const BODY = Uint8Array.from({ length: 100 }, (_, at) => at);

function headerOf(index: number, term: number, clusterId = "test"): Uint8Array {
  const point = { index, term, membership: { index: 1, configuration } };
  return encodeSnapshotHeader({ clusterId, point, lastCommandIndex: index });
}

function chunk(offset: number, length: number, changes: Partial<SnapshotChunk> = {}): SnapshotChunk {
  const place = changes.place ?? { index: 50, term: 2 };
  return {
    kind: "snapshotChunk",
    from: 1,
    to: 2,
    term: 7,
    stream: 3,
    place,
    sizeBytes: BODY.length,
    checksum: crc32(BODY),
    offset,
    header: offset === 0 ? headerOf(place.index, place.term) : new Uint8Array(0),
    data: BODY.slice(offset, offset + length),
    ...changes,
  };
}

function open() {
  const world = new World();
  const storage = new FakeSnapshotStorage();
  const leader = { currentTerm: 7, leaderId: 1, pulledFrom: 0, commitIndex: 10 };
  const answers: SnapshotChunkResult[] = [];
  const whole: [number, number][] = [];
  const known: [number, number][] = [];
  const warnings: unknown[] = [];
  const receiver = new SnapshotReceiver({
    nodeId: 2,
    clusterId: "test",
    raft: leader as unknown as Raft,
    clock: world.clock,
    storage,
    snapshotTimeoutMs: 4000,
    canInstall: () => true,
    onWhole: ({ place }, { stream }) => {
      leader.commitIndex = place.index;
      whole.push([place.index, stream]);
    },
    onKnown: ({ index }, { stream }) => known.push([index, stream]),
    send: (answer) => answers.push(answer),
    onWarning: (warning) => warnings.push(warning),
  });
  const take = async (...chunks: SnapshotChunk[]): Promise<number[]> => {
    answers.length = 0;
    for (const each of chunks) receiver.onChunk(each);
    await world.run(1);
    return answers.map(({ nextOffset, isAccepted }) => (isAccepted ? nextOffset : -1));
  };
  return { world, receiver, storage, leader, answers, whole, known, warnings, take };
}

describe("chunks that come in", () => {
  it("S16: are told as a snapshot when the last one is durable", async () => {
    const { take, whole, storage } = open();
    expect(await take(chunk(0, 40), chunk(40, 40))).toEqual([40, 80]);
    expect(whole).toEqual([]);
    expect(await take(chunk(80, 20))).toEqual([100]);
    expect(whole).toEqual([[50, 3]]);
    expect(storage.body).toEqual(BODY);
    expect(storage.unfinished).toBe(0);
  });

  it("S10: with a gap are answered with what is wanted, and twice do no harm", async () => {
    const { take, storage, whole } = open();
    expect(await take(chunk(0, 40), chunk(60, 40))).toEqual([0, 40]);
    expect(await take(chunk(0, 40), chunk(40, 60), chunk(40, 60))).toContain(100);
    expect(storage.body).toEqual(BODY);
    expect(whole).toHaveLength(1);
  });

  it("S10: of an unknown snapshot are asked for from the start", async () => {
    const { take } = open();
    expect(await take(chunk(40, 40))).toEqual([0]);
  });

  it("S10: of two snapshots are never mixed: a newer order replaces the older one", async () => {
    const { take, storage, whole } = open();
    await take(chunk(0, 40));
    const newer = { place: { index: 60, term: 2 }, stream: 4 };
    expect(await take(chunk(40, 40, newer))).toEqual([0]);
    expect(await take(chunk(0, 100, newer))).toEqual([100]);
    expect(await take(chunk(40, 40))).toEqual([]);
    expect(whole).toEqual([[60, 4]]);
    expect(storage.newest()?.place.index).toBe(60);
    expect(storage.unfinished).toBe(0);
  });

  it("S7: go on under the next leader, who sends the same", async () => {
    const { take, leader, whole, answers } = open();
    await take(chunk(0, 40));
    Object.assign(leader, { currentTerm: 8, leaderId: 3 });
    expect(await take(chunk(40, 60))).toEqual([]);
    expect(await take(chunk(0, 40, { from: 3, term: 8, stream: 1 }))).toEqual([40]);
    expect(answers[0]).toMatchObject({ to: 3, term: 8, stream: 1 });
    await take(chunk(40, 60, { from: 3, term: 8, stream: 1 }));
    expect(whole).toEqual([[50, 1]]);
  });

  it("S7: come from whoever is asked for entries, where nobody leads", async () => {
    const { take, leader, whole } = open();
    Object.assign(leader, { leaderId: 0, pulledFrom: 0 });
    expect(await take(chunk(0, 40))).toEqual([]);
    leader.pulledFrom = 1;
    expect(await take(chunk(0, 40))).toEqual([40]);
    // The next campaign asks another server: what is under way goes on, and comes to an end.
    leader.pulledFrom = 3;
    expect(await take(chunk(0, 100, { from: 3, place: { index: 60, term: 2 }, stream: 9 }))).toEqual([]);
    await take(chunk(40, 60));
    expect(whole).toEqual([[50, 3]]);
  });

  it("S7: of a server that has fallen silent are given up for those of the next, who is asked by then", async () => {
    const { world, take, leader, whole } = open();
    Object.assign(leader, { leaderId: 0, pulledFrom: 1 });
    await take(chunk(0, 40));
    leader.pulledFrom = 3;
    await world.run(2001);
    await take(chunk(0, 100, { from: 3, place: { index: 60, term: 2 }, stream: 9 }));
    expect(whole).toEqual([[60, 9]]);
  });

  it("S2: of what is committed here are not taken in, but acknowledged", async () => {
    const { take, leader, known, storage } = open();
    leader.commitIndex = 50;
    expect(await take(chunk(0, 40))).toEqual([]);
    expect(known).toEqual([[50, 3]]);
    expect(storage.unfinished).toBe(0);
  });

  it("S6: after the snapshot is in place, when the acknowledgement was lost, have it given again", async () => {
    const { take, known } = open();
    await take(chunk(0, 100));
    await take(chunk(100, 0));
    expect(known).toEqual([[50, 3]]);
  });

  it("S7: are dropped when the entries themselves came meanwhile", async () => {
    const { take, receiver, leader, storage } = open();
    await take(chunk(0, 40));
    receiver.dropIfKnown();
    expect(storage.unfinished).toBe(1);
    leader.commitIndex = 50;
    receiver.dropIfKnown();
    expect([storage.unfinished, receiver.incoming]).toEqual([0, null]);
  });

  it("S10: whose whole is not what was named are refused", async () => {
    const { take, whole, storage, warnings } = open();
    const data = new Uint8Array(100);
    expect(await take(chunk(0, 100, { data }))).toEqual([100, -1]);
    expect([whole, storage.newest(), storage.unfinished]).toEqual([[], null, 0]);
    expect(warnings).toEqual([expect.objectContaining({ code: "STORAGE_CORRUPT" })]);
  });

  it("P5: that cannot be written are refused, and begin anew", async () => {
    const { take, whole, storage } = open();
    storage.failNextWrite = new Error("no space left");
    expect(await take(chunk(0, 40))).toEqual([-1]);
    expect(storage.unfinished).toBe(0);
    await take(chunk(0, 100));
    expect(whole).toHaveLength(1);
  });

  it("O1: of another cluster, or with a header that means nothing, are refused", async () => {
    const { take, storage } = open();
    expect(await take(chunk(0, 40, { header: headerOf(50, 2, "other") }))).toEqual([-1]);
    expect(await take(chunk(0, 40, { header: new Uint8Array(9) }))).toEqual([-1]);
    expect(storage.unfinished).toBe(0);
  });

  it("F4: wait in bounds while the disk hangs", async () => {
    const { take, storage } = open();
    storage.gate = new Promise(() => undefined);
    const large = { sizeBytes: 64 << 20, checksum: 0, data: new Uint8Array(3 << 20) };
    const answered = await take(
      ...Array.from({ length: 8 }, (_, place) => chunk(place * (3 << 20), 0, { ...large, offset: place * (3 << 20) })),
    );
    // Two are taken in; of the others it says that they are not what is wanted.
    expect(answered).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it("S9: of no body at all, a witness's, are whole at once", async () => {
    const { take, whole } = open();
    expect(await take(chunk(0, 0, { sizeBytes: 0, checksum: 0 }))).toEqual([0]);
    expect(whole).toEqual([[50, 3]]);
  });

  it("F18: end when the node does", async () => {
    const { take, receiver, storage } = open();
    await take(chunk(0, 40));
    receiver.stop();
    expect(storage.unfinished).toBe(0);
  });
});
