/**
 * A failure as a page that explains itself: who did what when, the order that explains most of it, and where that
 * order cannot go on. One file, without scripts, in light and in dark.
 */

import type { Explanation } from "../explain.js";
import { type Bar, type Lane, layoutOf } from "./layout.js";
import { STYLE } from "./style.js";

export interface PictureOptions {
  /** What the history is called; default "History". */
  readonly title?: string;
}

const LANE_HEIGHT = 58;
const LEFT = 110;
const TOP = 16;

/** An HTML page about `explanation`. */
export function drawPicture<Operation>(
  explanation: Explanation<Operation>,
  { title = "History" }: PictureOptions = {},
): string {
  const [part, ...others] = explanation.partition;
  const name = part === undefined || others.length > 0 ? title : `${title}, key ${part}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(name)}: not linearizable</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(name)} is not linearizable</h1>
${introduction(explanation)}
<div class="scroll">${timeline(explanation)}</div>
${legend()}
${orderFound(explanation)}
${whereItStops(explanation)}
</body>
</html>
`;
}

function introduction<Operation>({ calls, isMinimal }: Explanation<Operation>): string {
  const size = calls.length === 1 ? "This one operation contradicts" : `These ${calls.length} operations contradict`;
  const minimal = isMinimal
    ? "None of them can be left out without the contradiction going away, or an answer losing its reason."
    : "There may be fewer that do: the search for them reached its limit.";
  return `<p>Each operation must have taken effect at one moment between its call and its answer, and each answer must
fit what took effect before. ${size} that: no choice of moments fits all the answers. ${minimal}</p>`;
}

function timeline<Operation>(explanation: Explanation<Operation>): string {
  const { lanes, width } = layoutOf(explanation);
  const [fullWidth, height] = [LEFT + width + 24, TOP + lanes.length * LANE_HEIGHT + 8];
  const drawn = lanes.map((lane, index) => drawLane(lane, TOP + index * LANE_HEIGHT, width, explanation.descriptions));
  return `<svg role="img" aria-label="The operations of each process over time" width="${round(fullWidth)}"
 height="${height}" viewBox="0 0 ${round(fullWidth)} ${height}">
${drawn.join("\n")}
</svg>`;
}

function drawLane(lane: Lane, top: number, width: number, descriptions: readonly string[]): string {
  const middle = top + 34;
  const line = `<line class="lane" x1="${LEFT}" x2="${round(LEFT + width)}" y1="${middle}" y2="${middle}"/>`;
  const name = `<text class="process" x="0" y="${middle + 4}">process ${escaped(String(lane.process))}</text>`;
  return [line, name, ...lane.bars.map((bar) => drawBar(bar, top, descriptions[bar.place] as string))].join("\n");
}

function drawBar({ label, from, to, isUnknown, fate, moment }: Bar, top: number, description: string): string {
  const shape = `class="bar${isUnknown ? " unknown" : ""}" x="${round(LEFT + from)}" y="${top + 24}" rx="4"`;
  const at = moment === null ? 0 : round(LEFT + moment.at);
  const effect =
    moment === null
      ? ""
      : `<circle cx="${at}" cy="${top + 34}" r="9"/><text class="number" x="${at}" y="${top + 38}">${moment.number}</text>`;
  return `<g class="${fate}"><title>${escaped(description)}</title>
<rect ${shape} width="${round(Math.max(4, to - from))}" height="20"/>
<text class="label" x="${round(LEFT + from)}" y="${top + 18}">${escaped(label)}</text>${effect}</g>`;
}

function legend(): string {
  return `<ul class="legend">
<li><span class="swatch done"></span>has a place in the order below; the number stands where it took effect</li>
<li><span class="swatch stuck"></span>must come next, but contradicts what took effect before</li>
<li><span class="swatch later"></span>comes later, or need not have happened</li>
<li><span class="swatch unknown"></span>dashed: nobody knows whether it happened</li>
</ul>`;
}

function orderFound<Operation>({ order, states, initialState, descriptions, calls }: Explanation<Operation>): string {
  const rows = order.map(
    (place, index) => `<tr><td>${index + 1}</td><td>${escaped(String(calls[place]?.process))}</td>
<td><code>${escaped(descriptions[place] as string)}</code></td><td><code>${escaped(states[index] as string)}</code></td></tr>`,
  );
  return `<h2>The longest order that fits</h2>
<table>
<thead><tr><th>#</th><th>process</th><th>operation</th><th>leaves behind</th></tr></thead>
<tbody>
<tr><td></td><td></td><td>at the beginning</td><td><code>${escaped(initialState)}</code></td></tr>
${rows.join("\n")}
</tbody>
</table>`;
}

function whereItStops<Operation>({ stuck, states, initialState, descriptions, calls }: Explanation<Operation>): string {
  const state = states.at(-1) ?? initialState;
  const items = stuck.map(
    (place) =>
      `<li>process ${escaped(String(calls[place]?.process))}: <code>${escaped(descriptions[place] as string)}</code></li>`,
  );
  const next =
    stuck.length === 1 ? "Next comes the only operation left that had begun by then" : "One of these comes next";
  return `<h2>Where it stops</h2>
<p>What there is now is <code>${escaped(state)}</code>. ${next}: all others begin only after one of them has
returned. Yet none of them could have had its answer from this state, and every other order stops earlier, or no
later.</p>
<ul class="stops">${items.join("")}</ul>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}
