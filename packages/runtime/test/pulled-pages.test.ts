import type { Entry, PulledEntries, PulledRange, Raft } from "@quorate/core";
import { describe, expect, it } from "vitest";
import { LogCache } from "../src/log-cache.js";
import { LogReader } from "../src/log-reader.js";
import { PulledPages } from "../src/pulled-pages.js";
import { FakeStorage } from "./support/fake-storage.js";
import { World } from "./support/world.js";

/** Entries 1 to 100, of 100 bytes in a message and of term 1. The storage holds all, the cache those after `cachedFrom`. */
function open(cachedFrom: number) {
  const world = new World();
  const storage = new FakeStorage(world);
  const log: Entry[] = Array.from({ length: 100 }, (_, place) => ({
    index: place + 1,
    term: 1,
    kind: "command",
    data: new Uint8Array(68),
  }));
  storage.disk.entries = [...log];
  const cache = new LogCache(1_000_000, cachedFrom - 1);
  cache.onWrite({ seq: 1, hardState: null, reset: null, truncateFrom: null, append: log.slice(cachedFrom - 1) });
  const raft = {
    termAt: (index: number): number | "beyond" => log[index - 1]?.term ?? "beyond",
  } as unknown as Raft;
  const sent: PulledEntries[] = [];
  const failures: unknown[] = [];
  const pages = new PulledPages({
    maxAppendBytes: 300,
    raft,
    reader: new LogReader(cache, storage, raft),
    send: (message) => sent.push(message),
    onFailed: (cause) => failures.push(cause),
  });
  return { world, storage, log, sent, failures, pages };
}

function order(prevLogIndex: number, lastIndex = 100): PulledRange {
  const head = { kind: "pulledRange", from: 1, to: 2, term: 3, round: 7 } as const;
  return { ...head, prevLogIndex, prevLogTerm: 1, lastIndex, lastLogIndex: 100, lastLogTerm: 1 };
}

const indexes = (sent: readonly PulledEntries[]): number[][] =>
  sent.map(({ entries }) => entries.map(({ index }) => index));

describe("pages of the log for those who pull it", () => {
  it("are what fits into one message, from the cache at once", () => {
    const { sent, pages } = open(1);
    pages.onOrder(order(10));
    expect(indexes(sent)).toEqual([[11, 12, 13]]);
    expect(sent[0]).toMatchObject({ kind: "pulledEntries", to: 2, round: 7, prevLogIndex: 10, lastLogIndex: 100 });
    expect(sent[0]).not.toHaveProperty("lastIndex");
  });

  it("are empty where there is only a place to name", () => {
    const { sent, pages } = open(1);
    pages.onOrder(order(10, 10));
    expect(indexes(sent)).toEqual([[]]);
  });

  it("are read from the storage if they are not at hand; of two that one server wants, the newer one", async () => {
    const { world, sent, pages } = open(50);
    pages.onOrder(order(10));
    pages.onOrder(order(20));
    expect(sent).toEqual([]);
    await world.run(10);
    expect(indexes(sent)).toEqual([[21, 22, 23]]);
  });

  it.each([1, 50])("are not sent from another log than the one that was spoken of", async (cachedFrom) => {
    const { world, log, sent, pages, failures } = open(cachedFrom);
    if (cachedFrom === 50) pages.onOrder(order(10));
    log.splice(60, 40, ...log.slice(60).map((entry) => ({ ...entry, term: 2 })));
    if (cachedFrom === 1) pages.onOrder(order(10));
    await world.run(10);
    expect(sent).toEqual([]);
    expect(failures).toEqual([]);
  });

  it("P13: a log that cannot be read stops the node", async () => {
    const { world, storage, failures, pages } = open(50);
    storage.disk.entries.length = 5;
    pages.onOrder(order(10));
    await world.run(10);
    expect(failures).toMatchObject([{ code: "STORAGE_CORRUPT" }]);
  });
});
