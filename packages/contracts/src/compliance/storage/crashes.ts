/**
 * Unclean ends: the process dies at every step of a sequence of writes, after a step and in the middle of it. What was
 * resolved is there, what was under way is there whole or not at all, and nothing is there without what came before.
 */

import type { Index, Write } from "@quorate/core";
import { expect, it } from "vitest";
import type { LogStorage } from "../../log-storage.js";
import type { StorageHarness } from "./harness.js";
import { compacted, type Model, written } from "./model.js";
import { abandon, entriesFrom, entryAt, firstWrite, IDENTITY, pass, plainState, Subject, writeOf } from "./subject.js";

interface Step {
  readonly name: string;
  readonly writes?: readonly Write[];
  readonly compactTo?: Index;
}

const hardState = (currentTerm: number, votedFor: number) => ({ currentTerm, votedFor });

const STEPS: readonly Step[] = [
  { name: "a vote", writes: [writeOf({ hardState: hardState(2, 3) })] },
  { name: "an append", writes: [writeOf({ append: entriesFrom(2, 3, 2) })] },
  { name: "a term with its entries", writes: [writeOf({ hardState: hardState(3, 1), append: entriesFrom(5, 2, 3) })] },
  {
    name: "entries in the place of others",
    writes: [writeOf({ hardState: hardState(4, 0), truncateFrom: 4, append: entriesFrom(4, 5, 4, 3000) })],
  },
  { name: "a membership", writes: [writeOf({ append: [entryAt(9, 4, 60, "membership")] })] },
  { name: "a truncated membership", writes: [writeOf({ hardState: hardState(5, 0), truncateFrom: 9 })] },
  { name: "a compaction", compactTo: 3 },
  {
    name: "three writes in one",
    writes: [
      writeOf({ append: entriesFrom(9, 2, 5) }),
      writeOf({ hardState: hardState(6, 2), truncateFrom: 7, append: entriesFrom(7, 6, 6) }),
      writeOf({ append: [entryAt(13, 6, 70_000), entryAt(14, 6, 10, "membership")] }),
    ],
  },
  { name: "a compaction up to the end", compactTo: 14 },
  { name: "an append after a compaction", writes: [writeOf({ append: entriesFrom(15, 40, 6, 400) })] },
  { name: "a truncation back to a compaction", writes: [writeOf({ truncateFrom: 15 })] },
  { name: "a log that a snapshot replaces", writes: [writeOf({ append: entriesFrom(15, 30, 6, 400) })] },
  { name: "a reset before the end", writes: [writeOf({ hardState: hardState(8, 0), reset: { index: 20, term: 7 } })] },
  { name: "entries where others were before", writes: [writeOf({ append: entriesFrom(21, 3, 8) })] },
  {
    name: "a reset beyond the end, with what follows it",
    writes: [
      writeOf({ append: [entryAt(24, 8, 30, "membership")] }),
      writeOf({ reset: { index: 5000, term: 9 }, append: entriesFrom(5001, 2, 9) }),
      writeOf({ append: [entryAt(5003, 10, 50, "membership")] }),
    ],
  },
  { name: "a compaction after a reset", compactTo: 5002 },
];

/** How many turns of the microtask queue pass between the call and the crash. */
const MOMENTS = [
  { when: "at once", turns: 0 },
  { when: "a little later", turns: 9 },
];

export function testCrashes(harness: () => StorageHarness): void {
  it("P1: survives a crash right after it was founded", async () => {
    const subject = await Subject.founded(harness());
    await subject.crash([subject.model]);
    await carryOn(subject, 0);
  });

  it.each(MOMENTS)("O2: is founded whole or not at all if the process dies meanwhile, $when", async ({ turns }) => {
    const storage = await harness().create();
    await storage.open();
    abandon(storage.initialize(IDENTITY, firstWrite()));
    await pass(turns);
    const left = await harness().crash(storage);
    let found = await left.open();
    found ??= await left.initialize(IDENTITY, firstWrite());
    expect(plainState(found)).toMatchObject({ identity: IDENTITY, lastIndex: 1, memberships: [{ index: 1 }] });
  });

  it.each(STEPS.map((step, place) => ({ ...step, place })))("P1: survives a crash after $name", async ({ place }) => {
    const subject = await Subject.founded(harness());
    for (const step of STEPS.slice(0, place + 1)) await carryOut(subject, step);
    await subject.crash([subject.model]);
    await carryOn(subject, place + 1);
  });

  const middles = STEPS.flatMap((step, place) => MOMENTS.map((moment) => ({ ...step, ...moment, place })));
  it.each(middles)(
    "P2, P11: a crash in the middle of $name leaves all or nothing of it, moment $moment",
    async (step) => {
      const subject = await Subject.founded(harness());
      for (const earlier of STEPS.slice(0, step.place)) await carryOut(subject, earlier);
      const before = subject.model;
      abandon(begin(subject.storage, step));
      await pass(step.turns);
      await subject.crash([before, after(before, step)]);
      await carryOn(subject, subject.model === before ? step.place : step.place + 1);
    },
  );

  it("P1: survives one crash after the other", async () => {
    const subject = await Subject.founded(harness());
    for (const step of STEPS) {
      await carryOut(subject, step);
      await subject.crash([subject.model]);
    }
    await subject.reopen();
  });
}

/** What is left of the sequence can still be done, and is found afterwards. */
async function carryOn(subject: Subject, place: number): Promise<void> {
  for (const step of STEPS.slice(place)) await carryOut(subject, step);
  await subject.reopen();
}

async function carryOut(subject: Subject, step: Step): Promise<void> {
  await begin(subject.storage, step);
  subject.model = after(subject.model, step);
}

function begin(storage: LogStorage, { writes, compactTo }: Step): Promise<void> {
  return compactTo === undefined ? storage.write(writes ?? []) : storage.compact(compactTo);
}

function after(model: Model, { writes, compactTo }: Step): Model {
  return compactTo === undefined ? written(model, writes ?? []) : compacted(model, compactTo);
}
