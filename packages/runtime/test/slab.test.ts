import { expect, it } from "vitest";
import { Slab } from "../src/slab.js";

it("hands out arrays that share no byte, of any size", () => {
  const slab = new Slab();
  const sizes = Array.from({ length: 500 }, (_, place) => (place * 37) % 3000);
  const taken = sizes.map((size, place) => slab.take(size).fill(place % 251));
  for (const [place, bytes] of taken.entries()) {
    expect(bytes).toHaveLength(sizes[place] as number);
    expect(bytes.every((byte) => byte === place % 251)).toBe(true);
  }
  const small = slab.take(100);
  const large = slab.take(3000);
  expect([small.buffer.byteLength > 100, large.buffer.byteLength]).toEqual([true, 3000]);
});
