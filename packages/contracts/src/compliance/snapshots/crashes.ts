/**
 * Unclean ends: the process dies at every step of a sequence, after it and in the middle of it. What was committed is
 * there, whole; what was being committed is there whole or not at all; and of the rest there is nothing.
 */

import { it } from "vitest";
import type { SnapshotWriter } from "../../snapshot-storage.js";
import { abandon, pass } from "../storage/subject.js";
import type { SnapshotHarness } from "./harness.js";
import { newerOf, type Snapshot, SnapshotSubject, snapshotAt } from "./subject.js";

/** What the steps have under way. */
interface Stage {
  readonly subject: SnapshotSubject;
  readonly writers: Map<number, SnapshotWriter>;
}

interface Step {
  readonly name: string;
  /** The snapshot that may be there afterwards, and must be when the step is done. */
  readonly commits?: Snapshot;
  readonly take: (stage: Stage) => Promise<unknown>;
}

const [ONE, TWO, THREE, FOUR, FIVE] = [
  snapshotAt(10, 1, 700),
  snapshotAt(20, 1, 70_000),
  snapshotAt(15, 2, 800),
  snapshotAt(30, 2, 0),
  snapshotAt(40, 3, 2000),
] as const;

const begin = (snapshot: Snapshot): Step => ({
  name: `${snapshot.place.index} is begun`,
  take: async ({ subject, writers }) => writers.set(snapshot.place.index, await subject.begin(snapshot)),
});

const write = (snapshot: Snapshot, part: number): Step => ({
  name: `${part === 1 ? "the rest" : "a part"} of ${snapshot.place.index} is written`,
  take: async ({ writers }) => {
    const writer = writers.get(snapshot.place.index);
    await writer?.write(snapshot.body.subarray(writer.sizeBytes, snapshot.body.length * part));
  },
});

const commit = (snapshot: Snapshot): Step => ({
  name: `${snapshot.place.index} is committed`,
  commits: snapshot,
  take: async ({ writers }) => writers.get(snapshot.place.index)?.commit(),
});

const abort = (snapshot: Snapshot): Step => ({
  name: `${snapshot.place.index} is aborted`,
  take: async ({ writers }) => writers.get(snapshot.place.index)?.abort(),
});

const STEPS: readonly Step[] = [
  begin(ONE),
  write(ONE, 0.5),
  write(ONE, 1),
  commit(ONE),
  begin(TWO),
  write(TWO, 0.5),
  begin(THREE),
  write(TWO, 1),
  { name: "10 is being read", take: ({ subject }) => subject.storage.read() },
  commit(TWO),
  write(THREE, 1),
  commit(THREE),
  begin(FOUR),
  begin(FIVE),
  write(FIVE, 0.5),
  commit(FOUR),
  abort(FIVE),
];

/** How many turns of the microtask queue pass between the call and the crash. */
const MOMENTS = [0, 1, 3, 9, 40];

export function testSnapshotCrashes(harness: () => SnapshotHarness): void {
  it.each(STEPS.map((step, place) => ({ ...step, place })))(
    "S4, S16: survives a crash after $name",
    async ({ place }) => {
      const stage = await perform(harness(), STEPS.slice(0, place + 1));
      await stage.subject.crash();
      await carryOn(stage.subject);
    },
  );

  const middles = STEPS.flatMap((step, place) => MOMENTS.map((turns) => ({ ...step, turns, place })));
  it.each(middles)("S20: a crash while $name leaves all of it or nothing, $turns turns later", async (step) => {
    const stage = await perform(harness(), STEPS.slice(0, step.place));
    const { subject } = stage;
    abandon(step.take(stage));
    await pass(step.turns);
    const before = subject.newest;
    await subject.crash(step.commits === undefined ? [before] : [before, newerOf(before, step.commits)]);
    await carryOn(subject);
  });

  it("S4: survives one crash after the other", async () => {
    const subject = await SnapshotSubject.opened(harness());
    for (let index = 1; index <= 12; index += 1) {
      await subject.write(snapshotAt(index + 50));
      await subject.store(snapshotAt(index));
      await subject.crash();
    }
    await subject.reopen();
  });
}

async function perform(harness: SnapshotHarness, steps: readonly Step[]): Promise<Stage> {
  const stage = { subject: await SnapshotSubject.opened(harness), writers: new Map<number, SnapshotWriter>() };
  for (const { take, commits } of steps) {
    await take(stage);
    if (commits !== undefined) stage.subject.newest = newerOf(stage.subject.newest, commits);
  }
  return stage;
}

/** What is left can still be replaced, by the same snapshots and by newer ones, and all of that is found afterwards. */
async function carryOn(subject: SnapshotSubject): Promise<void> {
  for (const snapshot of [ONE, TWO, FIVE]) await subject.store(snapshot);
  await subject.reopen();
}
