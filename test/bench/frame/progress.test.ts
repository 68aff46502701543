import { expect, it } from "vitest";
import { estimate } from "./progress.js";

it("tells how long the rest takes, as soon as there is something to tell it by", () => {
  expect(estimate(0, 4, 1000)).toBe("");
  expect(estimate(1, 4, 1000)).toBe(" (1 of 4, about 3 s left)");
  expect(estimate(2, 4, 600_000)).toBe(" (2 of 4, about 10 min left)");
  expect(estimate(4, 4, 1000)).toBe("");
});
