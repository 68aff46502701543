import { Random } from "@quorate/core";
import { expect, it } from "vitest";
import { DeadlineQueue, type Timed } from "../src/deadlines.js";

it("gives out the earliest first, whatever was added, removed and moved before", () => {
  const random = new Random(1);
  const pick = (below: number): number => Math.floor(random.between(0, below));
  for (let run = 0; run < 50; run += 1) {
    const queue = new DeadlineQueue<Timed>();
    const expected = new Set<Timed>();
    for (let step = 0; step < 60; step += 1) {
      const known = [...expected];
      const item = known[pick(known.length)];
      const what = pick(4);
      if (what < 2 || item === undefined) {
        const added = { deadline: pick(20), slot: -1 };
        queue.add(added);
        expected.add(added);
      } else if (what === 2) {
        queue.remove(item);
        expected.delete(item);
      } else queue.reschedule(item, pick(20));
      expect(queue.size).toBe(expected.size);
      expect(queue.earliest).toBe(Math.min(...[...expected].map(({ deadline }) => deadline)));
    }
    const order: number[] = [];
    for (let due = queue.takeDue(20); due !== undefined; due = queue.takeDue(20)) order.push(due.deadline);
    expect(order).toEqual([...expected].map(({ deadline }) => deadline).sort((a, b) => a - b));
  }
});

it("gives out nothing before its time, and forgets what was removed twice", () => {
  const queue = new DeadlineQueue<Timed>();
  const item = { deadline: 10, slot: -1 };
  queue.add(item);
  expect(queue.takeDue(9.99)).toBeUndefined();
  queue.remove(item);
  queue.remove(item);
  expect(queue.takeDue(10)).toBeUndefined();
  expect(queue.earliest).toBe(Number.POSITIVE_INFINITY);
});
