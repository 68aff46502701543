/** The part of `docs/rules.md` that follows from the names of tests. */

import { CHAPTERS, type Chapter, NOT_TESTED, SIMULATED, SUITES, WITHOUT_TEST } from "./catalogue.js";
import type { Places } from "./named.js";

const BEGIN = "<!-- Written by `UPDATE=1 npx vitest run test/rules`: -->";
const END = "<!-- Up to here. -->";

export function rulesOf({ letter, rules }: Chapter): string[] {
  return Array.from({ length: rules }, (_, place) => `${letter}${place + 1}`);
}

/** The page with its tables written anew. */
export function withTables(page: string, named: Places, broken: Places): string {
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before === -1 || after === -1) throw new Error("docs/rules.md has lost its marks");
  const tables = [...chapterTable(named, broken), "", ...missing(), "", ...scenarioTables(named)].join("\n");
  return `${page.slice(0, before)}${BEGIN}\n\n${tables}\n\n${page.slice(after)}`;
}

function chapterTable(named: Places, broken: Places): string[] {
  const rows = CHAPTERS.map((chapter) => {
    const ids = rulesOf(chapter);
    const without = ids.filter((id) => !named.has(id) && !broken.has(id));
    const onlyBroken = ids.filter((id) => !named.has(id) && broken.has(id));
    const count = (places: Places): number => ids.filter((id) => places.has(id)).length;
    const rest = [...without, ...onlyBroken.map((id) => `${id} (museum only)`)].join(", ");
    return `| ${chapter.letter} | ${chapter.title} | ${ids.length} | ${count(named)} | ${count(broken)} | ${rest} |`;
  });
  return [
    "| | chapter | rules | with tests | in the museum | without a test |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows,
  ];
}

function missing(): string[] {
  const rows = Object.entries(WITHOUT_TEST).map(([id, why]) => `| ${id} | ${why} |`);
  return ["| rule | why there is neither |", "| --- | --- |", ...rows];
}

function scenarioTables(named: Places): string[] {
  return SUITES.flatMap(({ title, ids }, place) => {
    const rows = ids.map((id) => `| ${id} | ${coverage(id, named)} |`);
    return [...(place === 0 ? [] : [""]), `${title}:`, "", "| scenario | where |", "| --- | --- |", ...rows];
  });
}

/** `packages/core`, `test/sim`: files come and go. */
function partOf(path: string): string {
  return path.split("/").slice(0, 2).join("/");
}

function coverage(id: string, named: Places): string {
  const places = named.get(id);
  if (places !== undefined) return [...new Set(places.map(partOf))].map((part) => `tests of \`${part}\``).join(", ");
  if (SIMULATED[id] !== undefined) return SIMULATED[id];
  return `not: ${NOT_TESTED[id] ?? "nobody has said why"}`;
}
