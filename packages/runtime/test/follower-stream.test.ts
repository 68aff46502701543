import type { AppendEntries, AppendEntriesResult, AppendRange, Entry, Raft } from "@quorate/core";
import { describe, expect, it } from "vitest";
import { FollowerStream, type FollowerStreamOptions } from "../src/follower-stream.js";
import { LogCache } from "../src/log-cache.js";
import { LogReader } from "../src/log-reader.js";
import { FakeStorage } from "./support/fake-storage.js";
import { World } from "./support/world.js";

type Limits = Pick<FollowerStreamOptions, "maxAppendBytes" | "maxInflightBytes" | "maxInflightMessages">;

/** Entries 1 to 100, of 100 bytes in a message; one term for each ten. The storage holds all, the cache those after `cachedFrom`. */
function open(cachedFrom = 1, given: Partial<Limits> = {}, isWitness = false) {
  const limits: Limits = { maxAppendBytes: 300, maxInflightBytes: 900, maxInflightMessages: 256, ...given };
  const world = new World();
  const storage = new FakeStorage(world);
  const log: Entry[] = Array.from({ length: 100 }, (_, place) => ({
    index: place + 1,
    term: Math.floor(place / 10) + 1,
    kind: "command",
    data: new Uint8Array(68),
  }));
  storage.disk.entries = [...log];
  const cache = new LogCache(1_000_000, cachedFrom - 1);
  cache.onWrite({ seq: 1, hardState: null, reset: null, truncateFrom: null, append: log.slice(cachedFrom - 1) });
  const leader = {
    role: "leader",
    currentTerm: 10,
    commitIndex: 7,
    compacted: { index: 0, term: 0 },
    termAt: (index: number): number | "beyond" => log[index - 1]?.term ?? "beyond",
  };
  const raft = leader as unknown as Raft;
  const sent: AppendEntries[] = [];
  const failures: unknown[] = [];
  const options = {
    ...limits,
    raft,
    reader: new LogReader(cache, storage, raft),
    isWitness: () => isWitness,
    send: (message: AppendEntries) => sent.push(message),
    onFailed: (cause: unknown) => failures.push(cause),
  };
  return { world, storage, log, leader, sent, failures, stream: new FollowerStream(options, 1, 2) };
}

function order(stream: number, prevLogIndex: number, lastIndex: number): AppendRange {
  const prevLogTerm = Math.floor((prevLogIndex - 1) / 10) + 1;
  return {
    kind: "appendRange",
    from: 1,
    to: 2,
    term: 10,
    stream,
    prevLogIndex,
    prevLogTerm,
    lastIndex,
    leaderCommit: 7,
  };
}

function ack(stream: number, matchIndex: number, success = true): AppendEntriesResult {
  const rest = { rejectedIndex: 0, hintIndex: 0, hintTerm: 0 };
  return { kind: "appendEntriesResult", from: 2, to: 1, term: 10, stream, success, matchIndex, ...rest };
}

function rangesOf(sent: readonly AppendEntries[]): [number, number][] {
  return sent.map(({ prevLogIndex, entries }) => [prevLogIndex, prevLogIndex + entries.length]);
}

describe("frames", () => {
  it("are cut by bytes, each with the term of the entry before it", () => {
    const { sent, stream } = open();
    stream.onOrder(order(1, 8, 14));
    expect(rangesOf(sent)).toEqual([
      [8, 11],
      [11, 14],
    ]);
    expect(sent.map(({ prevLogTerm }) => prevLogTerm)).toEqual([1, 2]);
    expect(sent.map(({ entries }) => entries.map(({ term }) => term))).toEqual([
      [1, 1, 2],
      [2, 2, 2],
    ]);
    expect(sent[0]).toMatchObject({ kind: "appendEntries", from: 1, to: 2, term: 10, stream: 1, leaderCommit: 7 });
  });

  it("R20: hold one entry at least, however large", () => {
    const { sent, stream } = open(1, { maxAppendBytes: 50, maxInflightBytes: 50 });
    stream.onOrder(order(1, 0, 2));
    expect(rangesOf(sent)).toEqual([[0, 1]]);
    stream.onResult(ack(1, 1));
    stream.pump();
    expect(rangesOf(sent)).toEqual([
      [0, 1],
      [1, 2],
    ]);
  });

  it("F6: are bounded also when entries are empty, or come by the page", async () => {
    for (const cachedFrom of [1, 91]) {
      const { world, log, sent, stream } = open(cachedFrom, { maxAppendBytes: 96, maxInflightBytes: 10_000 });
      for (const entry of log) Object.assign(entry, { data: new Uint8Array() });
      stream.onOrder(order(1, 0, 10));
      await world.run(10);
      expect(rangesOf(sent)).toEqual([
        [0, 3],
        [3, 6],
        [6, 9],
        [9, 10],
      ]);
    }
  });

  it("tell the newest commit index", () => {
    const { leader, sent, stream } = open();
    leader.commitIndex = 42;
    stream.onOrder(order(1, 8, 9));
    expect(sent[0]?.leaderCommit).toBe(42);
  });

  it("have no payloads of commands for a witness, but every entry", () => {
    const { sent, stream } = open(1, {}, true);
    stream.onOrder(order(1, 0, 3));
    expect(sent.flatMap(({ entries }) => entries.map(({ index, kind, data }) => [index, kind, data.length]))).toEqual([
      [1, "command", 0],
      [2, "command", 0],
      [3, "command", 0],
    ]);
  });

  it("a probe is one empty frame", () => {
    const { sent, stream } = open();
    stream.onOrder(order(1, 15, 15));
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ prevLogIndex: 15, prevLogTerm: 2, entries: [] });
  });
});

describe("F6: what is under way", () => {
  it("is bounded in messages, and goes on with the answers", () => {
    const { sent, stream } = open(1, { maxInflightMessages: 2 });
    stream.onOrder(order(1, 0, 20));
    expect(rangesOf(sent)).toEqual([
      [0, 3],
      [3, 6],
    ]);
    stream.onResult(ack(1, 3));
    stream.pump();
    expect(rangesOf(sent).slice(2)).toEqual([[6, 9]]);
  });

  it("is bounded in bytes, and goes on with the answers", () => {
    const { sent, stream } = open();
    stream.onOrder(order(1, 0, 20));
    expect(rangesOf(sent).at(-1)).toEqual([6, 9]);
    expect(stream.inflightBytes).toBe(900);
    stream.onResult(ack(1, 3));
    stream.pump();
    expect(rangesOf(sent).at(-1)).toEqual([9, 12]);
    stream.onResult(ack(1, 12));
    stream.pump();
    expect(rangesOf(sent).at(-1)).toEqual([18, 20]);
    stream.onResult(ack(1, 20));
    expect(stream.inflightBytes).toBe(0);
  });

  it("is bounded also by a single entry that is larger than a frame", () => {
    const { log, sent, stream } = open(1, { maxAppendBytes: 100, maxInflightBytes: 250 });
    Object.assign(log[2] as Entry, { data: new Uint8Array(168) });
    stream.onOrder(order(1, 0, 4));
    expect(rangesOf(sent).at(-1)).toEqual([1, 2]);
    stream.onResult(ack(1, 1));
    stream.pump();
    expect(stream.inflightBytes).toBe(100);
    stream.onResult(ack(1, 2));
    stream.pump();
    expect(rangesOf(sent).at(-1)).toEqual([2, 3]);
    expect(stream.inflightBytes).toBe(200);
  });

  it("is not lessened by an answer to another stream, or by a refusal", () => {
    const { stream } = open();
    stream.onOrder(order(2, 0, 20));
    stream.onResult(ack(1, 9));
    stream.onResult(ack(2, 9, false));
    stream.onResult({ ...ack(2, 9), term: 9 });
    expect(stream.inflightBytes).toBe(900);
  });

  it("joins an order that goes on where the last one ended", () => {
    const { sent, stream } = open();
    stream.onOrder(order(1, 0, 10));
    stream.onOrder(order(1, 10, 12));
    stream.onResult(ack(1, 9));
    stream.pump();
    expect(rangesOf(sent).at(-1)).toEqual([9, 12]);
  });

  it("starts anew with another stream, and drops what was left of the one before", () => {
    const { sent, stream } = open();
    stream.onOrder(order(1, 0, 30));
    stream.onOrder(order(2, 3, 3));
    expect(stream.inflightBytes).toBe(0);
    stream.onOrder(order(2, 3, 5));
    stream.pump();
    expect(rangesOf(sent).slice(-2)).toEqual([
      [3, 3],
      [3, 5],
    ]);
    expect(sent.at(-1)?.stream).toBe(2);
  });

  it("ends with the leadership", () => {
    const { leader, sent, stream } = open();
    stream.onOrder(order(1, 0, 30));
    const before = sent.length;
    leader.role = "follower";
    stream.onResult(ack(1, 9));
    stream.pump();
    leader.role = "leader";
    stream.pump();
    expect(sent).toHaveLength(before);
  });
});

describe("entries that are not in the cache", () => {
  it("F7: are read from the storage, a page at a time, and followed by those of the cache", async () => {
    const { world, storage, sent, stream } = open(91, { maxAppendBytes: 300, maxInflightBytes: 100_000 });
    stream.onOrder(order(1, 84, 95));
    expect(sent).toEqual([]);
    await world.run(10);
    expect(rangesOf(sent)).toEqual([
      [84, 87],
      [87, 88],
      [88, 90],
      [90, 93],
      [93, 95],
    ]);
    // What is still to be written is in the cache, and not asked of the storage.
    expect(storage.reads).toEqual([
      { firstIndex: 85, lastIndex: 90 },
      { firstIndex: 89, lastIndex: 90 },
    ]);
  });

  it("are dropped if another stream was begun meanwhile", async () => {
    const { world, sent, stream } = open(91);
    stream.onOrder(order(1, 0, 5));
    stream.onOrder(order(2, 90, 92));
    await world.run(10);
    expect(rangesOf(sent)).toEqual([[90, 92]]);
  });

  it("S14: are no longer sent once the log has let go of them", async () => {
    const { world, storage, sent, failures, leader, stream } = open(91);
    stream.onOrder(order(1, 20, 40));
    leader.compacted = { index: 30, term: 3 };
    storage.disk.entries.splice(0, 30);
    await world.run(10);
    stream.pump();
    await world.run(10);
    expect([sent, failures]).toEqual([[], []]);
    expect(stream.unsentIndex).toBe(Number.POSITIVE_INFINITY);
    expect(storage.reads).toHaveLength(1);
  });

  it("are read once for each stream", async () => {
    const { world, storage, sent, stream } = open(91);
    storage.readMs = 3;
    stream.onOrder(order(1, 0, 3));
    await world.run(1);
    stream.onOrder(order(2, 0, 3));
    await world.run(10);
    expect(storage.reads).toHaveLength(2);
    expect(sent.map(({ stream, entries }) => [stream, entries.length])).toEqual([[2, 3]]);
  });

  it("R19: are dropped, with whatever the storage says, if the leadership ended meanwhile", async () => {
    for (const failure of [null, new Error("gone")]) {
      const { world, storage, leader, sent, failures, stream } = open(91);
      storage.failNextRead = failure;
      stream.onOrder(order(1, 0, 5));
      // The next leader has other entries there.
      leader.currentTerm = 11;
      leader.termAt = () => 11;
      await world.run(10);
      expect(sent).toEqual([]);
      expect(failures).toEqual([]);
    }
  });

  it("R19: a storage that cannot read them ends it: nothing is sent in their place", async () => {
    const { world, storage, sent, failures, stream } = open(91);
    storage.failNextRead = new Error("EIO");
    stream.onOrder(order(1, 0, 5));
    await world.run(10);
    expect(sent).toEqual([]);
    expect(failures).toEqual([expect.objectContaining({ code: "STORAGE_FAILED" })]);
  });

  it.each<[string, (entries: readonly Entry[]) => readonly Entry[]]>([
    ["none", () => []],
    ["others", (entries) => entries.slice(1)],
    ["a gap", (entries) => [entries[0] as Entry, entries[2] as Entry]],
    ["another term", (entries) => entries.map((each) => ({ ...each, term: 9 }))],
    ["too many", (entries) => [...entries, ...entries.map((each) => ({ ...each, index: each.index + 3 }))]],
  ])("P13: are checked: %s", async (_, distort) => {
    const { world, storage, sent, failures, stream } = open(91);
    storage.distort = distort;
    stream.onOrder(order(1, 0, 3));
    await world.run(10);
    expect(sent).toEqual([]);
    expect(failures).toEqual([expect.objectContaining({ code: "STORAGE_CORRUPT" })]);
  });
});
