/**
 * A failing run as a story: which rule broke, the two facts that contradict each other, how to see it again, and what
 * happened, for people who have never seen the simulator.
 */

import type { Counts, Parameters, RunReport } from "./run.js";
import { rowsOf } from "./story-rows.js";
import { tableOf } from "./story-table.js";
import { type Paint, paintFor, wrap } from "./text.js";

export interface StoryOptions {
  /** Events of the run before it was made shorter. Default: those of the report. */
  readonly rawEvents?: number;
  /** Commands that replay it, with a word on each. Default: none. */
  readonly commands?: readonly (readonly [command: string, what: string])[];
  /** Characters in a line, 80 at least. Default: 120. */
  readonly width?: number;
  /** Default: no. */
  readonly isColoured?: boolean;
}

/** Tells a run that broke a rule; throws a `RangeError` if none did. What happened is told if the report has a trace. */
export function tellStory(report: RunReport, options: StoryOptions = {}): string {
  const { violation, script } = report;
  if (violation === null) throw new RangeError(`Nothing broke with seed ${script.seed}`);
  const width = Math.max(80, options.width ?? 120);
  const paint = paintFor(options.isColoured ?? false);
  const { rawEvents = report.events, commands = [] } = options;
  const isShorter = report.events < rawEvents;
  const length = isShorter ? `${rawEvents} events, of which ${report.events} are enough` : `${report.events} events`;
  const lines = [
    paint.red(paint.bold(`✗ ${violation.property} is broken, with seed ${script.seed}`)),
    "",
    ...indented(wrap(violation.statement, width - 2), 2).map(paint.bold),
    "",
    "And yet:",
    ...violation.facts.flatMap((fact, place) => factLines(fact, `${place + 1}▶`, width, paint)),
    "",
    ...section("found by", [`${violation.oracle}, in the world of ${script.world}, after ${length}`], width),
    ...commands.flatMap(([command, what], place) =>
      section(place === 0 ? "see again" : "", [`${command.padEnd(44)} ${what}`], width),
    ),
    ...section("parameters", [describeParameters(report.parameters)], width),
    ...section("faults", [describeCounts(report.faults)], width),
  ];
  if (report.trace !== null) lines.push("", ...whatHappened(report, isShorter, width, paint));
  return `${lines.join("\n")}\n`;
}

/** Everything that happened in a run, as the table of a story. */
export function tellTrace(report: RunReport, { width = 120, isColoured = false }: StoryOptions = {}): string {
  const events = (report.trace ?? []).map((event) => ({ kind: "event", event, mark: 0 }) as const);
  return `${tableOf(events, Math.max(80, width), paintFor(isColoured)).join("\n")}\n`;
}

function whatHappened(report: RunReport, isShorter: boolean, width: number, paint: Paint): readonly string[] {
  const title = isShorter ? "What happened, without all that could be left out:" : "What happened:";
  return [
    paint.bold(title),
    "",
    ...tableOf(rowsOf(report), width, paint),
    "",
    ...legendOf(report, width).map(paint.dim),
  ];
}

function legendOf({ script }: RunReport, width: number): readonly string[] {
  const lines = [
    "○──▶ a message that arrives, ○──× one that is lost, ● something at one server, │ a server that runs.",
    "1▶ and 2▶ are where the two facts above were seen. 5@3 is the entry with index 5 that was made in term 3.",
  ];
  if (script.without.length > 0)
    lines.push("Where numbers are missing, messages were lost on purpose that change nothing.");
  return lines.flatMap((line) => wrap(line, width));
}

function factLines(fact: string, marker: string, width: number, paint: Paint): readonly string[] {
  const [first = "", ...rest] = wrap(shortTimes(fact), width - 5);
  return [`  ${paint.bold(marker)} ${first}`, ...indented(rest, 5)];
}

/** "325.90993269495533 ms" says no more than "325.9 ms". */
export function shortTimes(fact: string): string {
  return fact.replace(/\d+\.\d+(?= ms\b)/g, (time) => Number(time).toFixed(1));
}

function section(title: string, paragraphs: readonly string[], width: number): readonly string[] {
  const [first = "", ...rest] = paragraphs.flatMap((text) =>
    text.length < width - 12 ? [text] : wrap(text, width - 12),
  );
  return [`${title.padEnd(12)}${first}`, ...indented(rest, 12)];
}

function indented(lines: readonly string[], by: number): readonly string[] {
  return lines.map((line) => " ".repeat(by) + line);
}

/** "servers 3, lossRate 0.0982": numbers are cut to what a person compares. */
export function describeParameters(parameters: Parameters): string {
  return Object.entries(parameters)
    .map(
      ([name, value]) =>
        `${name} ${typeof value === "number" ? Number(value.toPrecision(3)) : value === "" ? "none" : value}`,
    )
    .join(", ");
}

/** Those that happened: "crash 2, loss 14". */
export function describeCounts(counts: Counts): string {
  const happened = Object.entries(counts).filter(([, count]) => count > 0);
  return happened.length === 0 ? "none" : happened.map(([name, count]) => `${name} ${count}`).join(", ");
}
