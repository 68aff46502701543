import { expect, it } from "vitest";
import { Topic } from "../src/topic.js";

it("F14: who comes late gets the current value, then every change, none twice", () => {
  const topic = new Topic(0, () => undefined);
  const early: number[] = [];
  const late: number[] = [];
  topic.subscribe((value) => early.push(value));
  topic.note(1);
  topic.note(2);
  topic.subscribe((value) => late.push(value));
  topic.tell();
  topic.note(3);
  topic.tell();
  expect(early).toEqual([0, 1, 2, 3]);
  expect(late).toEqual([0, 1, 2, 3]);
});

it("tells who subscribes while it tells, once", () => {
  const topic = new Topic(0, () => undefined);
  const inner: number[] = [];
  topic.subscribe((value) => {
    if (value === 1) topic.subscribe((each) => inner.push(each));
  });
  topic.note(1);
  topic.note(2);
  topic.tell();
  expect(inner).toEqual([1, 2]);
});

it("tells nobody who has left, even in the middle", () => {
  const topic = new Topic(0, () => undefined);
  const told: number[] = [];
  let leave = (): void => undefined;
  topic.subscribe((value) => {
    if (value === 1) leave();
  });
  leave = topic.subscribe((value) => told.push(value));
  topic.note(1);
  topic.tell();
  expect(told).toEqual([0]);
});

it("goes on when a listener throws or rejects, and says so", async () => {
  const errors: unknown[] = [];
  const topic = new Topic(0, (error) => errors.push(error));
  const told: number[] = [];
  topic.subscribe(() => {
    throw new Error("thrown");
  });
  const rejecting: () => unknown = () => Promise.reject(new Error("rejected"));
  topic.subscribe(rejecting);
  topic.subscribe((value) => told.push(value));
  topic.note(1);
  topic.tell();
  await Promise.resolve();
  expect(told).toEqual([0, 1]);
  expect(errors.map(String)).toEqual(["Error: thrown", "Error: thrown", "Error: rejected", "Error: rejected"]);
});
