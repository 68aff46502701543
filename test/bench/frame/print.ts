/** A run of a part as tables: for a terminal, and for a page of the documentation. */

import Table from "cli-table3";
import { machineLine } from "./machine.js";
import { number, range } from "./number.js";
import type { Column } from "./part.js";
import type { PartResult, Ratio, RowResult, Standing } from "./result.js";

export function toText(result: PartResult): string {
  const { part, summary, machine, settings, rows, rivals, ratios, targets, columns, conclusions } = result;
  const load = machine.load1 === null ? "" : `, load ${machine.load1}`;
  const lines = [
    `${part}: ${summary}`,
    `${machineLine(machine)}${load}`,
    `median (lowest … highest) of ${settings.repeats} × ${settings.seconds} s; of these, the quiet repeats`,
    table(columns, rows),
  ];
  for (const rival of rivals) {
    if (rival.absence !== null) lines.push(`${rival.name}: not compared: ${rival.absence}`);
    else lines.push(`${rival.name}: ${rival.summary}`, table(columns, rival.rows));
  }
  if (ratios.length > 0) lines.push(ratioTable(columns, ratios));
  for (const target of targets) lines.push(standingText(columns, target));
  lines.push(...conclusions);
  return lines.join("\n");
}

function table(columns: readonly Column[], rows: readonly RowResult[]): string {
  const [head, ...body] = grid(columns, rows);
  return plainTable(head ?? [], body);
}

/** The columns that have something in them, and who else was busy. */
export function grid(columns: readonly Column[], rows: readonly RowResult[]): string[][] {
  const shown = columns.filter(({ key }) => rows.some(({ cells }) => cells[key] !== undefined));
  const head = ["", ...shown.map(({ title }) => title), "others' cores", "repeats used"];
  const body = rows.map(({ name, cells, foreignCores, used, repeats }) => {
    const figures = shown.map(({ key }) => cells[key]).map((cell) => (cell === undefined ? "" : range(cell)));
    return [
      name,
      ...figures,
      foreignCores === null ? "unknown" : range(foreignCores),
      `${used.length}/${repeats.length}`,
    ];
  });
  return [head, ...body];
}

function ratioTable(columns: readonly Column[], ratios: readonly Ratio[]): string {
  const shown = columns.filter(({ key }) => ratios.some(({ column }) => column === key));
  const pairs = new Map(ratios.map(({ rival, row }) => [`${rival}: ${row}`, { rival, row }]));
  const body = [...pairs].map(([name, { rival, row }]) => {
    const cellOf = (key: string): Ratio | undefined =>
      ratios.find((each) => each.rival === rival && each.row === row && each.column === key);
    return [
      name,
      ...shown.map(({ key }) => cellOf(key)?.ratio).map((ratio) => (ratio === undefined ? "" : range(ratio))),
    ];
  });
  return plainTable(["ours to theirs", ...shown.map(({ title }) => title)], body);
}

function plainTable(head: readonly string[], body: readonly (readonly string[])[]): string {
  const colAligns = head.map((_, place) => (place === 0 ? "left" : "right") as "left" | "right");
  const made = new Table({ head: [...head], colAligns, style: { head: [], border: [], compact: true } });
  for (const line of body) made.push([...line]);
  return made.toString();
}

export function standingText(columns: readonly Column[], target: Standing): string {
  const { row, column, rival, bound, value, found, isMet } = target;
  const mark = isMet === null ? "?" : isMet ? "✓" : "✗";
  const to = rival === null ? "" : ` × ${rival}`;
  const now = found === null ? "not compared" : range(found);
  return `${mark} ${row}: ${titleOf(columns, column)} ${bound} ${number(value)}${to}: ${now}`;
}

function titleOf(columns: readonly Column[], key: string): string {
  return columns.find((column) => column.key === key)?.title ?? key;
}
