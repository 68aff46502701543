/**
 * Saved runs as tables in the documentation: each stands between two marks, and is written by `pnpm bench report` alone,
 * so that no figure stands there that no command printed.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { machineLine } from "../frame/machine.js";
import { number } from "../frame/number.js";
import { grid, standingText } from "../frame/print.js";
import type { PartResult } from "../frame/result.js";
import { drawPictures, picturesOf } from "./pictures.js";

/** Below a folder of documentation: the runs, with their pictures beside them, and the page that tells of them. */
const RUNS = "benchmarks";
const PAGE = "performance.md";

function readResults(folder: string): Map<string, PartResult> {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
  const results = names.toSorted().map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as PartResult);
  return new Map(results.map((result) => [result.part, result]));
}

/** What `docs` should hold, given the runs that are kept there: content by path. */
export function reportOf(docs: string): Map<string, string> {
  const results = readResults(join(docs, RUNS));
  const page = writeTables(readFileSync(join(docs, PAGE), "utf8"), results);
  const pictures = [...drawPictures(results)].map(([name, content]) => [join(RUNS, name), content] as const);
  return new Map([[PAGE, page], ...pictures]);
}

/** Brings `docs` up to date with its runs, and removes pictures of runs that are gone. */
export function writeReport(docs: string): void {
  const files = reportOf(docs);
  for (const path of picturesIn(docs)) if (!files.has(path)) rmSync(join(docs, path));
  for (const [path, content] of files) writeFileSync(join(docs, path), content);
}

/** The pictures that are there, whether they should be or not. */
export function picturesIn(docs: string): string[] {
  const folder = join(docs, RUNS);
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".svg")) : [];
  return names.toSorted().map((name) => join(RUNS, name));
}

/** Draws the runs of a folder, wherever it is, into another. */
export function writePictures(from: string, to: string): string[] {
  const drawn = drawPictures(readResults(from));
  mkdirSync(to, { recursive: true });
  for (const [name, content] of drawn) writeFileSync(join(to, name), content);
  return [...drawn.keys()];
}

/** `page` with what stands between each pair of marks replaced. Throws if a run has no place, or a mark no end. */
export function writeTables(page: string, results: ReadonlyMap<string, PartResult>): string {
  for (const part of results.keys())
    if (!page.includes(begin(part))) throw new Error(`there is no place for ${part}: ${begin(part)}`);
  return page.replace(/<!-- bench:([\w-]+) -->\n[\s\S]*?<!-- end -->/g, (_, part: string) => {
    const result = results.get(part);
    return `${begin(part)}\n\n${result === undefined ? nothingKept(part) : section(result)}\n\n<!-- end -->`;
  });
}

function begin(part: string): string {
  return `<!-- bench:${part} -->`;
}

function nothingKept(part: string): string {
  return `No run is kept here. \`pnpm bench ${part}\` measures it.`;
}

function section(result: PartResult): string {
  const { part, machine, settings, at, rows, rivals, columns, targets, conclusions } = result;
  // An option of 0 is off.
  const given = Object.entries(settings.numbers).flatMap(([name, value]) =>
    value === 0 ? [] : `, --${name} ${value}`,
  );
  const how = `${settings.repeats} × ${number(settings.seconds)} s${settings.isQuick ? ", --quick" : ""}${given.join("")}`;
  const blocks = [
    `\`pnpm bench ${part}\`, ${at.slice(0, 10)}, ${machineLine(machine)}; ${how}. Median (lowest … highest).`,
    markdownTable(grid(columns, rows)),
  ];
  for (const rival of rivals) {
    if (rival.absence === null)
      blocks.push(`${rival.name}: ${rival.summary}.`, markdownTable(grid(columns, rival.rows)));
  }
  const points = [...targets.map((target) => standingText(columns, target)), ...conclusions];
  if (points.length > 0) blocks.push(points.map((point) => `- ${point}`).join("\n"));
  for (const picture of picturesOf(part)) blocks.push(`![${part}](${RUNS}/${picture})`);
  return blocks.join("\n\n");
}

function markdownTable([head = [], ...body]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, place) => (place === 0 ? "---" : "---:"))), ...body.map(line)].join("\n");
}
