/**
 * What the documentation names must be there: linked pages, files between backticks, commands to type. And what is
 * there must be found: every page of `docs` stands in its index.
 */

import { basename, dirname, join, normalize } from "node:path/posix";
import { type Located, type Page, parseMarkdown } from "./markdown.js";
import type { Repository, Violation } from "./repository.js";

/** Commands of pnpm itself that a page may tell the reader to type. */
const PNPM_COMMANDS = new Set(["install", "add", "remove", "exec", "pack", "publish", "dlx", "why", "outdated"]);

/** The files at the end of a path between backticks that we can expect to find. */
const FILE_NAME = /^[\w@.*-]+\.(?:ts|md|json|ya?ml)$/;
const PATH = /^(?:\.ci|packages|examples|test|docs)(?:\/[\w@.*-]+)+\/?$/;

/** The list of all pages, in reading order. */
const INDEX = "docs/README.md";

export function checkDocs(repository: Repository): Violation[] {
  const violations = checkIndex(repository);
  for (const path of markdownFiles(repository)) {
    const page = parseMarkdown(repository.text(path));
    const add = (line: number, message: string): number => violations.push({ path, line, message });
    for (const { text, line } of page.links) {
      if (!linkHolds(repository, path, text)) add(line, `the link "${text}" leads nowhere`);
    }
    for (const { text, line } of page.codes) {
      if (!fileExists(repository, path, page, text)) add(line, `names the file ${text}, which does not exist`);
    }
    for (const { text, line } of [...page.codes, ...shellLines(page)]) {
      const message = refuseCommand(repository, text);
      if (message !== null) add(line, message);
    }
  }
  return violations;
}

function checkIndex(repository: Repository): Violation[] {
  const links = repository.has(INDEX) ? parseMarkdown(repository.text(INDEX)).links : [];
  const listed = new Set(links.map(({ text }) => join("docs", text)));
  return markdownFiles(repository)
    .filter((path) => path.startsWith("docs/") && path !== INDEX && !listed.has(path))
    .map((path) => ({ path, line: 1, message: `is not listed in ${INDEX}` }));
}

function markdownFiles(repository: Repository): string[] {
  return [...repository.paths].filter((path) => path.endsWith(".md"));
}

function linkHolds(repository: Repository, from: string, link: string): boolean {
  if (/^(?:https?|mailto):/.test(link)) return true;
  const [file = "", anchor] = link.split("#");
  const target = file === "" ? from : normalize(join(dirname(from), file)).replace(/\/$/, "");
  if (!repository.has(target)) return false;
  if (anchor === undefined || !target.endsWith(".md")) return true;
  return parseMarkdown(repository.text(target)).anchors.has(anchor);
}

/** Whether `name` is no file name at all, or one of a file that is there. */
function fileExists(repository: Repository, from: string, page: Page, name: string): boolean {
  if (PATH.test(name)) {
    const path = name.replace(/\/$/, "");
    return path.includes("*") ? matchesAny(repository, path) : repository.has(path);
  }
  if (!FILE_NAME.test(name) || name.includes("*")) return true;
  // A page may speak of a file that its reader is about to make: a fenced block says so.
  if (page.fences.some((fence) => fence.text.includes(name))) return true;
  return repository.has(join(dirname(from), name)) || [...repository.paths].some((path) => basename(path) === name);
}

function matchesAny(repository: Repository, glob: string): boolean {
  const pattern = glob.replaceAll(".", "\\.").replaceAll("**", "\0").replaceAll("*", "[^/]*").replaceAll("\0", ".*");
  const matcher = new RegExp(`^${pattern}(?:/|$)`);
  return [...repository.paths].some((path) => matcher.test(path));
}

/** The lines of the shell blocks, without comments and prompts. */
function shellLines(page: Page): Located[] {
  return page.fences
    .filter(({ info }) => info[0] === "sh")
    .flatMap(({ text, line }) => text.split("\n").map((content, index) => ({ text: content, line: line + 1 + index })));
}

/** Why `command` cannot be typed as it stands, or null. Only commands of pnpm are looked at. */
function refuseCommand(repository: Repository, command: string): string | null {
  const match = /^(?:npx -y pnpm@(?<version>\S+)|pnpm)(?:\s+-s)?\s+(?<word>[\w:-]+)/.exec(command);
  const { version, word = "" } = match?.groups ?? {};
  if (match === null || word.startsWith("-")) return null;
  if (version !== undefined && version !== pnpmVersion(repository)) {
    return `names pnpm ${version}, but .ci/run runs ${pnpmVersion(repository)}`;
  }
  const scripts = (repository.json("package.json")["scripts"] ?? {}) as Record<string, string>;
  return word in scripts || PNPM_COMMANDS.has(word) ? null : `there is no script "${word}"`;
}

/** The version of pnpm that the project is checked with. */
function pnpmVersion(repository: Repository): string | undefined {
  return /pnpm@(\S+)/.exec(repository.text(".ci/run"))?.[1];
}
