/** The results as Markdown, and their place in the documentation. */

import { FIRST_COMMIT_BOUND, REIGN_TIMEOUTS } from "@quorate/simulator";
import type { Enumeration } from "./enumeration.js";
import { type Row, summarize } from "./results.js";

const BEGIN = "<!-- Written by `pnpm topologies --write`: -->";
const END = "<!-- Up to here. -->";

/** The page with what stands between the marks replaced. Throws an Error if they are not there. */
export function replaceBetweenMarks(page: string, text: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`there is no place between ${BEGIN} and ${END}`);
  return `${page.slice(0, begin)}${BEGIN}\n\n${text.trim()}\n\n${page.slice(end)}`;
}

export function toMarkdown(enumeration: Enumeration): string {
  const { three, five, shapes, failures, every, seconds, seeds, processes } = enumeration;
  const all = summarize([...three.results, ...five.results]);
  const part = every === 1 ? "" : ` (\`--every ${every}\`: all graphs, and of what was before a part)`;
  return `
${count(all.graphs)} graphs, ${count(all.cases)} runs${part} with ${seeds} ${seeds === 1 ? "seed" : "seeds"}; ${failures.length} failures.
Half of the first commits came within ${times(all.median)} election timeouts, all within ${times(all.worst)}; ${FIRST_COMMIT_BOUND} are allowed. For
${REIGN_TIMEOUTS} more, entries were committed in each, and nobody else came to lead. It took ${Math.ceil(seconds / 60)} minutes with ${processes} processes.

Three servers, graph by graph:

${table("links", three.rows)}

Five servers, by how many of them can talk with a majority:

${table("can talk with a majority", five.rows)}

Five servers, connected in ways that have a name or a history:

${table("links", shapes)}
`;
}

function table(first: string, rows: readonly Row[]): string {
  const lines = rows.map(({ name, graphs, cases, median, worst, worstCase }) => {
    return `| ${name} | ${graphs} | ${cases} | ${times(median)} | ${times(worst)} | ${worstCase} |`;
  });
  return [
    `| ${first} | graphs | runs | median | worst | the worst |`,
    "| --- | --- | --- | --- | --- | --- |",
    ...lines,
  ].join("\n");
}

function count(value: number): string {
  return value.toLocaleString("en");
}

export function times(timeouts: number): string {
  return timeouts.toFixed(2);
}
