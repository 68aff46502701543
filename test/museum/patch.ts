/**
 * A planted bug as it lies in `bugs/`: a header that says what it is, then a unified diff, as `git apply` takes it.
 *
 * ```
 * Title: …          what the code does wrong
 * Breaks: …         what comes of it, and how
 * Source: …         where it was published, with its address
 * Rule: …           our rule against it, if there is one
 * Files: …          the files that it changes
 *
 * --- a/packages/…
 * +++ b/packages/…
 * @@ …
 * ```
 *
 * It is applied strictly, by us: every line of context must be there, in one place. Lines may have moved since it was
 * made. Nothing else may have changed, so that a bug which no longer means what it meant is seen.
 */

export interface Patch {
  readonly title: string;
  readonly breaks: string;
  readonly source: string;
  readonly rule: string | null;
  readonly changes: readonly FileChange[];
}

/** What is done to one file. */
interface FileChange {
  readonly path: string;
  readonly hunks: readonly Hunk[];
}

interface Hunk {
  /** Where the lines are, or were when the patch was made: counted from 0. */
  readonly at: number;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** The patch is not well-formed, or does not fit. */
export class PatchError extends Error {
  override readonly name = "PatchError";
}

const FIELDS = ["Title", "Breaks", "Source", "Rule", "Files"] as const;
type Field = (typeof FIELDS)[number];

/** Bugs are planted in production code, and nowhere else. */
const PRODUCTION_FILE = /^packages\/(?:core|runtime|codec|storage-level)\/src\/.+\.ts$/;

/** Throws a {@link PatchError} that says what is wrong. */
export function parsePatch(text: string): Patch {
  const lines = text.split("\n");
  if (lines.pop() !== "") throw new PatchError("the last line has no end");
  const blank = lines.indexOf("");
  if (blank === -1) throw new PatchError("there is no empty line after the header");
  const fields = parseHeader(lines.slice(0, blank));
  const changes = parseDiff(lines.slice(blank + 1));
  const required = (field: Field): string => {
    const value = fields.get(field);
    if (value === undefined || value === "") throw new PatchError(`the header has no ${field}`);
    return value;
  };
  const source = required("Source");
  if (!/https:\/\/\S+\.\S+/.test(source)) throw new PatchError("Source names no address");
  const paths = changes.map(({ path }) => path);
  const listed = required("Files").split(", ");
  if (listed.join() !== paths.join()) {
    throw new PatchError(`Files lists ${listed.join(", ")}, but the diff changes ${paths.join(", ")}`);
  }
  return { title: required("Title"), breaks: required("Breaks"), source, rule: fields.get("Rule") ?? null, changes };
}

function parseHeader(lines: readonly string[]): Map<Field, string> {
  const fields = new Map<Field, string>();
  let open: Field | undefined;
  for (const line of lines) {
    const { name, text = "" } = /^(?<name>[A-Z]\w+): (?<text>.+)$/.exec(line)?.groups ?? {};
    const field = FIELDS.find((each) => each === name);
    if (field !== undefined && !fields.has(field)) {
      open = field;
      fields.set(field, text);
    } else if (open !== undefined && line.startsWith("  ")) {
      fields.set(open, `${fields.get(open)} ${line.trim()}`);
    } else {
      throw new PatchError(`the header has a line that is none of ${FIELDS.join(", ")}: ${line}`);
    }
  }
  return fields;
}

function parseDiff(lines: readonly string[]): FileChange[] {
  const changes: { readonly path: string; readonly hunks: Hunk[] }[] = [];
  let place = 0;
  while (place < lines.length) {
    const line = lines[place] as string;
    if (line.startsWith("--- ")) {
      const path = line.slice("--- a/".length);
      if (line !== `--- a/${path}` || lines[place + 1] !== `+++ b/${path}`) {
        throw new PatchError(`the names of a file do not agree: ${line}`);
      }
      if (!PRODUCTION_FILE.test(path)) throw new PatchError(`${path} is no production code`);
      changes.push({ path, hunks: [] });
      place += 2;
    } else {
      const { hunk, end } = parseHunk(lines, place);
      const change = changes[changes.length - 1];
      if (change === undefined) throw new PatchError("a hunk stands before the name of its file");
      change.hunks.push(hunk);
      place = end;
    }
  }
  if (changes.length === 0 || changes.some(({ hunks }) => hunks.length === 0)) throw new PatchError("there is no hunk");
  return changes;
}

function parseHunk(lines: readonly string[], start: number): { readonly hunk: Hunk; readonly end: number } {
  const head = /^@@ -(?<at>\d+)(?:,(?<before>\d+))? \+\d+(?:,(?<after>\d+))? @@/.exec(lines[start] ?? "")?.groups;
  if (head === undefined) throw new PatchError(`line ${start + 1} of the diff starts no hunk: ${lines[start]}`);
  const before: string[] = [];
  const after: string[] = [];
  let end = start + 1;
  for (; end < lines.length && /^[ +-]/.test(lines[end] as string) && !lines[end]?.startsWith("--- a/"); end += 1) {
    const line = lines[end] as string;
    if (!line.startsWith("+")) before.push(line.slice(1));
    if (!line.startsWith("-")) after.push(line.slice(1));
  }
  if (before.length !== Number(head["before"] ?? 1) || after.length !== Number(head["after"] ?? 1)) {
    throw new PatchError(`a hunk has other lines than it counts: ${lines[start]}`);
  }
  return { hunk: { at: Number(head["at"]) - 1, before, after }, end };
}

/**
 * The changed files, by path. `read` gives a file's text, or null if there is none. Throws a {@link PatchError} if the
 * patch does not fit them exactly.
 */
export function applyPatch(patch: Patch, read: (path: string) => string | null): ReadonlyMap<string, string> {
  const changed = new Map<string, string>();
  for (const { path, hunks } of patch.changes) {
    const text = read(path);
    if (text === null) throw new PatchError(`there is no file ${path}`);
    changed.set(path, applyHunks(path, text, hunks));
  }
  return changed;
}

function applyHunks(path: string, text: string, hunks: readonly Hunk[]): string {
  const lines = text.split("\n");
  const result: string[] = [];
  let done = 0;
  let moved = 0;
  for (const { at, before, after } of hunks) {
    const place = findLines(lines, before, done, at + moved);
    if (place === null) throw new PatchError(`${path} no longer has the lines around line ${at + 1}`);
    result.push(...lines.slice(done, place), ...after);
    done = place + before.length;
    moved = place - at;
  }
  result.push(...lines.slice(done));
  return result.join("\n");
}

/** Where `wanted` stands from `from` on: where it is expected, or else in the only place. */
function findLines(lines: readonly string[], wanted: readonly string[], from: number, expected: number): number | null {
  const standsAt = (place: number): boolean => wanted.every((line, offset) => lines[place + offset] === line);
  if (expected >= from && standsAt(expected)) return expected;
  let found: number | null = null;
  for (let place = from; place + wanted.length <= lines.length; place += 1) {
    if (!standsAt(place)) continue;
    if (found !== null) return null;
    found = place;
  }
  return found;
}
