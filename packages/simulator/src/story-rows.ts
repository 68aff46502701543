/**
 * The rows of a story: what happened in a run, without what tells nothing. Runs of heartbeats become one row; so does
 * what happens over and over. What the contradiction is about is marked, and never left out.
 */

import type { RunReport, TraceEvent } from "./run.js";

export type StoryRow =
  | { readonly kind: "event"; readonly event: TraceEvent; readonly mark: Mark }
  | { readonly kind: "folded"; readonly text: string };

/** Which of the two facts is about an event; 0 if none is. */
export type Mark = 0 | 1 | 2;

interface Marked {
  readonly event: TraceEvent;
  readonly mark: Mark;
}

/** The longest row of events that is looked at for repetition. */
const LONGEST_CYCLE = 40;
/** So many times something must happen before that is told in one row. */
const REPETITIONS = 3;
const HEAD_ROWS = 60;
const TAIL_ROWS = 140;

export function rowsOf(report: RunReport): readonly StoryRow[] {
  const left = new Set(report.script.without);
  // What was left out of the run shows as a loss that nobody caused.
  const events = (report.trace ?? []).filter(({ unit }) => unit === null || !left.has(unit));
  // Twice, so that what repeats with an exception now and then is folded, too.
  return cut(foldCycles(foldCycles(foldHeartbeats(markFacts(events, report)))));
}

/** A fact names servers and moments: "n3 told of its vote at 325.9 ms", "event 17". */
function markFacts(events: readonly TraceEvent[], { violation }: RunReport): readonly Marked[] {
  const marks = new Map<TraceEvent, Mark>();
  for (const [place, fact] of (violation?.facts ?? []).entries()) {
    for (const event of eventsOf(fact, events)) marks.set(event, place === 0 ? 1 : 2);
  }
  return events.map((event) => ({ event, mark: marks.get(event) ?? 0 }));
}

function eventsOf(fact: string, events: readonly TraceEvent[]): readonly TraceEvent[] {
  const times = [...fact.matchAll(/(\d+(?:\.\d+)?) ms\b/g)].map(([, time]) => Number(time));
  const numbers = [...fact.matchAll(/\bevent (\d+)\b/g)].map(([, number]) => Number(number));
  const servers = new Set(fact.match(/\bn\d+\b/g));
  return events.filter(({ number, atMs, where }) => {
    const isMoment = numbers.includes(number) || times.some((time) => Math.abs(time - atMs) < 0.001);
    return isMoment && servers.has(where);
  });
}

// --- folding ---

function isHeartbeat({ event: { kind, text }, mark }: Marked): boolean {
  return mark === 0 && (kind === "receive" || kind === "lose") && /: heartbeat\b/.test(text);
}

function foldHeartbeats(events: readonly Marked[]): readonly StoryRow[] {
  const rows: StoryRow[] = [];
  for (let place = 0; place < events.length; ) {
    let end = place;
    while (end < events.length && isHeartbeat(events[end] as Marked)) end += 1;
    if (end - place >= REPETITIONS) {
      rows.push({ kind: "folded", text: describeHeartbeats(events.slice(place, end)) });
      place = end;
    } else {
      rows.push({ kind: "event", ...(events[place] as Marked) });
      place += 1;
    }
  }
  return rows;
}

function describeHeartbeats(events: readonly Marked[]): string {
  const count = (isOne: (event: TraceEvent) => boolean): number => events.filter(({ event }) => isOne(event)).length;
  const answers = count(({ text }) => text.includes("heartbeat result"));
  const lost = count(({ kind }) => kind === "lose");
  const parts = [`${events.length - answers} heartbeats`];
  if (answers > 0) parts.push(`${answers} answers`);
  if (lost > 0) parts.push(`${lost} of these lost`);
  return parts.join(", ");
}

/** Folds what repeats, numbers aside: the shortest cycle first. */
function foldCycles(rows: readonly StoryRow[]): readonly StoryRow[] {
  const shapes = rows.map(shapeOf);
  const folded: StoryRow[] = [];
  for (let place = 0; place < rows.length; ) {
    const cycle = cycleAt(shapes, place);
    const end = cycle === null ? place + 1 : place + cycle.length;
    folded.push(...rows.slice(place, end));
    if (cycle !== null) folded.push({ kind: "folded", text: describeCycle(cycle.length, cycle.times - 1) });
    place = cycle === null ? end : place + cycle.length * cycle.times;
  }
  return folded;
}

interface Cycle {
  readonly length: number;
  readonly times: number;
}

function cycleAt(shapes: readonly (string | null)[], start: number): Cycle | null {
  for (let length = 1; length <= LONGEST_CYCLE && start + length * REPETITIONS <= shapes.length; length += 1) {
    let same = 0;
    while (shapes[start + same] !== null && shapes[start + same] === shapes[start + same + length]) same += 1;
    const times = 1 + Math.floor(same / length);
    if (times >= REPETITIONS) return { length, times };
  }
  return null;
}

/** What a row looks like without its numbers; null for one that stands for itself. */
function shapeOf(row: StoryRow): string | null {
  if (row.kind === "folded") return row.text.replace(/\d+/g, "#");
  const { event, mark } = row;
  if (mark !== 0 || event.kind === "violation") return null;
  return `${event.where} ${event.kind} ${event.text.replace(/\b\d+\b/g, "#")}`;
}

function describeCycle(length: number, times: number): string {
  const what = length === 1 ? "the same" : `the same ${length} rows`;
  return `${what} ${times} times more, with other numbers`;
}

/** A very long story loses its middle, but for what is marked. */
function cut(rows: readonly StoryRow[]): readonly StoryRow[] {
  if (rows.length <= HEAD_ROWS + TAIL_ROWS + 1) return rows;
  const middle = rows.slice(HEAD_ROWS, -TAIL_ROWS);
  const marked = middle.filter((row) => row.kind === "event" && row.mark !== 0);
  const text = `${middle.length - marked.length} rows more, which are in the file`;
  return [...rows.slice(0, HEAD_ROWS), { kind: "folded", text }, ...marked, ...rows.slice(-TAIL_ROWS)];
}
