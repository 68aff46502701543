/** Which charts there are, and of which runs: throughput against latency, and cost against size. */

import { machineLine } from "../frame/machine.js";
import type { PartResult, RowResult } from "../frame/result.js";
import { type Spread, spread } from "../frame/spread.js";
import { type Axis, type Chart, drawChart, type Point, type Series } from "./chart.js";

interface Picture {
  /** Of the file, without its ending. */
  readonly name: string;
  /** The part whose run it shows. */
  readonly part: string;
  readonly chart: (result: PartResult) => Chart;
}

/** What each family of rows of `scale` is called, and its factor. */
const FAMILIES = {
  servers: { title: "servers", factor: "servers" },
  bytes: { title: "bytes in a command", factor: "commandBytes" },
  clients: { title: "clients", factor: "clients" },
  entries: { title: "entries that were in the log before", factor: "entries" },
} as const;

/** Rows in which nothing differs but how many ask at once. */
const IS_OF_CLIENTS = /^[\d,]+ (?:client|caller)s?$/;

const PICTURES: readonly Picture[] = [
  latencyPicture("embedded", "Proposals made inside the leader", "writesPerSecond"),
  latencyPicture("kv", "Writes to the key-value store, over the network", "callsPerSecond"),
  scalePicture("servers", { column: "writesPerSecond", unit: "writes/s" }),
  scalePicture("bytes", { column: "cpuMicros", unit: "CPU µs/write" }),
  scalePicture("clients", { column: "p50Ms", unit: "ms" }, { column: "p99Ms", unit: "ms" }),
  scalePicture(
    "entries",
    { column: "leaderMiB", unit: "resident MiB" },
    { column: "followerMiB", unit: "resident MiB" },
  ),
];

/** The files that the runs which are there are drawn in: content by name. */
export function drawPictures(results: ReadonlyMap<string, PartResult>): Map<string, string> {
  const drawn = new Map<string, string>();
  for (const { name, part, chart } of PICTURES) {
    const result = results.get(part);
    const made = result === undefined ? null : chart(result);
    if (made?.series.some(({ points }) => points.length > 0)) drawn.set(`${name}.svg`, drawChart(made));
  }
  return drawn;
}

/** The pictures of a part, for its chapter. */
export function picturesOf(part: string): string[] {
  return PICTURES.filter((picture) => picture.part === part).map(({ name }) => `${name}.svg`);
}

/** A line for each contender and percentile, along which the number of clients grows. */
function latencyPicture(part: string, title: string, throughput: string): Picture {
  const x: Axis = { title: "writes/s", isLogarithmic: true };
  const y: Axis = { title: "ms from asking to the answer", isLogarithmic: true };
  const chart = (result: PartResult): Chart => {
    const contenders = [{ name: "Quorate", rows: result.rows }, ...result.rivals];
    const series = contenders
      .filter(({ rows }) => rows.length > 0)
      .flatMap(({ name, rows }, contender) =>
        (["p50", "p99"] as const).map((kind): Series => {
          const plain = rows.filter(({ name: row }) => IS_OF_CLIENTS.test(row));
          const points = plain.flatMap((row) => latencyPoint(row, throughput, `${kind}Ms`, kind === "p50"));
          return { name: `${name}, ${kind}`, contender, isDashed: kind === "p99", points };
        }),
      );
    return { title: `${title}: throughput and latency`, x, y, series, notes: notesOf(result) };
  };
  return { name: `${part}-latency`, part, chart };
}

function latencyPoint(row: RowResult, throughput: string, latency: string, isLabelled: boolean): Point[] {
  const label = isLabelled ? { label: row.name } : {};
  return pointOf(row.cells[throughput]?.median, row.cells[latency]).map((point) => ({ ...point, ...label }));
}

interface Shown {
  readonly column: string;
  readonly unit: string;
}

/** Rows of `scale` of one family, against what makes them differ. */
function scalePicture(family: keyof typeof FAMILIES, ...shown: readonly [Shown, ...Shown[]]): Picture {
  const { title, factor } = FAMILIES[family];
  const [{ unit }] = shown;
  const chart = (result: PartResult): Chart => ({
    title: `${unit}, by ${title}`,
    x: { title, isLogarithmic: family !== "servers" },
    y: { title: unit, isLogarithmic: family === "bytes" || family === "clients" },
    series: shown.map(({ column }, contender) => ({
      name: result.columns.find(({ key }) => key === column)?.title ?? column,
      contender,
      isDashed: false,
      points: result.rows
        .filter(({ name }) => name.endsWith(` ${family}`))
        .flatMap((row) => pointOf(row.factors[factor], row.cells[column])),
    })),
    notes: notesOf(result),
  });
  return { name: `scale-${family}`, part: "scale", chart };
}

function pointOf(x: number | undefined, y: Spread | undefined): Point[] {
  return x === undefined || y === undefined ? [] : [{ x, y }];
}

/** What it was measured on, and how. */
function notesOf({ machine, settings, at, rows }: PartResult): string[] {
  const foreign = rows.flatMap(({ foreignCores }) => foreignCores?.median ?? []);
  const others = foreign.length === 0 ? "unknown" : spread(foreign).median.toFixed(2);
  const how = `median, and from lowest to highest, of ${settings.repeats} × ${settings.seconds} s`;
  return [machineLine(machine), `${how}; others took ${others} cores meanwhile; ${at.slice(0, 10)}`];
}
