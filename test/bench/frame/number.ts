/** Figures as people read them. */

import type { Spread } from "./spread.js";

/** As many digits as a figure of this kind can bear. */
export function number(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  if (Math.abs(value) >= 10) return value.toFixed(1);
  return String(Number(value.toPrecision(3)));
}

export function range({ median, lowest, highest }: Spread): string {
  const [middle, from, to] = [median, lowest, highest].map(number);
  return from === to ? `${middle}` : `${middle} (${from} … ${to})`;
}
