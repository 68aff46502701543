import { expect, it } from "vitest";
import { RequestIds, SeenRequests } from "../src/request-ids.js";

it("Q2: numbers rise within a life, are safe integers, and differ between lives", () => {
  const lives = [new RequestIds(1, 0), new RequestIds(2, 0), new RequestIds(1, 5)];
  const numbers = lives.flatMap((ids) => {
    const own = [ids.next(), ids.next(), ids.next()];
    expect(own.every(Number.isSafeInteger)).toBe(true);
    expect(own).toEqual([...own].sort((a, b) => a - b));
    return own;
  });
  expect(new Set(numbers).size).toBe(9);
});

it("K1: a copy of a request is told from the first, late ones too", () => {
  const seen = new SeenRequests();
  const ids = new RequestIds(7, 0);
  const numbers = Array.from({ length: 200_000 }, () => ids.next());
  expect(numbers.slice(0, 1000).every((id) => seen.add(1, id))).toBe(true);
  expect(numbers.slice(0, 1000).some((id) => seen.add(1, id))).toBe(false);
  // Out of order, with one that never came.
  expect(seen.add(1, numbers[1002] as number)).toBe(true);
  expect(seen.add(1, numbers[1001] as number)).toBe(true);
  expect(seen.add(1, numbers[1001] as number)).toBe(false);
  // Far ahead, then back: whatever lies too far behind counts as seen.
  expect(seen.add(1, numbers[199_999] as number)).toBe(true);
  expect(seen.add(1, numbers[199_000] as number)).toBe(true);
  expect(seen.add(1, numbers[1003] as number)).toBe(false);
});

it("K1: what another server asks, or another life of the same one, is no copy", () => {
  const seen = new SeenRequests();
  const id = new RequestIds(7, 0).next();
  const later = new RequestIds(8, 0).next();
  expect([seen.add(1, id), seen.add(2, id), seen.add(1, later)]).toEqual([true, true, true]);
  // A copy from the life before is still known.
  expect(seen.add(1, id)).toBe(false);
});
