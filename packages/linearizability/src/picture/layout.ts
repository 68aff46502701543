/**
 * Where things stand in the picture. Time runs to the right, but only its order is to scale: between one event and the
 * next is as much room as labels and moments need.
 */

import type { Explanation } from "../explain.js";

/** A lane for each process, in the order in which they appear. */
export interface Lane {
  readonly process: string | number;
  readonly bars: readonly Bar[];
}

export type Fate = "done" | "stuck" | "later";

export interface Bar {
  readonly place: number;
  readonly label: string;
  /** Where it begins and ends, in pixels. */
  readonly from: number;
  readonly to: number;
  readonly isUnknown: boolean;
  readonly fate: Fate;
  /** When it took effect in the order found, and as which: null if it is not part of it. */
  readonly moment: { readonly at: number; readonly number: number } | null;
}

export interface Layout {
  readonly lanes: readonly Lane[];
  readonly width: number;
}

const GAP = 26;
const MOMENT_GAP = 24;
const CHARACTER = 7.4;
const PADDING = 20;
const LONGEST_LABEL = 30;

export function layoutOf<Operation>(explanation: Explanation<Operation>): Layout {
  const { calls, order, stuck, descriptions } = explanation;
  const times = timesOf(explanation);
  const startOf = calls.map(({ invokedAt }) => times.indexOf(invokedAt));
  const endOf = calls.map(({ returnedAt }) => (returnedAt === null ? times.length : times.indexOf(returnedAt)));
  const labels = descriptions.map(shortened);
  const gapOf = gapsOf(order, startOf);
  const widths = widthsOf(explanation, { labels, startOf, count: times.length, gapOf });
  const xs = [0];
  for (const width of widths) xs.push((xs.at(-1) as number) + width);
  const momentOf = momentsOf(order, gapOf, xs);
  const bars = calls.map((call, place): Bar => {
    const isUnknown = call.returnedAt === null;
    const fate = momentOf.has(place) ? "done" : stuck.includes(place) ? "stuck" : "later";
    const [from, to] = [xs[startOf[place] as number] as number, xs[endOf[place] as number] as number];
    return { place, label: labels[place] as string, from, to, isUnknown, fate, moment: momentOf.get(place) ?? null };
  });
  const lanes = [...new Set(calls.map(({ process }) => process))].map((process) => ({
    process,
    bars: bars.filter(({ place }) => calls[place]?.process === process),
  }));
  return { lanes, width: xs.at(-1) as number };
}

function shortened(text: string): string {
  return text.length <= LONGEST_LABEL ? text : `${text.slice(0, LONGEST_LABEL - 1)}…`;
}

function timesOf<Operation>({ calls }: Explanation<Operation>): number[] {
  const times = calls.flatMap(({ invokedAt, returnedAt }) =>
    returnedAt === null ? [invokedAt] : [invokedAt, returnedAt],
  );
  return [...new Set(times)].sort((left, right) => left - right);
}

/** For each call of the order the gap (the time after which event) in which it takes effect: as early as can be. */
function gapsOf(order: readonly number[], startOf: readonly number[]): number[] {
  let last = 0;
  return order.map((place) => {
    last = Math.max(last, startOf[place] as number);
    return last;
  });
}

/** How wide each gap is, so that moments stand apart and labels end before the next one in their lane begins. */
function widthsOf<Operation>(
  { calls }: Explanation<Operation>,
  {
    labels,
    startOf,
    count,
    gapOf,
  }: {
    readonly labels: readonly string[];
    readonly startOf: readonly number[];
    readonly count: number;
    readonly gapOf: readonly number[];
  },
): number[] {
  const widths = Array.from({ length: count }, () => GAP);
  for (const gap of gapOf) widths[gap] = (widths[gap] as number) + MOMENT_GAP;
  for (const [place, { process }] of calls.entries()) {
    const start = startOf[place] as number;
    const next = calls.findIndex((call, other) => other > place && call.process === process);
    const end = next === -1 ? count : (startOf[next] as number);
    const room = widths.slice(start, end).reduce((sum, width) => sum + width, 0);
    const missing = (labels[place] as string).length * CHARACTER + PADDING - room;
    if (missing > 0) widths[start] = (widths[start] as number) + missing;
  }
  return widths;
}

function momentsOf(order: readonly number[], gapOf: readonly number[], xs: readonly number[]) {
  const taken = new Map<number, number>();
  return new Map(
    order.map((place, index) => {
      const gap = gapOf[index] as number;
      const before = taken.get(gap) ?? 0;
      taken.set(gap, before + 1);
      const at = (xs[gap] as number) + GAP / 2 + (before + 0.5) * MOMENT_GAP;
      return [place, { at, number: index + 1 }];
    }),
  );
}
