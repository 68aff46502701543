/**
 * The outbox against a disk that remembers everything: no promise leaves before the write that it rests on, and nothing
 * is believed durable that a crash could still take away (PITFALLS E3, P1–P4, P19).
 */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Outbox } from "../src/effects.js";
import type { OutgoingMessage } from "../src/index.js";
import { Disk } from "./support/disk.js";
import { command } from "./support/entries.js";
import { accepted, heartbeatResult } from "./support/messages.js";
import { numRuns } from "./support/runs.js";

type Step =
  | { readonly kind: "append"; readonly count: number }
  | { readonly kind: "truncate"; readonly count: number }
  | { readonly kind: "hardState" | "send" | "promise" | "drain" }
  | { readonly kind: "finish"; readonly count: number; readonly isReported: boolean }
  | { readonly kind: "reportAgain"; readonly back: number };

const count = fc.integer({ min: 1, max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom("hardState", "send", "promise", "promise", "drain", "drain") }),
  fc.record({ kind: fc.constant("append"), count }),
  fc.record({ kind: fc.constant("truncate"), count }),
  fc.record({ kind: fc.constant("finish"), count, isReported: fc.boolean() }),
  fc.record({ kind: fc.constant("reportAgain"), back: fc.nat({ max: 2 }) }),
);

/** An outbox, the log that its user believes in, and the disk behind it. */
class Model {
  readonly outbox = new Outbox(2);
  readonly disk = new Disk({ entries: [command(1, 1), command(2, 1)] });
  /** By round, how many writes must be finished before the message may leave. */
  readonly #promised = new Map<number, number>();
  #log = [...this.disk.entries];
  #term = 1;
  #round = 0;
  /** Whether anything was asked to be written since the last drain. */
  #isDirty = false;
  #askedSeq = 0;
  #finishedSeq = 0;
  #reportedSeq = 0;

  perform(one: Step): void {
    switch (one.kind) {
      case "append":
        return this.#append(one.count);
      case "truncate":
        return this.#truncate(one.count);
      case "hardState":
        return this.#nextTerm();
      case "send":
      case "promise":
        return this.#say(one.kind);
      case "drain":
        return this.drain();
      case "finish":
        return this.finish(one.count, one.isReported);
      case "reportAgain":
        return this.outbox.persisted(Math.max(0, this.#reportedSeq - one.back));
    }
  }

  #nextTerm(): void {
    this.#term += 1;
    this.#isDirty = true;
    this.outbox.writeHardState({ currentTerm: this.#term, votedFor: 0 });
  }

  #append(times: number): void {
    for (let appended = 0; appended < times; appended += 1) {
      const entry = command(this.#log.length + 1, this.#term);
      this.#log.push(entry);
      this.#isDirty = true;
      this.outbox.writeEntry(entry);
    }
  }

  /** Another leader's doing: with a term of its own, as always. */
  #truncate(times: number): void {
    this.#nextTerm();
    const from = Math.max(1, this.#log.length + 1 - times);
    if (from > this.#log.length) return;
    this.#log.length = from - 1;
    this.outbox.writeTruncation(from);
  }

  #say(verb: "send" | "promise"): void {
    this.#round += 1;
    // Each to a server of its own, so that none repeats another.
    const message: OutgoingMessage = heartbeatResult({ from: 1, to: this.#round, term: 1, round: this.#round });
    if (verb === "promise") this.#promised.set(this.#round, this.#askedSeq + (this.#isDirty ? 1 : 0));
    this.outbox[verb](message);
  }

  drain(): void {
    const { write, messages, applyTo } = this.outbox.drain(this.#log.length, this.#log.length, 0);
    expect(write !== null).toBe(this.#isDirty);
    this.#isDirty = false;
    if (write !== null) {
      this.#askedSeq += 1;
      this.disk.submit(write);
    }
    expect(this.disk.entries).toEqual(this.#log);
    for (const message of messages) this.#expectKept(message.kind === "heartbeatResult" ? message.round : 0);
    for (const covering of this.#promised.values()) expect(covering).toBeGreaterThan(this.#reportedSeq);
    this.#expectDurable(applyTo);
  }

  #expectKept(round: number): void {
    expect(this.#promised.get(round) ?? 0).toBeLessThanOrEqual(this.#finishedSeq);
    this.#promised.delete(round);
  }

  /** What is believed durable is on the disk, and every write still under way leaves it there. */
  #expectDurable(applyTo: number): void {
    expect(applyTo).toBe(this.outbox.durableIndex);
    expect(this.disk.durableEntries.slice(0, applyTo)).toEqual(this.#log.slice(0, applyTo));
    for (const { truncateFrom } of this.disk.pending)
      expect(truncateFrom ?? Number.POSITIVE_INFINITY).toBeGreaterThan(applyTo);
  }

  finish(times: number, isReported: boolean): void {
    this.#finishedSeq = this.disk.complete(times) ?? this.#finishedSeq;
    if (!isReported) return;
    this.#reportedSeq = this.#finishedSeq;
    this.outbox.persisted(this.#finishedSeq);
  }

  /** Whether every promise was kept in the end, and everything is known to be durable. */
  expectDone(): void {
    this.drain();
    this.finish(this.disk.pending.length, true);
    this.drain();
    expect(this.#promised.size).toBe(0);
    expect(this.outbox.durableIndex).toBe(this.#log.length);
  }
}

describe("Outbox", () => {
  it("E3, P1, P3, P4: promises leave when they are kept, and all of them do", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const model = new Model();
        for (const one of steps) model.perform(one);
        model.expectDone();
      }),
      { numRuns: numRuns(500) },
    );
  });

  it("F4: keeps one acknowledgement for each stream, the highest, while a disk hangs", () => {
    const outbox = new Outbox(0);
    const acknowledge = (stream: number, matchIndex: number): void =>
      outbox.promise(accepted({ from: 1, to: 2, term: 1, stream, matchIndex }));
    outbox.writeEntry(command(1, 1));
    for (let probes = 0; probes < 500; probes += 1) acknowledge(1, 1);
    acknowledge(1, 0);
    acknowledge(2, 1);
    expect(outbox.drain(1, 0, 0).messages).toEqual([]);
    outbox.writeEntry(command(2, 1));
    acknowledge(2, 2);
    outbox.drain(2, 0, 0);
    outbox.persisted(1);
    expect(outbox.drain(2, 0, 0).messages).toMatchObject([
      { stream: 1, matchIndex: 1 },
      { stream: 2, matchIndex: 1 },
    ]);
    outbox.persisted(2);
    expect(outbox.drain(2, 0, 0).messages).toMatchObject([{ stream: 2, matchIndex: 2 }]);
  });

  it("what promises nothing leaves at once, in order", () => {
    const outbox = new Outbox(0);
    outbox.writeEntry(command(1, 1));
    outbox.promise(heartbeatResult({ from: 1, term: 1, round: 1 }));
    outbox.send(heartbeatResult({ from: 1, term: 1, round: 2 }));
    outbox.send(heartbeatResult({ from: 1, term: 1, round: 3 }));
    expect(outbox.drain(1, 0, 0).messages).toMatchObject([{ round: 2 }, { round: 3 }]);
    expect(outbox.drain(1, 0, 0).messages).toEqual([]);
    outbox.persisted(1);
    expect(outbox.drain(1, 0, 0).messages).toMatchObject([{ round: 1 }]);
  });

  it("writes are numbered from 1, without gaps, and only where there is something to write", () => {
    const outbox = new Outbox(0);
    expect(outbox.drain(0, 0, 0).write).toBeNull();
    outbox.writeEntry(command(1, 1));
    expect(outbox.drain(1, 0, 0).write?.seq).toBe(1);
    expect(outbox.drain(1, 0, 0).write).toBeNull();
    outbox.writeHardState({ currentTerm: 2, votedFor: 0 });
    expect(outbox.drain(1, 0, 0).write).toEqual({
      seq: 2,
      hardState: { currentTerm: 2, votedFor: 0 },
      reset: null,
      truncateFrom: null,
      append: [],
    });
  });
});
