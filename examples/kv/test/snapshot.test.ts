/** A store that was restored is the one that was captured, in all that it answers, then and later. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KvCommand } from "../src/commands.js";
import type { RevisionRecord } from "../src/history.js";
import { KvStore } from "../src/store.js";

const LIMITS = { maxEvents: 6, maxBytes: 2000 };

const key = fc.constantFrom("a", "b", "ä", "key/1", "key/2");
const put = fc.record({
  type: fc.constant("put" as const),
  key,
  value: fc.uint8Array({ maxLength: 300 }),
});
const remove = fc.record({ type: fc.constant("delete" as const), key });
const announce = fc.record({
  type: fc.constant("announce" as const),
  server: fc.constantFrom("n1", "n2"),
  url: fc.constantFrom("http://a:1", "http://b:2"),
});
const commands: fc.Arbitrary<KvCommand[]> = fc.array(fc.oneof(put, put, remove, announce), { maxLength: 40 });

function apply(store: KvStore, all: readonly KvCommand[], firstIndex: number): unknown[] {
  return all.map((command, place) => store.apply({ index: firstIndex + place, term: 1, timeMs: 0, command }));
}

function everything(store: KvStore): unknown {
  const { entries } = store.list({ prefix: "", afterKey: null, limit: 1000, maxBytes: 1_000_000 });
  const records: RevisionRecord[] = [];
  for (let next = store.history.next(0); next !== undefined; next = store.history.next(next.revision)) {
    records.push(next);
  }
  const { forgottenRevision, oldestRevision, totals } = store.history;
  const addresses = ["n1", "n2"].map((server) => store.addressOf(server));
  return structuredClone({
    addresses,
    entries,
    revision: store.revision,
    records,
    forgottenRevision,
    oldestRevision,
    totals,
  });
}

async function* cut(pieces: AsyncIterable<Uint8Array>, sizeBytes: number): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; at += sizeBytes) yield piece.subarray(at, at + sizeBytes);
  }
}

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

describe("a snapshot of the store", () => {
  it("restores everything, however it is cut, and what comes later is the same", async () => {
    await fc.assert(
      fc.asyncProperty(
        commands,
        commands,
        commands,
        fc.integer({ min: 1, max: 700 }),
        async (old, before, after, size) => {
          const store = new KvStore(LIMITS);
          apply(store, before, 1);
          const restored = new KvStore(LIMITS);
          apply(restored, old, 1);
          await restored.restore(cut(store.snapshot(), size));
          expect(everything(restored)).toEqual(everything(store));
          expect(apply(restored, after, 100)).toEqual(apply(store, after, 100));
          expect(everything(restored)).toEqual(everything(store));
        },
      ),
    );
  });

  it("S13: shows the moment at which it was asked for, whatever is applied while it is written", async () => {
    await fc.assert(
      fc.asyncProperty(commands, commands, async (before, after) => {
        const store = new KvStore(LIMITS);
        apply(store, before, 1);
        const asItWas = everything(store);
        const pieces = store.snapshot();
        apply(store, after, 100);
        const restored = new KvStore(LIMITS);
        await restored.restore(pieces);
        expect(everything(restored)).toEqual(asItWas);
      }),
    );
  });

  it("C10: is the same bytes on every server", async () => {
    await fc.assert(
      fc.asyncProperty(commands, commands, async (before, after) => {
        const store = new KvStore(LIMITS);
        apply(store, before, 1);
        const restored = new KvStore(LIMITS);
        await restored.restore(store.snapshot());
        apply(store, after, 100);
        apply(restored, after, 100);
        expect(await bytesOf(restored.snapshot())).toEqual(await bytesOf(store.snapshot()));
      }),
    );
  });

  it("S20: one that is not whole changes nothing", async () => {
    const store = new KvStore(LIMITS);
    apply(store, [{ type: "put", key: "a", value: new Uint8Array(5) }], 1);
    const bytes = await bytesOf(store.snapshot());
    const other = new KvStore(LIMITS);
    apply(other, [{ type: "put", key: "b", value: new Uint8Array(1) }], 1);
    const before = everything(other);
    for (let length = 0; length < bytes.length; length += 1) {
      await expect(other.restore(only(bytes.subarray(0, length)))).rejects.toThrow("no end");
    }
    await expect(other.restore(only(Buffer.concat([bytes, bytes])))).rejects.toThrow("after its end");
    expect(everything(other)).toEqual(before);
  });
});
