/**
 * The code in the documentation, made to prove itself.
 *
 * Every `ts` block is a module of its own and must compile. A block marked `ts run` is also run, in an empty folder,
 * and must end by itself with exit code 0; if the next block is marked `text output`, that is what it must print.
 */

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseMarkdown } from "../tidy/markdown.js";
import type { Repository } from "../tidy/repository.js";

export interface Snippet {
  /** The page and the line of the opening fence: `README.md:12`. */
  readonly where: string;
  readonly code: string;
  readonly isRun: boolean;
  /** What it must print, or null if the page does not say. */
  readonly output: string | null;
}

/** How long a snippet may run. It starts Node and a compiler first. */
const RUN_TIMEOUT_MS = 30_000;

/** Inside this package, so that snippets find what it depends on; and inside `dist`, which nothing else looks at. */
const FOLDER = fileURLToPath(new URL("../dist/docs/", import.meta.url));

export function snippetsOf(repository: Repository): Snippet[] {
  const pages = [...repository.paths].filter((path) => path.endsWith(".md"));
  return pages.flatMap((path) => {
    const { fences } = parseMarkdown(repository.text(path));
    return fences.flatMap(({ info, text, line }, index) => {
      if (info[0] !== "ts") return [];
      const next = fences[index + 1];
      const output = next?.info.join(" ") === "text output" ? next.text : null;
      // Empty lines in front, so that an error has the line that it has on the page.
      const code = `${"\n".repeat(line)}${text}\n`;
      return [{ where: `${path}:${line}`, code, isRun: info[1] === "run", output }];
    });
  });
}

/** Compiles the snippets together, each as a module. Returns the compiler's complaints. */
export function compile(snippets: readonly Snippet[]): string[] {
  if (snippets.length === 0) return [];
  rmSync(FOLDER, { recursive: true, force: true });
  for (const snippet of snippets) write(snippet);
  const config = { extends: "../../tsconfig.json", include: ["*.ts"], exclude: [] };
  writeFileSync(join(FOLDER, "tsconfig.json"), JSON.stringify(config));
  const tsc = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));
  const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", FOLDER], { cwd: FOLDER, encoding: "utf8" });
  return status === 0 ? [] : stdout.trim().split("\n");
}

/** Runs a snippet in an empty folder. */
export function run(snippet: Snippet): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  const folder = mkdtempSync(join(tmpdir(), "quorate-docs-"));
  try {
    const args = ["--conditions=source", "--import", import.meta.resolve("tsx"), write(snippet)];
    return spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", timeout: RUN_TIMEOUT_MS });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Writes the snippet to a file, and returns that file. */
function write({ where, code }: Snippet): string {
  const [path = "", line] = where.split(":");
  const file = join(FOLDER, `${path.replace(/\.md$/, "").replaceAll("/", "_")}-${line}.ts`);
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(file, `${code}export {};\n`);
  return file;
}
