/**
 * A chart as SVG that stands by itself, in light and in dark: lines over two axes, with what it was measured on below.
 *
 * The axes are d3's (`d3-scale`). The rest is drawn here: a few lines and labels, for which the libraries that draw
 * whole charts would bring seventy packages, or a browser's document, into the repository.
 */

import { type ScaleContinuousNumeric, scaleLinear, scaleLog } from "d3-scale";
import { number } from "../frame/number.js";
import type { Spread } from "../frame/spread.js";

export interface Point {
  readonly x: number;
  /** Where it has no spread, the three are the same. */
  readonly y: Spread;
  /** Beside the point. */
  readonly label?: string;
}

export interface Series {
  readonly name: string;
  /** Who this is of: series of the same one have the same colour. From 0 up. */
  readonly contender: number;
  readonly isDashed: boolean;
  /** By rising place on the line. */
  readonly points: readonly Point[];
}

export interface Axis {
  /** With its unit. */
  readonly title: string;
  readonly isLogarithmic: boolean;
}

export interface Chart {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
  /** One line each. */
  readonly notes: readonly string[];
}

type Scale = ScaleContinuousNumeric<number, number>;

const [WIDTH, PLOT_HEIGHT] = [760, 380];
const MARGIN = { left: 72, right: 72, top: 64, bottom: 56 };
const NOTE_HEIGHT = 16;
const LEGEND_COLUMN = 165;
const TICKS = 6;

/** Contrast at least 4.5 to the ground in both; told apart by those who do not see red from green. */
const STYLE = `
svg { --ground: #ffffff; --ink: #1f2328; --faint: #656d76; --grid: #d8dee4; --c0: #0b62c4; --c1: #b35900; --c2: #6639ba; --c3: #116329; }
@media (prefers-color-scheme: dark) {
  svg { --ground: #0d1117; --ink: #e6edf3; --faint: #9198a1; --grid: #30363d; --c0: #6cb6ff; --c1: #f0a44b; --c2: #c297ff; --c3: #6bc46d; }
}
.ground { fill: var(--ground); }
text { fill: var(--ink); font: 12px system-ui, sans-serif; }
.title { font-size: 16px; font-weight: 600; }
.faint { fill: var(--faint); }
.label { font-size: 10px; fill: var(--faint); }
.grid { stroke: var(--grid); }
.line { fill: none; stroke-width: 2; }
.dashed { stroke-dasharray: 5 4; }
${[0, 1, 2, 3].map((each) => `.s${each} { stroke: var(--c${each}); } circle.s${each} { fill: var(--c${each}); }`).join("\n")}
`.trim();

export function drawChart(chart: Chart): string {
  const { title, x, y, series, notes } = chart;
  const bottom = MARGIN.top + PLOT_HEIGHT;
  const height = bottom + MARGIN.bottom + notes.length * NOTE_HEIGHT + 8;
  const points = series.flatMap((each) => each.points);
  const across = scaleOf(
    x,
    points.map((point) => point.x),
  ).range([MARGIN.left, WIDTH - MARGIN.right]);
  const up = scaleOf(
    y,
    points.flatMap((point) => [point.y.lowest, point.y.highest]),
  ).range([bottom, MARGIN.top]);
  const noted = notes.map((note, line) =>
    text(MARGIN.left, bottom + MARGIN.bottom + line * NOTE_HEIGHT, note, "faint"),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">
<style>${STYLE}</style>
<rect class="ground" width="${WIDTH}" height="${height}"/>
${text(MARGIN.left, 24, title, "title")}
${[...series.entries()].map(([place, each]) => legend(each, place)).join("\n")}
${ticksOf(x, across)
  .map((tick) => verticalTick(across(tick), tick, bottom))
  .join("\n")}
${ticksOf(y, up)
  .map((tick) => horizontalTick(up(tick), tick))
  .join("\n")}
${text((MARGIN.left + WIDTH - MARGIN.right) / 2, bottom + 38, x.title, "", "middle")}
<text transform="translate(18 ${MARGIN.top + PLOT_HEIGHT / 2}) rotate(-90)" text-anchor="middle">${escaped(y.title)}</text>
${series.map((each) => lineOf(each, across, up)).join("\n")}
${noted.join("\n")}
</svg>
`;
}

function scaleOf({ isLogarithmic }: Axis, values: readonly number[]): Scale {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  // A little room on both sides, so that no point lies on the edge.
  if (isLogarithmic) return scaleLog().domain([least / 1.25, most * 1.25]);
  return scaleLinear()
    .domain([0, most * 1.08])
    .nice();
}

/** Of a logarithmic axis 1, 2 and 5 in each decade if they are few, else the decades. */
function ticksOf({ isLogarithmic }: Axis, scale: Scale): number[] {
  if (!isLogarithmic) return scale.ticks(TICKS);
  const [from = 1, to = 1] = scale.domain();
  const [fine, coarse] = [[1, 2, 5], [1]].map((digits) => {
    const found: number[] = [];
    for (let power = Math.floor(Math.log10(from)); 10 ** power <= to; power += 1)
      found.push(...digits.map((digit) => digit * 10 ** power).filter((tick) => tick >= from && tick <= to));
    return found;
  }) as [number[], number[]];
  return fine.length <= 2 * TICKS ? fine : coarse;
}

function verticalTick(at: number, tick: number, bottom: number): string {
  const line = `<line class="grid" x1="${round(at)}" x2="${round(at)}" y1="${MARGIN.top}" y2="${bottom}"/>`;
  return `${line}${text(at, bottom + 18, short(tick), "faint", "middle")}`;
}

function horizontalTick(at: number, tick: number): string {
  const line = `<line class="grid" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${round(at)}" y2="${round(at)}"/>`;
  return `${line}${text(MARGIN.left - 8, at + 4, short(tick), "faint", "end")}`;
}

function legend({ name, contender, isDashed }: Series, place: number): string {
  const left = MARGIN.left + place * LEGEND_COLUMN;
  const line = `<line class="line s${contender}${isDashed ? " dashed" : ""}" x1="${left}" x2="${left + 22}" y1="44" y2="44"/>`;
  return `${line}${text(left + 28, 48, name, "")}`;
}

function lineOf({ name, contender, isDashed, points }: Series, across: Scale, up: Scale): string {
  const at = points.map(({ x, y }) => `${round(across(x))},${round(up(y.median))}`).join(" ");
  const line = `<polyline class="line s${contender}${isDashed ? " dashed" : ""}" points="${at}"/>`;
  return `<g>${line}${points.map((point) => mark(point, name, contender, across, up)).join("")}</g>`;
}

/** The median as a dot, and a line from the lowest to the highest. */
function mark({ x, y, label }: Point, name: string, contender: number, across: Scale, up: Scale): string {
  const [left, top] = [round(across(x)), round(up(y.median))];
  const range = `<line class="s${contender}" x1="${left}" x2="${left}" y1="${round(up(y.lowest))}" y2="${round(up(y.highest))}"/>`;
  const told = `<title>${escaped(`${name}: ${number(y.median)} at ${number(x)}${label === undefined ? "" : `, ${label}`}`)}</title>`;
  const dot = `<circle class="s${contender}" cx="${left}" cy="${top}" r="3.5">${told}</circle>`;
  return `${range}${dot}${label === undefined ? "" : text(Number(left) + 6, Number(top) - 6, label, "label")}`;
}

function text(x: number, y: number, content: string, kind: string, anchor = "start"): string {
  const named = kind === "" ? "" : ` class="${kind}"`;
  const anchored = anchor === "start" ? "" : ` text-anchor="${anchor}"`;
  return `<text x="${round(x)}" y="${round(y)}"${named}${anchored}>${escaped(content)}</text>`;
}

/** 20 k, 1.5 M. */
export function short(value: number): string {
  for (const [unit, size] of [
    ["M", 1e6],
    ["k", 1e3],
  ] as const)
    if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(3))} ${unit}`;
  return String(Number(value.toPrecision(3)));
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(content: string): string {
  return content.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
