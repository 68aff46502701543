/** The state machine against a model that is too simple to be wrong. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Announcement, Compare, Comparison, KvCommand, KvResult, Operation } from "../src/commands.js";
import type { RevisionRecord } from "../src/history.js";
import { MAX_TXN_BYTES } from "../src/limits.js";
import { KvStore } from "../src/store.js";

interface ModelEntry {
  readonly value: string;
  readonly revision: number;
  readonly createRevision: number;
  readonly version: number;
}

type KeyCommand = Exclude<KvCommand, Announcement>;

/** The store as one would explain it: a map, scanned and sorted anew for every question; hex text for bytes. */
class Model {
  readonly entries = new Map<string, ModelEntry>();
  readonly written: { readonly revision: number; readonly changes: readonly string[] }[] = [];
  #changes: string[] = [];

  apply(revision: number, command: KeyCommand): unknown {
    this.#changes = [];
    const answer = this.#execute(revision, command);
    if (this.#changes.length > 0) this.written.push({ revision, changes: this.#changes });
    return answer;
  }

  keys(prefix: string): string[] {
    const keys = [...this.entries.keys()].filter((key) => key.startsWith(prefix));
    return keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  #execute(revision: number, command: KeyCommand): unknown {
    if (command.type === "txn") {
      const succeeded = command.compares.every((compare) => this.#holds(compare, compare.key));
      const results = (succeeded ? command.success : command.failure).map((each) => this.#operate(revision, each));
      const last = this.#changes.length > 0 ? revision : (this.written.at(-1)?.revision ?? 0);
      return { type: "txn", succeeded, revision: last, results };
    }
    if (command.condition !== undefined && !this.#holds(command.condition, command.key)) {
      return { type: "conflict", revision: this.entries.get(command.key)?.revision ?? 0 };
    }
    return this.#operate(revision, command);
  }

  #operate(revision: number, operation: Operation | Exclude<KeyCommand, { type: "txn" }>): unknown {
    const { key } = operation;
    const before = this.entries.get(key);
    if (operation.type === "get") {
      return { type: "get", entry: before === undefined ? null : { key, ...before } };
    }
    if (operation.type === "delete") {
      if (before === undefined) return { type: "delete", deleted: false, revision: 0 };
      this.entries.delete(key);
      this.#changes.push(`delete ${key}`);
      return { type: "delete", deleted: true, revision };
    }
    const createRevision = before === undefined ? revision : before.createRevision;
    const version = before === undefined ? 1 : before.version + 1;
    const value = hex(operation.value);
    this.entries.set(key, { value, revision, createRevision, version });
    this.#changes.push(`put ${key} ${value} ${createRevision} ${version}`);
    return { type: "put", revision, createRevision, version };
  }

  #holds({ target, operator, operand }: Comparison, key: string): boolean {
    const entry = this.entries.get(key);
    if (target === "value") {
      return entry !== undefined && ordered(Buffer.compare(Buffer.from(entry.value, "hex"), operand), operator);
    }
    return ordered((entry === undefined ? 0 : entry[target]) - operand, operator);
  }
}

function ordered(difference: number, operator: Comparison["operator"]): boolean {
  return { "=": difference === 0, "!=": difference !== 0, "<": difference < 0, ">": difference > 0 }[operator];
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Bytes as hex, so that what the store answers can be compared with what the model answers. */
function plain(result: KvResult): unknown {
  return JSON.parse(
    JSON.stringify(result, (_name, value: unknown) => (value instanceof Uint8Array ? hex(value) : value)),
  );
}

function changesOf({ revision, events }: RevisionRecord) {
  const changes = events.map((event) =>
    event.type !== "put"
      ? `${event.type} ${event.key}`
      : `put ${event.key} ${hex(event.value)} ${event.createRevision} ${event.version}`,
  );
  return { revision, changes };
}

function recordsAfter(store: KvStore, revision: number): RevisionRecord[] {
  const records: RevisionRecord[] = [];
  for (let record = store.history.next(revision); record !== undefined; record = store.history.next(record.revision)) {
    records.push(record);
  }
  return records;
}

// Keys whose order differs between UTF-16 and UTF-8, that are prefixes of each other, and that nearly are.
const key = fc.constantFrom("a", "a/", "a/b", "a/c", "ab", "b", "é", "\u{ff5e}", "\u{10000}", "\u{1f600}/x", "~");
const value = fc.uint8Array({ maxLength: 4 });
const operator = fc.constantFrom("=" as const, "!=" as const, "<" as const, ">" as const);
const comparison: fc.Arbitrary<Comparison> = fc.oneof(
  fc.record({ target: fc.constantFrom("revision" as const, "createRevision" as const), operator, operand: fc.nat(60) }),
  fc.record({ target: fc.constant("version" as const), operator, operand: fc.nat(3) }),
  fc.record({ target: fc.constant("value" as const), operator, operand: value }),
);
const compare: fc.Arbitrary<Compare> = fc.tuple(comparison, key).map(([each, of]) => ({ ...each, key: of }));
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ type: fc.constant("put" as const), key, value }),
  fc.record({ type: fc.constantFrom("delete" as const, "get" as const), key }),
);
const operations = fc.uniqueArray(operation, { maxLength: 4, selector: (each) => each.key });
const command: fc.Arbitrary<KeyCommand> = fc.oneof(
  fc.record(
    { type: fc.constant("put" as const), key, value, condition: comparison },
    { requiredKeys: ["type", "key", "value"] },
  ),
  fc.record({ type: fc.constant("delete" as const), key, condition: comparison }, { requiredKeys: ["type", "key"] }),
  fc.record({
    type: fc.constant("txn" as const),
    compares: fc.array(compare, { maxLength: 2 }),
    success: operations,
    failure: operations,
  }),
);
/** Commands at rising indexes with gaps, as a log has them. */
const log = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), command), { maxLength: 40 }).map((steps) => {
  let index = 0;
  return steps.map(([gap, each]) => {
    index += gap;
    return { index, term: 1, timeMs: 0, command: each };
  });
});

describe("KvStore", () => {
  it("answers every command, and holds and lists every key, as the model does", () => {
    fc.assert(
      fc.property(log, (committed) => {
        const store = new KvStore();
        const model = new Model();
        for (const each of committed) {
          expect(plain(store.apply(each))).toEqual(model.apply(each.index, each.command));
          expect(store.revision).toBe(model.written.at(-1)?.revision ?? 0);
        }
        for (const prefix of ["", "a", "a/", "é", "\u{1f600}", "zzz"]) {
          const page = store.list({ prefix, afterKey: null, limit: 1000, maxBytes: 1000 });
          expect(page.entries.map((entry) => entry.key)).toEqual(model.keys(prefix));
          expect(page.hasMore).toBe(false);
        }
        expect(recordsAfter(store, 0).map(changesOf)).toEqual(model.written);
      }),
      { numRuns: 300 },
    );
  });

  it("pages through any prefix without gap or double", () => {
    fc.assert(
      fc.property(log, fc.constantFrom("", "a", "a/"), fc.integer({ min: 1, max: 3 }), (committed, prefix, limit) => {
        const store = new KvStore();
        for (const each of committed) store.apply(each);
        const keys: string[] = [];
        let afterKey: string | null = null;
        for (;;) {
          const page = store.list({ prefix, afterKey, limit, maxBytes: 6 });
          keys.push(...page.entries.map((entry) => entry.key));
          expect(page.entries.length).toBeLessThanOrEqual(limit);
          afterKey = keys.at(-1) ?? null;
          if (!page.hasMore) break;
          expect(page.entries.length).toBeGreaterThan(0);
        }
        expect(keys).toEqual(
          store.list({ prefix, afterKey: null, limit: 1000, maxBytes: 10_000 }).entries.map((e) => e.key),
        );
      }),
      { numRuns: 200 },
    );
  });

  it("C10: the history window is a function of the commands alone, whole revisions, and never over its limits", () => {
    const limits = { maxEvents: 6, maxBytes: 460 };
    fc.assert(
      fc.property(log, fc.nat(40), (committed, splitAt) => {
        const store = new KvStore(limits);
        const replayed = new KvStore(limits);
        const model = new Model();
        for (const each of committed.slice(0, splitAt)) replayed.apply(each);
        for (const each of committed) {
          store.apply(each);
          model.apply(each.index, each.command);
        }
        for (const each of committed.slice(splitAt)) replayed.apply(each);
        const kept = recordsAfter(store, store.history.forgottenRevision).map(changesOf);
        expect(recordsAfter(replayed, replayed.history.forgottenRevision).map(changesOf)).toEqual(kept);
        expect(kept).toEqual(model.written.slice(model.written.length - kept.length));
        expect(store.history.oldestRevision).toBe(kept[0]?.revision ?? 0);
        const events = kept.reduce((sum, { changes }) => sum + changes.length, 0);
        expect(kept.length === 1 || events <= limits.maxEvents).toBe(true);
        if (kept.length < model.written.length) expect(store.history.forgottenRevision).toBeLessThan(kept[0]!.revision);
      }),
      { numRuns: 300 },
    );
  });

  it("forgets by bytes, and always keeps the latest revision", () => {
    const store = new KvStore({ maxEvents: 1000, maxBytes: 1000 });
    const put = (index: number, sizeBytes: number) =>
      store.apply({ index, term: 1, timeMs: 0, command: { type: "put", key: "k", value: new Uint8Array(sizeBytes) } });
    for (let index = 1; index <= 10; index++) put(index, 200);
    expect(recordsAfter(store, 0).map((record) => record.revision)).toEqual([8, 9, 10]);
    expect(store.history.forgottenRevision).toBe(7);
    put(11, 5000);
    expect(recordsAfter(store, 0).map((record) => record.revision)).toEqual([11]);
  });

  it("keeps what it forgot out of memory, however long it runs", () => {
    const store = new KvStore({ maxEvents: 10, maxBytes: 1000 });
    for (let index = 1; index <= 5000; index++) {
      store.apply({ index, term: 1, timeMs: 0, command: { type: "put", key: "k", value: new Uint8Array(1) } });
    }
    expect(recordsAfter(store, 0).map((record) => record.revision)).toEqual([
      4991, 4992, 4993, 4994, 4995, 4996, 4997, 4998, 4999, 5000,
    ]);
    expect(store.history.next(4995)?.revision).toBe(4996);
    expect(store.history.next(5000)).toBeUndefined();
  });

  it("F11: owns its values: neither the log's buffer nor a pooled frame stays referenced", () => {
    const store = new KvStore();
    const frame = Buffer.alloc(100_000, 1);
    store.apply({ index: 1, term: 1, timeMs: 0, command: { type: "put", key: "k", value: frame.subarray(10, 20) } });
    frame.fill(2);
    const stored = store.get("k")!.value;
    expect([...stored]).toEqual(new Array(10).fill(1));
    expect(stored.buffer.byteLength).toBe(10);
  });

  it("refuses a transaction whose gets find too much, and writes nothing of it", () => {
    const store = new KvStore();
    const big = new Uint8Array(MAX_TXN_BYTES / 2);
    store.apply({ index: 1, term: 1, timeMs: 0, command: { type: "put", key: "a", value: big } });
    store.apply({ index: 2, term: 1, timeMs: 0, command: { type: "put", key: "b", value: big } });
    const get = (of: string): Operation => ({ type: "get", key: of });
    const put: Operation = { type: "put", key: "c", value: big };
    const txn = (...success: Operation[]): KvCommand => ({ type: "txn", compares: [], success, failure: [] });
    expect(store.apply({ index: 3, term: 1, timeMs: 0, command: txn(put, get("a"), get("b")) })).toEqual({
      type: "tooLarge",
      sizeBytes: MAX_TXN_BYTES + 2,
    });
    expect(store.get("c")).toBeNull();
    expect(store.apply({ index: 4, term: 1, timeMs: 0, command: txn(get("a")) })).toMatchObject({
      type: "txn",
      revision: 2,
    });
  });

  it("remembers where servers are, tells who asks to be told, and changes no key and no revision by it", () => {
    const store = new KvStore();
    const told: (string | null)[] = [];
    const stop = store.onAddress(() => told.push(store.addressOf("n1")));
    expect(store.addressOf("n1")).toBeNull();
    for (const [place, url] of ["http://a:1", "http://b:2"].entries()) {
      const command = { type: "announce", server: "n1", url } as const;
      expect(store.apply({ index: place + 1, term: 1, timeMs: 0, command })).toEqual({ type: "announce" });
    }
    stop();
    store.apply({ index: 3, term: 1, timeMs: 0, command: { type: "announce", server: "n2", url: "http://c:3" } });
    expect(told).toEqual(["http://a:1", "http://b:2"]);
    expect([store.addressOf("n2"), store.revision, store.size, store.history.oldestRevision]).toEqual([
      "http://c:3",
      0,
      0,
      0,
    ]);
  });

  it.each([
    ["an announcement of nothing", { type: "announce", server: "n1" }],
    ["an unknown type", { type: "increment", key: "k" }],
    ["no object", 7],
    ["a put without a value", { type: "put", key: "k" }],
    ["a key that is no string", { type: "delete", key: 7 }],
    ["an unknown comparison", { type: "delete", key: "k", condition: { target: "age", operator: "=", operand: 1 } }],
    ["an unknown operator", { type: "delete", key: "k", condition: { target: "version", operator: "~", operand: 1 } }],
    [
      "an unknown operation in a txn",
      { type: "txn", compares: [], success: [{ type: "touch", key: "k" }], failure: [] },
    ],
    ["a txn without branches", { type: "txn", compares: [] }],
  ])("C11: a command with %s throws instead of being skipped", (_what, unknown) => {
    const store = new KvStore();
    const committed = { index: 1, term: 1, timeMs: 0, command: unknown as unknown as KvCommand };
    expect(() => store.apply(committed)).toThrow(/does not know/);
  });
});
