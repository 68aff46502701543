/**
 * A story as a table: number, time, a lane for each server in which its messages are drawn, and what happened in words.
 *
 *        3    307.7   ○───▶│      n2 receives from n1: pre-vote request (term 1): log ends with 1@1
 */

import type { TraceEvent } from "./run.js";
import type { StoryRow } from "./story-rows.js";
import { type Paint, wrap } from "./text.js";

const LANE = 4;

/** How an event is told: the verb that stands between the place and the rest. */
const VERBS: Readonly<Record<string, string>> = {
  receive: "receives",
  lose: "sends in vain",
  write: "begins to write:",
  store: "stored:",
  propose: "is asked to append",
  read: "is asked to read:",
  change: "is asked for other members:",
  transfer: "is asked to hand over",
  snapshot: "takes a snapshot",
  fail: "gives up to send a snapshot",
  start: "starts:",
  crash: "crashes:",
  stops: "stops by itself:",
  cut: "is cut off:",
  clock: "has a clock that",
  heal: "links are mended:",
  calm: "end of the faults:",
  violation: "✗ BROKEN HERE:",
};

/** The lines of the table; none is longer than `width`. */
export function tableOf(rows: readonly StoryRow[], width: number, paint: Paint): readonly string[] {
  const lanes = new Lanes(rows);
  const numbers = rows.flatMap((row) => (row.kind === "event" ? [row.event] : []));
  const numberWidth = Math.max(1, ...numbers.map(({ number }) => String(number).length));
  const timeWidth = Math.max(2, ...numbers.map(({ atMs }) => atMs.toFixed(1).length));
  const indent = 3 + numberWidth + 2 + timeWidth + 2;
  // Further lines of one event are indented by two.
  const textWidth = Math.max(30, width - indent - lanes.width - 2);
  const lines = [paint.dim(`${" ".repeat(3)}${"#".padStart(numberWidth)}  ${"ms".padStart(timeWidth)}  ${lanes.head}`)];
  for (const row of rows) {
    if (row.kind === "folded") {
      lines.push(paint.dim(`${" ".repeat(indent)}${lanes.idle()}… ${row.text}`));
      continue;
    }
    const { event, mark } = row;
    const drawn = lanes.draw(event);
    const [first = "", ...rest] = wrap(sentenceOf(event), textWidth);
    const marker = mark === 0 ? "   " : `${mark}▶ `;
    const time = event.kind === "violation" ? "" : event.atMs.toFixed(1);
    const colour = colourOf(event, mark !== 0, paint);
    lines.push(
      `${paint.bold(marker)}${paint.dim(`${String(event.number).padStart(numberWidth)}  ${time.padStart(timeWidth)}`)}  ${drawn}${colour(first)}`,
    );
    for (const line of rest) lines.push(`${" ".repeat(indent)}${lanes.idle()}  ${colour(line)}`);
  }
  return lines;
}

function sentenceOf({ where, kind, text }: TraceEvent): string {
  const verb = VERBS[kind] ?? kind;
  const sentence = [where, verb, text].filter((part) => part !== "").join(" ");
  return text === "" ? sentence.replace(/:$/, "") : sentence;
}

const GRAVE: ReadonlySet<string> = new Set(["violation", "stops"]);
const USUAL: ReadonlySet<string> = new Set([
  ...["receive", "write", "store", "propose", "read", "start", "becomes", "asks", "is told", "heal", "calm"],
  ...["change", "transfer", "snapshot", "follows", "hands over"],
]);

function colourOf({ kind }: TraceEvent, isMarked: boolean, paint: Paint): (text: string) => string {
  if (GRAVE.has(kind)) return paint.red;
  if (isMarked || kind === "becomes") return paint.bold;
  // Whatever is not part of a quiet day is a fault.
  return USUAL.has(kind) ? (text) => text : paint.yellow;
}

/** One lane for each server: a line while it runs, nothing while it is down. */
class Lanes {
  readonly #names: readonly string[];
  readonly #isDown = new Set<string>();

  constructor(rows: readonly StoryRow[]) {
    const names = new Set<string>();
    for (const row of rows) {
      if (row.kind === "folded") continue;
      for (const name of `${row.event.where} ${row.event.text}`.match(/\bn\d+\b/g) ?? []) names.add(name);
    }
    this.#names = [...names].sort((left, right) => Number(left.slice(1)) - Number(right.slice(1)));
  }

  get width(): number {
    return this.#names.length * LANE + 1;
  }

  get head(): string {
    return `${this.#names.map((name) => name.padEnd(LANE)).join("")} what happened`;
  }

  /** The lanes of a row in which nothing is drawn. */
  idle(): string {
    return this.#cells().join("");
  }

  draw(event: TraceEvent): string {
    const { where, kind, text } = event;
    if (kind === "start") this.#isDown.delete(where);
    const cells = this.#cells();
    const here = this.#names.indexOf(where);
    const [, direction, other = ""] = /^(from|to) (n\d+)\b/.exec(text) ?? [];
    const there = this.#names.indexOf(other);
    const isMessage = (kind === "receive" && direction === "from") || (kind === "lose" && direction === "to");
    if (here >= 0 && there >= 0 && here !== there && isMessage) {
      if (kind === "receive") arrow(cells, there, here, "▶", "◀");
      else arrow(cells, here, there, "×", "×");
    } else if (here >= 0) {
      cells[here * LANE] = kind === "crash" || kind === "stops" ? "✗" : "●";
    }
    if (kind === "crash" || kind === "stops") this.#isDown.add(where);
    return cells.join("");
  }

  #cells(): string[] {
    const cells = this.#names.flatMap((name) => [this.#isDown.has(name) ? " " : "│", ...Array(LANE - 1).fill(" ")]);
    return [...cells, " "];
  }
}

/** From one lane to another, over those between them. */
function arrow(cells: string[], from: number, to: number, right: string, left: string): void {
  const step = from < to ? 1 : -1;
  for (let place = from * LANE + step; place !== to * LANE; place += step) cells[place] = "─";
  cells[from * LANE] = "○";
  cells[to * LANE] = "│";
  cells[to * LANE - step] = step > 0 ? right : left;
}
