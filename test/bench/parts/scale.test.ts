import { expect, it } from "vitest";
import type { Found } from "../frame/part.js";
import { scale } from "./scale.js";

function row(servers: number, cpuMicros: number): Found {
  return { name: `${servers} servers`, factors: { servers }, medians: { cpuMicros } };
}

it("tells what grows faster than the thing that was made larger from what does not", () => {
  expect(scale.conclude?.([row(3, 10), row(5, 99), row(7, 20)])).toEqual([
    "✓ no worse than linearly: from 3 servers to 7 servers (× 2.33), CPU µs/write × 2",
  ]);
  expect(scale.conclude?.([row(3, 10), row(7, 30)])).toEqual([
    "✗ worse than linearly: from 3 servers to 7 servers (× 2.33), CPU µs/write × 3",
  ]);
  expect(scale.conclude?.([row(3, 10)])).toEqual([]);
});
