/** Which ids the names of tests begin with, as in `"E3, P1: …"` or `# M-A1: …`, and which the museum breaks. */

import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { exhibits, ROOT } from "../museum/collection.js";
import { parsePatch } from "../museum/patch.js";

/** Where tests are, besides suites that others run. */
const FOLDERS = ["packages", "examples", "test"];
const NOT_READ = new Set(["node_modules", "dist", "src", "bugs", "rules"]);
const SUITES = "packages/contracts/src/compliance";

const NAME = /(?:["'`]|^# )((?:[\w§.-]+, )*(?:[A-Z]-)?[A-Z]\d+): /gm;

/** By id, the places whose tests are named after it, in order. */
export type Places = ReadonlyMap<string, readonly string[]>;

export function namedByTests(): Places {
  const places = new Map<string, string[]>();
  for (const path of [...FOLDERS.flatMap(filesIn), ...filesIn(SUITES)].sort()) {
    const text = readFileSync(join(ROOT, path), "utf8");
    for (const [, ids = ""] of text.matchAll(NAME)) for (const id of ids.split(", ")) add(places, id, path);
  }
  return places;
}

export function brokenInTheMuseum(): Places {
  const places = new Map<string, string[]>();
  for (const { name, text } of exhibits()) {
    const { rule } = parsePatch(text);
    for (const id of rule?.replace("PITFALLS ", "").split(", ") ?? []) add(places, id, name);
  }
  return places;
}

function add(places: Map<string, string[]>, id: string, place: string): void {
  const known = places.get(id) ?? [];
  if (!known.includes(place)) places.set(id, [...known, place]);
}

/** Tests, and the stories that some of them run. */
function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return NOT_READ.has(entry.name) ? [] : filesIn(path);
    const isRead = folder.includes("compliance") ? path.endsWith(".ts") : /\.test\.ts$|scenarios\S*\.txt$/.test(path);
    return isRead ? [relative(".", path).split(sep).join("/")] : [];
  });
}
