/** Any sequence of snapshots begun, written, committed, aborted, read, and of ends clean and unclean. */

import fc from "fast-check";
import { it } from "vitest";
import type { SnapshotReader, SnapshotWriter } from "../../snapshot-storage.js";
import { bytes } from "../fixture.js";
import { abandon, pass } from "../storage/subject.js";
import type { SnapshotHarness } from "./harness.js";
import { expectSame, newerOf, readBody, type Snapshot, SnapshotSubject } from "./subject.js";

type Move =
  | { readonly move: "begin"; readonly ahead: number; readonly sizeBytes: number }
  | { readonly move: "write"; readonly which: number; readonly sizeBytes: number }
  | { readonly move: "commit" | "abort"; readonly which: number }
  | { readonly move: "commitAndCrash"; readonly which: number; readonly turns: number }
  | { readonly move: "read" | "close" | "check" | "reopen" | "crash" };

interface Writing {
  readonly writer: SnapshotWriter;
  readonly snapshot: Snapshot;
}

interface Reading {
  readonly reader: SnapshotReader;
  readonly snapshot: Snapshot;
}

const RUNS = 30;
const TIMEOUT_MS = 120_000;

const which = fc.nat(3);
const named = <Name extends string>(move: Name) => fc.constant(move);
const sizeBytes = fc.oneof(fc.nat(50), fc.nat(20_000));
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ move: named("begin"), ahead: fc.integer({ min: -3, max: 9 }), sizeBytes }) },
  { weight: 6, arbitrary: fc.record({ move: named("write"), which, sizeBytes }) },
  { weight: 6, arbitrary: fc.record({ move: named("commit"), which }) },
  { weight: 2, arbitrary: fc.record({ move: named("abort"), which }) },
  { weight: 2, arbitrary: fc.record({ move: named("commitAndCrash"), which, turns: fc.nat(40) }) },
  { weight: 3, arbitrary: fc.record({ move: fc.constantFrom("read" as const, "close" as const, "check" as const) }) },
  { weight: 1, arbitrary: fc.record({ move: fc.constantFrom("reopen" as const, "crash" as const) }) },
);

export function testSnapshotHistories(harness: () => SnapshotHarness): void {
  it(
    "leaves the newest snapshot that was committed, and each reader its own",
    async () => {
      const history = fc.asyncProperty(fc.array(move, { maxLength: 30 }), async (moves) => {
        const world = new History(await SnapshotSubject.opened(harness()));
        for (const one of moves) await world.carryOut(one);
        await world.finish();
      });
      await fc.assert(history, { numRuns: RUNS });
    },
    TIMEOUT_MS,
  );
}

class History {
  readonly #subject: SnapshotSubject;
  #writings: Writing[] = [];
  #readings: Reading[] = [];
  #begun = 0;

  constructor(subject: SnapshotSubject) {
    this.#subject = subject;
  }

  async carryOut(drawn: Move): Promise<void> {
    switch (drawn.move) {
      case "begin":
        return this.#begin(drawn.ahead, drawn.sizeBytes);
      case "write":
        return this.#write(this.#writings[drawn.which], drawn.sizeBytes);
      case "commit":
        return this.#commit(this.#take(drawn.which));
      case "abort":
        return this.#take(drawn.which)?.writer.abort();
      case "commitAndCrash":
        return this.#commitAndCrash(this.#take(drawn.which), drawn.turns);
      case "read":
        return this.#read();
      case "close":
        return this.#readings.shift()?.reader.close();
      case "check":
        return this.#check();
      case "reopen":
        this.#forget();
        return this.#subject.reopen();
      case "crash":
        this.#forget();
        return this.#subject.crash();
    }
  }

  async finish(): Promise<void> {
    await this.#check();
    await this.#subject.reopen();
    await this.#subject.storage.close();
  }

  async #begin(ahead: number, size: number): Promise<void> {
    this.#begun += 1;
    const index = Math.max(1, (this.#subject.newest?.place.index ?? 0) + ahead);
    const place = { index, term: this.#begun };
    const snapshot = { place, header: bytes(this.#begun, index), body: bytes(size, this.#begun) };
    this.#writings.push({ writer: await this.#subject.begin(snapshot), snapshot });
  }

  async #write(writing: Writing | undefined, size: number): Promise<void> {
    if (writing === undefined) return;
    const { writer, snapshot } = writing;
    await writer.write(snapshot.body.subarray(writer.sizeBytes, writer.sizeBytes + size));
  }

  async #commit(writing: Writing | undefined): Promise<void> {
    if (writing !== undefined) await this.#subject.commit(writing.writer, soFar(writing));
  }

  async #commitAndCrash(writing: Writing | undefined, turns: number): Promise<void> {
    if (writing === undefined) return;
    const { newest } = this.#subject;
    const candidate = soFar(writing);
    abandon(writing.writer.commit());
    await pass(turns);
    this.#forget();
    await this.#subject.crash([newest, newerOf(newest, candidate)]);
  }

  async #read(): Promise<void> {
    const reader = await this.#subject.storage.read();
    const { newest: snapshot } = this.#subject;
    if (reader !== null && snapshot !== null) this.#readings.push({ reader, snapshot });
  }

  async #check(): Promise<void> {
    for (const { reader, snapshot } of this.#readings) expectSame(await readBody(reader), snapshot.body);
    await this.#subject.expectNewest();
  }

  #take(place: number): Writing | undefined {
    return this.#writings.splice(place, 1)[0];
  }

  #forget(): void {
    this.#writings = [];
    this.#readings = [];
  }
}

/** A snapshot that is committed early has the body that it was given by then. */
function soFar({ writer, snapshot }: Writing): Snapshot {
  return { ...snapshot, body: snapshot.body.subarray(0, writer.sizeBytes) };
}
