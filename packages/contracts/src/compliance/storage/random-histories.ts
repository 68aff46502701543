/** Any sequence of writes, compactions, reads, ends clean and unclean leaves what the naive model says. */

import type { EntryId, Index, Write } from "@quorate/core";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { StorageHarness } from "./harness.js";
import { lastIndexOf, lastTermOf, type Model, pageOf, written } from "./model.js";
import { abandon, entryAt, pass, plainEntry, Subject, writeOf } from "./subject.js";

/** One write, said in numbers that have a meaning for any log: how far back, how many, how many terms later. */
interface DrawnWrite {
  readonly votedFor: number | null;
  /** How far after the last compacted entry the log begins anew. */
  readonly reset: number | null;
  readonly truncated: number | null;
  readonly appended: readonly { readonly terms: number; readonly sizeBytes: number; readonly kind: number }[];
}

type Move =
  | { readonly move: "write"; readonly writes: readonly DrawnWrite[] }
  | { readonly move: "writeAndCrash"; readonly writes: readonly DrawnWrite[]; readonly turns: number }
  | { readonly move: "compact"; readonly part: number }
  | { readonly move: "read"; readonly from: number; readonly to: number; readonly maxBytes: number }
  | { readonly move: "reopen" }
  | { readonly move: "crash" };

const KINDS = ["command", "command", "noop", "membership"] as const;
const RUNS = 30;
const TIMEOUT_MS = 120_000;

const part = fc.double({ min: 0, max: 1, noNaN: true });
const drawnWrite = fc.record({
  votedFor: fc.option(fc.nat(5)),
  reset: fc.option(fc.oneof(fc.nat(12), fc.nat(5000)), { freq: 1 }),
  truncated: fc.option(fc.nat(6), { freq: 2 }),
  appended: fc.array(
    fc.record({ terms: fc.nat(1), sizeBytes: fc.oneof(fc.nat(40), fc.nat(5000)), kind: fc.nat(KINDS.length - 1) }),
    { maxLength: 8 },
  ),
});
const writes = fc.array(drawnWrite, { minLength: 1, maxLength: 3 });
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ move: fc.constant("write" as const), writes }) },
  { weight: 2, arbitrary: fc.record({ move: fc.constant("writeAndCrash" as const), writes, turns: fc.nat(15) }) },
  { weight: 2, arbitrary: fc.record({ move: fc.constant("compact" as const), part }) },
  {
    weight: 3,
    arbitrary: fc.record({ move: fc.constant("read" as const), from: part, to: part, maxBytes: fc.nat(9000) }),
  },
  { weight: 1, arbitrary: fc.record({ move: fc.constant("reopen" as const) }) },
  { weight: 1, arbitrary: fc.record({ move: fc.constant("crash" as const) }) },
);

export function testRandomHistories(harness: () => StorageHarness): void {
  it(
    "leaves what the model says",
    async () => {
      const history = fc.asyncProperty(fc.array(move, { maxLength: 24 }), async (moves) => {
        const subject = await Subject.founded(harness());
        for (const one of moves) await carryOut(subject, one);
        await subject.reopen();
        await subject.storage.close();
      });
      await fc.assert(history, { numRuns: RUNS });
    },
    TIMEOUT_MS,
  );
}

async function carryOut(subject: Subject, drawn: Move): Promise<void> {
  const { model, storage } = subject;
  switch (drawn.move) {
    case "write": {
      const change = realize(model, drawn.writes);
      await storage.write(change);
      subject.model = written(model, change);
      return;
    }
    case "writeAndCrash": {
      const change = realize(model, drawn.writes);
      abandon(storage.write(change));
      await pass(drawn.turns);
      return subject.crash([model, written(model, change)]);
    }
    case "compact":
      return subject.compact(indexAt(model, drawn.part));
    case "read":
      return read(subject, drawn.from, drawn.to, drawn.maxBytes);
    case "reopen":
      return subject.reopen();
    case "crash":
      return subject.crash([model]);
  }
}

async function read({ model, storage }: Subject, from: number, to: number, maxBytes: number): Promise<void> {
  if (model.entries.length === 0) return;
  const [first, last] = [indexAt(model, from), indexAt(model, to)].sort((a, b) => a - b);
  if (first === undefined || last === undefined) return;
  const page = await storage.read(first, last, maxBytes);
  expect(page.map(plainEntry)).toEqual(pageOf(model, first, last, maxBytes).map(plainEntry));
}

/** The entry that lies at that part of the log; the last compacted one if the log is empty. */
function indexAt({ compacted, entries }: Model, where: number): Index {
  return compacted.index + (entries.length === 0 ? 0 : 1 + Math.floor(where * (entries.length - 1)));
}

/** Where a log may begin anew: in a term that is not older than what it had there. */
function placeAfter(model: Model, distance: number): EntryId {
  const { compacted, entries } = model;
  if (distance === 0) return compacted;
  const known = entries[distance - 1];
  return { index: compacted.index + distance, term: (known?.term ?? lastTermOf(model)) + 1 };
}

/** Turns drawn numbers into writes that fit the log. */
function realize(before: Model, drawn: readonly DrawnWrite[]): Write[] {
  let model = before;
  return drawn.map(({ votedFor, reset, truncated, appended }) => {
    const place = reset === null ? null : placeAfter(model, reset);
    const begun = place === null ? model : written(model, [writeOf({ reset: place })]);
    const from = Math.max(begun.compacted.index + 1, lastIndexOf(begun) + 1 - (truncated ?? 0));
    const shortened = truncated === null ? begun : written(begun, [writeOf({ truncateFrom: from })]);
    let index = lastIndexOf(shortened);
    let term = Math.max(1, lastTermOf(shortened));
    const append = appended.map(({ terms, sizeBytes, kind }) => {
      index += 1;
      term += terms;
      return entryAt(index, term, sizeBytes, KINDS[kind]);
    });
    const currentTerm = Math.max(model.hardState.currentTerm, term);
    const write = writeOf({
      append,
      ...(place === null ? {} : { reset: place }),
      ...(truncated === null ? {} : { truncateFrom: from }),
      ...(votedFor === null ? {} : { hardState: { currentTerm, votedFor } }),
    });
    model = written(model, [write]);
    return write;
  });
}
